"""Layout of Foxglove: what it refers to, checked against topics, message definitions and names of the bridge.

The rules of the message paths are those of Foxglove's documentation, as far as the layout uses them.
"""

import re
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rcl_interfaces.msg import Log
from sensor_msgs.msg import PointCloud2
from sensr_bridge import msg
from visualization_msgs.msg import MarkerArray

from support import expected_messages, point_cloud_reader, topic_table
from support.message_fields import INTEGERS, LINKS, NUMBERS, STAGES, Field, LayoutError, require_topic

#: Values that a filter may ask for, by type and field. The names of statuses are those of a running bridge.
VALUES = {
    (msg.TopicStatistics, "topic"): topic_table.ACCOUNTS,
    (msg.LinkStatistics, "name"): LINKS,
    (msg.StageStatistics, "link"): LINKS,
    (msg.StageStatistics, "stage"): STAGES,
}

_TOPIC = re.compile(r"(?:/\w+)+")
_PART = re.compile(
    r"\.(?P<name>\w+)"
    r"|\[(?P<index>\d+|:)\]"
    r"|\{(?P<field>\w+)==\"(?P<value>[^\"]*)\"\}"
    r"|\.@(?P<modifier>\w+)$"
)


@dataclass(frozen=True)
class Step:
    """Step into a value: to a field, to one element or all of them, or to those whose field has a value."""

    name: str | None = None
    index: str | None = None
    condition: tuple[str, str] | None = None


@dataclass(frozen=True)
class MessagePath:
    """Message path: the way to values in the messages of a topic. The modifier is a function of these values."""

    topic: str
    steps: list[Step]
    modifier: str | None

    @classmethod
    def parse(cls, text: str) -> "MessagePath":
        """Path of a text such as `/statistics.links[:]{name=="points"}.frames.@derivative`."""
        topic = _TOPIC.match(text)
        if not topic:
            raise LayoutError("no topic")
        steps, modifier, position = [], None, topic.end()
        while position < len(text):
            part = _PART.match(text, position)
            if not part:
                raise LayoutError(f"no message path at {text[position:]!r}")
            position, modifier = part.end(), part["modifier"]
            if not modifier:
                condition = (part["field"], part["value"]) if part["field"] else None
                steps.append(Step(part["name"], part["index"], condition))
        return cls(topic[0], steps, modifier)

    def resolve(self, types: dict[str, type], statuses) -> Field:
        """Returns the type of the values. `statuses` are the names on `/diagnostics`."""
        field = require_topic(self.topic, types)
        for step in self.steps:
            if step.name:
                field = field.of_name(step.name)
            elif step.index:
                field = field.of_element()
            else:
                _check_condition(field, *step.condition, statuses)
        if self.modifier and self.modifier != "derivative":
            raise LayoutError(f"no modifier {self.modifier}")
        return field

    def values_in(self, message) -> list:
        """Returns the values in a message, without the modifier."""
        values = [message]
        for step in self.steps:
            if step.name:
                values = [getattr(value, step.name) for value in values]
            elif step.index == ":":
                values = [element for value in values for element in value]
            elif step.index:
                values = [value[int(step.index)] for value in values]
            else:
                values = [value for value in values if getattr(value, step.condition[0]) == step.condition[1]]
        return values


def _check_condition(field: Field, name: str, value: str, statuses):
    if field.of_name(name) != Field("string"):
        raise LayoutError(f"{name} is no text")
    known = statuses if (field.kind, name) == (DiagnosticStatus, "name") else VALUES.get((field.kind, name), ())
    if value not in known:
        raise LayoutError(f"no {field.kind.__name__} has {name} {value!r}")


def message_paths(layout: dict) -> list[str]:
    """Returns all message paths of a layout."""
    panels = layout["configById"].values()
    series = [series["value"] for panel in panels for series in panel.get("paths", ())]
    return series + [panel["topicPath"] for panel in panels if "topicPath" in panel]


