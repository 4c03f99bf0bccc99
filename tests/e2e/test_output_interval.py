"""Rate limit and switches of the output stream, changed live.

The server sends each message when the event of the one before has been published, because events have no rate limit.
The stamp of the event is the time of arrival of its message.
"""

import pytest

from support import outputs
from support.point_cloud_reader import number_of
from support.rate_limit_check import require_rate_limited
from support.statistics_reader import stamp_ns
from support.summary_notes import add_note
from support.topic_table import LATCHED_DEPTH
from support.two_links import TwoLinks

THINNED = ("objects", "points/objects", "markers/objects", "markers/zones")
NEVER = ("zones", "events/zone", "events/losing", "events/recalibration", "health", "server_status")


#: Marker action of arrays that delete switched-off markers.
DELETIONS = {"markers/objects": 1, "markers/zones": LATCHED_DEPTH}


def markers_ns(message):
    """Returns the stamp of a marker array, None if it only deletes others."""
    last = message.markers[-1] if message.markers else None
    return stamp_ns(last) if last and last.action != last.DELETEALL else None


class OutputFixture(TwoLinks):
    """Sends full messages of the output stream and records the stamps of the published ones."""

    def __init__(self, environment, parameters=None):
        keep = dict.fromkeys((*THINNED, *NEVER), stamp_ns)
        keep |= {topic: markers_ns for topic in THINNED if topic.startswith("markers/")}
        keep["points/objects"] = lambda cloud: cloud.stamp_ns
        super().__init__(environment, *THINNED, *NEVER, parameters=parameters, keep=keep)
        self._sent = 0

    def send(self):
        """Sends a message with contents for every topic and returns its time of arrival."""
        self._sent += 1
        number = self._sent
        self.output.send(
            outputs.message(
                *(outputs.objects(number), outputs.zones(number), outputs.health(), outputs.status(0.5)),
                *(outputs.zone_events(number), outputs.losing_events(number), outputs.recalibrations("a")),
            )
        )
        (arrival,) = {self[topic].wait(number)[-1] for topic in NEVER}
        return arrival

    def send_for(self, seconds):
        arrivals = [self.send()]
        while arrivals[-1] - arrivals[0] < seconds * 1e9:
            arrivals.append(self.send())
        return arrivals

    def passed(self, topic):
        """Returns the stamps of all published messages of a topic."""
        return self[topic].wait(self.settled_account(topic).published)


def test_the_interval_of_the_output_stream_changes_live(environment):
    stream = OutputFixture(environment)
    figures = []
    for interval_s, seconds in ((0.0, 0.5), (0.3, 2.0), (1.0, 3.3), (0.0, 0.5)):
        stream.parameters.set({"output_data_interval": interval_s})
        begin = {topic: len(stream.passed(topic)) for topic in THINNED}
        before = {topic: stream.settled_account(topic) for topic in THINNED}
        arrivals = stream.send_for(seconds)
        for topic in THINNED:
            passed = stream.passed(topic)[begin[topic] :]
            if interval_s:
                require_rate_limited(arrivals, passed, interval_s)
            else:
                assert passed == arrivals, "an interval of 0 lets all pass"
            after = stream.settled_account(topic)
            assert after.published - before[topic].published == len(passed)
            assert after.thinned - before[topic].thinned == len(arrivals) - len(passed)
        figures.append(f"{interval_s} s {len(passed)} of {len(arrivals)} in {seconds} s")
    for topic in NEVER:
        account = stream.settled_account(topic)
        assert account.published == account.received == stream[topic].count
    add_note(f"intervals of objects and markers: {', '.join(figures)}; no other topic is limited")


def test_clouds_have_a_separate_interval(environment):
    links = TwoLinks(environment, "points/raw", "objects", parameters={"output_data_interval": 3600.0})
    for number in range(10):
        links.send_cloud(number)
        links["points/raw"].wait(number + 1)
        links.output.send(outputs.message(outputs.objects(number)))
    links.statistics.wait_for_received(10, "objects")
    links.parameters.set({"output_data_interval": 0.0, "pointcloud_interval": 3600.0})
    for number in range(10):
        links.output.send(outputs.message(outputs.objects(number)))
        links["objects"].wait(number + 2)
        links.send_cloud(number)
    links.statistics.wait_for_received(20)
    raw, objects = links.settled_account("points/raw"), links.settled_account("objects")
    assert (raw.published, raw.thinned) == (11, 9)
    assert (objects.published, objects.thinned) == (11, 9)


@pytest.mark.parametrize(
    ("switch", "switched"),
    [
        ("publish.objects", ("objects", "points/objects")),
        ("publish.markers", ("markers/objects", "markers/zones")),
    ],
)
def test_a_switch_works_live_and_affects_its_topic_only(environment, switch, switched):
    stream = OutputFixture(environment)
    others = set(THINNED) - set(switched)
    arrivals = {True: [], False: []}
    for state in (True, False, True):
        stream.parameters.set({switch: state})
        arrivals[state] += [stream.send() for _ in range(5)]
    for topic in others:
        assert set(stream.passed(topic)) == {*arrivals[True], *arrivals[False]}
        account = stream.settled_account(topic)
        assert (account.published, account.unsubscribed) == (15, 0), topic
    for topic in switched:
        assert not set(stream.passed(topic)) & set(arrivals[False]), topic
        assert set(stream.passed(topic)) >= set(arrivals[True]), topic
        account = stream.settled_account(topic)
        deletions = DELETIONS.get(topic, 0)
        expected = (15 + deletions, 10 + deletions, 5)
        assert (account.received, account.published, account.unsubscribed) == expected, topic


def test_frames_are_switched_live(environment):
    links = TwoLinks(
        environment, "wire", "points/raw", keep={"points/raw": number_of, "wire": lambda frame: frame.sequence}
    )
    for number, state in enumerate((False, True, False, True)):
        links.parameters.set({"publish.wire": state})
        links.send_cloud(number)
        links["points/raw"].wait(number + 1)
    wire = links.settled_account("wire")
    assert (wire.received, wire.published, wire.unsubscribed) == (4, 2, 2)
    assert links["wire"].wait(2) == [1, 3], "frames are counted without a subscriber too"
