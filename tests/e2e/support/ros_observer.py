"""The other side of the DDS: an rclpy node in a context and a domain of its own."""

import threading
import time

import rclpy
from rcl_interfaces.srv import ListParameters
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import NodeNameNonExistentError
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import PointCloud2

from support import point_cloud_reader
from support.polling import wait_until


def qos(reliable=True, latched=False, depth=100):
    """KEEP_LAST, deep enough for a Python subscriber that is held up for a while."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


class Inbox:
    """What a subscription has received, in order, each as `keep` made it, and when (system clock)."""

    def __init__(self, keep=None):
        self._keep = keep or (lambda message: message)
        self.messages = []
        self.times_ns = []
        self.subscription = None

    def take(self, message):
        self.times_ns.append(time.time_ns())
        self.messages.append(self._keep(message))

    @property
    def count(self):
        return len(self.messages)

    def wait(self, count, **options):
        """Waits until there are `count` messages, and returns those there are."""
        topic = self.subscription.topic_name
        wait_until(lambda: self.count >= count, lambda: f"{count} messages on {topic}, {self.count} came", **options)
        return list(self.messages)


class Observer:
    """A node that spins in a thread."""

    def __init__(self, domain_id, name="observer", namespace="/"):
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain_id, signal_handler_options=SignalHandlerOptions.NO)
        self.node = rclpy.create_node(
            name,
            context=self._context,
            namespace=namespace,
            use_global_arguments=False,
            enable_rosout=False,
            start_parameter_services=False,
        )
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._failures = []
        self._closing = False
        self._thread = threading.Thread(target=self._spin, name="observer")
        self._thread.start()

    def _spin(self):
        while not self._closing:
            try:
                self._executor.spin_once(timeout_sec=0.2)
            except ExternalShutdownException:
                return
            except Exception as failure:
                self._failures.append(failure)

    def close(self):
        self._closing = True
        self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)
        assert not self._failures, self._failures

    def subscribe(self, topic, kind, profile=None, raw=False, keep=None):
        """Subscribes and returns the inbox."""
        inbox = Inbox(keep)
        inbox.subscription = self.node.create_subscription(kind, topic, inbox.take, profile or qos(), raw=raw)
        return inbox

    def clouds(self, topic="points/raw", keep=None, profile=None):
        """Subscribes to serialized clouds, which are kept as `point_cloud_reader.PointCloud2`."""

        def parsed(message):
            cloud = point_cloud_reader.parse(message)
            return keep(cloud) if keep else cloud

        return self.subscribe(topic, PointCloud2, profile, raw=True, keep=parsed)

    def call(self, kind, name, request, timeout=30.0):
        """Calls a service and returns the response."""
        client = self.node.create_client(kind, name)
        deadline = time.monotonic() + timeout
        wait_until(client.service_is_ready, f"service {name}", timeout=timeout)
        while time.monotonic() < deadline:
            answered = threading.Event()
            future = client.call_async(request)
            future.add_done_callback(lambda _: answered.set())
            # A response to a client that the server has not yet discovered is lost.
            if answered.wait(3.0):
                return future.result()
        raise AssertionError(f"service {name} does not answer")

    def wait_for_match(self, *inboxes, node="sensr_bridge"):
        """Waits until these subscriptions and their publishers in `node` know each other.

        Our side is asked directly. That the other side knows us is concluded from the answer to a
        service call: the reader of the answer was announced after the subscriptions were, and
        announcements arrive in order.
        """
        for inbox in inboxes:
            topic = inbox.subscription.topic_name
            wait_until(lambda: self._publishers(inbox) > 0, f"a publisher of {topic}")
        self.call(ListParameters, f"{node}/list_parameters", ListParameters.Request())

    def topics_of(self, node, namespace):
        """What a node publishes, but for what every node does. Empty as long as the graph lacks the node."""
        names = self._of_node(self.node.get_publisher_names_and_types_by_node, node, namespace)
        return names - {"/rosout", "/parameter_events"}

    def services_of(self, node, namespace):
        """The services of a node. Empty as long as the graph lacks the node."""
        return self._of_node(self.node.get_service_names_and_types_by_node, node, namespace)

    @staticmethod
    def _of_node(ask, node, namespace):
        try:
            return {name for name, _ in ask(node, namespace)}
        except NodeNameNonExistentError:
            return set()

    def _publishers(self, inbox):
        # Before Iron only the graph can be asked.
        count = getattr(inbox.subscription, "get_publisher_count", None)
        return count() if count else self.node.count_publishers(inbox.subscription.topic_name)
