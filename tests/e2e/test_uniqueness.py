"""Two bridges on the same topics show half the truth each: both say so."""

import os
import shutil
import subprocess

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

import ros
from polling import until
from processes import executable
from report import note


def test_two_bridges_of_one_name(rig):
    first = rig.bridge()
    observer = rig.observer()
    diagnostics = observer.subscribe("/diagnostics", DiagnosticArray, ros.qos())

    def level():
        found = [
            status.level
            for message in diagnostics.messages[-1:]
            for status in message.status
            if status.name.endswith(": duplicate bridge")
        ]
        return found[0] if found else None

    until(lambda: level() == DiagnosticStatus.OK, "a bridge that is alone")
    second = rig.bridge()
    for bridge in (first, second):
        line = bridge.expect(r"WARN.*another bridge publishes on the topics of /sensr_bridge.*")[0]
        assert line.count("/sensr_bridge") == 2, line
    until(lambda: level() == DiagnosticStatus.WARN, "the warning")
    second.end()
    until(lambda: level() == DiagnosticStatus.OK, "a bridge that is alone again")


def test_another_name_on_the_same_topics(rig):
    first = rig.bridge()
    rig.bridge(ros_args=["-r", "__node:=other"])
    first.expect(r"WARN.*another bridge publishes on the topics of /sensr_bridge: /other")


def test_another_namespace_is_another_bridge(rig):
    bridges = [rig.bridge(ros_args=["-r", f"__ns:=/{name}"]) for name in ("north", "south")]
    observer = rig.observer()
    diagnostics = observer.subscribe("/diagnostics", DiagnosticArray, ros.qos())
    until(lambda: diagnostics.count >= 20, "some seconds of both")
    assert not any("another bridge" in bridge.log for bridge in bridges)


@pytest.mark.skipif(os.environ.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp") != "rmw_fastrtps_cpp", reason="Fast DDS only")
def test_nodes_of_another_user_in_shared_memory(rig):
    """They discover each other, and nothing arrives: Fast DDS's files belong to their user."""
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    may = os.geteuid() == 0 and shutil.which("setpriv")
    if not may or subprocess.run([*user, "test", "-x", executable("sensr_bridge")]).returncode != 0:
        note("SKIPPED, NOT ROOT, NO setpriv OR A PRIVATE FOLDER: nodes of two users")
        pytest.skip("cannot start the bridge as another user")
    # A node of this user in the domain.
    rig.observer()
    bridge = rig.bridge(wrapper=user)
    line = bridge.expect(r"WARN.*nodes of other users.*")[0]
    assert "(uid 0)" in line and "FASTDDS_BUILTIN_TRANSPORTS=UDPv4" in line, line
