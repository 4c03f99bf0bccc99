"""The two links connect and fail independently, and move to another server together or alone."""

import itertools
import signal

import pytest

from support import outputs
from support.points_encoder import numbered_cloud
from support.polling import wait_until
from support.statistics_reader import BACKOFF, CONNECTED, link_of
from support.topic_table import TOPICS
from support.two_links import TwoLinks

SCENE = ("--scene", "street", "--points", 2000, "--rate", 20)
NAMES = ("points", "output")
OTHER = {"points": "output", "output": "points"}
#: A topic of each link.
FLOW = {"points": "points/raw", "output": "objects"}


class LinksFixture:
    """A bridge with two simulators, one for each link, and subscriptions to its topics."""

    def __init__(self, environment):
        self.environment = environment
        self.ports = {name: environment.port() for name in NAMES}
        self.observer = environment.observer()
        self.statistics = environment.statistics(self.observer)
        known = TOPICS["objects"]
        self.inboxes = {
            "points": self.observer.subscribe_clouds(keep=lambda cloud: cloud.width),
            "output": self.observer.subscribe("objects", known.kind, known.subscription_qos(), keep=lambda _: True),
        }
        self.bridge = environment.bridge(self.ports["points"].number, output_port=self.ports["output"].number)
        self.observer.wait_for_match(self.statistics.inbox, *self.inboxes.values())

    def start(self, name):
        port = self.ports[name].number
        return self.environment.sim(*SCENE, "--free-running", **{f"{name}_port": port})

    def require_flow(self, name):
        """Waits for new messages."""
        inbox = self.inboxes[name]
        inbox.wait(inbox.count + 3)


@pytest.mark.parametrize("steady", NAMES)
def test_one_server_is_absent_killed_and_restarted_while_the_other_runs(environment, steady):
    live, other = LinksFixture(environment), OTHER[steady]
    live.start(steady)
    live.require_flow(steady)
    live.statistics.wait_for_link(lambda link: link.failed_attempts >= 3, "failed attempts", other)
    live.require_flow(steady)
    for life in (1, 2):
        sim = live.start(other)
        live.require_flow(other)
        live.require_flow(steady)
        sim.send_signal(signal.SIGKILL)
        sim.wait()
        live.statistics.wait_for_link(
            lambda link, life=life: link.disconnects == life and link.state == BACKOFF, "the end of the link", other
        )
        live.require_flow(steady)
    link = link_of(live.statistics.wait_for_next(), steady)
    assert (link.connects, link.disconnects, link.state) == (1, 0, CONNECTED)
    assert link_of(live.statistics.latest, other).connects == 2


def test_bad_frames_on_one_link_do_not_touch_the_other(environment):
    links = TwoLinks(environment, "points/raw", "objects", parameters={"max_message_bytes": 100_000})
    numbers = itertools.count()
    for link, server in (("points", links.points_server), ("output", links.output_server)):
        client = links.points if link == "points" else links.output
        client.send(b"\xff" * 100)
        client.send("text")
        # Opcode 3 is reserved: it costs the connection.
        client.send_raw(b"\x83\x00")
        server.client(2)
        figures = links.statistics.wait_for_link(lambda figures: figures.connects == 2, "a new connection", link)
        assert (figures.undecodable_frames, figures.text_frames, figures.disconnects) == (1, 1, 1)
        send_both(links, next(numbers))
    assert [link_of(links.statistics.wait_for_next(), name).connects for name in NAMES] == [2, 2]


def send_both(links, number):
    """Sends a message on each link and waits until both are published."""
    links.send_cloud(number)
    links.output.send(outputs.message(outputs.objects(number)))
    wait_until(lambda: number in links["points/raw"].messages, f"cloud {number}")
    wait_until(lambda: any(o.objects[0].id == number for o in links["objects"].messages), f"object {number}")


def test_another_address_moves_both_links(environment):
    points, output = environment.port(), environment.port()
    old = [environment.server(points), environment.server(output)]
    new = [environment.server(environment.port("127.0.0.2", port.number)) for port in (points, output)]
    observer = environment.observer()
    clouds = observer.subscribe_clouds()
    zones = observer.subscribe("zones", TOPICS["zones"].kind, TOPICS["zones"].subscription_qos())
    environment.bridge(points.number, output_port=output.number)
    observer.wait_for_match(clouds, zones)
    for server in old:
        server.client()
    environment.parameters(observer).set({"host": "127.0.0.2"})
    for before, after in zip(old, new, strict=True):
        assert before.client().wait_closed() == 1000
        after.client()
    new[0].client().send(numbered_cloud(1))
    new[1].client().send(outputs.message(outputs.zones(1)))
    clouds.wait(1)
    zones.wait(1)


@pytest.mark.parametrize("moved", NAMES)
def test_another_port_moves_its_own_link_only(environment, moved):
    links, target = TwoLinks(environment, "points/raw", "objects"), environment.server()
    send_both(links, 1)
    old = links.points if moved == "points" else links.output
    links.parameters.set({f"{moved}_port": target.port})
    assert old.wait_closed() == 1000
    client = target.client()
    if moved == "points":
        client.send(numbered_cloud(2))
        links["points/raw"].wait(2)
        links.output.send(outputs.message(outputs.objects(2)))
        links["objects"].wait(2)
    else:
        client.send(outputs.message(outputs.objects(2)))
        links["objects"].wait(2)
        links.send_cloud(2)
        links["points/raw"].wait(2)
    message = links.statistics.wait_for_next()
    assert (link_of(message, moved).connects, link_of(message, OTHER[moved]).connects) == (2, 1)
    assert link_of(message, moved).url == f"ws://127.0.0.1:{target.port}/"
    assert len(links.points_server.clients) == len(links.output_server.clients) == 1


def test_a_stop_sends_close_frames_on_both_links(environment):
    links = TwoLinks(environment, "points/raw", "objects")
    send_both(links, 1)
    links.bridge.send_signal(signal.SIGTERM)
    assert links.bridge.wait() == 0, links.bridge.log_tail()
    assert (links.points.wait_closed(), links.output.wait_closed()) == (1001, 1001)
