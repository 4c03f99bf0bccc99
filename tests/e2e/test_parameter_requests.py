"""Several parameters in one request, and files that `ros2 param dump` writes and `ros2 param load` reads."""

import threading

import pytest
import yaml
from rclpy.parameter_client import AsyncParameterClient

from support.parameter_node import READ_ONLY, NodeWithParameters, write_hosts_file


@pytest.fixture
def node(environment):
    return NodeWithParameters(environment)


def succeed(results):
    for result in results:
        assert result.successful, result.reason


@pytest.mark.parametrize("backwards", [False, True])
def test_consistent_parameters_are_applied_in_any_order(node, backwards):
    changes = {
        "reconnect.initial_delay": 60.0,
        "reconnect.max_delay": 120.0,
        "queue_max_bytes": 2 << 20,
        "max_message_bytes": 1 << 20,
        "frame_id": "map_lidar",
        "parent_frame": "sensr",
    }
    names = sorted(changes, reverse=backwards)
    before = node.events.count
    succeed(node.parameters.try_set({name: changes[name] for name in names}))
    assert node.parameters.get(*names) == [changes[name] for name in names]
    (event,) = node.events.wait(before + 1)[before:]
    assert {one.name for one in event.changed_parameters} == set(names)


def test_a_host_and_its_hosts_file_are_set_together(node):
    file = write_hosts_file(node.environment, "hosts.yaml", "sites: {pier: {address: 127.0.0.1}}")
    succeed(node.parameters.try_set({"host": "pier", "hosts_file": file}))
    assert node.parameters.get("host", "hosts_file") == ["pier", file]


def test_inconsistent_parameters_are_refused_together_with_the_reason(node):
    names = ["frame_id", "reconnect.initial_delay", "tls.enabled"]
    before = node.parameters.get(*names)
    results = node.parameters.try_set({"frame_id": "one", "reconnect.initial_delay": 0.1, "tls.enabled": True})
    for result in results:
        assert not result.successful and "tls.ca_file must be set" in result.reason
    assert node.parameters.get(*names) == before


def test_an_invalid_parameter_does_not_prevent_the_others(node):
    results = node.parameters.try_set(
        {"nothing": 1, "frame_id": "one", "points_port": 0, "qos.depth": 7, "host": 101, "publish.raw": False}
    )
    assert [result.successful for result in results] == [False, True, False, False, False, True]
    for result, word in zip(results, ["nothing", "", "1 to 65535", "only read at start", "'101'", ""], strict=True):
        assert word in result.reason
    assert node.parameters.get("frame_id", "publish.raw") == ["one", False]


def test_a_read_only_parameter_may_be_set_to_its_present_value(node):
    names = list(READ_ONLY)
    now = dict(zip(names, node.parameters.get(*names), strict=True))
    succeed(node.parameters.try_set(now))
    assert node.parameters.try_set_together(now | {"frame_id": "one"}).successful
    assert node.parameters.get("frame_id") == ["one"]


def nested(flat):
    """Converts dotted names to nested mappings, as `ros2 param dump` does."""
    tree = {}
    for name, value in flat.items():
        *path, last = name.split(".")
        branch = tree
        for part in path:
            branch = branch.setdefault(part, {})
        branch[last] = value
    return tree


def load(node, file):
    """Loads a file as `ros2 param load` does and returns the results."""
    client = AsyncParameterClient(node.observer.node, "/sensr_bridge")
    node.environment.parameters(node.observer).list()
    answered = threading.Event()
    future = client.load_parameter_file(str(file), use_wildcard=True)
    future.add_done_callback(lambda _: answered.set())
    assert answered.wait(30.0), "no answer"
    return future.result().results


def test_a_dumped_file_can_be_loaded_and_used_at_start(node):
    names = node.parameters.list().names
    dumped = node.environment.folder / "dumped.yaml"

    def dump():
        flat = dict(zip(names, node.parameters.get(*names), strict=True))
        tree = {"/sensr_bridge": {"ros__parameters": nested(flat)}}
        dumped.write_text(yaml.dump(tree, default_flow_style=False))
        return flat

    node.parameters.set({"frame_id": "pier"})
    before = dump()
    succeed(load(node, dumped))
    assert dump() == before
    # Also from another state, except for read-only parameters.
    succeed(node.parameters.try_set({"frame_id": "other", "reconnect.initial_delay": 5.0, "reconnect.max_delay": 9.0}))
    succeed(load(node, dumped))
    assert dump() == before
    again = node.environment.bridge(args=["--ros-args", "-r", "__ns:=/site", "--params-file", dumped], defaults=False)
    again.wait_for_output("nothing in .* is for /site/sensr_bridge")
    node.bridge.end()
    node.environment.bridge(args=["--ros-args", "--params-file", dumped], defaults=False)
    assert node.environment.parameters(node.observer).get("frame_id", "statistics_period") == ["pier", 0.1]
