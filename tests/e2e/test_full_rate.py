"""131,072 points at 10 Hz for 20 s: no cloud is lost and every message is accounted for."""

import pytest

from support.statistics_reader import topic_of
from support.summary_notes import add_note
from support.topic_table import TOPICS

pytestmark = pytest.mark.serial

MESSAGES = 200
POINTS = 131_072


def test_none_of_200_large_clouds_is_lost(environment):
    port = environment.port()
    observer = environment.observer()
    inbox = observer.subscribe_clouds(keep=lambda cloud: (cloud.stamp_ns, cloud.width, len(cloud.data)))
    statistics = environment.statistics(observer)
    bridge = environment.bridge(port.number)
    observer.wait_for_match(inbox, statistics.inbox)
    before = bridge.cpu_seconds()
    sim = environment.sim(
        *("--scene", "street", "--points", POINTS, "--types", "raw", "--count", MESSAGES, "--rate", 10),
        points_port=port.number,
    )
    sent = sim.wait_until_done()
    raw = statistics.wait_for_received(MESSAGES)
    clouds = inbox.wait(MESSAGES)
    cpu_ms = (bridge.cpu_seconds() - before) * 1000 / MESSAGES

    assert {(width, size) for _, width, size in clouds} == {(POINTS, 16 * POINTS)}
    stamps = [stamp for stamp, _, _ in clouds]
    assert len(clouds) == MESSAGES and stamps == sorted(set(stamps))

    # The environment checks that all statistics balance; this compares them with both ends.
    assert sent["clouds"] == {"raw": MESSAGES, "ground": 0, "background": 0}
    assert sent["clients"]["overflowed"] == 0
    assert (raw.received, raw.published) == (MESSAGES, MESSAGES)
    link = statistics.link()
    assert (link.frames, link.bytes) == (MESSAGES, sent["points"]["delivered_bytes"])
    for other in TOPICS.keys() - {"points/raw", "points/preview", "wire"}:
        assert statistics.topic(other).received == 0
    wire = statistics.topic("wire")
    assert (wire.received, wire.unsubscribed) == (MESSAGES, MESSAGES), "frames without a subscriber"
    received = [topic_of(message).received for message in statistics.messages]
    assert received == sorted(received)

    stages = {stage.stage: stage for message in statistics.messages for stage in message.stages if stage.count}
    assert {stage.link for stage in stages.values()} == {"points"}
    assert stages.keys() == {"decode", "wait", "convert", "publish", "total"}
    add_note(
        f"full rate: {len(clouds)} of {MESSAGES} clouds of {POINTS} points arrived, "
        f"{len(statistics.messages)} statistics messages all balanced, "
        f"{cpu_ms:.1f} ms CPU a cloud, memory at most {bridge.memory_bytes('VmHWM') / 2**20:.0f} MiB"
    )
    add_note(
        "full rate: last stage means in ms: "
        + ", ".join(f"{name} {stage.mean_ns / 1e6:.2f}" for name, stage in stages.items())
    )
