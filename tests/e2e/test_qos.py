"""Offered QoS in the ROS graph, and every field of the statistics."""

import re

import pytest
from rclpy.qos import DurabilityPolicy, HistoryPolicy, ReliabilityPolicy
from tf2_msgs.msg import TFMessage

from support import outputs, points_encoder, ros_observer
from support.polling import wait_until
from support.processes import Process, executable
from support.statistics_reader import CONNECTED, link_of, stamp_ns, topic_of
from support.topic_table import TOPICS, Topic
from support.two_links import TwoLinks

CLOUDS = ("points/raw", "points/ground", "points/background", "points/objects")


def offers(observer, topic, known):
    """Returns the offered QoS of each of the bridge's publishers of a topic."""
    # The publishing threads of both links publish frames.
    publishers = 2 if topic == "wire" else 1

    def endpoints_of_the_bridge():
        # The node of a publisher is announced separately and may arrive later.
        infos = observer.node.get_publishers_info_by_topic(topic)
        mine = [info for info in infos if (info.node_name, info.node_namespace) == ("sensr_bridge", "/")]
        return mine if len(mine) >= publishers else None

    infos = wait_until(endpoints_of_the_bridge, f"{publishers} publishers of {topic} in /sensr_bridge")
    assert len(infos) == publishers
    assert {info.topic_type for info in infos} == {known.type_name}
    return [info.qos_profile for info in infos]


def require_offer(observer, topic, known):
    for offer in offers(observer, topic, known):
        assert offer.reliability == ReliabilityPolicy.RELIABLE, topic
        wanted = DurabilityPolicy.TRANSIENT_LOCAL if known.latched else DurabilityPolicy.VOLATILE
        assert offer.durability == wanted, topic
        # Not every middleware reports the history of remote publishers.
        if offer.history != HistoryPolicy.UNKNOWN:
            assert (offer.history, offer.depth) == (HistoryPolicy.KEEP_LAST, known.depth), topic


def test_the_offered_qos_of_each_topic(environment):
    links = TwoLinks(environment, *TOPICS)
    for topic, known in TOPICS.items():
        require_offer(links.observer, topic, known)
    require_offer(links.observer, "/tf_static", Topic(TFMessage, 1, latched=True))


def test_best_effort_is_honoured_for_clouds(environment):
    server = environment.server()
    observer = environment.observer()
    patient = observer.subscribe_clouds(profile=ros_observer.qos(reliable=True))
    tolerant = observer.subscribe_clouds(profile=ros_observer.qos(reliable=False))
    statistics = environment.statistics(observer)
    environment.bridge(server.port, {"qos.reliability": "best_effort", "qos.depth": 2})
    observer.wait_for_match(tolerant, statistics.inbox)
    for topic in CLOUDS:
        (offer,) = offers(observer, topic, TOPICS[topic])
        assert offer.reliability == ReliabilityPolicy.BEST_EFFORT
    require_offer(observer, "events/zone", TOPICS["events/zone"])

    def arrives():
        server.client().send(points_encoder.numbered_cloud(1))
        return tolerant.count >= 5

    wait_until(arrives, "clouds at the best-effort subscriber")
    # This subscription requests more than is offered.
    assert patient.count == 0


@pytest.fixture
def full(environment):
    """A bridge that received one message for every topic except frames, and its statistics."""
    topics = [topic for topic in TOPICS if topic != "wire"]
    links = TwoLinks(environment, *topics, parameters={"queue_max_bytes": 80_000_000, "preview.interval": 0.0})
    for link in ("points", "output"):
        links.statistics.wait_for_state(CONNECTED, link)
    for kind in (points_encoder.RAW, points_encoder.GROUND, points_encoder.BACKGROUND):
        links.points.send(points_encoder.numbered_cloud(1, kind, points=500))
    links.output_message = outputs.message(
        *(outputs.objects(1), outputs.zones(1), outputs.health(), outputs.zone_events(1)),
        *(outputs.losing_events(1), outputs.recalibrations("a"), outputs.status(0.5)),
    )
    links.output.send(links.output_message)
    for inbox in links.inboxes.values():
        inbox.wait(1)
    links.message = links.statistics.wait_until_settled()
    return links


