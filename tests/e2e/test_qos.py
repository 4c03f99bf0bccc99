"""Quality of service as the graph shows it, and the statistics message in full."""

import re

import wire
from ledger import CONNECTED
from rclpy.qos import DurabilityPolicy, HistoryPolicy, ReliabilityPolicy

import ros
from polling import until
from processes import Process, executable

CLOUDS = ("points/raw", "points/ground", "points/background")


def offers(observer, topic):
    """What the bridge offers on a topic."""

    def of_the_bridge():
        # Which node a publisher belongs to is announced apart from the publisher, so it may come later.
        infos = observer.node.get_publishers_info_by_topic(topic)
        return [info for info in infos if (info.node_name, info.node_namespace) == ("sensr_bridge", "/")]

    (info,) = until(of_the_bridge, f"a publisher of {topic} in /sensr_bridge")
    assert info.topic_type == "sensor_msgs/msg/PointCloud2"
    return info.qos_profile


def test_clouds_are_reliable_and_volatile(rig):
    observer = rig.observer()
    inboxes = [observer.clouds(topic) for topic in CLOUDS]
    rig.bridge(rig.port().number)
    observer.wait_for_match(*inboxes)
    for topic in CLOUDS:
        offer = offers(observer, topic)
        assert offer.reliability == ReliabilityPolicy.RELIABLE
        assert offer.durability == DurabilityPolicy.VOLATILE
        # Not every middleware tells the history of others.
        if offer.history != HistoryPolicy.UNKNOWN:
            assert (offer.history, offer.depth) == (HistoryPolicy.KEEP_LAST, 5)


def test_best_effort_is_honoured(rig):
    server = rig.server()
    observer = rig.observer()
    patient = observer.clouds(profile=ros.qos(reliable=True))
    tolerant = observer.clouds(profile=ros.qos(reliable=False))
    statistics = rig.statistics(observer)
    rig.bridge(server.port, {"qos.reliability": "best_effort", "qos.depth": 2})
    observer.wait_for_match(tolerant, statistics.inbox)
    assert offers(observer, "points/raw").reliability == ReliabilityPolicy.BEST_EFFORT
    for number in range(5):
        server.client().send(wire.numbered(number))
        tolerant.wait(number + 1)
    # It asked for more than is offered.
    assert patient.count == 0


def test_the_statistics_are_complete(rig):
    server = rig.server()
    observer = rig.observer()
    clouds = [observer.clouds(topic) for topic in CLOUDS]
    statistics = rig.statistics(observer)
    bridge = rig.bridge(server.port, {"queue_max_bytes": 80_000_000})
    observer.wait_for_match(*clouds, statistics.inbox)
    statistics.until_state(CONNECTED)
    for kind in (wire.RAW, wire.GROUND, wire.BACKGROUND):
        server.client().send(wire.numbered(1, kind, points=500))
    for inbox in clouds:
        inbox.wait(1)
    message = statistics.after()

    version = Process("version", [executable("sensr_bridge"), "--version"], rig.env, rig.folder)
    assert version.wait() == 0
    assert message.version == version.stdout.split()[-1]
    assert re.fullmatch(r"\d+\.\d+\.\d+", message.version)

    now_ns = observer.node.get_clock().now().nanoseconds
    stamp_ns = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
    uptime_ns = message.uptime.sec * 10**9 + message.uptime.nanosec
    assert 0 <= now_ns - stamp_ns < 30e9
    assert 0 < uptime_ns < 60e9

    (link,) = message.links
    assert (link.name, link.url) == ("points", f"ws://127.0.0.1:{server.port}/")
    since_ns = link.state_since.sec * 10**9 + link.state_since.nanosec
    assert stamp_ns - uptime_ns <= since_ns <= stamp_ns
    assert (link.frames, link.bytes) == (3, 3 * len(wire.numbered(1, points=500)))
    assert (link.queued_frames, link.queued_bytes, link.queue_max_bytes) == (0, 0, 80_000_000)
    assert link.last_error == ""

    assert [topic.topic.lstrip("/") for topic in message.topics] == list(CLOUDS)
    for topic in message.topics:
        assert (topic.received, topic.published) == (1, 1)
        assert topic.published_bytes > 16 * 500

    assert [stage.stage for stage in message.stages] == ["decode", "wait", "convert", "publish", "total"]
    for name in ("decode", "wait", "convert", "publish", "total"):
        stages = [stage for m in statistics.messages for stage in m.stages if stage.stage == name]
        assert sum(stage.count for stage in stages) == 3, name
        assert all(stage.min_ns <= stage.mean_ns <= stage.max_ns for stage in stages)

    # Pages come and go between two looks.
    assert abs(message.rss_bytes - bridge.memory_bytes()) < 20e6
    assert message.rss_bytes <= message.rss_peak_bytes
