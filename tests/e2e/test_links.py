"""The two links live and die independently, and move together or alone."""

import itertools
import signal

import pytest

import outputs
from ledger import BACKOFF, CONNECTED, link_of
from pair import Pair
from polling import until
from topics import TOPICS
from wire import numbered

SCENE = ("--scene", "street", "--points", 2000, "--rate", 20)
NAMES = ("points", "output")
OTHER = {"points": "output", "output": "points"}
#: What comes on each link.
FLOW = {"points": "points/raw", "output": "objects"}


class Live:
    """A bridge between two simulators, of each of which only one port is used, and what comes out."""

    def __init__(self, rig):
        self.rig = rig
        self.ports = {name: rig.port() for name in NAMES}
        self.observer = rig.observer()
        self.statistics = rig.statistics(self.observer)
        known = TOPICS["objects"]
        self.inboxes = {
            "points": self.observer.clouds(keep=lambda cloud: cloud.width),
            "output": self.observer.subscribe("objects", known.kind, known.subscription(), keep=lambda _: True),
        }
        self.bridge = rig.bridge(self.ports["points"].number, output_port=self.ports["output"].number)
        self.observer.wait_for_match(self.statistics.inbox, *self.inboxes.values())

    def start(self, name):
        port = self.ports[name].number
        return self.rig.sim(*SCENE, "--free-running", **{f"{name}_port": port})

    def require_flow(self, name):
        """More comes than has come so far."""
        inbox = self.inboxes[name]
        inbox.wait(inbox.count + 3)


@pytest.mark.parametrize("steady", NAMES)
def test_one_server_is_absent_killed_and_restarted_while_the_other_runs(rig, steady):
    live, other = Live(rig), OTHER[steady]
    live.start(steady)
    live.require_flow(steady)
    live.statistics.until_link(lambda link: link.failed_attempts >= 3, "failed attempts", other)
    live.require_flow(steady)
    for life in (1, 2):
        sim = live.start(other)
        live.require_flow(other)
        live.require_flow(steady)
        sim.signal(signal.SIGKILL)
        sim.wait()
        live.statistics.until_link(
            lambda link, life=life: link.disconnects == life and link.state == BACKOFF, "the end of the link", other
        )
        live.require_flow(steady)
    link = link_of(live.statistics.after(), steady)
    assert (link.connects, link.disconnects, link.state) == (1, 0, CONNECTED)
    assert link_of(live.statistics.latest, other).connects == 2


def test_bad_frames_on_one_link_do_not_touch_the_other(rig):
    pair = Pair(rig, "points/raw", "objects", parameters={"max_message_bytes": 100_000})
    numbers = itertools.count()
    for link, server in (("points", pair.points_server), ("output", pair.output_server)):
        client = pair.points if link == "points" else pair.output
        client.send(b"\xff" * 100)
        client.send("text")
        # Opcode 3 means nothing: it costs the link.
        client.send_raw(b"\x83\x00")
        server.client(2)
        figures = pair.statistics.until_link(lambda figures: figures.connects == 2, "a new connection", link)
        assert (figures.undecodable_frames, figures.text_frames, figures.disconnects) == (1, 1, 1)
        send_both(pair, next(numbers))
    assert [link_of(pair.statistics.after(), name).connects for name in NAMES] == [2, 2]


def send_both(pair, number):
    """Something on each link, and it arrives."""
    pair.send_cloud(number)
    pair.output.send(outputs.message(outputs.objects(number)))
    until(lambda: number in pair["points/raw"].messages, f"cloud {number}")
    until(lambda: any(o.objects[0].id == number for o in pair["objects"].messages), f"object {number}")


def test_another_address_moves_both(rig):
    points, output = rig.port(), rig.port()
    old = [rig.server(points), rig.server(output)]
    new = [rig.server(rig.port("127.0.0.2", port.number)) for port in (points, output)]
    observer = rig.observer()
    clouds = observer.clouds()
    zones = observer.subscribe("zones", TOPICS["zones"].kind, TOPICS["zones"].subscription())
    rig.bridge(points.number, output_port=output.number)
    observer.wait_for_match(clouds, zones)
    for server in old:
        server.client()
    rig.parameters(observer).set({"host": "127.0.0.2"})
    for before, after in zip(old, new):
        assert before.client().wait_closed() == 1000
        after.client()
    new[0].client().send(numbered(1))
    new[1].client().send(outputs.message(outputs.zones(1)))
    clouds.wait(1)
    zones.wait(1)


@pytest.mark.parametrize("moved", NAMES)
def test_another_port_moves_its_own_link_only(rig, moved):
    pair, target = Pair(rig, "points/raw", "objects"), rig.server()
    send_both(pair, 1)
    old = pair.points if moved == "points" else pair.output
    pair.parameters.set({f"{moved}_port": target.port})
    assert old.wait_closed() == 1000
    client = target.client()
    if moved == "points":
        client.send(numbered(2))
        pair["points/raw"].wait(2)
        pair.output.send(outputs.message(outputs.objects(2)))
        pair["objects"].wait(2)
    else:
        client.send(outputs.message(outputs.objects(2)))
        pair["objects"].wait(2)
        pair.send_cloud(2)
        pair["points/raw"].wait(2)
    message = pair.statistics.after()
    assert (link_of(message, moved).connects, link_of(message, OTHER[moved]).connects) == (2, 1)
    assert link_of(message, moved).url == f"ws://127.0.0.1:{target.port}/"
    assert len(pair.points_server.clients) == len(pair.output_server.clients) == 1


def test_a_stop_says_goodbye_on_both(rig):
    pair = Pair(rig, "points/raw", "objects")
    send_both(pair, 1)
    pair.bridge.signal(signal.SIGTERM)
    assert pair.bridge.wait() == 0, pair.bridge.tail()
    assert (pair.points.wait_closed(), pair.output.wait_closed()) == (1001, 1001)
