"""The node as a process: start, log, signals and exit code."""

import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest
from rcl_interfaces.msg import Log

from support import points_encoder, ros_observer
from support.linux_namespaces import unshare_command
from support.point_cloud_reader import number_of
from support.polling import wait_until
from support.statistics_reader import BACKOFF, CONNECTED, CONNECTING
from support.summary_notes import add_note
from support.topic_table import topics_in_namespace

SILENT_DNS = Path(__file__).with_name("support") / "with_silent_dns.py"
SIGNALS = [signal.SIGINT, signal.SIGTERM]
#: Far above the sum of the limits for closing, publishing what is queued and stopping, for a busy machine.
STOP_SECONDS = 20.0


def require_clean_stop(bridge, number):
    begun = time.monotonic()
    bridge.send_signal(number)
    assert bridge.wait(STOP_SECONDS) == 0, bridge.log_tail()
    took = time.monotonic() - begun
    assert f"{number.name}: stopping" in bridge.log
    assert re.search(r"ran for \d+ s", bridge.log), bridge.log_tail()
    for link in ("points", "output"):
        assert f"link {link}: " in bridge.log, bridge.log
    assert "ERROR" not in bridge.log, bridge.log_tail()
    return took


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_stops_the_node_while_data_flow(environment, number):
    server = environment.server()
    observer = environment.observer()
    clouds = observer.subscribe_clouds(keep=number_of)
    statistics = environment.statistics(observer)
    bridge = environment.bridge(server.port)
    observer.wait_for_match(clouds, statistics.inbox)
    client = server.client()
    for cloud in range(20):
        client.send(points_encoder.numbered_cloud(cloud, points=20_000))
    clouds.wait(1)
    took = require_clean_stop(bridge, number)
    assert client.wait_closed() == 1001
    (received, published) = re.search(r"points/raw: received (\d+) = published (\d+)", bridge.log).groups()
    assert int(published) == int(received) >= 1, "what was received is published, not dropped"
    add_note(f"stopping: {number.name} while data flow, {took:.2f} s")


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_stops_the_node_during_a_back_off(environment, number):
    pauses = {"reconnect.initial_delay": 600.0, "reconnect.max_delay": 600.0}
    bridge = environment.bridge(environment.port().number, pauses)
    observer = environment.observer()
    environment.statistics(observer).wait_for_state(BACKOFF)
    require_clean_stop(bridge, number)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_stops_the_node_while_it_connects(environment, number):
    port = environment.port()
    silent = port.listener()
    try:
        bridge = environment.bridge(port.number)
        observer = environment.observer()
        environment.statistics(observer).wait_for_state(CONNECTING)
        require_clean_stop(bridge, number)
    finally:
        silent.close()


def test_a_signal_stops_the_node_while_a_name_server_does_not_answer(environment):
    bridge = environment.bridge(
        parameters={"host": "slow.example.com"},
        ros_args=["--log-level", "debug"],
        wrapper=[*unshare_command("net", "mount"), sys.executable, str(SILENT_DNS)],
    )
    # Once rcl has logged a line, signals are caught and the log works.
    bridge.wait_for_output(r"sensr_bridge")
    until_resolving(bridge)
    require_clean_stop(bridge, signal.SIGTERM)


def until_resolving(bridge):
    """Waits until a thread of the node resolves the name."""

    def threads():
        return [(task / "comm").read_text().strip() for task in Path(f"/proc/{bridge.pid}/task").iterdir()]

    # The async runtime resolves names in its threads for blocking calls and uses these for nothing else.
    bridge.wait_until(
        lambda: any(name.startswith("tokio") for name in threads()), lambda: f"a resolver among {threads()}"
    )


def test_a_second_signal_changes_nothing(environment):
    """`timeout` and `ros2 launch` may deliver SIGINT twice."""
    server = environment.server()
    bridge = environment.bridge(server.port)
    client = server.client()
    bridge.send_signal(signal.SIGINT)
    bridge.send_signal(signal.SIGINT)
    assert bridge.wait(STOP_SECONDS) == 0, bridge.log_tail()
    assert client.wait_closed() == 1001


