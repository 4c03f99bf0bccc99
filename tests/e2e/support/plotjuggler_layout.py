"""Layout of PlotJuggler: what it refers to, checked against topics, message definitions and names of the bridge.

Names of curves are those that PlotJuggler's parser of ROS 2 messages makes: topic and fields with slashes between them,
elements of arrays by their index.
"""

import math
import re
from dataclasses import dataclass
from xml.etree import ElementTree

from sensr_bridge import msg

from support import topic_table
from support.message_fields import LINKS, NUMBERS, STAGES, Field, LayoutError

#: Name of the plugin that subscribes to topics.
SUBSCRIBER = "ROS2 Topic Subscriber"
TRANSFORMS = {
    "Derivative": {"radioChecked", "lineEdit"},
    "Scale/Offset": {"time_offset", "value_offset", "value_scale"},
}
#: First words in the labels of elements of an array, in the order of the elements.
ELEMENTS = {
    msg.TopicStatistics: topic_table.ACCOUNTS,
    msg.LinkStatistics: tuple(f"{link} link" for link in LINKS),
    msg.StageStatistics: tuple(f"{link} {stage}" for link in LINKS for stage in STAGES),
}

_PART = re.compile(r"/(?P<name>[a-z]\w*)(?:\[(?P<index>\d+)\])?")


@dataclass(frozen=True)
class Curve:
    """Curve: its topic, and the elements of arrays on the way to its value."""

    topic: str
    elements: list[tuple[type | str, int]]


def resolve_curve(name: str, types: dict[str, type]) -> Curve:
    """Returns what a curve shows."""
    topic = max((topic for topic in types if name.startswith(f"{topic}/")), key=len, default=None)
    if not topic:
        raise LayoutError("no topic")
    field, elements, position = Field(types[topic]), [], len(topic)
    while position < len(name):
        part = _PART.match(name, position)
        if not part:
            raise LayoutError(f"no curve at {name[position:]!r}")
        position = part.end()
        field = field.of_name(part["name"])
        if part["index"]:
            field = field.of_element()
            elements.append((field.kind, int(part["index"])))
    if field.is_array or field.kind not in NUMBERS:
        raise LayoutError("no number")
    return Curve(topic, elements)


class LayoutCheck:
    """Check of a layout. Each problem names the curve or element and what is wrong in it."""

    def __init__(self, root: ElementTree.Element, types: dict[str, type]):
        self._types = types
        self.problems = []
        #: Topics of the curves.
        self.topics = set()
        plugin = root.find(f"Plugins/plugin[@ID='{SUBSCRIBER}']")
        self._array_size = int(plugin.find("max_array_size").get("value"))
        snippets = {snippet.get("name"): snippet for snippet in root.iterfind("customMathEquations/snippet")}
        for name, snippet in snippets.items():
            self._try(name, self._check_snippet, snippet)
        for plot in root.iter("plot"):
            curves = {curve.get("name"): curve for curve in plot.iterfind("curve")}
            if len(curves) != len(plot.findall("curve")):
                self.problems.append(f"a curve twice in one plot: {sorted(curves)}")
            for name in curves.keys() - snippets.keys():
                self._try(name, self._check_curve, curves[name])
        unused = snippets.keys() - {curve.get("name") for curve in root.iter("curve")}
        if unused:
            self.problems.append(f"not shown: {sorted(unused)}")
        self._check_topics(root, plugin)
        self._check_arrangement(root)

    def _try(self, place, check, *arguments):
        try:
            check(*arguments)
        except LayoutError as error:
            self.problems.append(f"{place}: {error}")

    def _check_curve(self, element):
        curve = self._resolve(element.get("name"))
        transform = element.find("transform")
        if transform is not None and set(transform.find("options").attrib) != TRANSFORMS.get(transform.get("name")):
            raise LayoutError(f"no transform {transform.get('name')} with these options")
        for kind, index in curve.elements:
            names = ELEMENTS.get(kind)
            if not names:
                continue
            if index >= len(names) or transform is None:
                raise LayoutError(f"no element {index}, or one without a label")
            if not re.match(re.escape(names[index]) + "(:|$)", transform.get("alias")):
                raise LayoutError(f"element {index} is {names[index]}, but called {transform.get('alias')}")

    def _resolve(self, name):
        curve = resolve_curve(name, self._types)
        self.topics.add(curve.topic)
        if any(index >= self._array_size for _, index in curve.elements):
            raise LayoutError(f"PlotJuggler reads only {self._array_size} elements")
        return curve

    def _check_snippet(self, snippet):
        """Check of a curve that is made from others. Its function is Lua that is Python too."""
        sources = [snippet.find("linked_source"), *snippet.find("additional_sources")]
        for source in sources:
            self._resolve(source.text)
        names = ["value", *(f"v{number}" for number in range(1, len(sources)))]
        if [source.tag for source in sources[1:]] != names[1:]:
            raise LayoutError("the sources are not numbered")
        keyword, _, expression = snippet.find("function").text.partition(" ")
        speed = eval(expression, {"math": math}, dict(zip(names, (3.0, 4.0), strict=True)))
        if (keyword, speed) != ("return", 5.0):
            raise LayoutError("no speed")

    def _check_topics(self, root, plugin):
        selected = plugin.find("selected_topics").get("value").split(";")
        if sorted(selected) != sorted(self.topics):
            self.problems.append(f"selected {selected}, shown {sorted(self.topics)}")
        if root.find("previouslyLoaded_Streamer").get("name") != SUBSCRIBER:
            self.problems.append("another plugin is started")

    def _check_arrangement(self, root):
        if root.find(".//DockSplitter/DockSplitter") is not None:
            self.problems.append("nested splitters, in which PlotJuggler before 3.17 finds no curves")
        for splitter in root.iter("DockSplitter"):
            sizes = [float(size) for size in splitter.get("sizes").split(";")]
            if not len(sizes) == len(splitter) == int(splitter.get("count")) or abs(sum(sizes) - 1) > 0.001:
                self.problems.append(f"sizes {sizes} of {len(splitter)} parts")
        for tab in root.iterfind("tabbed_widget/Tab"):
            if len(tab.findall("Container/DockSplitter")) != int(tab.get("containers")):
                self.problems.append(f"tab {tab.get('tab_name')} does not have its containers")
