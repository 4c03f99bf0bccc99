"""Layouts of Foxglove and PlotJuggler: each topic, field, element and status in them is one of bridge or recorder."""

import json
import re
import subprocess
from xml.etree import ElementTree

import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticArray

from support import REPOSITORY, foxglove_layout, plotjuggler_layout, ros_observer
from support.diagnostics_reader import ALWAYS
from support.foxglove_layout import MessagePath
from support.message_fields import LINKS, STAGES, message_types
from support.polling import wait_until
from support.topic_table import ACCOUNTS

CONFIG = REPOSITORY / "config"
OPERATION = (REPOSITORY / "docs" / "operation.md").read_text(encoding="utf-8")
FOXGLOVE = (CONFIG / "foxglove_layout.json").read_text(encoding="utf-8")
PLOTJUGGLER = (CONFIG / "plotjuggler_layout.xml").read_text(encoding="utf-8")


def statuses(namespace=""):
    """Returns names of statuses that are always there."""
    return {*(f"{namespace}/sensr_bridge: {task}" for task in ALWAYS), f"{namespace}/sensr_recorder: recording"}


def foxglove_problems(text, namespace=""):
    return foxglove_layout.LayoutCheck(json.loads(text), message_types(namespace), statuses(namespace)).problems


def plotjuggler_problems(text, namespace=""):
    return plotjuggler_layout.LayoutCheck(ElementTree.fromstring(text), message_types(namespace)).problems


def test_the_layout_of_foxglove_refers_to_what_there_is():
    assert foxglove_problems(FOXGLOVE) == []


def test_the_layout_of_plotjuggler_refers_to_what_there_is():
    assert plotjuggler_problems(PLOTJUGGLER) == []


@pytest.mark.parametrize(
    ("right", "wrong", "word"),
    (
        ('"/points/raw"', '"/points/row"', "/points/row"),
        ('"/markers/zones"', '"/zones"', "ZoneArray"),
        ('"colorField": "label"', '"colorField": "labels"', "labels"),
        ("/statistics.rss_bytes", "/statistics.rss", "rss"),
        ("/statistics.rss_bytes", "/statistic.rss_bytes", "/statistic"),
        ("/statistics.rss_bytes", "/statistics.version", "string"),
        ("/statistics.rss_bytes", "/statistics.uptime", "Duration"),
        ("/statistics.rss_bytes", "/statistics.rss_bytes.sum", "sum"),
        ("/statistics.rss_bytes", "/statistics/rss_bytes", "/statistics/rss_bytes"),
        ("published.@derivative", "published.@derivate", "derivate"),
        ("links[:]", "links", "array"),
        ("links[:]", "links[:", "[:"),
        ("/statistics.topics[:]{topic==", "/statistics.topics[:]{name==", "name"),
        ('topic==\\"wire\\"', 'topic==\\"wires\\"', "wires"),
        ('name==\\"output\\"', 'name==\\"outputs\\"', "outputs"),
        ('stage==\\"total\\"', 'stage==\\"sum\\"', "sum"),
        ("/sensr_bridge: loss", "/sensr_bridge: losses", "losses"),
        ('"topicPath": "/statistics.topics"', '"topicPath": "/statistics"', "table"),
        ('"topicToRender": "/diagnostics"', '"topicToRender": "/rosout"', "DiagnosticArray"),
        ('"first": "Plot!memory"', '"first": "Plot!memories"', "Plot!memor"),
        ('"direction": "row"', '"direction": "line"', "line"),
    ),
)
def test_a_mistake_in_the_layout_of_foxglove_is_found(right, wrong, word):
    assert right in FOXGLOVE
    problems = foxglove_problems(FOXGLOVE.replace(right, wrong))
    assert problems and all(word in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("right", "wrong", "word"),
    (
        ("/statistics/rss_bytes", "/statistics/rss", "rss"),
        ("/statistics/rss_bytes", "/statistic/rss_bytes", "no topic"),
        ("/statistics/rss_bytes", "/statistics/version", "no number"),
        ("/statistics/topics[0]/published", "/statistics/topics[1]/published", "topics[1]"),
        ("/statistics/topics[0]/published", "/statistics/topics[17]/published", "topics[17]"),
        ("/statistics/topics[0]/published", "/statistics/topics.0/published", "topics.0"),
        ("/statistics/links[1]/frames", "/statistics/links[2]/frames", "links[2]"),
        ("/statistics/stages[9]/max_ns", "/statistics/stages[8]/max_ns", "stages[8]"),
        ('alias="points/raw"', 'alias="points"', "points/raw"),
        ("/objects/objects[3]/id", "/objects/objects[20]/id", "objects[20]"),
        ("/objects/objects[3]/id", "/objects/objects/id", "objects/id"),
        ("objects[3]/velocity/y", "objects[3]/velocity/w", "speed of objects[3]"),
        ("<function>return math.sqrt(value * value", "<function>return math.sqrt(value", "speed"),
        ("/statistics;/objects", "/statistics", "selected"),
        ('transform name="Derivative"', 'transform name="Derivate"', "Derivate"),
        ('value_scale="1"', 'scale="1"', "Scale/Offset"),
        ('count="2"', 'count="3"', "parts"),
    ),
)
def test_a_mistake_in_the_layout_of_plotjuggler_is_found(right, wrong, word):
    assert right in PLOTJUGGLER
    problems = plotjuggler_problems(PLOTJUGGLER.replace(right, wrong))
    assert problems and all(word in problem for problem in problems), problems