def test_a_signal_during_the_start_is_not_lost(environment):
    """The exit code is 0, or that of the signal if the node does not catch signals yet."""
    for number in range(10):
        bridge = environment.bridge(environment.port().number)
        time.sleep(number * 0.01)  # The times of the signals are the point of the test.
        bridge.send_signal(signal.SIGTERM)
        assert bridge.wait(STOP_SECONDS) in (0, -signal.SIGTERM), bridge.log_tail()
        assert "panicked" not in bridge.log


def test_a_server_without_a_close_reply_does_not_delay_the_stop(environment):
    port = environment.port()
    server = environment.server(port)
    bridge = environment.bridge(port.number)
    client = server.client()
    # From now on the server reads nothing.
    with client.not_reading():
        require_clean_stop(bridge, signal.SIGTERM)


def test_the_log_reaches_rosout_and_the_console(environment):
    server = environment.server()
    early = environment.observer(name="early")
    logs = early.subscribe("/rosout", Log, ros_observer.qos(latched=True, depth=1000))
    bridge = environment.bridge(server.port)
    server.client()
    bridge.wait_for_output(r"\[INFO\] .*connected to")

    def line(inbox):
        return [log for log in list(inbox.messages) if "connected to" in log.msg]

    wait_until(lambda: line(logs), "the line on /rosout")
    (log,) = line(logs)
    assert (log.name, log.level) == ("sensr_bridge", 20)
    assert log.file and log.line > 0 and log.stamp.sec > 0
    assert log.msg == f"connected to ws://127.0.0.1:{server.port}/"

    late = environment.observer(name="late")
    late_logs = late.subscribe("/rosout", Log, ros_observer.qos(latched=True, depth=1000))
    wait_until(lambda: line(late_logs), "the line on /rosout for a late subscriber")
    assert len(line(late_logs)) == 1


def test_the_log_level_is_that_of_the_arguments(environment):
    quiet = environment.bridge(environment.port().number, ros_args=["--log-level", "error"])
    loud = environment.bridge(environment.port().number, ros_args=["--log-level", "debug", "-r", "__node:=loud"])
    loud.wait_for_output(r"DEBUG.*next attempt in")
    # Its response shows that it is running.
    environment.parameters(environment.observer()).get("host")
    quiet.end()
    assert quiet.log == ""


def listening(process):
    """Returns the TCP addresses a process listens on, in the format of /proc/net."""
    sockets = {os.readlink(fd) for fd in Path(f"/proc/{process.pid}/fd").iterdir()}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            # 0A: LISTEN
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                yield fields[1]


def test_nothing_listens_but_the_simulator_on_the_loopback(environment):
    sim = environment.sim("--points", 100)
    bridge = environment.bridge(sim.points_port, output_port=sim.output_port)
    environment.statistics(environment.observer()).wait_for_state(CONNECTED)
    assert list(listening(bridge)) == []
    ports = [sim.points_port, sim.output_port]
    assert sorted(listening(sim)) == sorted(f"0100007F:{port:04X}" for port in ports)


def test_help_and_version_are_printed(environment):
    helper = environment.bridge(args=["--help"], defaults=False)
    assert helper.wait() == 0
    for word in ("SENSR", "--ros-args", "--print-params", "--version"):
        assert word in helper.stdout
    version = environment.bridge(args=["--version"], defaults=False)
    assert version.wait() == 0
    assert re.fullmatch(r"sensr_bridge \d+\.\d+\.\d+\n", version.stdout)


