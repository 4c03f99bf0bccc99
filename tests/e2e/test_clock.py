"""Two clocks: ours and the server's, and which of them stamps are on."""

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
#: What a message may take from here to the bridge on a machine that is busy.
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


class Watch(TwoLinks):
    """A bridge on a server whose clock is `ahead_ns` of ours."""

    def __init__(self, environment, source, ahead_ns=0):
        super().__init__(environment, *KEEP, parameters={"stamp_source": source}, keep=KEEP)
        self.ahead_ns = ahead_ns
        self._sent = itertools.count(1)
        self.clouds_sent = 0

    def output_message(self, stamp="now"):
        """Sends one with everything; returns the server's time in it, and what came out by topic."""
        number = next(self._sent)
        server_ns = time.time_ns() + self.ahead_ns
        stamp = outputs.timestamp(server_ns) if stamp == "now" else stamp
        parts = (outputs.objects(1), outputs.zone_events(1), outputs.zones(1), outputs.health())
        self.output.send(outputs.message_with_timestamp(stamp, *parts))
        came = {topic: inbox.wait(number)[-1] for topic, inbox in self.inboxes.items() if topic != "points/raw"}
        return server_ns, came

    def follow(self, condition):
        """Sends messages until the clock is as wanted: several must agree."""

        def holds():
            self.output_message()
            return condition(self.clock)

        wait_until(holds, lambda: f"the clock as wanted; the latest: {self.clock}")

    def learn(self):
        """Sends messages until the server's clock is known."""
        self.follow(lambda clock: clock.known)

    def cloud(self):
        """Sends one; returns its stamp."""
        self.clouds_sent += 1
        self.points.send(points_encoder.numbered_cloud(1))
        return self["points/raw"].wait(self.clouds_sent)[-1]

    @property
    def clock(self):
        return self.statistics.wait_for_next().clock


def require_now(stamp, ahead_ns=0):
    """A stamp taken within this test, on a clock that is so far ahead of ours."""
    assert -TRANSIT_NS < time.time_ns() + ahead_ns - stamp < TRANSIT_NS + 30 * SECOND


def stamps_of(came):
    """The header stamps of all that came of one message."""
    return {one if isinstance(one, int) else one[0] for one in came.values()}


