"""What `/diagnostics` says of the links, of losses, and of the server and its sensors."""

import itertools
import time

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

import outputs
import ros
import wire
from ledger import link_of, stamp_ns
from pair import Pair
from polling import until

OK, WARN, ERROR, STALE = (getattr(DiagnosticStatus, name) for name in ("OK", "WARN", "ERROR", "STALE"))
#: There from the first message on, whatever comes.
ALWAYS = ["points link", "output link", "loss", "clock", "memory", "log", "duplicate bridge", "shared memory", "server"]


class Diagnosed(Pair):
    """A bridge and all that it says on /diagnostics."""

    def __init__(self, rig, *topics, node="/sensr_bridge", **options):
        super().__init__(rig, *topics, **options)
        self.node = node
        self.inbox = self.observer.subscribe("/diagnostics", DiagnosticArray, ros.qos())
        self._numbers = itertools.count()

    def latest(self):
        """Status by task."""
        found = {}
        for status in self.inbox.messages[-1].status:
            node, _, task = status.name.partition(": ")
            assert node == self.node and task not in found, status.name
            assert status.hardware_id == "127.0.0.1"
            found[task] = status
        return found

    def until(self, task, level, *words, feed=True):
        """Waits until a task has a level and words in its message. Meanwhile data flow, for silence is a fault."""

        def holds():
            if feed:
                number = next(self._numbers)
                self.send_cloud(number)
                self.output.send(outputs.message(outputs.objects(number)))
            status = self.inbox.messages and self.latest().get(task)
            return status and status.level == level and all(word in status.message for word in words) and status

        def shown():
            return f"{task} of level {level} with {words}: {self.inbox.messages and self.latest().get(task)}"

        return until(holds, shown, timeout=60.0)


def values(status):
    found = {entry.key: entry.value for entry in status.values}
    assert len(found) == len(status.values), "a key twice"
    return found


def test_names_and_pace(rig):
    pair = Diagnosed(rig)
    pair.inbox.wait(4)
    tasks = list(pair.latest())
    assert [task for task in tasks if task in ALWAYS] == ALWAYS
    # By their stamps, which a reader that is held up does not stretch.
    stamps = [stamp_ns(message) for message in pair.inbox.messages]
    pace = (stamps[-1] - stamps[0]) / (len(stamps) - 1) / 1e9
    assert 0.8 < pace < 3.0, f"one every {pace:.2f} s"


def test_what_is_offered(rig):
    pair = Diagnosed(rig)

    def of_the_bridge():
        infos = pair.observer.node.get_publishers_info_by_topic("/diagnostics")
        return [info.qos_profile for info in infos if info.node_name == "sensr_bridge"]

    (offer,) = until(of_the_bridge, "the publisher in the graph")
    assert (offer.reliability, offer.durability) == (ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)


def test_the_node_is_named_in_full(rig):
    observer = rig.observer()
    inbox = observer.subscribe("/diagnostics", DiagnosticArray, ros.qos())
    rig.bridge(rig.port().number, ros_args=["-r", "__ns:=/site", "-r", "__node:=pier"])
    message = inbox.wait(1)[-1]
    assert {status.name.partition(": ")[0] for status in message.status} == {"/site/pier"}


def test_all_is_well_while_data_flow(rig):
    pair = Diagnosed(rig, "points/raw", "objects")
    pair.output.send(outputs.message(outputs.health("OK", algo=("OK", {"lidar 1": "SENSOR_ALIVE"}))))
    for link in ("points link", "output link"):
        pair.until(link, OK, "connected since")
    pair.until("loss", OK, "nothing lost")
    pair.until("server", OK)
    pair.until("clock", OK, "the server's clock")
    pair.until("node algo", OK)
    pair.until("node algo sensor lidar 1", OK, "ALIVE")
    figures = values(pair.latest()["points link"])
    assert figures["url"] == f"ws://127.0.0.1:{pair.points_server.port}/"
    assert (figures["state"], figures["connects"]) == ("connected", "1")


