"""Rate limit of clouds, changed while clouds flow.

The server sends each message when the frame of the one before has been published, so that no queue overflows and a busy
machine makes no difference. The stamps of the frames are the times of arrival.
"""

import pytest

from support import points_encoder
from support.rate_limit_check import require_rate_limited
from support.statistics_reader import stamp_ns
from support.summary_notes import add_note
from support.two_links import TwoLinks

RAW, GROUND = "points/raw", "points/ground"
KINDS = {RAW: points_encoder.RAW, GROUND: points_encoder.GROUND}


class CloudsFixture(TwoLinks):
    """Sends clouds one by one and records the times of arrival and the stamps of the published ones."""

    def __init__(self, environment, *topics):
        keep = dict.fromkeys(topics, lambda cloud: cloud.stamp_ns) | {"wire": stamp_ns}
        super().__init__(environment, *topics, "wire", parameters={"publish.wire": True}, keep=keep)
        self.clouds = topics
        self._sent = 0

    def send(self, *kinds):
        """Sends a message with clouds of these kinds and returns its time of arrival."""
        clouds = (points_encoder.cloud(points_encoder.floats(1.0, 2.0, 3.0), b"", kind) for kind in kinds)
        self.points.send(points_encoder.result(*clouds))
        self._sent += 1
        return self["wire"].wait(self._sent)[-1]

    def passed(self):
        """Returns the stamps of all published clouds by topic."""
        accounts = {topic: self.settled_account(topic) for topic in self.clouds}
        return {topic: self[topic].wait(accounts[topic].published) for topic in self.clouds}


def send_for(flow, seconds, kinds_of=lambda _: (points_encoder.RAW,)):
    """Sends messages for some time. Returns their times of arrival by kind."""
    arrivals = {}
    number, first_ns, last_ns = 0, None, 0
    while first_ns is None or last_ns - first_ns < seconds * 1e9:
        kinds = kinds_of(number)
        last_ns = flow.send(*kinds)
        first_ns = first_ns or last_ns
        for kind in kinds:
            arrivals.setdefault(kind, []).append(last_ns)
        number += 1
    return arrivals


def test_the_interval_of_clouds_changes_live(environment):
    flow = CloudsFixture(environment, RAW)
    figures = []
    for interval_s, seconds in ((0.0, 0.5), (0.25, 2.0), (1.0, 3.5), (0.1, 1.0), (0.0, 0.5)):
        flow.parameters.set({"pointcloud_interval": interval_s})
        before = flow.settled_account(RAW)
        begin = len(flow.passed()[RAW])
        arrivals = send_for(flow, seconds)[points_encoder.RAW]
        passed = flow.passed()[RAW][begin:]
        if interval_s:
            require_rate_limited(arrivals, passed, interval_s)
        else:
            assert passed == arrivals, "an interval of 0 lets all pass"
        after = flow.settled_account(RAW)
        assert after.published - before.published == len(passed)
        assert after.thinned - before.thinned == len(arrivals) - len(passed)
        figures.append(f"{interval_s} s {len(passed)} of {len(arrivals)} in {seconds} s")
    add_note(f"intervals: {', '.join(figures)}")


def test_types_in_alternate_messages_are_limited_independently(environment):
    flow = CloudsFixture(environment, RAW, GROUND)
    for interval_s in (0.3, 0.5):
        flow.parameters.set({"pointcloud_interval": interval_s})
        begin = {topic: len(stamps) for topic, stamps in flow.passed().items()}
        arrivals = send_for(
            flow, 4 * interval_s, lambda number: ((points_encoder.RAW, points_encoder.GROUND)[number % 2],)
        )
        for topic, stamps in flow.passed().items():
            require_rate_limited(arrivals[KINDS[topic]], stamps[begin[topic] :], interval_s)
            assert flow.settled_account(topic).thinned > 0


def test_types_in_one_message_are_limited_alike(environment):
    flow = CloudsFixture(environment, RAW, GROUND)
    flow.parameters.set({"pointcloud_interval": 0.3})
    arrivals = send_for(flow, 1.0, lambda _: (points_encoder.RAW, points_encoder.GROUND))
    passed = flow.passed()
    assert passed[RAW] == passed[GROUND]
    require_rate_limited(arrivals[points_encoder.RAW], passed[RAW], 0.3)


@pytest.mark.parametrize("wrong", [-0.5, 3601.0])
def test_a_refused_interval_changes_nothing(environment, wrong):
    flow = CloudsFixture(environment, RAW)
    assert "0.0 to 3600.0" in flow.parameters.refusal("pointcloud_interval", wrong)
    arrivals = [flow.send(points_encoder.RAW) for _ in range(10)]
    assert flow.passed()[RAW] == arrivals
    assert flow.settled_account(RAW).thinned == 0
