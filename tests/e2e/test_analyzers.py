"""Analyzers for diagnostic_aggregator: each status of bridge and recorder matches exactly one of them."""

import re

import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticArray

from support import REPOSITORY, outputs, ros_observer
from support.polling import wait_until
from support.two_links import latest_connection

FILE = REPOSITORY / "config" / "diagnostic_analyzers.yaml"


def analyzers():
    """Returns the compiled patterns of each analyzer. diagnostic_aggregator requires that they match the whole name."""
    settings = yaml.safe_load(FILE.read_text(encoding="utf-8"))["analyzers"]["ros__parameters"]
    groups = {name: group for name, group in settings.items() if isinstance(group, dict)}
    assert all(group["type"] == "diagnostic_aggregator/GenericAnalyzer" for group in groups.values())
    assert len({group["path"] for group in groups.values()}) == len(groups)
    return {name: [re.compile(pattern) for pattern in group["regex"]] for name, group in groups.items()}


def matching(name):
    return [group for group, patterns in analyzers().items() if any(one.fullmatch(name) for one in patterns)]


@pytest.fixture(params=["/", "/site/a"])
def names(request, environment):
    """Names of the statuses of a bridge with data, a server with nodes and sensors, and a recorder."""
    namespace = request.param
    points, output = environment.server(), environment.server()
    observer = environment.observer(namespace=namespace)
    inbox = observer.subscribe("/diagnostics", DiagnosticArray, ros_observer.qos())
    arguments = [] if namespace == "/" else ["-r", f"__ns:={namespace}"]
    environment.bridge(points.port, output_port=output.port, ros_args=arguments)
    environment.recorder(namespace=namespace)

    def found():
        latest_connection(output).send(outputs.message(outputs.health(algo=("OK", {"lidar 1": "SENSOR_ALIVE"}))))
        return {status.name for message in inbox.messages for status in message.status}

    def is_complete():
        seen = found()
        ends = (": node algo sensor lidar 1", "/sensr_recorder: recording", "/sensr_bridge: shared memory")
        return seen if all(any(name.endswith(end) for name in seen) for end in ends) else None

    return wait_until(is_complete, lambda: f"statuses of all nodes: {found()}", timeout=60.0)


def test_each_status_matches_exactly_one_analyzer(names):
    assert {name: matching(name) for name in names if len(matching(name)) != 1} == {}
    groups = {group for name in names for group in matching(name)}
    assert groups >= {"links", "server", "bridge", "recording", "rates"}


def test_statuses_that_come_only_at_times_match_too():
    for task in ("rate of points/raw", "node a b edge c sensor d: e", "node \ufffd"):
        assert len(matching(f"/sensr_bridge: {task}")) == 1, task
    assert matching("/camera: memory") == []
