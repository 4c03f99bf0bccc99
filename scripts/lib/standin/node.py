"""ROS node of the stand-in: subscribes to topics as they appear and passes their messages to the bag, unchanged."""

import importlib
import os
import resource
import signal
import time

import rclpy
import yaml
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rosbag2_interfaces.msg import WriteSplitEvent
from rosbag2_interfaces.srv import SplitBagfile

from standin.arguments import is_wanted
from standin.bag import Bag, Topic, storage_settings
from standin.cache import Cache
from standin.definitions import full_definition
from standin.log import log

#: Depths of subscriptions without an override. Queued messages cost memory, so clouds and frames have a smaller depth.
#: All other topics have the largest depth of Fast DDS, because events arrive in bursts.
LARGE = ("sensor_msgs/msg/PointCloud2", "sensr_bridge/msg/WireFrame")
LARGE_DEPTH, DEPTH = 100, 5000
#: Longest time at the end for writing messages that have already arrived.
DRAIN_SECONDS = 2.0
#: Number of spins in a row without a message after which nothing is left to write.
IDLE_SPINS = 20
#: Longest time at the end for subscribers to take the messages about splits.
ANNOUNCE_TIME = Duration(seconds=1)
#: Times of reception before it, 2020, are impossible.
EARLIEST_NS = 1_577_836_800 * 10**9


def matching_qos(kind, offers, override):
    """Returns the QoS of the override, and otherwise the strictest one that matches all publishers of a topic."""
    all_reliable = all(offer.reliability == ReliabilityPolicy.RELIABLE for offer in offers)
    all_latched = all(offer.durability == DurabilityPolicy.TRANSIENT_LOCAL for offer in offers)
    adapted = {
        "history": HistoryPolicy.KEEP_LAST,
        "depth": LARGE_DEPTH if kind in LARGE else DEPTH,
        "reliability": ReliabilityPolicy.RELIABLE if all_reliable else ReliabilityPolicy.BEST_EFFORT,
        "durability": DurabilityPolicy.TRANSIENT_LOCAL if all_latched else DurabilityPolicy.VOLATILE,
    }
    given = {}
    for name, policies in (
        ("history", HistoryPolicy),
        ("reliability", ReliabilityPolicy),
        ("durability", DurabilityPolicy),
    ):
        # `best_available`: as strict as the publishers allow, which is what is adapted.
        if override.get(name, "best_available") != "best_available":
            given[name] = policies[override[name].upper()]
    if "depth" in override:
        given["depth"] = override["depth"]
    return QoSProfile(**(adapted | given))


def to_bag_qos(offer):
    """Converts the QoS of a publisher to the form of the bag's metadata, for `ros2 bag play`."""

    def to_bag_time(duration):
        seconds, nanoseconds = divmod(duration.nanoseconds, 10**9)
        return {"sec": seconds, "nsec": nanoseconds}

    return {
        "history": offer.history.name.lower(),
        "depth": offer.depth,
        "reliability": offer.reliability.name.lower(),
        "durability": offer.durability.name.lower(),
        "deadline": to_bag_time(offer.deadline),
        "lifespan": to_bag_time(offer.lifespan),
        "liveliness": offer.liveliness.name.lower(),
        "liveliness_lease_duration": to_bag_time(offer.liveliness_lease_duration),
        "avoid_ros_namespace_conventions": False,
    }


