"""Two bridges on the same topics show half the truth each: both say so."""

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

import ros
from polling import until


def test_two_bridges_of_one_name(rig):
    first = rig.bridge()
    observer = rig.observer()
    diagnostics = observer.subscribe("/diagnostics", DiagnosticArray, ros.qos())

    def level():
        found = [
            status.level
            for message in diagnostics.messages[-1:]
            for status in message.status
            if status.name.endswith(": uniqueness")
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
