"""Overload of subscribers and queues: the server never waits, memory stays bounded, losses are counted."""

import signal

import pytest

from support import points_encoder
from support.balance import require_balanced
from support.point_cloud_reader import number_of
from support.polling import wait_until
from support.statistics_reader import link_of, topic_of
from support.summary_notes import add_note
from support.topic_table import TOPICS

pytestmark = pytest.mark.serial


def send_until_one_arrives(client, payload, subscriber):
    """Sends clouds until a subscriber in another process has received one, so that both have discovered each other."""

    def arrives():
        client.send(payload)
        return subscriber.stdout

    wait_until(arrives, "a first cloud")


def test_a_stalled_subscriber_does_not_stop_reading(environment):
    """A slow subscriber must not make the server buffer, and memory stays bounded."""
    rate_hz, messages, points = 20, 200, 131_072
    queue_bytes = 32 << 20
    observer = environment.observer()
    statistics = environment.statistics(observer)
    port = environment.port()
    bridge = environment.bridge(port.number, {"queue_max_bytes": queue_bytes, "max_message_bytes": 8 << 20})
    observer.wait_for_match(statistics.inbox)
    subscriber = environment.subscriber("/points/raw")
    scene = ("--scene", "street", "--types", "raw", "--points", points, "--rate", rate_hz, "--count", messages)
    # A server that has to buffer more than 4 MiB closes the link with "Writing buffer is full".
    sim = environment.sim(*scene, "--client-buffer-mib", 4, points_port=port.number)
    subscriber.wait_for_output(r"^3$", stream="stdout")
    subscriber.send_signal(signal.SIGSTOP)

    sent = sim.wait_until_done()
    assert sent["points"]["messages"] == sent["points"]["delivered"] == messages
    assert (sent["clients"]["points"], sent["clients"]["overflowed"]) == (1, 0)
    link = statistics.wait_for_link(lambda link: link.frames == messages, "all frames were read")
    assert link.bytes == sent["points"]["delivered_bytes"]
    assert link.queued_bytes <= queue_bytes
    raw = statistics.topic()
    peak_bytes = bridge.memory_bytes("VmHWM")
    queued_most = max(link_of(message).queued_bytes for message in statistics.messages)
    add_note(
        f"stalled subscriber: server delivered {messages} of {messages} ({link.bytes / 1e6:.0f} MB); published "
        f"{raw.published}, dropped {raw.dropped}, queue at most {queued_most / 2**20:.0f} MiB, "
        f"memory at most {peak_bytes / 2**20:.0f} MiB"
    )
    assert peak_bytes <= statistics.latest.memory_bound_bytes

    subscriber.send_signal(signal.SIGCONT)
    statistics.wait_until(lambda m: all(topic.queued == 0 for topic in m.topics), "an empty queue")
    bridge.send_signal(signal.SIGTERM)
    assert bridge.wait() == 0, bridge.log_tail()


def test_a_slow_middleware_does_not_stop_reading(environment, broken_rcl):
    """Each cloud takes 0.3 s at 20 Hz: the oldest are dropped, the socket is drained, events are not delayed."""
    messages, points, queue_bytes = 200, 131_072, 32 << 20
    observer = environment.observer()
    statistics = environment.statistics(observer)
    clouds = observer.subscribe_clouds(keep=lambda cloud: cloud.stamp_ns)
    known = TOPICS["events/zone"]
    events = observer.subscribe("events/zone", known.kind, known.subscription_qos(), keep=lambda event: event.sequence)
    trigger = environment.folder / "broken"
    slow = broken_rcl.environment(trigger, thread="sensr-points,pub-points", publish="slow")
    scene = ("--scene", "street", "--types", "raw", "--points", points, "--rate", 20, "--count", messages)
    sim = environment.sim(*scene, "--client-buffer-mib", 4)
    bridge = environment.bridge(
        sim.points_port,
        {"queue_max_bytes": queue_bytes, "max_message_bytes": 8 << 20},
        output_port=sim.output_port,
        wrapper=["env", *(f"{name}={value}" for name, value in slow.items())],
    )
    observer.wait_for_match(statistics.inbox, clouds, events)
    trigger.touch()
    sent = sim.wait_until_done()
    assert sent["clients"]["overflowed"] == 0, "the socket was not drained"
    full = statistics.wait_for_link(lambda link: link.frames == messages, "all frames were read")
    assert full.queued_bytes <= queue_bytes
    raw = topic_of(statistics.wait_until(lambda message: topic_of(message).dropped > 0, "dropped clouds"))
    # When the middleware is fast again, the rest is published.
    trigger.unlink()
    require_balanced(sent, statistics)
    assert clouds.messages == sorted(set(clouds.messages)), "not in order"
    count = sent["delivered_contents"]["zone_events"]
    events.wait(count)
    assert events.messages == list(range(count))
    peak, bound = bridge.memory_bytes("VmHWM"), statistics.latest.memory_bound_bytes
    assert peak <= bound
    add_note(
        f"slow middleware: {messages} frames read, {raw.dropped} clouds dropped so far, all {count} events in order, "
        f"memory at most {peak / 1e6:.0f} MB, bound {bound / 1e6:.0f} MB"
    )


