"""Nodes that get into the way of the bridge, or that it cannot reach, are reported."""

import os
import shutil
import subprocess

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

from support import ros_observer
from support.linux_namespaces import unshare_command
from support.polling import wait_until
from support.processes import executable
from support.summary_notes import add_note


def test_two_bridges_of_one_name_report_each_other(environment):
    first = environment.bridge()
    observer = environment.observer()
    diagnostics = observer.subscribe("/diagnostics", DiagnosticArray, ros_observer.qos())

    def level():
        found = [
            status.level
            for message in diagnostics.messages[-1:]
            for status in message.status
            if status.name.endswith(": duplicate bridge")
        ]
        return found[0] if found else None

    wait_until(lambda: level() == DiagnosticStatus.OK, "a bridge that is alone")
    second = environment.bridge()
    for bridge in (first, second):
        line = bridge.wait_for_output(r"WARN.*another bridge publishes on the topics of /sensr_bridge.*")[0]
        assert line.count("/sensr_bridge") == 2, line
    wait_until(lambda: level() == DiagnosticStatus.WARN, "the warning")
    second.end()
    wait_until(lambda: level() == DiagnosticStatus.OK, "a bridge that is alone again")


def test_two_bridges_on_the_same_topics_report_each_other(environment):
    first = environment.bridge()
    environment.bridge(ros_args=["-r", "__node:=other"])
    first.wait_for_output(r"WARN.*another bridge publishes on the topics of /sensr_bridge: /other")


def test_bridges_in_different_namespaces_are_no_duplicates(environment):
    bridges = [environment.bridge(ros_args=["-r", f"__ns:=/{name}"]) for name in ("north", "south")]
    observer = environment.observer()
    diagnostics = observer.subscribe("/diagnostics", DiagnosticArray, ros_observer.qos())
    wait_until(lambda: diagnostics.count >= 20, "some seconds of both")
    assert not any("another bridge" in bridge.log for bridge in bridges)


fast_dds_only = pytest.mark.skipif(
    os.environ.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp") != "rmw_fastrtps_cpp", reason="Fast DDS only"
)


@fast_dds_only
def test_nodes_of_another_user_in_shared_memory_are_reported(environment):
    """Such nodes discover each other but exchange no data, because the files of Fast DDS belong to their user."""
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    can_switch = os.geteuid() == 0 and shutil.which("setpriv")
    if not can_switch or subprocess.run([*user, "test", "-x", executable("sensr_bridge")], check=False).returncode != 0:
        add_note("SKIPPED, NOT ROOT, NO setpriv OR A PRIVATE FOLDER: nodes of two users")
        pytest.skip("cannot start the bridge as another user")
    # A node of this user in the domain.
    environment.observer()
    bridge = environment.bridge(wrapper=user)
    line = bridge.wait_for_output(r"WARN.*nodes of other users.*")[0]
    assert "(uid 0)" in line and "FASTDDS_BUILTIN_TRANSPORTS=UDPv4" in line, line


@fast_dds_only
def test_nodes_with_another_folder_of_shared_memory_are_reported(environment):
    """As in a container that shares the network only: the nodes discover each other but exchange no data."""
    isolated = [*unshare_command("mount"), "sh", "-c", 'mount -t tmpfs none /dev/shm && exec "$0" "$@"']
    observer = environment.observer()
    statistics = environment.statistics(observer)
    bridge = environment.bridge(wrapper=isolated)
    # The observer finds the bridge, and the bridge the observer.
    wait_until(lambda: statistics.inbox.subscription.get_publisher_count() == 1, "the topic")
    line = bridge.wait_for_output(r"WARN.*in another /dev/shm.*")[0]
    assert "the nodes of 1 process of this machine" in line and "FASTDDS_BUILTIN_TRANSPORTS=UDPv4" in line, line
    assert statistics.inbox.count == 0
