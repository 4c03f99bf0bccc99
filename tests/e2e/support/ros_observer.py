"""Observer of the bridge: an rclpy node in a context and a ROS domain of its own."""

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


def qos(reliable: bool = True, latched: bool = False, depth: int = 100) -> QoSProfile:
    """Returns a KEEP_LAST profile, by default deep enough for a Python subscriber that is delayed for a while."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


class Inbox:
    """Messages of a subscription in order, each as `keep` made it, and their times of arrival (system clock)."""

    def __init__(self, keep=None):
        self._keep = keep or (lambda message: message)
        self.messages = []
        self.times_ns = []
        self.subscription = None

    def receive(self, message):
        self.times_ns.append(time.time_ns())
        self.messages.append(self._keep(message))

    @property
    def count(self) -> int:
        return len(self.messages)

    def wait(self, count: int, **options) -> list:
        """Waits for at least `count` messages and returns all there are."""
        topic = self.subscription.topic_name
        wait_until(lambda: self.count >= count, lambda: f"{count} messages on {topic}, {self.count} arrived", **options)
        return list(self.messages)


class Observer:
    """Node that spins in a thread."""

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
            except Exception as failure:  # `close` raises it.
                self._failures.append(failure)

    def close(self):
        self._closing = True
        self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)
        assert not self._failures, self._failures

    def subscribe(self, topic: str, kind: type, profile: QoSProfile | None = None, raw=False, keep=None) -> Inbox:
        """Subscribes and returns the inbox. `raw` messages are serialized bytes."""
        inbox = Inbox(keep)
        inbox.subscription = self.node.create_subscription(kind, topic, inbox.receive, profile or qos(), raw=raw)
        return inbox

    def subscribe_clouds(self, topic: str = "points/raw", keep=None, profile: QoSProfile | None = None) -> Inbox:
        """Subscribes to clouds in serialized form. The inbox keeps them as `point_cloud_reader.PointCloud2`."""

        def parse_cloud(message):
            cloud = point_cloud_reader.parse(message)
            return keep(cloud) if keep else cloud

        return self.subscribe(topic, PointCloud2, profile, raw=True, keep=parse_cloud)

    def call(self, kind, name, request, timeout=30.0):
        """Calls a service and returns the response."""
        client = self.node.create_client(kind, name)
        deadline = time.monotonic() + timeout
        wait_until(client.service_is_ready, f"service {name}", timeout=timeout)
        while time.monotonic() < deadline:
            answered = threading.Event()
            future = client.call_async(request)
            future.add_done_callback(lambda _, answered=answered: answered.set())
            # Calls again, because a response is lost if the server has not yet discovered the client.
            if answered.wait(3.0):
                return future.result()
        raise AssertionError(f"service {name} does not respond")

    def wait_for_match(self, *inboxes, node="sensr_bridge"):
        """Waits until these subscriptions and their publishers in `node` have discovered each other.

        The subscriptions themselves report their publishers. The response to a service call shows that the node
        knows the subscriptions: the reader of the response was announced after them, and announcements arrive in
        order.
        """
        for inbox in inboxes:
            topic = inbox.subscription.topic_name
            wait_until(lambda inbox=inbox: self._count_publishers(inbox) > 0, f"a publisher of {topic}")
        self.call(ListParameters, f"{node}/list_parameters", ListParameters.Request())

    def topics_of(self, node, namespace):
        """Returns the topics of a node except those of every node. Empty while the graph lacks the node."""
        names = self._names_of_node(self.node.get_publisher_names_and_types_by_node, node, namespace)
        return names - {"/rosout", "/parameter_events"}

    def services_of(self, node, namespace):
        """Returns the services of a node. Empty while the graph lacks the node."""
        return self._names_of_node(self.node.get_service_names_and_types_by_node, node, namespace)

    @staticmethod
    def _names_of_node(query, node, namespace):
        try:
            return {name for name, _ in query(node, namespace)}
        except NodeNameNonExistentError:
            return set()

    def _count_publishers(self, inbox):
        # Before Iron only the graph counts publishers.
        count = getattr(inbox.subscription, "get_publisher_count", None)
        return count() if count else self.node.count_publishers(inbox.subscription.topic_name)