class LayoutCheck:
    """Check of a layout. Each problem names the panel and what is wrong in it."""

    def __init__(self, layout: dict, types: dict[str, type], statuses):
        self._types, self._statuses = types, statuses
        self.problems = []
        panels = layout["configById"]
        for panel, config in panels.items():
            kind = panel.partition("!")[0]
            check = getattr(self, f"_check_{kind.lower()}", None) if kind != "3D" else self._check_scene
            if check:
                self._try(panel, check, config)
            else:
                self.problems.append(f"{panel}: unknown kind of panel")
        self._try("arrangement", self._check_arrangement, layout)

    def _try(self, place, check, *arguments):
        try:
            check(*arguments)
        except LayoutError as error:
            self.problems.append(f"{place}: {error}")

    def _check_arrangement(self, layout):
        panels = layout["configById"]
        shown = list(_panels_in(layout["layout"]))
        for tab in (tab for config in panels.values() for tab in config.get("tabs", ())):
            shown += _panels_in(tab["layout"])
        wrong = sorted(panel for panel in {*shown, *panels} if panel not in panels or shown.count(panel) != 1)
        if wrong:
            raise LayoutError(f"unknown, or not shown once: {wrong}")

    def _check_series(self, config, kinds):
        for series in config["paths"]:
            self._try(series["value"], self._check_value, series["value"], kinds)
        labels = [series["label"] for series in config["paths"]]
        if len(set(labels)) != len(labels):
            raise LayoutError("a label twice")

    def _check_value(self, path, kinds):
        field = MessagePath.parse(path).resolve(self._types, self._statuses)
        if field.is_array or field.kind not in kinds:
            raise LayoutError(f"{field.kind} cannot be shown as a series")

    def _check_plot(self, config):
        self._check_series(config, NUMBERS)

    def _check_statetransitions(self, config):
        self._check_series(config, INTEGERS)

    def _check_rawmessages(self, config):
        MessagePath.parse(config["topicPath"]).resolve(self._types, self._statuses)

    def _check_table(self, config):
        if not MessagePath.parse(config["topicPath"]).resolve(self._types, self._statuses).is_array:
            raise LayoutError("a table of what is no array")

    def _check_topic_of(self, config, kind):
        if require_topic(config["topicToRender"], self._types) != Field(kind):
            raise LayoutError(f"{config['topicToRender']} is no {kind.__name__}")

    def _check_diagnosticsummary(self, config):
        self._check_topic_of(config, DiagnosticArray)

    def _check_diagnosticstatuspanel(self, config):
        self._check_topic_of(config, DiagnosticArray)

    def _check_rosout(self, config):
        self._check_topic_of(config, Log)

    def _check_tab(self, config):
        titles = [tab["title"] for tab in config["tabs"]]
        if len(set(titles)) != len(titles) or not 0 <= config["activeTabIdx"] < len(titles):
            raise LayoutError("a title twice, or no such tab")

    def _check_scene(self, config):
        for topic, settings in config["topics"].items():
            self._try(topic, self._check_display, topic, settings)

    def _check_display(self, topic, settings):
        kind = require_topic(topic, self._types).kind
        if kind not in (PointCloud2, MarkerArray):
            raise LayoutError(f"{kind.__name__} cannot be shown as a display")
        if kind is PointCloud2:
            has_objects = topic.endswith("points/objects")
            fields = expected_messages.FIELDS_OF_OBJECT_POINTS if has_objects else point_cloud_reader.FIELDS
            if settings["colorField"] not in {name for name, *_ in fields}:
                raise LayoutError(f"no field {settings['colorField']}")


def _panels_in(layout):
    if isinstance(layout, str):
        yield layout
        return
    if layout["direction"] not in ("row", "column") or not 0 < layout["splitPercentage"] < 100:
        raise LayoutError(f"no such arrangement: {layout}")
    yield from _panels_in(layout["first"])
    yield from _panels_in(layout["second"])
