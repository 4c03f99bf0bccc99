"""The node as a process: how it starts, what it says, and how it ends."""

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
#: Closing, publishing what is queued and ending have limits that come to much less; a busy machine adds to them.
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
def test_a_signal_ends_it_while_data_flow(environment, number):
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
def test_a_signal_ends_it_while_it_waits_to_try_again(environment, number):
    pauses = {"reconnect.initial_delay": 600.0, "reconnect.max_delay": 600.0}
    bridge = environment.bridge(environment.port().number, pauses)
    observer = environment.observer()
    environment.statistics(observer).wait_for_state(BACKOFF)
    require_clean_stop(bridge, number)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_ends_it_while_it_connects(environment, number):
    port = environment.port()
    silent = port.listener()
    try:
        bridge = environment.bridge(port.number)
        observer = environment.observer()
        environment.statistics(observer).wait_for_state(CONNECTING)
        require_clean_stop(bridge, number)
    finally:
        silent.close()


def test_a_signal_ends_it_while_a_name_server_does_not_answer(environment):
    bridge = environment.bridge(
        parameters={"host": "slow.example.com"},
        ros_args=["--log-level", "debug"],
        wrapper=[*unshare_command("net", "mount"), sys.executable, str(SILENT_DNS)],
    )
    # Signals are caught and the log is there once rcl has said something.
    bridge.wait_for_output(r"sensr_bridge")
    until_resolving(bridge)
    require_clean_stop(bridge, signal.SIGTERM)


def until_resolving(bridge):
    """Waits until one of its threads asks for the name."""

    def threads():
        return [(task / "comm").read_text().strip() for task in Path(f"/proc/{bridge.pid}/task").iterdir()]

    # The reactor asks in threads that it keeps for what blocks, and for nothing else.
    bridge.wait_until(
        lambda: any(name.startswith("tokio") for name in threads()), lambda: f"a resolver among {threads()}"
    )


def test_two_signals_are_as_good_as_one(environment):
    """`timeout` and `ros2 launch` may deliver SIGINT twice."""
    server = environment.server()
    bridge = environment.bridge(server.port)
    client = server.client()
    bridge.send_signal(signal.SIGINT)
    bridge.send_signal(signal.SIGINT)
    assert bridge.wait(STOP_SECONDS) == 0, bridge.log_tail()
    assert client.wait_closed() == 1001


def test_a_signal_during_the_start_is_not_lost(environment):
    """At any moment: the exit code is 0, or that of the signal if it was not caught yet."""
    for number in range(10):
        bridge = environment.bridge(environment.port().number)
        time.sleep(number * 0.01)  # nothing is waited for: the moments are the point
        bridge.send_signal(signal.SIGTERM)
        assert bridge.wait(STOP_SECONDS) in (0, -signal.SIGTERM), bridge.log_tail()
        assert "panicked" not in bridge.log


def test_a_server_that_does_not_answer_the_close_frame_does_not_hold_it_up(environment):
    port = environment.port()
    server = environment.server(port)
    bridge = environment.bridge(port.number)
    client = server.client()
    # From now on nobody reads what the bridge sends.
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
    wait_until(lambda: line(late_logs), "the line on /rosout for one who comes later")
    assert len(line(late_logs)) == 1


def test_the_log_level_is_that_of_the_arguments(environment):
    quiet = environment.bridge(environment.port().number, ros_args=["--log-level", "error"])
    loud = environment.bridge(environment.port().number, ros_args=["--log-level", "debug", "-r", "__node:=loud"])
    loud.wait_for_output(r"DEBUG.*next attempt in")
    # That it answers means that it is up.
    environment.parameters(environment.observer()).get("host")
    quiet.end()
    assert quiet.log == ""


def listening(process):
    """The TCP addresses a process listens on, as /proc/net has them."""
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


def test_help_and_version(environment):
    helper = environment.bridge(args=["--help"], defaults=False)
    assert helper.wait() == 0
    for word in ("SENSR", "--ros-args", "--print-params", "--version"):
        assert word in helper.stdout
    version = environment.bridge(args=["--version"], defaults=False)
    assert version.wait() == 0
    assert re.fullmatch(r"sensr_bridge \d+\.\d+\.\d+\n", version.stdout)


def test_a_namespace_moves_everything(environment):
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


def test_two_bridges_side_by_side(environment):
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


def test_two_subscribers_get_everything(environment):
    server = environment.server()
    observers = [environment.observer(name=name) for name in ("one", "two")]
    inboxes = [observer.subscribe_clouds(keep=number_of) for observer in observers]
    statistics = environment.statistics(observers[0])
    environment.bridge(server.port)
    for observer, inbox in zip(observers, inboxes):
        observer.wait_for_match(inbox)
    client = server.client()
    for number in range(50):
        client.send(points_encoder.numbered_cloud(number, points=1000))
        # In step: how many may be under way at once is not the subject.
        for inbox in inboxes:
            inbox.wait(number + 1)
    for inbox in inboxes:
        assert inbox.messages == list(range(50))


def test_a_late_subscriber_gets_everything_from_then_on(environment):
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


def test_the_cpu_is_left_alone_when_a_server_accepts_and_closes_at_once(environment):
    """However short a link is, the pause before the next attempt is kept."""
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
