"""Bad input costs only itself: it is counted by kind, and the next valid cloud arrives."""

import itertools
from collections import Counter
from dataclasses import dataclass

import pytest

from support import point_cloud_reader, points_encoder
from support.polling import wait_until
from support.statistics_reader import CONNECTED, link_of, topic_of

MAX_MESSAGE_BYTES = 100_000

_numbers = itertools.count(1)


@dataclass
class BadInputFixture:
    """A bridge that receives the bad input of all tests in this file."""

    server: object
    bridge: object
    statistics: object
    clouds: object

    @property
    def client(self):
        """The present connection."""
        return self.server.clients[-1]

    def read_counts(self):
        """Returns all counts by name."""
        message = self.statistics.wait_until_settled()
        link, raw = link_of(message), topic_of(message)
        names = "text_frames", "undecodable_frames", "oversized_frames", "unknown_cloud_types", "frames", "disconnects"
        names += "undecodable_parts", "invalid_texts"
        figures = {name: getattr(link, name) for name in names}
        names = ("received", "published", "dropped", "malformed", "empty", "intensity_mismatch")
        return figures | {name: getattr(raw, name) for name in names}

    def require_valid_cloud(self, begin=None):
        """Sends a valid cloud and waits for it. Returns all clouds since number `begin`, by default the next one."""
        number = next(_numbers)
        begin = self.clouds.count if begin is None else begin
        self.client.send(points_encoder.numbered_cloud(number))

        def has_arrived():
            return any(cloud.width == 1 and point_cloud_reader.number_of(cloud) == number for cloud in new_clouds())

        def new_clouds():
            return list(self.clouds.messages)[begin:]

        self.bridge.wait_until(has_arrived, f"valid cloud {number}")
        return new_clouds()


@pytest.fixture(scope="module")
def feed(shared_environment):
    server = shared_environment.server()
    observer = shared_environment.observer()
    clouds = observer.subscribe_clouds()
    statistics = shared_environment.statistics(observer)
    bridge = shared_environment.bridge(server.port, {"max_message_bytes": MAX_MESSAGE_BYTES})
    observer.wait_for_match(clouds, statistics.inbox)
    server.client()
    feed = BadInputFixture(server, bridge, statistics, clouds)
    feed.require_valid_cloud()
    return feed


@pytest.fixture
def changes(feed):
    """Calls a function and sends a valid cloud. Returns the changed counts of both, and the clouds."""

    def measure_changes(act):
        before = feed.read_counts()
        begin = feed.clouds.count
        act()
        clouds = feed.require_valid_cloud(begin)
        after = feed.read_counts()
        return {name: after[name] - before[name] for name in after if after[name] != before[name]}, clouds

    return measure_changes


GOOD = {"frames": 1, "received": 1, "published": 1}


def with_valid_cloud(**more):
    return {name: GOOD.get(name, 0) + more.get(name, 0) for name in GOOD | more}


POINT = points_encoder.floats(1.0, 2.0, 3.0)
INTENSITY = points_encoder.floats(0.5)


def test_a_length_that_is_no_multiple_of_twelve_is_malformed(feed, changes):
    message = points_encoder.result(points_encoder.cloud(POINT + b"\0", INTENSITY))
    counted, clouds = changes(lambda: feed.client.send(message))
    assert counted == with_valid_cloud(frames=1, received=1, malformed=1)
    assert len(clouds) == 1


def test_the_valid_clouds_of_a_message_pass(feed, changes):
    broken = points_encoder.cloud(POINT[:-1])
    whole = points_encoder.cloud(POINT * 3, INTENSITY * 3)
    counted, clouds = changes(lambda: feed.client.send(points_encoder.result(broken, whole, broken)))
    assert counted == with_valid_cloud(frames=1, received=3, malformed=2, published=1)
    assert [cloud.width for cloud in clouds] == [3, 1]


@pytest.mark.parametrize("intensities", [INTENSITY, INTENSITY * 3, b"\1"], ids=["fewer", "more", "no whole float"])
def test_a_wrong_number_of_intensities_becomes_zero(feed, changes, intensities):
    message = points_encoder.result(points_encoder.cloud(POINT * 2, intensities))
    counted, clouds = changes(lambda: feed.client.send(message))
    assert counted == with_valid_cloud(frames=1, received=1, published=1, intensity_mismatch=1)
    assert clouds[0].data == (POINT + points_encoder.floats(0.0)) * 2