class Recorder:
    """Node, cache and bag of one recording."""

    def __init__(self, given, faults):
        self._given = given
        self._faults = faults
        self._subscribed = set()
        self._overrides = {}
        if given.qos_profile_overrides_path:
            self._overrides = yaml.safe_load(given.qos_profile_overrides_path.read_text()) or {}
        self.node = rclpy.create_node(given.node_name, start_parameter_services=False, enable_rosout=False)
        self._splits = self.node.create_publisher(WriteSplitEvent, "events/write_split", 10)
        self._bag = Bag(
            given.output,
            storage_settings(given.storage_preset_profile, given.storage_config_file),
            given.max_bag_size,
            given.max_bag_duration,
            self._on_split,
            given.custom_data,
            os.environ.get("ROS_DISTRO", ""),
        )
        self.cache = Cache(given.max_cache_size, faults)
        if "--split-service" not in faults.hidden_options:
            self.node.create_service(SplitBagfile, "~/split_bagfile", self._serve_split)
        self.node.create_timer(given.polling_interval / 1000.0, self._search_topics)

    def counts(self):
        """Returns the number of written messages by topic."""
        return self._bag.counts()

    def close(self):
        """Writes what has arrived and the index. Returns false if the disk does not take it."""
        if self.cache.close() and not self._faults.has_stopped_writing:
            self.cache.report_lost()
            self._bag.close()
            return True
        return False

    def wait_until_announced(self):
        """Waits until the subscribers have the messages about splits: the last one is sent just before the end."""
        if not self._splits.wait_for_all_acked(ANNOUNCE_TIME):
            log("WARN", "The last messages on 'events/write_split' were not acknowledged")

    def _on_split(self, closed, opened):
        event = WriteSplitEvent(closed_file=closed, opened_file=opened)
        # Before Iron the message has no such field.
        if hasattr(event, "node_name"):
            event.node_name = self.node.get_fully_qualified_name()
        if opened:
            self.cache.report_lost()
        self._splits.publish(event)

    def _serve_split(self, _, response):
        self.cache.put(self._bag.split)
        return response

    def _search_topics(self):
        for topic, kinds in sorted(self.node.get_topic_names_and_types()):
            if topic not in self._subscribed and is_wanted(self._given, topic):
                self._subscribe(topic, kinds[0])

    def _subscribe(self, name, kind):
        publishers = self.node.get_publishers_info_by_topic(name)
        if not publishers:
            return
        self._subscribed.add(name)
        offers = [publisher.qos_profile for publisher in publishers]
        # Before Iron there are no hashes.
        type_hash = str(getattr(publishers[0], "topic_type_hash", ""))
        try:
            package, _, class_name = kind.split("/")
            message = getattr(importlib.import_module(f"{package}.msg"), class_name)
            topic = Topic(name, kind, full_definition(kind), type_hash, [to_bag_qos(offer) for offer in offers])
        except (ImportError, AttributeError, LookupError, OSError) as problem:
            log("WARN", f"Topic '{name}' is not recorded: type {kind} is unknown ({problem})")
            return
        self.cache.put(lambda: self._bag.add_topic(topic))
        received = []

        def receive(data, info):
            if not received:
                received.append(True)
                log("INFO", f"Received the first message of '{name}'")
            time_ns = info.get("received_timestamp") or time.time_ns()
            if time_ns < EARLIEST_NS:
                # Seen once: after its publisher had ended, the middleware handed out clouds again and again, received
                # milliseconds after 1970.
                log("WARN", f"Ignored a message of '{name}' with an impossible time of reception, {time_ns} ns")
                return
            self.cache.put_message(name, lambda: self._bag.write(name, time_ns, data), len(data))

        qos = matching_qos(kind, offers, self._overrides.get(name, {}))
        self.node.create_subscription(message, name, receive, qos, raw=True)
        log("INFO", f"Subscribed to topic '{name}'")


def record(given, faults):
    """Records until SIGINT or SIGTERM and returns the exit code."""
    stop = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.append(True))
    if faults.largest_file is not None:
        # Python ignores SIGXFSZ, so that the write fails.
        resource.setrlimit(resource.RLIMIT_FSIZE, (faults.largest_file, faults.largest_file))
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    executor = SingleThreadedExecutor()
    recorder = Recorder(given, faults)
    executor.add_node(recorder.node)
    log("INFO", "Recording...")
    while not stop and not recorder.cache.failure:
        executor.spin_once(timeout_sec=0.1)
        if faults.must_exit(recorder.cache.received):
            log("ERROR", "The environment asks for an exit now")
            # Leaves the split without an index.
            os._exit(1)
    while stop and faults.hangs_at_end:
        time.sleep(0.1)
    drain(executor, recorder.cache)
    is_written = recorder.close()
    if recorder.cache.failure:
        log("ERROR", f"Failure in writing: {recorder.cache.failure}", "rosbag2_cpp")
    elif not is_written:
        log("ERROR", "The split is not complete, because writing has stopped", "rosbag2_cpp")
    recorder.wait_until_announced()
    log("INFO", "Recording stopped")
    executor.shutdown()
    recorder.node.destroy_node()
    rclpy.shutdown()
    return 1 if recorder.cache.failure else 0


def drain(executor, cache):
    """Takes the messages that have already arrived."""
    deadline = time.monotonic() + DRAIN_SECONDS
    # A single spin without a message may have been the timer.
    idle_spins = 0
    while idle_spins < IDLE_SPINS and time.monotonic() < deadline:
        before = cache.received
        executor.spin_once(timeout_sec=0.01)
        idle_spins = 0 if cache.received != before else idle_spins + 1
