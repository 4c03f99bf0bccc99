"""`~/reconnect` and `~/set_enabled`."""

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from std_srvs.srv import SetBool, Trigger

import ros
from ledger import CONNECTED, PAUSED, link_of
from pair import Pair
from polling import until

NAMES = ("points", "output")


class Served(Pair):
    """A bridge on two scripted servers, and its services."""

    def reconnect(self):
        return self.observer.call(Trigger, "/sensr_bridge/reconnect", Trigger.Request())

    def set_enabled(self, enabled):
        return self.observer.call(SetBool, "/sensr_bridge/set_enabled", SetBool.Request(data=enabled))

    def servers(self):
        return self.points_server, self.output_server


def test_reconnecting(rig):
    pair = Served(rig, "points/raw")
    for server in pair.servers():
        server.client()
    response = pair.reconnect()
    assert response.success and "both links" in response.message
    for server in pair.servers():
        assert server.client(1).wait_closed() == 1000
        server.client(2)
    pair.send_cloud(7)
    pair["points/raw"].wait(1)
    for name in NAMES:
        link = pair.statistics.until_link(lambda link: link.connects == 2, "the new link", name)
        assert (link.disconnects, link.failed_attempts) == (1, 0)


def test_reconnecting_ends_a_long_pause(rig):
    port = rig.port()
    observer = rig.observer()
    statistics = rig.statistics(observer)
    rig.bridge(port.number, {"reconnect.initial_delay": 600.0, "reconnect.max_delay": 600.0})
    statistics.until_link(lambda link: link.failed_attempts == 1, "the first attempt")
    server = rig.server(port)
    assert observer.call(Trigger, "/sensr_bridge/reconnect", Trigger.Request()).success
    server.client()
    statistics.until_state(CONNECTED)


def test_pausing_and_resuming(rig):
    pair = Served(rig, "points/raw")
    diagnostics = pair.observer.subscribe("/diagnostics", DiagnosticArray, ros.qos())
    for server in pair.servers():
        server.client()
    assert pair.set_enabled(False).message == "both links are paused"
    for server, name in zip(pair.servers(), NAMES):
        assert server.client(1).wait_closed() == 1000
        pair.statistics.until_state(PAUSED, name)
    assert pair.set_enabled(False).message == "the links are paused already"
    refused = pair.reconnect()
    assert not refused.success and "set_enabled" in refused.message

    def said_to_be_paused():
        statuses = diagnostics.messages[-1].status if diagnostics.messages else []
        links = [status for status in statuses if status.name.endswith(" link")]
        return len(links) == 2 and all(
            status.level == DiagnosticStatus.WARN and "paused" in status.message for status in links
        )

    until(said_to_be_paused, "both links paused in /diagnostics")
    # Parameters do not wake it, and are in effect afterwards.
    moved = rig.server()
    pair.parameters.set({"points_port": moved.port})
    pair.statistics.after()
    assert link_of(pair.statistics.latest).state == PAUSED
    assert not moved.clients and len(pair.output_server.clients) == 1

    assert pair.set_enabled(True).message == "both links are resumed"
    moved.client()
    pair.output_server.client(2)
    for name in NAMES:
        pair.statistics.until_state(CONNECTED, name)
    assert pair.set_enabled(True).message == "the links are not paused"


def test_a_paused_bridge_stops(rig):
    pair = Served(rig)
    pair.set_enabled(False)
    pair.statistics.until_state(PAUSED)
    # That it ends with code 0 is looked at by the rig.
