#!/usr/bin/env python3
"""Records topics into a rosbag2 bag (MCAP), for machines without `ros2 bag record`.

Passes serialized messages unchanged from DDS to the writer of the `rosbags` library. Like the stock recorder it
requests the reliability and durability that the publishers offer. Ends on SIGINT, on SIGTERM or after --duration and
prints the number of messages by topic.
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
#: Recorded by default: topics of these types and of the package's own types in the namespace, and these topics.
TYPES = ("sensor_msgs/msg/PointCloud2", "visualization_msgs/msg/MarkerArray")
TOPICS = ("/diagnostics", "/tf_static")
#: Depths of the subscriptions, for times when the disk is busy. Queued messages cost memory, so clouds and frames have
#: a smaller depth. All other topics have the largest depth of Fast DDS, because events arrive in bursts.
LARGE = ("sensor_msgs/msg/PointCloud2", f"{PACKAGE}/msg/WireFrame")
LARGE_DEPTH, DEPTH = 100, 5000
#: Interval of searches for new topics.
SEARCH_SECONDS = 0.2
#: Longest time at the end for writing messages that have already arrived.
DRAIN_SECONDS = 2.0
#: Number of spins in a row without a message after which nothing is left to write.
IDLE_SPINS = 20


def parse_seconds(text):
    value = float(text)
    if not value > 0.0:
        raise ValueError
    return value


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", metavar="DIR", type=Path, required=True, help="new folder for the bag")
    parser.add_argument(
        "--topic",
        metavar="NAME",
        action="append",
        default=[],
        help="record this topic; may be repeated [default: clouds, markers and all messages of this package in "
        f"the namespace, {' and '.join(TOPICS)}]",
    )
    parser.add_argument("--namespace", metavar="NAME", default="/", help="namespace of relative topic names")
    parser.add_argument("--duration", metavar="S", type=parse_seconds, help="end after this many seconds")
    given = parser.parse_args()
    if given.output.exists():
        parser.error(f"{given.output} exists already")
    given.namespace = "/" + given.namespace.strip("/")
    prefix = given.namespace.rstrip("/") + "/"
    given.topics = {name if name.startswith("/") else prefix + name for name in given.topic}
    given.is_wanted = lambda name, kind: (
        name in given.topics
        if given.topics
        else name in TOPICS or (name.startswith(prefix) and (kind in TYPES or kind.startswith(PACKAGE + "/")))
    )
    return given


def load_typestore():
    """Loads the message definitions of this ROS 2 distribution and of this package."""
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
    """Returns the Python class of a message type such as `sensor_msgs/msg/PointCloud2`."""
    package, _, name = kind.split("/")
    return getattr(importlib.import_module(f"{package}.msg"), name)


def matching_qos(kind, offers):
    """Returns the strictest QoS that matches all publishers of a topic."""
    all_reliable = all(offer.reliability == ReliabilityPolicy.RELIABLE for offer in offers)
    all_latched = all(offer.durability == DurabilityPolicy.TRANSIENT_LOCAL for offer in offers)
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=LARGE_DEPTH if kind in LARGE else DEPTH,
        reliability=ReliabilityPolicy.RELIABLE if all_reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if all_latched else DurabilityPolicy.VOLATILE,
    )


def to_bag_qos(offer):
    """Converts the QoS of a publisher to the form of the bag's metadata, for `ros2 bag play`."""

    def to_bag_time(duration):
        return interfaces.QosTime(*divmod(duration.nanoseconds, 10**9))

    return interfaces.Qos(
        history=interfaces.QosHistory(int(offer.history)),
        depth=offer.depth,
        reliability=interfaces.QosReliability(int(offer.reliability)),
        durability=interfaces.QosDurability(int(offer.durability)),
        deadline=to_bag_time(offer.deadline),
        lifespan=to_bag_time(offer.lifespan),
        liveliness=interfaces.QosLiveliness(int(offer.liveliness)),
        liveliness_lease_duration=to_bag_time(offer.liveliness_lease_duration),
        avoid_ros_namespace_conventions=False,
    )


class Recorder:
    """Subscribes to topics as they appear and writes their messages."""

    def __init__(self, node, writer, is_wanted):
        self._node = node
        self._writer = writer
        self._is_wanted = is_wanted
        self._typestore = load_typestore()
        self._connections = {}
        self._failed = set()
        node.create_timer(SEARCH_SECONDS, self._search_topics)

    def counts(self):
        """Returns the number of written messages by topic."""
        return {c.topic: self._writer.counts[c.id] for c in self._connections.values()}

    def _search_topics(self):
        for topic, kinds in sorted(self._node.get_topic_names_and_types()):
            if topic not in self._connections and topic not in self._failed and self._is_wanted(topic, kinds[0]):
                self._subscribe(topic, kinds[0])

    def _subscribe(self, topic, kind):
        offers = [info.qos_profile for info in self._node.get_publishers_info_by_topic(topic)]
        if not offers:
            return
        try:
            message = message_class(kind)
            connection = self._writer.add_connection(
                topic, kind, typestore=self._typestore, offered_qos_profiles=[to_bag_qos(offer) for offer in offers]
            )
        except (ImportError, AttributeError, KeyError) as problem:
            self._failed.add(topic)
            print(f"record_bag: cannot record {topic}: type {kind} is unknown ({problem})", file=sys.stderr)
            return
        self._connections[topic] = connection

        def write(data):
            if not self._writer.counts[connection.id]:
                print(f"receiving {topic}", flush=True)
            self._writer.write(connection, time.time_ns(), data)

        self._node.create_subscription(message, topic, write, matching_qos(kind, offers), raw=True)
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
            recorder = Recorder(node, writer, given.is_wanted)
            while not stop and (deadline is None or time.monotonic() < deadline):
                executor.spin_once(timeout_sec=0.1)
            drain(executor, lambda: sum(writer.counts.values()))
            return recorder.counts()
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown()


def drain(executor, written):
    """Writes the messages that have already arrived."""
    deadline = time.monotonic() + DRAIN_SECONDS
    # A single spin without a message may have been the timer.
    idle_spins = 0
    while idle_spins < IDLE_SPINS and time.monotonic() < deadline:
        before = written()
        executor.spin_once(timeout_sec=0.01)
        idle_spins = 0 if written() != before else idle_spins + 1


def main():
    given = parse_arguments()
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