def test_the_statistics_are_complete(environment, full):
    message = full.message
    version = Process("version", [executable("sensr_bridge"), "--version"], environment.env, environment.folder)
    assert version.wait() == 0
    assert message.version == version.stdout.split()[-1]
    assert re.fullmatch(r"\d+\.\d+\.\d+", message.version)

    now_ns = full.observer.node.get_clock().now().nanoseconds
    uptime_ns = message.uptime.sec * 10**9 + message.uptime.nanosec
    assert 0 <= now_ns - stamp_ns(message) < 60e9
    assert 0 < uptime_ns < 120e9

    assert [link.name for link in message.links] == ["points", "output"]
    points, output = message.links
    for link, server in ((points, full.points_server), (output, full.output_server)):
        assert link.url == f"ws://127.0.0.1:{server.port}/"
        since_ns = link.state_since.sec * 10**9 + link.state_since.nanosec
        assert stamp_ns(message) - uptime_ns <= since_ns <= stamp_ns(message)
        assert (link.queued_frames, link.queued_bytes, link.queue_max_bytes) == (0, 0, 80_000_000)
        assert (link.queued_reliable, link.queued_reliable_bytes) == (0, 0)
        assert (link.connects, link.disconnects, link.last_error) == (1, 0, "")
    assert (points.frames, points.bytes) == (3, 3 * len(points_encoder.numbered_cloud(1, points=500)))
    assert (output.frames, output.bytes) == (1, len(full.output_message))
    assert points.reliable_queue_max_bytes == 0 < output.reliable_queue_max_bytes

    assert [topic.topic for topic in message.topics] == list(TOPICS)
    for topic in message.topics:
        if topic.topic == "wire":
            assert (topic.received, topic.unsubscribed) == (4, 4)
        elif topic.topic == "points/preview":
            # One of each frame.
            assert (topic.received, topic.published) == (3, 3)
        else:
            assert (topic.received, topic.published) == (1, 1), topic.topic
            assert topic.published_bytes > 0
    assert topic_of(message).published_bytes > 16 * 500
    # One message is no evidence of the server's clock.
    assert not message.clock.known and message.clock.invalid == message.clock.jumps == 0


def test_the_stage_times_are_those_of_each_link(full):
    names = ["decode", "wait", "convert", "publish", "total"]
    listed = [(stage.link, stage.stage) for stage in full.message.stages]
    assert listed == [(link, name) for link in ("points", "output") for name in names]

    def stages(link, name):
        every = (stage for message in full.statistics.messages for stage in message.stages)
        return [stage for stage in every if (stage.link, stage.stage) == (link, name) and stage.count]

    def count(link, name):
        return sum(stage.count for stage in stages(link, name))

    made = len(TOPICS) - len(("wire", "raw", "ground", "background", "preview"))
    # Three clouds in a frame each, and their previews.
    expected = {("points", name): 6 for name in names} | {("output", name): made for name in names}
    expected |= {("points", "decode"): 3, ("points", "wait"): 3}
    expected |= {("output", "decode"): 1}
    # Reliable messages are queued one by one, the rest of a message together.
    expected |= {("output", "wait"): 1}
    for of, wanted in expected.items():
        wait_until(lambda of=of, wanted=wanted: count(*of) == wanted, lambda of=of: f"{of}: {count(*of)}")
        assert all(stage.min_ns <= stage.mean_ns <= stage.max_ns for stage in stages(*of))


def test_the_memory_is_that_of_the_process(full):
    # Resident memory changes between two readings.
    def agrees():
        message = full.statistics.wait_for_next()
        assert message.rss_bytes <= message.rss_peak_bytes
        return abs(message.rss_bytes - full.bridge.memory_bytes()) < 20e6

    wait_until(agrees, "the resident memory reported by the system")


def test_the_url_of_a_link_follows_its_port(full, environment):
    moved = environment.server()
    full.parameters.set({"output_port": moved.port})
    link = full.statistics.wait_for_link(lambda link: link.connects == 2, "the move", "output")
    assert link.url == f"ws://127.0.0.1:{moved.port}/"
    assert link_of(full.statistics.latest).connects == 1
