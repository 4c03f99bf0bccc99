"""More than subscribers or the queue can take: the server never waits, memory has a bound, losses are counted."""

import signal
from pathlib import Path

import wire
from cdr import number_of
from ledger import link_of
from polling import until
from report import note

SUBSCRIBER = Path(__file__).with_name("subscriber.py")


def test_a_stalled_subscriber_does_not_stop_the_reading(rig):
    """The server must never have to buffer because a subscriber is slow, and memory has a bound."""
    rate_hz, messages, points = 20, 200, 131_072
    queue_bytes = 32 << 20
    observer = rig.observer()
    statistics = rig.statistics(observer)
    port = rig.port()
    bridge = rig.bridge(port.number, {"queue_max_bytes": queue_bytes, "max_message_bytes": 8 << 20})
    observer.wait_for_match(statistics.inbox)
    subscriber = rig.script("subscriber", SUBSCRIBER, "/points/raw")
    scene = ("--scene", "street", "--types", "raw", "--points", points, "--rate", rate_hz, "--count", messages)
    # What waits in the server beyond 4 MiB closes the link with "Writing buffer is full".
    sim = rig.sim(*scene, "--client-buffer-mib", 4, points_port=port.number)
    subscriber.expect(r"^3$", stream="stdout")
    subscriber.signal(signal.SIGSTOP)

    sent = sim.done()
    assert sent["points"]["messages"] == sent["points"]["delivered"] == messages
    assert (sent["clients"]["points"], sent["clients"]["overflowed"]) == (1, 0)
    link = statistics.until_link(lambda link: link.frames == messages, "all frames were read")
    assert link.bytes == sent["points"]["delivered_bytes"]
    assert link.queued_bytes <= queue_bytes
    raw = statistics.topic()
    peak_bytes = bridge.memory_bytes("VmHWM")
    queued_most = max(link_of(message).queued_bytes for message in statistics.messages)
    note(
        f"stalled subscriber: server delivered {messages} of {messages} ({link.bytes / 1e6:.0f} MB); published "
        f"{raw.published}, dropped {raw.dropped}, queue at most {queued_most / 2**20:.0f} MiB, "
        f"memory at most {peak_bytes / 2**20:.0f} MiB"
    )
    # The queue, what DDS keeps (depth 5, at both ends of its shared memory) and the program itself.
    assert peak_bytes < queue_bytes + 5 * 2 * 16 * points + (64 << 20)

    subscriber.signal(signal.SIGCONT)
    statistics.until(lambda m: all(topic.queued == 0 for topic in m.topics), "the queue is worked off")
    bridge.signal(signal.SIGTERM)
    assert bridge.wait() == 0, bridge.tail()


def test_a_stop_with_a_stalled_subscriber(rig):
    server = rig.server()
    bridge = rig.bridge(server.port)
    subscriber = rig.script("subscriber", SUBSCRIBER, "/points/raw")
    client = server.client()
    payload = wire.numbered(1, points=131_072)

    def arrives():
        client.send(payload)
        return subscriber.stdout

    until(arrives, "a first cloud")
    subscriber.signal(signal.SIGSTOP)
    for _ in range(20):
        client.send(payload)
    bridge.signal(signal.SIGTERM)
    assert bridge.wait() == 0, bridge.tail()
    assert client.wait_closed() == 1001


def test_a_burst_drops_the_oldest_and_counts_them(rig):
    """A queue of hardly more than a message, and messages as fast as the socket takes them."""
    messages, points = 300, 20_000
    limit = 1 << 20
    server = rig.server()
    observer = rig.observer()
    clouds = observer.clouds(keep=number_of)
    statistics = rig.statistics(observer)
    rig.bridge(server.port, {"queue_max_bytes": limit, "max_message_bytes": limit})
    observer.wait_for_match(clouds, statistics.inbox)
    filler = wire.cloud(wire.floats(1.0, 2.0, 3.0) * points, b"", wire.GROUND)
    client = server.client()
    for number in range(messages):
        client.send(wire.numbered(number, points=points) + wire.result(filler))
    raw = statistics.until_received(messages)
    assert raw.received == messages == raw.published + raw.dropped
    ground = statistics.until_received(messages, "points/ground")
    assert ground.received == messages == ground.unsubscribed + ground.dropped
    assert all(link_of(message).queued_bytes <= limit for message in statistics.messages)
    # The oldest go first, so the newest is always among those that arrive, and order is kept.
    until(lambda: messages - 1 in clouds.messages, "the newest cloud")
    assert clouds.messages == sorted(set(clouds.messages))
    note(f"burst of {messages} messages into a queue of 1 MiB: published {raw.published}, dropped {raw.dropped}")
