#!/usr/bin/env python3
"""Records topics into a rosbag2 bag (MCAP), for machines without `ros2 bag record`.

Takes serialized messages from DDS and hands them, as they are, to the writer of the `rosbags` library. Like the
stock recorder it asks for the reliability and durability that the publishers offer. Ends on SIGINT, on SIGTERM
or after --duration, and then prints what it has written.
"""

import argparse
import importlib
import os
import signal
import sys
import time
from pathlib import Path

import rclpy
from ament_index_python.packages import get_package_share_directory
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rosbags import interfaces
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

PACKAGE = "sensr_bridge"
#: Recorded when no topics are named: these types and the package's own below the namespace, and these topics.
TYPES = ("sensor_msgs/msg/PointCloud2", "visualization_msgs/msg/MarkerArray")
TOPICS = ("/diagnostics", "/tf_static")
#: What DDS keeps while the disk is busy. Each costs the size of a message in memory, so clouds and frames get less
#: room; the rest gets what Fast DDS keeps at most, for events come in bursts.
LARGE = ("sensor_msgs/msg/PointCloud2", f"{PACKAGE}/msg/WireFrame")
LARGE_DEPTH, DEPTH = 100, 5000
#: How often to look for new topics.
LOOK_SECONDS = 0.2
#: What has already arrived at the end may take this long to be written.
DRAIN_SECONDS = 2.0
#: When so many looks in a row find nothing, nothing is left.
IDLE_SPINS = 20


def seconds(text):
    value = float(text)
    if not value > 0.0:
        raise ValueError
    return value


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", metavar="DIR", type=Path, required=True, help="folder to be made for the bag")
    parser.add_argument(
        "--topic",
        metavar="NAME",
        action="append",
        default=[],
        help="record this topic; may be repeated [default: clouds, markers and all of this package's messages below "
        f"the namespace, {' and '.join(TOPICS)}]",
    )
    parser.add_argument("--namespace", metavar="NAME", default="/", help="what topic names are relative to")
    parser.add_argument("--duration", metavar="S", type=seconds, help="end after this many seconds")
    given = parser.parse_args()
    if given.output.exists():
        parser.error(f"{given.output} exists already")
    given.namespace = "/" + given.namespace.strip("/")
    prefix = given.namespace.rstrip("/") + "/"
    given.topics = {name if name.startswith("/") else prefix + name for name in given.topic}
    given.wants = lambda name, kind: (
        name in given.topics
        if given.topics
        else name in TOPICS or (name.startswith(prefix) and (kind in TYPES or kind.startswith(PACKAGE + "/")))
    )
    return given


def typestore():
    """The message definitions of this ROS 2 distribution and of this package."""
    try:
        store = get_typestore(Stores(f"ros2_{os.environ.get('ROS_DISTRO', '')}"))
    except ValueError:
        store = get_typestore(Stores.LATEST)
    own = {}
    for file in Path(get_package_share_directory(PACKAGE), "msg").glob("*.msg"):
        own.update(get_types_from_msg(file.read_text(), f"{PACKAGE}/msg/{file.stem}"))
    store.register(own)
    return store


def message_class(kind):
    """`sensor_msgs/msg/PointCloud2` as a Python class."""
    package, _, name = kind.split("/")
    return getattr(importlib.import_module(f"{package}.msg"), name)


def request_for(kind, offers):
    """The strictest quality of service that all publishers of a topic offer."""
    all_reliable = all(offer.reliability == ReliabilityPolicy.RELIABLE for offer in offers)
    all_latched = all(offer.durability == DurabilityPolicy.TRANSIENT_LOCAL for offer in offers)
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=LARGE_DEPTH if kind in LARGE else DEPTH,
        reliability=ReliabilityPolicy.RELIABLE if all_reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if all_latched else DurabilityPolicy.VOLATILE,
    )


def for_bag(offer):
    """A publisher's quality of service as the bag's metadata have it, for `ros2 bag play`."""

    def period(duration):
        return interfaces.QosTime(*divmod(duration.nanoseconds, 10**9))

    return interfaces.Qos(
        history=interfaces.QosHistory(int(offer.history)),
        depth=offer.depth,
        reliability=interfaces.QosReliability(int(offer.reliability)),
        durability=interfaces.QosDurability(int(offer.durability)),
        deadline=period(offer.deadline),
        lifespan=period(offer.lifespan),
        liveliness=interfaces.QosLiveliness(int(offer.liveliness)),
        liveliness_lease_duration=period(offer.liveliness_lease_duration),
        avoid_ros_namespace_conventions=False,
    )


class Recorder:
    """Subscribes to wanted topics as they appear, and writes what they bring."""

    def __init__(self, node, writer, wants):
        self._node = node
        self._writer = writer
        self._wants = wants
        self._typestore = typestore()
        self._connections = {}
        self._cannot = set()
        node.create_timer(LOOK_SECONDS, self._look)

    def counts(self):
        """Messages written, by topic."""
        return {c.topic: self._writer.counts[c.id] for c in self._connections.values()}

    def _look(self):
        for topic, kinds in sorted(self._node.get_topic_names_and_types()):
            if topic not in self._connections and topic not in self._cannot and self._wants(topic, kinds[0]):
                self._open(topic, kinds[0])

    def _open(self, topic, kind):
        offers = [info.qos_profile for info in self._node.get_publishers_info_by_topic(topic)]
        if not offers:
            return
        try:
            message = message_class(kind)
            connection = self._writer.add_connection(
                topic, kind, typestore=self._typestore, offered_qos_profiles=[for_bag(offer) for offer in offers]
            )
        except (ImportError, AttributeError, KeyError) as problem:
            self._cannot.add(topic)
            print(f"record_bag: cannot record {topic}: type {kind} is not known ({problem})", file=sys.stderr)
            return
        self._connections[topic] = connection

        def write(data):
            if not self._writer.counts[connection.id]:
                print(f"receiving {topic}", flush=True)
            self._writer.write(connection, time.time_ns(), data)

        self._node.create_subscription(message, topic, write, request_for(kind, offers), raw=True)
        print(f"recording {topic}", flush=True)


def record(given):
    stop = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.append(True))
    deadline = time.monotonic() + given.duration if given.duration else None

    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("record_bag", start_parameter_services=False)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        with Writer(given.output, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
            recorder = Recorder(node, writer, given.wants)
            while not stop and (deadline is None or time.monotonic() < deadline):
                executor.spin_once(timeout_sec=0.1)
            drain(executor, lambda: sum(writer.counts.values()))
            return recorder.counts()
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown()


def drain(executor, written):
    """Writes what has arrived, so that the end does not cost the newest messages."""
    deadline = time.monotonic() + DRAIN_SECONDS
    # One spin that writes nothing may have been a timer's.
    idle_spins = 0
    while idle_spins < IDLE_SPINS and time.monotonic() < deadline:
        before = written()
        executor.spin_once(timeout_sec=0.01)
        idle_spins = 0 if written() != before else idle_spins + 1


def main():
    given = arguments()
    try:
        counts = record(given)
    except OSError as problem:
        print(f"record_bag: {problem}", file=sys.stderr)
        return 1
    for topic in sorted(given.topics - counts.keys()):
        print(f"record_bag: {topic} was never published", file=sys.stderr)
    for topic, count in sorted(counts.items()):
        print(f"{count:8} {topic}")
    print(f"{sum(counts.values())} messages in {given.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
