"""The package's recorder for machines without `ros2 bag record`."""

import json
import os
import signal
from pathlib import Path

import pytest
from rosbags.interfaces import QosDurability, QosReliability
from rosbags.rosbag2 import Reader

from support import point_cloud_reader, points_encoder
from support.bag_recorder import stop_recorder, wait_until_recording
from support.summary_notes import add_note
from support.topic_table import TOPICS, topics_in_namespace


def send_until_received(server, recorder, topic="/points/raw"):
    """Sends clouds until the recorder has received one. Returns how many were sent."""
    sent = 0

    def received():
        nonlocal sent
        server.client().send(points_encoder.numbered_cloud(sent))
        sent += 1
        return f"receiving {topic}" in recorder.stdout

    recorder.wait_until(received, f"{topic} in the recorder")
    return sent


def stop(recorder, number=signal.SIGINT):
    recorder.send_signal(number)
    assert recorder.wait() == 0, recorder.log_tail()


@pytest.mark.serial
def test_large_clouds_at_20_hz_are_recorded(environment):
    """The requirement is 2.1 MB at 10 Hz."""
    messages, points, rate_hz = 60, 131_072, 20
    port, bag = environment.port(), environment.folder / "bag"
    # This test is about the recorder, so it gets more time than usual.
    environment.bridge(port.number, {"qos.depth": 20})
    recorder = environment.recorder("--output", bag)
    wait_until_recording(recorder, "points/raw")
    scene = ("--scene", "street", "--types", "raw", "--points", points, "--rate", rate_hz, "--count", messages)
    environment.sim(*scene, points_port=port.number).wait_until_done()
    statistics = environment.statistics(environment.observer())
    statistics.wait_for_received(messages)
    stop_recorder(recorder, statistics)
    with Reader(bag) as reader:
        connections = [one for one in reader.connections if one.topic == "/points/raw"]
        clouds = [point_cloud_reader.parse(data) for _, _, data in reader.messages(connections)]
    assert [cloud.width for cloud in clouds] == [points] * messages
    stamps = [cloud.stamp_ns for cloud in clouds]
    assert stamps == sorted(set(stamps))
    size = sum(file.stat().st_size for file in bag.iterdir())
    add_note(f"recorder: {messages} of {messages} clouds of {points} points at {rate_hz} Hz, {size / 1e6:.0f} MB")


def test_all_topics_of_a_namespace_are_recorded(environment):
    server, other, bag = environment.server(), environment.server(), environment.folder / "bag"
    environment.bridge(server.port, ros_args=["-r", "__ns:=/site"])
    environment.bridge(other.port, ros_args=["-r", "__ns:=/other"])
    recorder = environment.recorder("--output", bag, "--namespace", "/site")
    for topic in topics_in_namespace("/site"):
        recorder.wait_for_output(f"^recording {topic}$", stream="stdout")
    recorder.wait_for_output("^receiving /site/statistics$", stream="stdout")
    stop(recorder, signal.SIGTERM)
    with Reader(bag) as reader:
        types = {one.topic: one.msgtype for one in reader.connections}
        digests = {one.msgtype: one.digest for one in reader.connections}
        counts = {topic: info.msgcount for topic, info in reader.topics.items()}
    statistics = "sensr_bridge/msg/BridgeStatistics"
    known = {f"/site/{topic}": known.type_name for topic, known in TOPICS.items()}
    assert types == known | {
        "/site/statistics": statistics,
        "/tf_static": "tf2_msgs/msg/TFMessage",
        "/diagnostics": "diagnostic_msgs/msg/DiagnosticArray",
    }
    assert counts["/site/statistics"] > 0 and counts["/site/points/raw"] == 0
    assert f"{counts['/site/statistics']} /site/statistics" in recorder.stdout
    for msgtype, digest in digests.items():
        if msgtype.startswith("sensr_bridge/"):
            require_ros_type_hash(msgtype, digest)


def require_ros_type_hash(msgtype, digest):
    """The type hash in the bag is the one that ROS computes, from Iron on."""
    package, _, name = msgtype.split("/")
    description = Path(os.environ["SENSR_BRIDGE_PREFIX"], "share", package, "msg", f"{name}.json")
    if description.exists():
        hashes = {one["type_name"]: one["hash_string"] for one in json.loads(description.read_text())["type_hashes"]}
        assert digest == hashes[msgtype]


def test_the_bag_has_the_qos_of_the_publishers(environment):
    server, bag = environment.server(), environment.folder / "bag"
    environment.bridge(server.port, {"qos.reliability": "best_effort"})
    recorder = environment.recorder("--output", bag, "--topic", "points/raw")
    sent = send_until_received(server, recorder)
    stop(recorder)
    with Reader(bag) as reader:
        (connection,) = reader.connections
        (offer,) = connection.ext.offered_qos_profiles
        assert (offer.reliability, offer.durability) == (QosReliability.BEST_EFFORT, QosDurability.VOLATILE)
        numbers = [point_cloud_reader.number_of(point_cloud_reader.parse(data)) for _, _, data in reader.messages()]
    assert numbers and numbers[-1] < sent and numbers == sorted(set(numbers))


def test_a_duration_ends_the_recording_without_a_message(environment):
    server, bag = environment.server(), environment.folder / "bag"
    environment.bridge(server.port)
    recorder = environment.recorder("--output", bag, "--topic", "/statistics", "--topic", "nothing", "--duration", 1.5)
    assert recorder.wait() == 0, recorder.log_tail()
    assert "/nothing was never published" in recorder.stderr
    with Reader(bag) as reader:
        assert [one.topic for one in reader.connections] == ["/statistics"]


@pytest.mark.parametrize("arguments", [[], ["--output", "."], ["--output", "new", "--duration", "0"]], ids=" ".join)
def test_invalid_arguments_are_refused(environment, arguments):
    recorder = environment.recorder(*arguments)
    assert recorder.wait() == 2
    assert "error:" in recorder.stderr and "Traceback" not in recorder.stderr
