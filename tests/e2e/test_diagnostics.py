"""Statuses on `/diagnostics`: links, losses, the server and its sensors."""

import time

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

from support import outputs, points_encoder, ros_observer
from support.diagnostics_reader import ALWAYS, LinksWithDiagnostics, values_of
from support.polling import wait_until
from support.statistics_reader import link_of, stamp_ns

OK, WARN, ERROR, STALE = (getattr(DiagnosticStatus, name) for name in ("OK", "WARN", "ERROR", "STALE"))


def test_names_and_rate_of_the_statuses(environment):
    links = LinksWithDiagnostics(environment)
    links.inbox.wait(4)
    tasks = list(links.latest())
    assert [task for task in tasks if task in ALWAYS] == ALWAYS
    # By their stamps, which a delayed reader does not change.
    stamps = [stamp_ns(message) for message in links.inbox.messages]
    pace = (stamps[-1] - stamps[0]) / (len(stamps) - 1) / 1e9
    assert 0.8 < pace < 3.0, f"one every {pace:.2f} s"


def test_the_offered_qos(environment):
    links = LinksWithDiagnostics(environment)

    def endpoints_of_the_bridge():
        infos = links.observer.node.get_publishers_info_by_topic("/diagnostics")
        return [info.qos_profile for info in infos if info.node_name == "sensr_bridge"]

    (offer,) = wait_until(endpoints_of_the_bridge, "the publisher in the graph")
    assert (offer.reliability, offer.durability) == (ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)


def test_statuses_carry_the_full_node_name(environment):
    observer = environment.observer()
    inbox = observer.subscribe("/diagnostics", DiagnosticArray, ros_observer.qos())
    environment.bridge(environment.port().number, ros_args=["-r", "__ns:=/site", "-r", "__node:=pier"])
    message = inbox.wait(1)[-1]
    assert {status.name.partition(": ")[0] for status in message.status} == {"/site/pier"}


def test_all_statuses_are_ok_while_data_flow(environment):
    links = LinksWithDiagnostics(environment, "points/raw", "objects")
    links.output.send(outputs.message(outputs.health("OK", algo=("OK", {"lidar 1": "SENSOR_ALIVE"}))))
    for link in ("points link", "output link"):
        links.wait_until(link, OK, "connected since")
    links.wait_until("loss", OK, "nothing lost")
    links.wait_until("server", OK)
    links.wait_until("clock", OK, "the server's clock")
    links.wait_until("node algo", OK)
    links.wait_until("node algo sensor lidar 1", OK, "ALIVE")
    figures = values_of(links.latest()["points link"])
    assert figures["url"] == f"ws://127.0.0.1:{links.points_server.port}/"
    assert (figures["state"], figures["connects"]) == ("connected", "1")


def test_a_link_that_is_down_is_an_error_and_the_other_is_not(environment):
    links = LinksWithDiagnostics(environment)
    links.wait_until("points link", OK)
    links.wait_until("output link", OK)
    nowhere = environment.port().number
    links.parameters.set({"output_port": nowhere})

    def holds():
        links.send_cloud(1)
        return links.latest()["output link"].level == ERROR

    wait_until(holds, "an error")
    latest = links.latest()
    assert "not connected" in latest["output link"].message and "refused" in latest["output link"].message
    assert latest["points link"].level == OK, latest["points link"].message
    links.parameters.set({"output_port": links.output_server.port})
    links.output_server.client(2)
    links.wait_until("output link", OK)


def test_a_silent_link_is_an_error(environment):
    links = LinksWithDiagnostics(environment, parameters={"stall_timeout": 8.0})
    links.wait_until("points link", OK)
    links.wait_until("points link", WARN, "no data for", feed=False)
    links.wait_until("points link", ERROR, "no data for", feed=False)
    assert link_of(links.statistics.wait_for_next()).silent
    links.wait_until("points link", OK)


@pytest.mark.parametrize(
    ("state", "level"),
    [("SENSOR_DEAD", ERROR), ("SENSOR_ERRONEOUS", ERROR), ("SENSOR_TILTED", WARN), ("SENSOR_ALIVE", OK)],
)
def test_each_sensor_has_a_status(environment, state, level):
    links = LinksWithDiagnostics(environment)
    sensors = {"lidar 1": "SENSOR_ALIVE", "lidar 2": state}
    links.output.send(outputs.message(outputs.health("OK", algo=("OK", sensors))))
    links.wait_until("node algo sensor lidar 2", level, state.removeprefix("SENSOR_"))
    links.wait_until("node algo sensor lidar 1", OK)
    # The state before the disconnect may be outdated.
    links.output.abort()
    links.output_server.client(2)
    links.wait_until("node algo sensor lidar 2", STALE)


def test_an_overflow_of_the_server_is_an_error_with_our_counters(environment):
    links = LinksWithDiagnostics(environment, "points/raw")
    for number in range(3):
        links.send_cloud(number)
        links["points/raw"].wait(number + 1)
    links.wait_until("server", STALE)
    links.statistics.wait_until_settled()
    known = links.statistics.topic()
    links.output.send(outputs.message(outputs.health("OUTPUT_BUFFER_OVERFLOW", as_event=True)))
    status = links.wait_until("server", ERROR, "overflowed", feed=False)
    figures = values_of(status)
    assert figures["overflows"] == "1"
    assert f"received {known.received} = published {known.published}" in figures["at last overflow: points/raw"]
    assert int(figures["at last overflow: queued bytes"]) >= 0
    links.bridge.wait_for_output("OUTPUT_BUFFER_OVERFLOW")
    # The server is OK again, but the overflow is shown for a while.
    links.output.send(outputs.message(outputs.health("OK")))
    links.wait_until("server", ERROR, "overflowed")


def test_a_loss_is_shown_with_the_topic(environment):
    links = LinksWithDiagnostics(environment, "points/raw")
    links.wait_until("loss", OK, "nothing lost")
    links.points.send(points_encoder.result(points_encoder.cloud(b"\0" * 13)))
    wait_until(lambda: links.latest()["loss"].level != OK, lambda: f"a loss: {links.latest()['loss']}")
    status = links.latest()["loss"]
    assert "points/raw" in status.message
    assert "malformed 1" in values_of(status)["points/raw"]


def test_clocks_that_differ_are_a_warning(environment):
    links = LinksWithDiagnostics(environment)

    def holds():
        # Several messages, because one is no evidence of the server's clock.
        links.output.send(outputs.message(outputs.zones(1), at_ns=time.time_ns() - 3600 * outputs.NS))
        return links.inbox.messages and links.latest()["clock"].level == WARN

    wait_until(holds, "a warning")
    assert "behind this machine's" in links.latest()["clock"].message
    assert values_of(links.latest()["clock"])["stamp_source"] == "receive"
