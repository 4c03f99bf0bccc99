"""Recorded scans arrive through WebSocket, bridge and DDS, and in a bag, bit for bit."""

import itertools
import time
from dataclasses import dataclass

import numpy
import pytest
from rclpy.serialization import deserialize_message
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from sensor_msgs.msg import PointCloud2

from support import pcd_files, point_cloud_reader
from support.bag_recorder import stop_recorder, topics_of_bridge, wait_until_recording
from support.environment import Environment
from support.statistics_reader import link_of, topic_of
from support.summary_notes import add_note

pytestmark = pytest.mark.serial

MESSAGES = 200
RATE_HZ = 10


@dataclass
class Run:
    """The scans in turn for 20 s, received by a subscriber and a recorder."""

    scans: list
    serialized: list
    arrived_ns: list
    statistics: object
    sent: dict
    bag: object


@pytest.fixture(scope="module")
def run(tmp_path_factory, scans):
    with Environment(tmp_path_factory.mktemp("run")) as environment:
        port = environment.port()
        bag = environment.folder / "bag"
        observer = environment.observer()
        inbox = observer.subscribe("points/raw", PointCloud2, raw=True)
        statistics = environment.statistics(observer)
        environment.bridge(port.number)
        observer.wait_for_match(inbox, statistics.inbox)
        recorder = environment.bag_recorder("--output", bag, *topics_of_bridge())
        wait_until_recording(recorder, "points/raw")
        sim = environment.sim(
            *("--replay", scans[0].parent, "--loop", "--count", MESSAGES, "--rate", RATE_HZ),
            points_port=port.number,
        )
        sent = sim.wait_until_done()
        statistics.wait_for_received(MESSAGES)
        inbox.wait(MESSAGES)
        stop_recorder(recorder, statistics)
        statistics.wait_for_next()
        yield Run(
            scans=[pcd_files.read_points(path) for path in scans],
            serialized=list(inbox.messages),
            arrived_ns=list(inbox.times_ns),
            statistics=statistics.latest,
            sent=sent,
            bag=bag,
        )


def require_scans_in_turn(clouds, scans):
    """Requires every cloud once, in order, with the same bits as in its file."""
    assert len(clouds) == MESSAGES
    for number, cloud in enumerate(clouds):
        expected = scans[number % len(scans)]
        assert cloud.width == len(expected), f"cloud {number}"
        assert cloud.data == expected.tobytes(), f"cloud {number}"


def test_the_subscriber_receives_every_point_of_the_files(run):
    clouds = [point_cloud_reader.parse(message) for message in run.serialized]
    require_scans_in_turn(clouds, run.scans)
    add_note(
        f"bit for bit: {len(clouds)} clouds, {sum(cloud.width for cloud in clouds)} points, "
        f"{sum(map(len, run.serialized)) / 1e6:.0f} MB over DDS, all identical to the scans"
    )


def test_the_layout_is_the_documented_one(run):
    for message in run.serialized:
        cloud = point_cloud_reader.parse(message)
        assert cloud.frame_id == "sensr"
        assert cloud.fields == point_cloud_reader.FIELDS
        assert (cloud.height, cloud.point_step, cloud.row_step) == (1, 16, 16 * cloud.width)
        assert not cloud.is_bigendian
        coordinates = numpy.frombuffer(cloud.data, "<f4").reshape(-1, 4)[:, :3]
        assert cloud.is_dense == bool(numpy.isfinite(coordinates).all())


def test_rclpy_deserializes_the_same_values(run):
    for message in run.serialized[: 2 * len(run.scans)]:
        by_hand, by_ros = point_cloud_reader.parse(message), deserialize_message(message, PointCloud2)
        assert by_ros.data.tobytes() == by_hand.data
        fields = [(field.name, field.offset, field.datatype, field.count) for field in by_ros.fields]
        assert fields == by_hand.fields
        stamp = by_ros.header.stamp
        assert stamp.sec * 10**9 + stamp.nanosec == by_hand.stamp_ns
        for name in ("height", "width", "is_bigendian", "point_step", "row_step", "is_dense"):
            assert getattr(by_ros, name) == getattr(by_hand, name), name
        assert by_ros.header.frame_id == by_hand.frame_id


def test_stamps_increase_and_are_the_time_of_arrival(run):
    stamps = [point_cloud_reader.parse(message).stamp_ns for message in run.serialized]
    assert all(earlier < later for earlier, later in itertools.pairwise(stamps))
    delays = [arrived - stamp for arrived, stamp in zip(run.arrived_ns, stamps, strict=True)]
    # A stamp is taken shortly before the subscriber receives the cloud. 5 s allow for a busy machine; a stamp of
    # another clock or unit would differ by far more.
    assert min(delays) >= 0 and max(delays) < 5e9, (min(delays), max(delays))
    median, worst = numpy.percentile(delays, (50, 99)) / 1e6
    add_note(f"bit for bit: from stamp to rclpy callback {median:.1f} ms (median), {worst:.1f} ms (99 %)")


def test_the_ledger_agrees_with_the_server(run):
    raw, link = topic_of(run.statistics), link_of(run.statistics)
    assert run.sent["points"]["messages"] == run.sent["clouds"]["raw"] == MESSAGES
    assert (raw.received, raw.published) == (MESSAGES, MESSAGES)
    assert raw.published_bytes == sum(map(len, run.serialized))
    assert link.frames == MESSAGES
    assert link.bytes == run.sent["points"]["delivered_bytes"]


def test_the_bag_holds_every_point_of_the_files(run):
    with Reader(run.bag) as reader:
        connections = [one for one in reader.connections if one.topic == "/points/raw"]
        assert [one.msgtype for one in connections] == ["sensor_msgs/msg/PointCloud2"]
        messages = [(at, point_cloud_reader.parse(data)) for _, at, data in reader.messages(connections)]
    require_scans_in_turn([cloud for _, cloud in messages], run.scans)
    assert all(cloud.stamp_ns <= at < time.time_ns() for at, cloud in messages)
    add_note(f"bit for bit: {len(messages)} clouds read back from the bag, all identical to the scans")


def test_the_bag_carries_the_message_definitions(run):
    """The statistics are decoded with the definitions in the bag."""
    store = get_typestore(Stores.EMPTY)
    with Reader(run.bag) as reader:
        (connection,) = [one for one in reader.connections if one.topic == "/statistics"]
        store.register(get_types_from_msg(connection.msgdef.data, connection.msgtype))
        messages = [store.deserialize_cdr(data, one.msgtype) for one, _, data in reader.messages([connection])]
    assert topic_of(messages[-1]).received == MESSAGES
