"""Stamps on the clock of this machine or of the server, and the estimated offset between the two."""

import itertools
import time

import pytest

from support import outputs, points_encoder
from support.polling import wait_until
from support.statistics_reader import stamp_ns
from support.two_links import TwoLinks

SECOND = 10**9
HOUR = 3600 * SECOND
YEAR = 365 * 24 * HOUR
#: Longest delay of a message between this process and the bridge on a busy machine.
TRANSIT_NS = 5 * SECOND

KEEP = {
    "points/raw": lambda cloud: cloud.stamp_ns,
    "objects": lambda message: (stamp_ns(message), as_ns(message.server_stamp)),
    "points/objects": lambda cloud: cloud.stamp_ns,
    "events/zone": lambda event: (stamp_ns(event), as_ns(event.server_stamp)),
    "zones": lambda message: (stamp_ns(message), as_ns(message.server_stamp)),
    "health": lambda message: (stamp_ns(message), as_ns(message.server_stamp)),
}


def as_ns(stamp):
    assert 0 <= stamp.nanosec < SECOND and stamp.sec >= 0
    return stamp.sec * SECOND + stamp.nanosec


class ClockFixture(TwoLinks):
    """A bridge with a server whose clock is `ahead_ns` ahead of ours."""

    def __init__(self, environment, source, ahead_ns=0):
        super().__init__(environment, *KEEP, parameters={"stamp_source": source}, keep=KEEP)
        self.ahead_ns = ahead_ns
        self._sent = itertools.count(1)
        self.clouds_sent = 0

    def send_output(self, stamp="now"):
        """Sends a message with all parts. Returns the server's time in it and the published messages by topic."""
        number = next(self._sent)
        server_ns = time.time_ns() + self.ahead_ns
        stamp = outputs.timestamp(server_ns) if stamp == "now" else stamp
        parts = (outputs.objects(1), outputs.zone_events(1), outputs.zones(1), outputs.health())
        self.output.send(outputs.message_with_timestamp(stamp, *parts))
        published = {topic: inbox.wait(number)[-1] for topic, inbox in self.inboxes.items() if topic != "points/raw"}
        return server_ns, published

    def send_until(self, condition):
        """Sends messages until the condition holds for the clock statistics; several messages must agree."""

        def holds():
            self.send_output()
            return condition(self.clock)

        wait_until(holds, lambda: f"the clock statistics; the latest: {self.clock}")

    def measure_offset(self):
        """Sends messages until the clock offset is known."""
        self.send_until(lambda clock: clock.known)

    def send_cloud_for_stamp(self):
        """Sends a cloud and returns its stamp."""
        self.clouds_sent += 1
        self.points.send(points_encoder.numbered_cloud(1))
        return self["points/raw"].wait(self.clouds_sent)[-1]

    @property
    def clock(self):
        return self.statistics.wait_for_next().clock


def require_now(stamp, ahead_ns=0):
    """Returns whether a stamp was taken during the test, on a clock `ahead_ns` ahead of ours."""
    assert -TRANSIT_NS < time.time_ns() + ahead_ns - stamp < TRANSIT_NS + 30 * SECOND


def stamps_of(published):
    """Returns the header stamps of all messages published for one frame."""
    return {one if isinstance(one, int) else one[0] for one in published.values()}