def test_a_hundred_large_frames_at_once_are_accounted_for(environment):
    """A backlog of the network: more frames than the queue holds, and a suspended subscriber."""
    frames, points, queue_bytes = 100, 131_072, 64 << 20
    server = environment.server()
    observer = environment.observer()
    statistics = environment.statistics(observer)
    bridge = environment.bridge(server.port, {"queue_max_bytes": queue_bytes})
    observer.wait_for_match(statistics.inbox)
    subscriber = environment.subscriber("/points/raw")
    client = server.client()
    payload = points_encoder.numbered_cloud(1, points=points)
    send_until_one_arrives(client, payload, subscriber)
    before = statistics.wait_until_settled()
    subscriber.send_signal(signal.SIGSTOP)
    for _ in range(frames):
        client.send(payload)
    sent = link_of(before).frames + frames
    statistics.wait_for_link(lambda link: link.frames == sent, "all frames were read")
    subscriber.send_signal(signal.SIGCONT)
    after = statistics.wait_until_settled()
    raw = topic_of(after)
    assert raw.received == sent == raw.published + raw.dropped + raw.unsubscribed
    peak, bound = bridge.memory_bytes("VmHWM"), after.memory_bound_bytes
    assert peak <= bound
    add_note(
        f"burst of {frames} frames of {len(payload) / 1e6:.1f} MB: published {raw.published}, dropped {raw.dropped}, "
        f"memory at most {peak / 1e6:.0f} MB, bound {bound / 1e6:.0f} MB"
    )


def test_frames_of_thirty_megabytes_are_published(environment):
    points, frames = 1_875_000, 12
    observer = environment.observer()
    clouds = observer.subscribe_clouds(keep=lambda cloud: cloud.width)
    statistics = environment.statistics(observer)
    sim = environment.sim("--scene", "street", "--types", "raw", "--points", points, "--rate", 2, "--count", frames)
    bridge = environment.bridge(sim.points_port)
    observer.wait_for_match(clouds, statistics.inbox)
    sent = sim.wait_until_done(timeout=120.0)
    assert sent["points"]["delivered"] == frames
    raw = statistics.wait_for_received(frames)
    after = statistics.wait_until_settled()
    assert raw.received == frames == raw.published + raw.dropped + raw.unsubscribed
    assert link_of(after).largest_frame_bytes == sent["points"]["delivered_bytes"] // frames >= 30_000_000
    assert set(clouds.wait(raw.published)) == {points}
    peak, bound = bridge.memory_bytes("VmHWM"), after.memory_bound_bytes
    assert peak <= bound
    add_note(
        f"{frames} frames of 30 MB at 2 Hz: published {raw.published}, dropped {raw.dropped}, arrived {clouds.count}, "
        f"memory at most {peak / 1e6:.0f} MB, bound {bound / 1e6:.0f} MB"
    )


def test_a_stop_with_a_stalled_subscriber_is_quick(environment):
    server = environment.server()
    bridge = environment.bridge(server.port)
    subscriber = environment.subscriber("/points/raw")
    client = server.client()
    payload = points_encoder.numbered_cloud(1, points=131_072)
    send_until_one_arrives(client, payload, subscriber)
    subscriber.send_signal(signal.SIGSTOP)
    for _ in range(20):
        client.send(payload)
    bridge.send_signal(signal.SIGTERM)
    assert bridge.wait() == 0, bridge.log_tail()
    assert client.wait_closed() == 1001


def test_a_burst_drops_the_oldest_and_counts_them(environment):
    """The queue holds hardly more than one message, and messages arrive as fast as the socket allows."""
    messages, points = 300, 20_000
    limit = 1 << 20
    server = environment.server()
    observer = environment.observer()
    clouds = observer.subscribe_clouds(keep=number_of)
    statistics = environment.statistics(observer)
    environment.bridge(server.port, {"queue_max_bytes": limit, "max_message_bytes": limit})
    observer.wait_for_match(clouds, statistics.inbox)
    filler = points_encoder.cloud(points_encoder.floats(1.0, 2.0, 3.0) * points, b"", points_encoder.GROUND)
    client = server.client()
    for number in range(messages):
        client.send(points_encoder.numbered_cloud(number, points=points) + points_encoder.result(filler))
    raw = statistics.wait_for_received(messages)
    assert raw.received == messages == raw.published + raw.dropped
    ground = statistics.wait_for_received(messages, "points/ground")
    assert ground.received == messages == ground.unsubscribed + ground.dropped
    assert all(link_of(message).queued_bytes <= limit for message in statistics.messages)
    # The oldest are dropped first, so the newest always arrives, and the order is kept.
    wait_until(lambda: messages - 1 in clouds.messages, "the newest cloud")
    assert clouds.messages == sorted(set(clouds.messages))
    add_note(f"burst of {messages} messages into a queue of 1 MiB: published {raw.published}, dropped {raw.dropped}")
