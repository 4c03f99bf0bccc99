"""Fields of the messages of bridge and recorder, as the layouts of viewers name them."""

import re
from dataclasses import dataclass
from importlib import import_module

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import Log
from sensr_bridge import msg

from support import topic_table

#: Names of the links, and stages of each, in the order of the statistics.
LINKS = ("points", "output")
STAGES = ("decode", "wait", "convert", "publish", "total")

INTEGERS = {"boolean", "octet", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}
NUMBERS = {*INTEGERS, "float", "double"}


class LayoutError(Exception):
    """Something in a layout that the bridge does not have."""


def message_types(namespace: str = "") -> dict[str, type]:
    """Returns the types of all topics of a bridge and its recorder in a namespace, by full name."""
    relative = {name: topic.kind for name, topic in topic_table.TOPICS.items()}
    relative |= {"statistics": msg.BridgeStatistics, "recording": msg.RecordingStatus}
    absolute = {"/diagnostics": DiagnosticArray, "/rosout": Log}
    return {f"{namespace}/{name}": kind for name, kind in relative.items()} | absolute


@dataclass(frozen=True)
class Field:
    """Type of a value in a message."""

    kind: type | str
    is_array: bool = False

    @classmethod
    def of(cls, description: str) -> "Field":
        """Field of a type as rosidl describes it, such as `sequence<sensr_bridge/Object>`."""
        element = re.fullmatch(r"sequence<([^,]+)(?:, \d+)?>|([^<]+)\[\d+\]|(.+)", description)
        sequence, array, single = element.groups()
        name = sequence or array or single
        package, slash, message = name.partition("/")
        kind = getattr(import_module(f"{package}.msg"), message) if slash else name
        return cls(kind, is_array=not single)

    def of_name(self, name: str) -> "Field":
        """Type of a field of this message."""
        if self.is_array or isinstance(self.kind, str):
            raise LayoutError(f"{name} is a field of an array or of a number")
        fields = self.kind.get_fields_and_field_types()
        if name not in fields:
            raise LayoutError(f"{self.kind.__name__} has no field {name}")
        return Field.of(fields[name])

    def of_element(self) -> "Field":
        """Type of an element of this array."""
        if not self.is_array:
            raise LayoutError("an index into what is no array")
        return Field(self.kind)


def require_topic(topic: str, types: dict[str, type]) -> Field:
    """Returns the type of a topic."""
    if topic not in types:
        raise LayoutError(f"no topic {topic}")
    return Field(types[topic])