def test_missing_intensities_are_no_mismatch(feed, changes):
    message = points_encoder.result(points_encoder.cloud(POINT * 2))
    counted, clouds = changes(lambda: feed.client.send(message))
    assert counted == with_valid_cloud(frames=1, received=1, published=1)
    assert clouds[0].data == (POINT + points_encoder.floats(0.0)) * 2


def test_an_empty_cloud_is_published(feed, changes):
    counted, clouds = changes(lambda: feed.client.send(points_encoder.result(points_encoder.cloud(b""))))
    assert counted == with_valid_cloud(frames=1, received=1, published=1, empty=1)
    empty = clouds[0]
    assert (empty.width, empty.row_step, empty.data, empty.height) == (0, 0, b"", 1)
    assert empty.fields == point_cloud_reader.FIELDS and empty.is_dense


def test_coordinates_that_are_not_finite_make_a_cloud_not_dense(feed, changes):
    points = POINT + points_encoder.floats(1.0, float("nan"), 3.0)
    counted, clouds = changes(
        lambda: feed.client.send(points_encoder.result(points_encoder.cloud(points, INTENSITY * 2)))
    )
    assert counted == with_valid_cloud(frames=1, received=1, published=1)
    assert not clouds[0].is_dense and clouds[1].is_dense
    assert clouds[0].data == POINT + INTENSITY + points[12:] + INTENSITY


@pytest.mark.parametrize("kind", [0, 4, 1000])
def test_an_unknown_cloud_type_is_counted(feed, changes, kind):
    message = points_encoder.result(
        points_encoder.cloud(POINT, INTENSITY, kind), points_encoder.cloud(POINT, INTENSITY)
    )
    counted, _ = changes(lambda: feed.client.send(message))
    assert counted == with_valid_cloud(frames=1, received=1, published=1, unknown_cloud_types=1)


#: The field `points` (3) as a varint and the field `type` (1) as a float.
POINTS_AS_NUMBER = b"\x18\x05"
TYPE_AS_FLOAT = b"\x0d" + bytes(4)


@pytest.mark.parametrize(
    ("broken", "counted_as"),
    (
        (points_encoder.cloud(POINT) + POINTS_AS_NUMBER, {"received": 1, "malformed": 1}),
        (POINTS_AS_NUMBER + points_encoder.cloud(POINT), {"received": 1, "malformed": 1}),
        (points_encoder.cloud(POINT)[:-1], {"received": 1, "malformed": 1}),
        (TYPE_AS_FLOAT, {"undecodable_parts": 1}),
        (b"\xff", {"undecodable_parts": 1}),
    ),
    ids=("points are a number", "at once", "cut", "type is a float", "noise"),
)
def test_an_undecodable_cloud_costs_only_itself(feed, changes, broken, counted_as):
    whole = points_encoder.cloud(POINT * 2, INTENSITY * 2)
    counted, clouds = changes(lambda: feed.client.send(points_encoder.result(whole, broken, whole)))
    assert counted == with_valid_cloud(**Counter(frames=1, received=2, published=2) + Counter(counted_as))
    assert [cloud.width for cloud in clouds] == [2, 2, 1]


@pytest.mark.parametrize("text", ["라이다1".encode("cp949"), b"\xff" * 300, b"a\0b"], ids=["cp949", "noise", "NUL"])
def test_texts_in_another_encoding_cost_nothing(feed, changes, text):
    message = points_encoder.field(
        1, points_encoder.cloud(POINT, INTENSITY) + points_encoder.field(2, text)
    ) + points_encoder.field(201, text)
    counted, clouds = changes(lambda: feed.client.send(message))
    assert counted == with_valid_cloud(frames=1, received=1, published=1, invalid_texts=2)
    assert [cloud.width for cloud in clouds] == [1, 1]
    assert 'uid "' in feed.bridge.log or 'cloud id "' in feed.bridge.log


def test_a_field_of_a_newer_server_is_ignored(feed, changes):
    message = points_encoder.result(
        points_encoder.cloud(POINT, INTENSITY) + points_encoder.field(99, b"new")
    ) + points_encoder.field(300, b"newer")
    counted, _ = changes(lambda: feed.client.send(message))
    assert counted == with_valid_cloud(frames=1, received=1, published=1)


def test_a_message_without_clouds_is_valid(feed, changes):
    counted, _ = changes(lambda: feed.client.send(points_encoder.result()))
    assert counted == with_valid_cloud(frames=1)


def test_a_text_frame_is_counted(feed, changes):
    counted, _ = changes(lambda: feed.client.send("hello"))
    assert counted == with_valid_cloud(text_frames=1)


