"""Thinning on a grid, changed while clouds flow.

The scans replayed here are numbered (x of their only point), so that what was sent is counted in messages and
not in time, which a busy machine stretches.
"""

import time

import pytest

import cdr
import pcd
from polling import until
from report import note

RATE_HZ = 10
#: At 10 Hz more than any of the tests takes.
SCANS = 1000
#: By how much the clocks of stamps and of the grid may disagree over a window.
CLOCKS_NS = 2_000_000
#: A noisy machine gets further windows.
ATTEMPTS = 4


@pytest.fixture
def numbered(tmp_path):
    folder = tmp_path / "numbered"
    folder.mkdir()
    for number in range(SCANS):
        pcd.write(folder / f"{number:06}.pcd", [[number, 0.0, 0.0, 1.0]])
    return folder


class Flow:
    """Numbered clouds through a bridge; those that come out are kept as (number, stamp)."""

    def __init__(self, rig, numbered, *topics, sim_args=()):
        port = rig.port()
        observer = rig.observer()
        self.topics = topics
        self.inboxes = {
            topic: observer.clouds(topic, keep=lambda cloud: (int(cdr.number_of(cloud)), cloud.stamp_ns))
            for topic in topics
        }
        self.statistics = rig.statistics(observer)
        self.parameters = rig.parameters(observer)
        rig.bridge(port.number)
        observer.wait_for_match(*self.inboxes.values(), self.statistics.inbox)
        rig.sim("--replay", numbered, "--rate", RATE_HZ, *sim_args, points_port=port.number)

    def windows(self, interval_s, sent):
        """Sets an interval and waits until `sent` clouds of each topic were looked at with it.

        Returns for each topic the clouds of these that came out. None if the change and a cloud met, so
        that there is no telling which interval the cloud was subject to.
        """
        before_ns = time.time_ns()
        self.parameters.set({"pointcloud_interval": interval_s})
        after_ns = time.time_ns()
        return {topic: self._window(topic, before_ns, after_ns, sent) for topic in self.topics}

    def _window(self, topic, before_ns, after_ns, sent):
        inbox = self.inboxes[topic]

        def since(instant_ns):
            return [one for one in list(inbox.messages) if one[1] > instant_ns]

        until(lambda: since(after_ns), f"a cloud on {topic}")
        if len(since(before_ns)) != len(since(after_ns)):
            return None
        first = since(after_ns)[0][0]
        # The first cloud has number 0, and none is lost on the way in.
        published = self.statistics.until_received(first + sent, topic).published
        until(lambda: inbox.count >= published, f"{published} clouds on {topic}")
        return [one for one in since(after_ns) if one[0] < first + sent]


def require_one_per_cell(clouds, interval_s):
    """Exact, however noisy the machine: no two in a cell of the grid that the first one anchors."""
    offsets = [stamp - clouds[0][1] + CLOCKS_NS for _, stamp in clouds]
    cells = [offset // int(interval_s * 1e9) for offset in offsets]
    assert cells == sorted(set(cells)), f"more than one cloud within {interval_s} s of the grid: {clouds}"


def is_in_phase(clouds, sent, interval_s, rate_hz):
    """Whether one came out for each grid instant, each the first at or after its instant.

    In messages: the k-th is the first whose number, from the first one's, is not below k * interval * rate.
    Half a message is for those that fall on an instant and arrive a little to one side of it.
    """
    per_cell = interval_s * rate_hz
    lags = [number - clouds[0][0] - k * per_cell for k, (number, _) in enumerate(clouds)]
    return all(-0.5 <= lag <= 1.5 for lag in lags) and abs(len(clouds) - sent / per_cell) <= 1


def require_thinning(flow, interval_s, sent, rate_hz):
    """Sets an interval, looks at a window of `sent` messages, and returns what came out of it."""
    for _ in range(ATTEMPTS):
        windows = flow.windows(interval_s, sent)
        if None not in windows.values():
            for clouds in windows.values():
                require_one_per_cell(clouds, interval_s)
            if all(is_in_phase(clouds, sent, interval_s, rate_hz) for clouds in windows.values()):
                return windows
        # There and back anchors a new grid, if a cloud comes while it is there.
        flow.parameters.set({"pointcloud_interval": 0.0})
        received = {topic.topic: topic.received for topic in flow.statistics.after().topics}
        for topic in flow.topics:
            flow.statistics.until_received(received[topic] + 1, topic)
    raise AssertionError(f"out of phase with a grid of {interval_s} s: {windows}")


def require_agreement(flow):
    """What did not come out is what the ledger says was thinned."""
    for topic in flow.topics:
        account = flow.statistics.until_received(1, topic)
        until(lambda: flow.inboxes[topic].count >= account.published, "all that was published")
        assert account.thinned > 0
        assert account.received == account.published + account.thinned


def test_the_interval_changes_live(rig, numbered):
    flow = Flow(rig, numbered, "points/raw")
    numbers = [number for number, _ in flow.inboxes["points/raw"].wait(20)]
    assert numbers[:20] == list(range(20)), "an interval of 0 lets all pass"

    quarter = require_thinning(flow, 0.25, 40, RATE_HZ)["points/raw"]
    second = require_thinning(flow, 1.0, 50, RATE_HZ)["points/raw"]
    require_agreement(flow)

    thinned_before = flow.statistics.topic().thinned
    flow.parameters.set({"pointcloud_interval": 0.0})
    begin = flow.inboxes["points/raw"].count
    numbers = [number for number, _ in flow.inboxes["points/raw"].wait(begin + 10)[begin:]]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "all pass again"
    assert flow.statistics.after().topics[0].thinned - thinned_before <= 10
    note(
        f"intervals at {RATE_HZ} Hz: 0 s 20 of 20, 0.25 s {len(quarter)} of 40, 1 s {len(second)} of 50; "
        f"numbers at 0.25 s {[number - quarter[0][0] for number, _ in quarter]}"
    )


def test_types_in_alternate_messages_are_thinned_independently(rig, numbered):
    topics = ("points/raw", "points/ground")
    flow = Flow(rig, numbered, *topics, sim_args=("--types", "raw,ground", "--alternate"))
    rate_hz = RATE_HZ / len(topics)
    counts = {}
    for interval_s, sent in ((0.5, 20), (1.0, 20)):
        windows = require_thinning(flow, interval_s, sent, rate_hz)
        counts[interval_s] = [len(clouds) for clouds in windows.values()]
    require_agreement(flow)
    note(f"intervals, raw and ground in turn, {rate_hz:g} Hz each: of 20 each {counts}")


def test_a_refused_interval_changes_nothing(rig, numbered):
    flow = Flow(rig, numbered, "points/raw")
    assert "0.0 to 3600.0" in flow.parameters.refusal("pointcloud_interval", -0.5)
    begin = flow.inboxes["points/raw"].count
    numbers = [number for number, _ in flow.inboxes["points/raw"].wait(begin + 10)[begin:]]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert flow.statistics.topic().thinned == 0
