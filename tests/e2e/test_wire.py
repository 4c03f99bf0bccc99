"""The `wire` topic: every received frame, if it is enabled."""

import itertools

import pytest

from support import outputs, points_encoder
from support.statistics_reader import stamp_ns
from support.summary_notes import add_note
from support.topic_table import TOPICS
from support.two_links import TwoLinks

POINTS, OUTPUT = 0, 1


def frame(message):
    """Returns what the inbox keeps of a frame."""
    return message.link, message.sequence, message.data.tobytes(), stamp_ns(message)


class WireFixture(TwoLinks):
    """Sends on both links and records what it sent."""

    def __init__(self, environment, *topics, **options):
        super().__init__(
            environment, "wire", *topics, keep={"wire": frame, "points/raw": lambda c: c.stamp_ns}, **options
        )
        self.sent = {POINTS: [], OUTPUT: []}

    def send(self, link, payload):
        (self.points if link == POINTS else self.output).send(payload)
        self.sent[link].append(payload)

    def frames(self):
        """Returns the published frames of each link in order of arrival."""
        count = sum(map(len, self.sent.values()))
        received = self["wire"].wait(count)
        assert len(received) == count
        return {link: [one for one in received if one[0] == link] for link in (POINTS, OUTPUT)}


def some_frames():
    """Returns valid and invalid frames, large and small."""
    whole = outputs.message(outputs.objects(1, 2), outputs.zones(1), outputs.zone_events(1), outputs.status(0.5))
    broken_part = outputs.message({"event": {"zone": [b"\xff\xff"]}}, outputs.objects(3))
    good = points_encoder.numbered_cloud(1, points=20_000)
    return [
        *(
            (POINTS, payload)
            for payload in (
                good,
                b"",
                good[:100],
                b"\xff" * 50,
                points_encoder.result(),
                points_encoder.numbered_cloud(2),
            )
        ),
        *((OUTPUT, payload) for payload in (whole, b"", whole[:30], b"\xff" * 50, broken_part, whole)),
    ]


def test_every_frame_is_published_as_received(environment):
    fixture = WireFixture(environment, parameters={"publish.wire": True})
    for link, payload in some_frames():
        fixture.send(link, payload)
        # One at a time, so that no queue matters.
        fixture.frames()
    # Then both links in turn.
    for link, payload in itertools.chain(*zip(some_frames(), reversed(some_frames()), strict=True)):
        fixture.send(link, payload)
        fixture.frames()
    for link, frames in fixture.frames().items():
        assert [data for _, _, data, _ in frames] == fixture.sent[link]
        assert [sequence for _, sequence, _, _ in frames] == list(range(len(frames)))
        stamps = [stamp for *_, stamp in frames]
        assert stamps == sorted(stamps)
    account = fixture.settled_account("wire")
    assert (account.received, account.published) == (36, 36)
    message = fixture.statistics.latest
    assert [link.undecodable_frames for link in message.links] == [6, 6]


def test_no_frames_unless_enabled(environment):
    fixture = WireFixture(environment, "points/raw", "objects")
    for number in range(10):
        fixture.send_cloud(number)
        fixture.output.send(outputs.message(outputs.objects(number)))
        fixture["points/raw"].wait(number + 1)
        fixture["objects"].wait(number + 1)
    account = fixture.settled_account("wire")
    assert (account.received, account.published, account.unsubscribed) == (20, 0, 20)
    assert fixture["wire"].count == 0


@pytest.mark.parametrize("off", [["publish.objects", "publish.markers"], ["publish.raw"]], ids=str)
def test_frames_do_not_depend_on_other_switches_or_rate_limits(environment, off):
    parameters = {"publish.wire": True, "pointcloud_interval": 3600.0, "output_data_interval": 3600.0}
    fixture = WireFixture(environment, parameters=parameters | dict.fromkeys(off, False))
    for _ in range(10):
        fixture.send(POINTS, points_encoder.numbered_cloud(1))
        fixture.send(OUTPUT, outputs.message(outputs.objects(1)))
        fixture.frames()
    for link, frames in fixture.frames().items():
        assert [data for _, _, data, _ in frames] == fixture.sent[link]


def test_the_stamp_is_that_of_the_cloud_of_the_frame(environment):
    fixture = WireFixture(environment, "points/raw", parameters={"publish.wire": True})
    for number in range(5):
        fixture.send(POINTS, points_encoder.numbered_cloud(number))
        stamp = fixture["points/raw"].wait(number + 1)[-1]
        assert fixture.frames()[POINTS][-1][3] == stamp


@pytest.mark.serial
def test_large_frames_at_full_rate(environment):
    """Publishes a frame and its cloud, both at 10 Hz."""
    messages, points = 50, 131_072
    port = environment.port()
    observer = environment.observer()
    known = TOPICS["wire"]
    frames = observer.subscribe("wire", known.kind, known.subscription_qos(), raw=True, keep=len)
    statistics = environment.statistics(observer)
    environment.bridge(port.number, {"publish.wire": True})
    observer.wait_for_match(frames, statistics.inbox)
    environment.sim(
        "--points", points, "--types", "raw", "--count", messages, points_port=port.number
    ).wait_until_done()
    account = statistics.wait_for_received(messages, "wire")
    assert (account.published, account.dropped) == (messages, 0)
    assert sum(frames.wait(messages)) == account.published_bytes
    add_note(f"wire: {messages} frames of {points} points at 10 Hz, none lost")