def test_a_truncated_protobuf_message_is_undecodable(feed, changes):
    whole = points_encoder.result(points_encoder.cloud(POINT * 10, INTENSITY * 10))
    counted, clouds = changes(lambda: feed.client.send(whole[:60]))
    assert counted == with_valid_cloud(frames=1, undecodable_frames=1)
    assert len(clouds) == 1


def test_garbage_is_undecodable(feed, changes):
    counted, _ = changes(lambda: feed.client.send(bytes(range(255, 0, -1))))
    assert counted == with_valid_cloud(frames=1, undecodable_frames=1)


def test_a_message_over_the_limit_closes_the_link_with_1009(feed, changes):
    too_large = points_encoder.result(points_encoder.cloud(POINT * 9000))
    assert len(too_large) > MAX_MESSAGE_BYTES

    def act():
        client, connections = feed.client, len(feed.server.clients)
        client.send_too_much(too_large)
        assert client.wait_closed() == 1009
        feed.server.client(connections + 1)
        feed.statistics.wait_for_state(CONNECTED)

    counted, _ = changes(act)
    assert counted == with_valid_cloud(oversized_frames=1, disconnects=1)
    assert str(MAX_MESSAGE_BYTES) in feed.statistics.link().last_error


def test_fragments_over_the_limit_close_the_link_with_1009(feed, changes):
    def act():
        client, connections = feed.client, len(feed.server.clients)
        client.send_too_much(points_encoder.result(points_encoder.cloud(POINT * 9000)), parts=8)
        assert client.wait_closed() == 1009
        feed.server.client(connections + 1)

    counted, _ = changes(act)
    assert counted == with_valid_cloud(oversized_frames=1, disconnects=1)


def test_a_message_at_the_limit_passes(feed, changes):
    padding = points_encoder.field(300, bytes(MAX_MESSAGE_BYTES - 200))
    message = points_encoder.result(points_encoder.cloud(POINT, INTENSITY)) + padding
    # Two bytes of tag and two of length.
    message += points_encoder.field(301, bytes(MAX_MESSAGE_BYTES - len(message) - 4))
    assert len(message) == MAX_MESSAGE_BYTES
    counted, _ = changes(lambda: feed.client.send(message))
    assert counted == with_valid_cloud(frames=1, received=1, published=1)


def test_a_fragmented_message_with_pings_between_is_complete(feed, changes):
    pongs = []
    points = POINT * 1000
    message = points_encoder.result(points_encoder.cloud(points, INTENSITY * 1000))

    def act():
        feed.client.send_fragments(message, 7, between=lambda: pongs.append(feed.client.ping()))

    counted, clouds = changes(act)
    assert counted == with_valid_cloud(frames=1, received=1, published=1)
    assert clouds[0].data == (POINT + INTENSITY) * 1000
    assert len(pongs) == 7
    wait_until(lambda: all(pong.is_set() for pong in pongs), "a pong for every ping")


def test_an_invalid_websocket_frame_costs_only_the_connection(feed, changes):
    def act():
        connections = len(feed.server.clients)
        # Opcode 3 is reserved.
        feed.client.send_raw(b"\x83\x00")
        feed.server.client(connections + 1)

    counted, _ = changes(act)
    assert counted == with_valid_cloud(disconnects=1)


def test_a_connection_reset_in_the_middle_of_a_message_reconnects(feed, changes):
    def act():
        connections = len(feed.server.clients)
        # The header of a binary frame of 1000 bytes and its first 4 bytes.
        feed.client.send_raw(b"\x82\x7e\x03\xe8half")
        feed.client.abort()
        feed.server.client(connections + 1)

    counted, _ = changes(act)
    assert counted == with_valid_cloud(disconnects=1)


def test_thousands_of_bad_frames_without_a_pause_are_counted(feed, changes):
    bad = [
        points_encoder.result(points_encoder.cloud(POINT + b"\0")),
        points_encoder.result(points_encoder.cloud(POINT, INTENSITY, 77)),
        b"\x0a\xff",
        "text",
    ]

    def act():
        for _ in range(1000):
            for payload in bad:
                feed.client.send(payload)

    counted, _ = changes(act)
    assert counted == with_valid_cloud(
        frames=3000, received=1000, malformed=1000, unknown_cloud_types=1000, undecodable_frames=1000, text_frames=1000
    )
    # Repeated warnings are throttled.
    assert feed.bridge.log.count("WARN") < 60