@pytest.mark.parametrize("ahead_ns", [0, 12 * YEAR // 2, -20 * YEAR, -HOUR], ids=["right", "+6 y", "-20 y", "-1 h"])
def test_stamps_of_one_frame_agree_on_either_clock(environment, ahead_ns):
    fixture = ClockFixture(environment, "server", ahead_ns)
    fixture.measure_offset()
    for source in ("server", "receive", "server"):
        fixture.parameters.set({"stamp_source": source})
        for _ in range(3):
            server_ns, published = fixture.send_output()
            (stamp,) = stamps_of(published)
            cloud = fixture.send_cloud_for_stamp()
            for topic in ("objects", "events/zone", "zones", "health"):
                assert published[topic][1] == server_ns, "the server's time does not depend on the stamp source"
            if source == "server":
                assert stamp == server_ns
            require_now(stamp, ahead_ns if source == "server" else 0)
            assert 0 <= cloud - stamp < TRANSIT_NS, "a cloud stamped right after"
    clock = fixture.clock
    # Our clock minus the server's, including the shortest transmission time.
    assert clock.known and 0 <= clock.offset_ns + ahead_ns < TRANSIT_NS
    assert 0 <= clock.spread_ns < TRANSIT_NS
    assert (clock.jumps, clock.backward, clock.invalid, clock.outliers) == (0, 0, 0, 0)


def test_clouds_are_stamped_with_the_measured_offset(environment):
    fixture = ClockFixture(environment, "server", -HOUR)
    fixture.measure_offset()
    # Without further messages of the output stream the offset stays.
    offset_ns = fixture.clock.offset_ns
    fixture.parameters.set({"publish.wire": True})
    frames = fixture.subscribe("wire", stamp_ns)
    fixture.observer.wait_for_match(frames)
    for number in range(5):
        cloud = fixture.send_cloud_for_stamp()
        # Frames always have their time of arrival.
        assert frames.wait(number + 1)[-1] - cloud == offset_ns


def test_clouds_have_the_time_of_arrival_while_the_offset_is_unknown(environment):
    fixture = ClockFixture(environment, "server", -HOUR)
    require_now(fixture.send_cloud_for_stamp())
    assert not fixture.clock.known
    _, published = fixture.send_output(stamp=None)
    (stamp,) = stamps_of(published)
    require_now(stamp)
    # One message is no evidence.
    server_ns, published = fixture.send_output()
    (stamp,) = stamps_of(published)
    require_now(stamp)
    assert published["objects"][1] == server_ns
    require_now(fixture.send_cloud_for_stamp())
    fixture.measure_offset()
    require_now(fixture.send_cloud_for_stamp(), -HOUR)


@pytest.mark.parametrize("jump_ns", [-10 * SECOND, 10 * SECOND, -HOUR, YEAR], ids=["-10 s", "+10 s", "-1 h", "+1 y"])
def test_a_clock_jump_is_followed_when_several_messages_agree(environment, jump_ns):
    fixture = ClockFixture(environment, "server")
    fixture.measure_offset()
    fixture.ahead_ns += jump_ns
    server_ns, published = fixture.send_output()
    assert stamps_of(published) != {server_ns}, "one message is no evidence"
    assert published["objects"][1] == server_ns
    fixture.send_until(lambda clock: clock.jumps == 1)
    for _ in range(3):
        server_ns, published = fixture.send_output()
        assert stamps_of(published) == {server_ns}
    clock = fixture.clock
    assert clock.jumps == 1
    assert abs(clock.last_jump_ns + jump_ns) < TRANSIT_NS
    assert clock.backward == (1 if jump_ns < 0 else 0)
    require_now(fixture.send_cloud_for_stamp(), fixture.ahead_ns)
    assert fixture.bridge.log.count("a clock jumped") == 1


@pytest.mark.parametrize("odd_ns", [-HOUR, -10 * SECOND, HOUR], ids=["-1 h", "-10 s", "+1 h"])
def test_an_event_with_another_time_resets_nothing(environment, odd_ns):
    fixture = ClockFixture(environment, "server", -HOUR)
    fixture.measure_offset()
    for count in (1, 2, 3):
        own = outputs.timestamp(time.time_ns() + fixture.ahead_ns + odd_ns)
        _, published = fixture.send_output(own)
        (stamp,) = stamps_of(published)
        require_now(stamp, -HOUR)
        assert published["events/zone"][1] == own["seconds"] * SECOND + own["nanos"]
        server_ns, published = fixture.send_output()
        assert stamps_of(published) == {server_ns}
        require_now(fixture.send_cloud_for_stamp(), -HOUR)
        assert (fixture.clock.jumps, fixture.clock.outliers) == (0, count)


def test_a_clock_that_stands_still_is_not_used(environment):
    fixture = ClockFixture(environment, "server")
    standing = outputs.timestamp(1_700_000_000 * SECOND)

    def is_standing():
        _, published = fixture.send_output(standing)
        (stamp,) = stamps_of(published)
        require_now(stamp)
        assert published["objects"][1] == 1_700_000_000 * SECOND
        return fixture.clock.frozen

    wait_until(is_standing, "a clock that stands still")
    clock = fixture.clock
    assert (clock.known, clock.jumps) == (False, 0) and clock.invalid > 0
    assert fixture.bridge.log.count("the server's clock is frozen at 2023-11-14T22:13:20Z") == 1
    fixture.measure_offset()
    assert (fixture.clock.frozen, fixture.clock.jumps) == (False, 0)


INVALID = {
    "empty": {},
    "zero": {"seconds": 0, "nanos": 0},
    "since the start of the machine": {"seconds": 4711, "nanos": 5},
    "1999": {"seconds": 946_684_799, "nanos": 999_999_999},
    "1960": {"seconds": -10 * 365 * 24 * 3600, "nanos": 0},
    "after 2038": {"seconds": 1 << 31, "nanos": 0},
    "nanos too large": {"seconds": 1_700_000_000, "nanos": SECOND},
    "nanos negative": {"seconds": 1_700_000_000, "nanos": -1},
    "none": None,
    "the largest": {"seconds": (1 << 63) - 1, "nanos": (1 << 31) - 1},
}


@pytest.mark.parametrize("source", ["server", "receive"])
def test_an_invalid_timestamp_is_counted_and_costs_nothing(environment, source):
    fixture = ClockFixture(environment, source, -HOUR)
    fixture.measure_offset()
    ahead_ns = -HOUR if source == "server" else 0
    for count, stamp in enumerate(INVALID.values(), 1):
        _, published = fixture.send_output(stamp)
        for one in stamps_of(published):
            require_now(one, ahead_ns)
        assert {published[topic][1] for topic in ("objects", "events/zone", "zones", "health")} == {0}
        require_now(fixture.send_cloud_for_stamp(), ahead_ns)
        assert fixture.clock.invalid == count
    clock = fixture.clock
    assert (clock.known, clock.jumps, clock.backward) == (True, 0, 0)
    for topic in KEEP:
        account = fixture.settled_account(topic)
        assert account.published == account.received, topic


def test_an_unknown_stamp_source_is_refused(environment):
    fixture = ClockFixture(environment, "receive")
    assert "receive, server" in fixture.parameters.refusal("stamp_source", "gps")
    require_now(fixture.send_cloud_for_stamp())
