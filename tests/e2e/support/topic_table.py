"""Table of the topics of the bridge, as documented."""

from dataclasses import dataclass
from importlib import import_module

from sensor_msgs.msg import PointCloud2
from sensr_bridge import msg
from visualization_msgs.msg import MarkerArray

from support import ros_observer, summary_notes


@dataclass(frozen=True)
class Topic:
    """Type of a topic and the QoS that the bridge offers."""

    kind: type
    depth: int
    latched: bool = False

    @property
    def type_name(self):
        package, _, _ = self.kind.__module__.partition(".")
        return f"{package}/msg/{self.kind.__name__}"

    def subscription_qos(self):
        """Returns the QoS of a subscriber that receives every message."""
        return ros_observer.qos(latched=self.latched, depth=max(100, self.depth))


#: Number of latest messages that a late subscriber of a latched topic receives.
LATCHED_DEPTH = 4


def optional_type(package, name):
    """Returns a message type of a package that need not be installed, or None."""
    try:
        return getattr(import_module(f"{package}.msg"), name)
    except ModuleNotFoundError:
        summary_notes.add_note(f"SKIPPED, {package} IS NOT INSTALLED: {name} was not tested")
        return None


#: Topics with an account in the ledger, in its order. Names are relative to the namespace of the node. Topics whose
#: messages are of a package that is not installed are left out: the bridge does not publish them.
_TOPICS = {
    "points/raw": Topic(PointCloud2, 5),
    "points/ground": Topic(PointCloud2, 5),
    "points/background": Topic(PointCloud2, 5),
    "points/preview": Topic(PointCloud2, 5),
    "points/objects": Topic(PointCloud2, 5),
    "objects": Topic(msg.ObjectArray, 10),
    "objects/detections": Topic(optional_type("vision_msgs", "Detection3DArray"), 10),
    "objects/tracked": Topic(optional_type("autoware_perception_msgs", "TrackedObjects"), 10),
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
TOPICS = {name: topic for name, topic in _TOPICS.items() if topic.kind}

#: Accounts in the ledger, in its order: those of all topics, published or not.
ACCOUNTS = tuple(_TOPICS)

#: Topics without an account; names with a slash are absolute.
OTHERS = (
    "statistics",
    "/tf_static",
    "/diagnostics",
    "origin",
    *(("objects/label_info",) if "objects/detections" in TOPICS else ()),
)


#: Topics that are made from others, and not recorded unless they are named.
DERIVED = {"points/preview", "objects/detections", "objects/tracked", "objects/label_info"}


def recorded_in_namespace(namespace: str) -> set[str]:
    """Returns the full names of the topics of a bridge in a namespace that are recorded by default."""
    return topics_in_namespace(namespace) - {f"{namespace}/{name}" for name in DERIVED}


def topics_in_namespace(namespace: str) -> set[str]:
    """Returns the full names of all topics of a bridge in a namespace."""
    return {name if name.startswith("/") else f"{namespace}/{name}" for name in (*TOPICS, *OTHERS)}