def test_nested_splitters_in_the_layout_of_plotjuggler_are_found():
    root = ElementTree.fromstring(PLOTJUGGLER)
    area = root.find(".//DockArea")
    area.tag = "DockSplitter"
    area.attrib = {"orientation": "|", "count": "1", "sizes": "1"}
    [problem] = plotjuggler_layout.LayoutCheck(root, message_types()).problems
    assert "nested splitters" in problem


def test_losses_of_every_topic_are_shown():
    paths = foxglove_layout.message_paths(json.loads(FOXGLOVE))
    curves = {curve.get("name") for curve in ElementTree.fromstring(PLOTJUGGLER).iter("curve")}
    for index, topic in enumerate(ACCOUNTS):
        for count in ("dropped", "malformed"):
            assert f'/statistics.topics[:]{{topic=="{topic}"}}.{count}' in paths
            assert f"/statistics/topics[{index}]/{count}" in curves


def test_the_scene_is_in_the_default_frame_and_shows_what_rviz_shows():
    scene = json.loads(FOXGLOVE)["configById"]["3D!scene"]
    parameters = yaml.safe_load((CONFIG / "sensr_bridge.yaml").read_text(encoding="utf-8"))
    assert scene["followTf"] == parameters["/**"]["ros__parameters"]["frame_id"]
    rviz = yaml.safe_load((CONFIG / "sensr.rviz").read_text(encoding="utf-8"))["Visualization Manager"]["Displays"]
    shown = {display["Topic"]["Value"]: display["Enabled"] for display in rviz if "Topic" in display}
    assert {topic: settings["visible"] for topic, settings in scene["topics"].items()} == shown


@pytest.mark.parametrize(
    ("file", "problems"),
    (("foxglove_layout.json", foxglove_problems), ("plotjuggler_layout.xml", plotjuggler_problems)),
)
def test_the_documented_command_moves_a_layout_into_a_namespace(file, problems):
    [script] = re.findall(r"^ +sed -E '(s#.*)' ", OPERATION, re.MULTILINE)
    moved = subprocess.run(["sed", "-E", script, CONFIG / file], capture_output=True, text=True, check=True).stdout
    # Nothing is left outside of the namespace but what is shared by all bridges.
    assert problems(moved, "/harbour") == []


@pytest.mark.parametrize(("array", "order"), (("topics", ACCOUNTS), ("links", LINKS), ("stages", STAGES)))
def test_the_documented_order_of_the_elements_is_the_real_one(array, order):
    [listed] = re.findall(rf"`{array}`(?: is)? in the\s+order((?:,?\s+`[\w/]+`)+)", OPERATION)
    assert tuple(re.findall(r"`(.*?)`", listed)) == order


def test_a_running_bridge_has_what_the_layouts_refer_to(environment):
    server = environment.sim()
    observer = environment.observer()
    statistics = environment.statistics(observer)
    diagnostics = observer.subscribe("/diagnostics", DiagnosticArray, ros_observer.qos())
    environment.bridge(server.points_port, output_port=server.output_port)
    environment.recorder()
    latest = statistics.wait_for_next()
    assert tuple(topic.topic for topic in latest.topics) == ACCOUNTS
    assert tuple(link.name for link in latest.links) == LINKS
    listed = [(stage.link, stage.stage) for stage in latest.stages]
    assert listed == [(link, stage) for link in LINKS for stage in STAGES]

    def all_topics():
        types = {name: f"{kind.__module__.partition('.')[0]}/msg/{kind.__name__}" for name, kind in expected.items()}
        found = dict(observer.node.get_topic_names_and_types())
        return all(found.get(name) == [kind] for name, kind in types.items())

    expected = message_types()
    wait_until(all_topics, lambda: f"{expected.keys()}: {observer.node.get_topic_names_and_types()}")

    def all_statuses():
        seen = {status.name for message in diagnostics.messages for status in message.status}
        return statuses() <= seen

    wait_until(all_statuses, lambda: f"{statuses()}: {diagnostics.messages[-1:]}", timeout=60.0)
    for text in foxglove_layout.message_paths(json.loads(FOXGLOVE)):
        path = MessagePath.parse(text)
        if path.topic == "/statistics":
            assert len(path.values_in(latest)) == 1, text
