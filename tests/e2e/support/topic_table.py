"""What the bridge publishes, as its documentation has it."""

from dataclasses import dataclass

from sensor_msgs.msg import PointCloud2
from sensr_bridge import msg
from visualization_msgs.msg import MarkerArray

from support import ros_observer


@dataclass(frozen=True)
class Topic:
    """A type and what is offered with it."""

    kind: type
    depth: int
    latched: bool = False

    @property
    def type_name(self):
        package, _, _ = self.kind.__module__.partition(".")
        return f"{package}/msg/{self.kind.__name__}"

    def subscription(self):
        """Quality of service of a subscriber that wants all there is."""
        return ros_observer.qos(latched=self.latched, depth=max(100, self.depth))


#: Messages of a latched topic that late subscribers get.
LATCHED_DEPTH = 4

#: Those that have an account in the ledger, in its order. Names are relative to the node's namespace.
TOPICS = {
    "points/raw": Topic(PointCloud2, 5),
    "points/ground": Topic(PointCloud2, 5),
    "points/background": Topic(PointCloud2, 5),
    "points/objects": Topic(PointCloud2, 5),
    "objects": Topic(msg.ObjectArray, 10),
    "zones": Topic(msg.ZoneArray, LATCHED_DEPTH, latched=True),
    "events/zone": Topic(msg.ZoneEvent, 5_000),
    "events/losing": Topic(msg.LosingEvent, 5_000),
    "events/recalibration": Topic(msg.RecalibrationEvent, 5_000),
    "health": Topic(msg.SystemHealth, LATCHED_DEPTH, latched=True),
    "server_status": Topic(msg.ServerStatus, LATCHED_DEPTH, latched=True),
    "markers/objects": Topic(MarkerArray, 10),
    "markers/zones": Topic(MarkerArray, LATCHED_DEPTH, latched=True),
    "wire": Topic(msg.WireFrame, 20),
}

#: What is published beside these: relative names, and absolute ones.
OTHERS = ("statistics", "/tf_static", "/diagnostics")


def topics_in_namespace(namespace):
    """The full names of all that a bridge in a namespace publishes."""
    return {name if name.startswith("/") else f"{namespace}/{name}" for name in (*TOPICS, *OTHERS)}