def test_a_namespace_applies_to_all_names(environment):
    server = environment.server()
    observer = environment.observer()
    clouds = observer.subscribe_clouds("/site/points/raw")
    statistics = environment.statistics(observer, "/site/statistics")
    environment.bridge(server.port, ros_args=["-r", "__ns:=/site"])
    observer.wait_for_match(clouds, statistics.inbox, node="/site/sensr_bridge")
    server.client().send(points_encoder.numbered_cloud(1))
    clouds.wait(1)
    environment.parameters(observer, "/site/sensr_bridge").set({"frame_id": "moved"})
    own = topics_in_namespace("/site")

    def published():
        return observer.topics_of("sensr_bridge", "/site")

    wait_until(lambda: published() == own, lambda: f"just the topics {own}, there are {published()}")
    services = wait_until(lambda: observer.services_of("sensr_bridge", "/site"), "services")
    assert all(name.startswith("/site/sensr_bridge/") for name in services)


def test_two_bridges_run_side_by_side(environment):
    observer = environment.observer()
    sites = {}
    for name in ("north", "south"):
        server = environment.server()
        inbox = observer.subscribe_clouds(f"/{name}/points/raw", keep=number_of)
        environment.bridge(server.port, ros_args=["-r", f"__ns:=/{name}"])
        observer.wait_for_match(inbox, node=f"/{name}/sensr_bridge")
        sites[name] = (server, inbox)
    for number, (server, _) in enumerate(sites.values()):
        server.client().send(points_encoder.numbered_cloud(number))
    for number, (_, inbox) in enumerate(sites.values()):
        assert inbox.wait(1) == [number]


def test_a_topic_can_be_remapped(environment):
    server = environment.server()
    observer = environment.observer()
    clouds = observer.subscribe_clouds("/lidar")
    environment.bridge(server.port, ros_args=["-r", "points/raw:=/lidar"])
    observer.wait_for_match(clouds)
    server.client().send(points_encoder.numbered_cloud(1))
    clouds.wait(1)


def test_two_subscribers_receive_every_cloud(environment):
    server = environment.server()
    observers = [environment.observer(name=name) for name in ("one", "two")]
    inboxes = [observer.subscribe_clouds(keep=number_of) for observer in observers]
    environment.statistics(observers[0])
    environment.bridge(server.port)
    for observer, inbox in zip(observers, inboxes, strict=True):
        observer.wait_for_match(inbox)
    client = server.client()
    for number in range(50):
        client.send(points_encoder.numbered_cloud(number, points=1000))
        # One at a time, so that no queue matters.
        for inbox in inboxes:
            inbox.wait(number + 1)
    for inbox in inboxes:
        assert inbox.messages == list(range(50))


def test_a_late_subscriber_receives_every_later_cloud(environment):
    server = environment.server()
    observer = environment.observer()
    statistics = environment.statistics(observer)
    environment.bridge(server.port)
    observer.wait_for_match(statistics.inbox)
    client = server.client()
    for number in range(10):
        client.send(points_encoder.numbered_cloud(number))
    before = statistics.wait_for_received(10)
    assert (before.published, before.unsubscribed) == (0, 10)

    clouds = observer.subscribe_clouds(keep=number_of)
    observer.wait_for_match(clouds)
    for number in range(10, 20):
        client.send(points_encoder.numbered_cloud(number))
        clouds.wait(number - 9)
    assert clouds.messages == list(range(10, 20))
    after = statistics.wait_for_received(20)
    assert (after.published, after.unsubscribed) == (10, 10)


def test_a_server_that_closes_at_once_costs_little_cpu(environment):
    """The delay before the next attempt applies after the shortest connection too."""
    server = environment.server()
    observer = environment.observer()
    statistics = environment.statistics(observer)
    bridge = environment.bridge(server.port, {"reconnect.initial_delay": 0.2, "reconnect.max_delay": 0.2})
    statistics.wait_for_state(CONNECTED)
    begun, cpu = time.monotonic(), bridge.cpu_seconds()
    for number in range(1, 6):
        server.client(number).abort()
    server.client(6)
    elapsed = time.monotonic() - begun
    assert elapsed >= 5 * 0.2 * 0.8, "there were no pauses"
    assert bridge.cpu_seconds() - cpu < elapsed / 2
