"""`~/reconnect` and `~/set_enabled`."""

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from std_srvs.srv import SetBool, Trigger

from support import ros_observer
from support.polling import wait_until
from support.statistics_reader import CONNECTED, PAUSED, link_of
from support.two_links import TwoLinks

NAMES = ("points", "output")


class ServicesFixture(TwoLinks):
    """A bridge with two scripted servers, and its services."""

    def reconnect(self):
        return self.observer.call(Trigger, "/sensr_bridge/reconnect", Trigger.Request())

    def set_enabled(self, enabled):
        return self.observer.call(SetBool, "/sensr_bridge/set_enabled", SetBool.Request(data=enabled))

    def servers(self):
        return self.points_server, self.output_server


def test_reconnect_reconnects_both_links(environment):
    links = ServicesFixture(environment, "points/raw")
    for server in links.servers():
        server.client()
    response = links.reconnect()
    assert response.success and "both links" in response.message
    for server in links.servers():
        assert server.client(1).wait_closed() == 1000
        server.client(2)
    links.send_cloud(7)
    links["points/raw"].wait(1)
    for name in NAMES:
        link = links.statistics.wait_for_link(lambda link: link.connects == 2, "the new link", name)
        assert (link.disconnects, link.failed_attempts) == (1, 0)


def test_reconnect_ends_a_long_back_off(environment):
    port = environment.port()
    observer = environment.observer()
    statistics = environment.statistics(observer)
    environment.bridge(port.number, {"reconnect.initial_delay": 600.0, "reconnect.max_delay": 600.0})
    statistics.wait_for_link(lambda link: link.failed_attempts == 1, "the first attempt")
    server = environment.server(port)
    assert observer.call(Trigger, "/sensr_bridge/reconnect", Trigger.Request()).success
    server.client()
    statistics.wait_for_state(CONNECTED)


def test_the_bridge_can_be_paused_and_resumed(environment):
    links = ServicesFixture(environment, "points/raw")
    diagnostics = links.observer.subscribe("/diagnostics", DiagnosticArray, ros_observer.qos())
    for server in links.servers():
        server.client()
    assert links.set_enabled(False).message == "both links are paused"
    for server, name in zip(links.servers(), NAMES, strict=True):
        assert server.client(1).wait_closed() == 1000
        links.statistics.wait_for_state(PAUSED, name)
    assert links.set_enabled(False).message == "the links are paused already"
    refused = links.reconnect()
    assert not refused.success and "set_enabled" in refused.message

    def is_paused():
        statuses = diagnostics.messages[-1].status if diagnostics.messages else []
        links = [status for status in statuses if status.name.endswith(" link")]
        return len(links) == 2 and all(
            status.level == DiagnosticStatus.WARN and "paused" in status.message for status in links
        )

    wait_until(is_paused, "both links paused in /diagnostics")
    # Parameter changes do not resume it and take effect later.
    moved = environment.server()
    links.parameters.set({"points_port": moved.port})
    links.statistics.wait_for_next()
    assert link_of(links.statistics.latest).state == PAUSED
    assert not moved.clients and len(links.output_server.clients) == 1

    assert links.set_enabled(True).message == "both links are resumed"
    moved.client()
    links.output_server.client(2)
    for name in NAMES:
        links.statistics.wait_for_state(CONNECTED, name)
    assert links.set_enabled(True).message == "the links are not paused"


def test_a_paused_bridge_stops(environment):
    links = ServicesFixture(environment)
    links.set_enabled(False)
    links.statistics.wait_for_state(PAUSED)
    # The environment checks the exit code.