def test_a_link_that_is_down_is_an_error_and_the_other_is_not(rig):
    pair = Diagnosed(rig)
    pair.until("points link", OK)
    pair.until("output link", OK)
    nowhere = rig.port().number
    pair.parameters.set({"output_port": nowhere})

    def holds():
        pair.send_cloud(1)
        return pair.latest()["output link"].level == ERROR

    until(holds, "an error")
    latest = pair.latest()
    assert "not connected" in latest["output link"].message and "refused" in latest["output link"].message
    assert latest["points link"].level == OK, latest["points link"].message
    pair.parameters.set({"output_port": pair.output_server.port})
    pair.output_server.client(2)
    pair.until("output link", OK)


def test_silence_is_an_error(rig):
    pair = Diagnosed(rig, parameters={"stall_timeout": 8.0})
    pair.until("points link", OK)
    pair.until("points link", WARN, "no data for", feed=False)
    pair.until("points link", ERROR, "no data for", feed=False)
    assert link_of(pair.statistics.after()).silent
    pair.until("points link", OK)


@pytest.mark.parametrize(
    ("state", "level"),
    [("SENSOR_DEAD", ERROR), ("SENSOR_ERRONEOUS", ERROR), ("SENSOR_TILTED", WARN), ("SENSOR_ALIVE", OK)],
)
def test_each_sensor_has_a_status(rig, state, level):
    pair = Diagnosed(rig)
    sensors = {"lidar 1": "SENSOR_ALIVE", "lidar 2": state}
    pair.output.send(outputs.message(outputs.health("OK", algo=("OK", sensors))))
    pair.until("node algo sensor lidar 2", level, state.removeprefix("SENSOR_"))
    pair.until("node algo sensor lidar 1", OK)
    # What was said before the link broke need not hold any more.
    pair.output.abort()
    pair.output_server.client(2)
    pair.until("node algo sensor lidar 2", STALE)


def test_a_server_that_overflowed_is_an_error_with_our_counters(rig):
    pair = Diagnosed(rig, "points/raw")
    for number in range(3):
        pair.send_cloud(number)
        pair["points/raw"].wait(number + 1)
    pair.until("server", STALE)
    pair.statistics.until_settled()
    known = pair.statistics.topic()
    pair.output.send(outputs.message(outputs.health("OUTPUT_BUFFER_OVERFLOW", as_event=True)))
    status = pair.until("server", ERROR, "overflowed", feed=False)
    figures = values(status)
    assert figures["overflows"] == "1"
    assert f"received {known.received} = published {known.published}" in figures["at last overflow: points/raw"]
    assert int(figures["at last overflow: queued bytes"]) >= 0
    pair.bridge.expect("OUTPUT_BUFFER_OVERFLOW")
    # All is well again, but the overflow is shown for a while.
    pair.output.send(outputs.message(outputs.health("OK")))
    pair.until("server", ERROR, "overflowed")


def test_a_loss_is_shown_with_the_topic(rig):
    pair = Diagnosed(rig, "points/raw")
    pair.until("loss", OK, "nothing lost")
    pair.points.send(wire.result(wire.cloud(b"\0" * 13)))
    until(lambda: pair.latest()["loss"].level != OK, lambda: f"a loss: {pair.latest()['loss']}")
    status = pair.latest()["loss"]
    assert "points/raw" in status.message
    assert "malformed 1" in values(status)["points/raw"]


def test_clocks_that_differ_are_a_warning(rig):
    pair = Diagnosed(rig)

    def holds():
        # Several, for one message does not prove what the server's clock is.
        pair.output.send(outputs.message(outputs.zones(1), at_ns=time.time_ns() - 3600 * outputs.NS))
        return pair.inbox.messages and pair.latest()["clock"].level == WARN

    until(holds, "a warning")
    assert "behind this machine's" in pair.latest()["clock"].message
    assert values(pair.latest()["clock"])["stamp_source"] == "receive"