@pytest.mark.parametrize("ahead_ns", [0, 12 * YEAR // 2, -20 * YEAR, -HOUR], ids=["right", "+6 y", "-20 y", "-1 h"])
def test_stamps_of_one_moment_agree_on_either_clock(environment, ahead_ns):
    watch = Watch(environment, "server", ahead_ns)
    watch.learn()
    for source in ("server", "receive", "server"):
        watch.parameters.set({"stamp_source": source})
        for _ in range(3):
            server_ns, came = watch.output_message()
            (stamp,) = stamps_of(came)
            cloud = watch.cloud()
            for topic in ("objects", "events/zone", "zones", "health"):
                assert came[topic][1] == server_ns, "the server's own time is told whatever the stamp"
            if source == "server":
                assert stamp == server_ns
            require_now(stamp, ahead_ns if source == "server" else 0)
            assert 0 <= cloud - stamp < TRANSIT_NS, "a cloud that came right after"
    clock = watch.clock
    # Ours minus the server's, with the shortest way of a message in it.
    assert clock.known and 0 <= clock.offset_ns + ahead_ns < TRANSIT_NS
    assert 0 <= clock.spread_ns < TRANSIT_NS
    assert (clock.jumps, clock.backward, clock.invalid, clock.outliers) == (0, 0, 0, 0)


def test_clouds_are_moved_by_the_measured_offset(environment):
    watch = Watch(environment, "server", -HOUR)
    watch.learn()
    # Nothing more of the output stream: the offset stays.
    offset_ns = watch.clock.offset_ns
    watch.parameters.set({"publish.wire": True})
    frames = watch.subscribe("wire", stamp_ns)
    watch.observer.wait_for_match(frames)
    for number in range(5):
        cloud = watch.cloud()
        # Frames have the time they came, whatever the source.
        assert frames.wait(number + 1)[-1] - cloud == offset_ns


def test_before_anything_is_known_clouds_have_the_time_they_came(environment):
    watch = Watch(environment, "server", -HOUR)
    require_now(watch.cloud())
    assert not watch.clock.known
    _, came = watch.output_message(stamp=None)
    (stamp,) = stamps_of(came)
    require_now(stamp)
    # One message proves nothing.
    server_ns, came = watch.output_message()
    (stamp,) = stamps_of(came)
    require_now(stamp)
    assert came["objects"][1] == server_ns
    require_now(watch.cloud())
    watch.learn()
    require_now(watch.cloud(), -HOUR)


@pytest.mark.parametrize("jump_ns", [-10 * SECOND, 10 * SECOND, -HOUR, YEAR], ids=["-10 s", "+10 s", "-1 h", "+1 y"])
def test_a_clock_that_jumps_is_followed_when_several_messages_agree(environment, jump_ns):
    watch = Watch(environment, "server")
    watch.learn()
    watch.ahead_ns += jump_ns
    server_ns, came = watch.output_message()
    assert stamps_of(came) != {server_ns}, "one message proves nothing"
    assert came["objects"][1] == server_ns
    watch.follow(lambda clock: clock.jumps == 1)
    for _ in range(3):
        server_ns, came = watch.output_message()
        assert stamps_of(came) == {server_ns}
    clock = watch.clock
    assert clock.jumps == 1
    assert abs(clock.last_jump_ns + jump_ns) < TRANSIT_NS
    assert clock.backward == (1 if jump_ns < 0 else 0)
    require_now(watch.cloud(), watch.ahead_ns)
    assert watch.bridge.log.count("a clock jumped") == 1


@pytest.mark.parametrize("odd_ns", [-HOUR, -10 * SECOND, HOUR], ids=["-1 h", "-10 s", "+1 h"])
def test_an_event_with_a_time_of_its_own_resets_nothing(environment, odd_ns):
    watch = Watch(environment, "server", -HOUR)
    watch.learn()
    for count in (1, 2, 3):
        own = outputs.timestamp(time.time_ns() + watch.ahead_ns + odd_ns)
        _, came = watch.output_message(own)
        (stamp,) = stamps_of(came)
        require_now(stamp, -HOUR)
        assert came["events/zone"][1] == own["seconds"] * SECOND + own["nanos"]
        server_ns, came = watch.output_message()
        assert stamps_of(came) == {server_ns}
        require_now(watch.cloud(), -HOUR)
        assert (watch.clock.jumps, watch.clock.outliers) == (0, count)


def test_a_clock_that_stands_still_is_no_clock(environment):
    watch = Watch(environment, "server")
    standing = outputs.timestamp(1_700_000_000 * SECOND)

    def stands():
        _, came = watch.output_message(standing)
        (stamp,) = stamps_of(came)
        require_now(stamp)
        assert came["objects"][1] == 1_700_000_000 * SECOND
        return watch.clock.frozen

    wait_until(stands, "a clock found to stand still")
    clock = watch.clock
    assert (clock.known, clock.jumps) == (False, 0) and clock.invalid > 0
    assert watch.bridge.log.count("the server's clock stands still at 2023-11-14T22:13:20Z") == 1
    watch.learn()
    assert (watch.clock.frozen, watch.clock.jumps) == (False, 0)


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
def test_an_invalid_time_is_counted_and_costs_nothing(environment, source):
    watch = Watch(environment, source, -HOUR)
    watch.learn()
    ahead_ns = -HOUR if source == "server" else 0
    for count, stamp in enumerate(INVALID.values(), 1):
        _, came = watch.output_message(stamp)
        for one in stamps_of(came):
            require_now(one, ahead_ns)
        assert {came[topic][1] for topic in ("objects", "events/zone", "zones", "health")} == {0}
        require_now(watch.cloud(), ahead_ns)
        assert watch.clock.invalid == count
    clock = watch.clock
    assert (clock.known, clock.jumps, clock.backward) == (True, 0, 0)
    for topic in KEEP:
        account = watch.settled_account(topic)
        assert account.published == account.received, topic


def test_a_source_that_does_not_exist_is_refused(environment):
    watch = Watch(environment, "receive")
    assert "receive, server" in watch.parameters.refusal("stamp_source", "gps")
    require_now(watch.cloud())
