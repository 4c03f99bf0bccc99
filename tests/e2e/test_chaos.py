"""Random faults one after the other: the bridge survives, memory stays flat, and the counts agree to the frame.

SENSR_CHAOS_SECONDS sets the duration and SENSR_CHAOS_SEED the order of the faults: see scripts/chaos.
"""

import os
import random

from support.balance import require_balanced
from support.summary_notes import add_note
from support.topic_table import TOPICS

SECONDS = float(os.environ.get("SENSR_CHAOS_SECONDS", "30"))
SEED = int(os.environ.get("SENSR_CHAOS_SEED", str(random.randrange(1 << 31))))
RATE_HZ = 20
POINTS = 20_000
#: Longer than any stall of the simulator. A bridge that disconnected just when a stall ends would leave it open which
#: frames it has read. Half-open connections do time out.
STALL_SECONDS = 4.0
EVENTS = {
    "events/zone": "zone_events",
    "events/losing": "losing_events",
    "events/recalibration": "recalibration_events",
}
#: Allowed growth of memory over that before the faults: buffers grow with bursts.
SLACK_BYTES = 48 << 20


def test_random_faults(environment):
    print(f"seed {SEED}")  # pytest shows it when the test fails
    observer = environment.observer()
    statistics = environment.statistics(observer)
    clouds = observer.subscribe_clouds(keep=lambda cloud: cloud.width)
    inboxes = {
        topic: observer.subscribe(
            topic, TOPICS[topic].kind, TOPICS[topic].subscription_qos(), keep=lambda event: event.sequence
        )
        for topic in EVENTS
    }
    messages = round(SECONDS * RATE_HZ)
    scene = ("--scene", "street", "--points", POINTS, "--rate", RATE_HZ, "--count", messages)
    sim = environment.sim(*scene, "--chaos", SEED, "--chaos-pause", 0.5)
    timeouts = {"stall_timeout": STALL_SECONDS, "ping_interval": STALL_SECONDS / 4}
    bridge = environment.bridge(sim.points_port, timeouts, output_port=sim.output_port)
    observer.wait_for_match(statistics.inbox, clouds, *inboxes.values())
    clouds.wait(1)
    memory_before = bridge.memory_bytes()

    sent = sim.wait_until_done(timeout=60.0 + 3 * SECONDS)
    assert bridge.alive, bridge.log_tail()
    message = require_balanced(sent, statistics)
    for topic, name in EVENTS.items():
        count = sent["delivered_contents"][name]
        inboxes[topic].wait(count)
        assert inboxes[topic].messages == list(range(count)), f"{topic}: not all, or not in order"
    memory_after = bridge.memory_bytes()
    assert memory_after < memory_before + SLACK_BYTES, (memory_before, memory_after)
    quarters = median_memory_by_quarter(statistics)
    # Buffers grow with the first bursts; a leak grows in every quarter.
    assert quarters[3] < quarters[1] + SLACK_BYTES / 4, quarters

    faults = {link: sum(sent[link]["faults"].values()) for link in ("points", "output")}
    accounts = [
        f"{name} {sent[name]['offered']} offered = {sent[name]['delivered']} delivered + {sent[name]['cut']} cut, "
        f"{sent[name]['injected']} injected, {faults[name]} faults"
        for name in ("points", "output")
    ]
    events = sum(inbox.count for inbox in inboxes.values())
    add_note(
        f"chaos, seed {SEED}, {SECONDS:g} s at {RATE_HZ} Hz: {'; '.join(accounts)}; all received; {events} events in "
        f"order; memory {memory_before / 1e6:.1f} -> {memory_after / 1e6:.1f} MB, by quarter "
        f"{', '.join(f'{size / 1e6:.1f}' for size in quarters)} MB, bound {message.memory_bound_bytes / 1e6:.0f} MB"
    )


def median_memory_by_quarter(statistics):
    """Returns the median of the resident memory in each quarter of the run."""
    sizes = [message.rss_bytes for message in statistics.messages]
    length = len(sizes) // 4
    return [sorted(sizes[length * quarter :][:length])[length // 2] for quarter in range(4)]
