"""The monitor finds bridges and recorders, shows and reports on them, and disturbs nothing."""

import os
import pty
import re
import select
import signal
import subprocess
import termios
import time

import pytest
from builtin_interfaces.msg import Duration, Time
from sensr_bridge.msg import BridgeStatistics, ZoneEvent

from support import outputs, ros_observer
from support.monitor import document_of, rows_of
from support.polling import wait_until
from support.processes import executable
from support.statistics_reader import topic_of
from support.topic_table import TOPICS

#: Topics that the bridge publishes only for subscribers. Latched ones are published always.
FOR_SUBSCRIBERS = [name for name, topic in TOPICS.items() if not topic.latched]
#: Columns of messages that were not lost.
OUTCOMES = ("published", "thinned", "unsubscribed", "dropped", "malformed", "queued")
MONITOR = ("sensr_monitor", "/")


def in_namespace(namespace):
    return ("-r", f"__ns:={namespace}")


def run(*args, env=None):
    """Runs the monitor to its end, and returns code, standard output and standard error."""
    argv = [executable("sensr_monitor"), *args]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60.0, check=False)
    return done.returncode, done.stdout, done.stderr


def test_help_needs_no_other_document():
    code, out, _ = run("--help")
    assert code == 0
    for word in ("--plain", "--period", "--duration", "--csv", "--json", "--plot", "--limit", "--no-report"):
        assert word in out
    for word in ("ROS_DOMAIN_ID", "NO_COLOR", "Exit code", "--ros-args", "SIGTERM"):
        assert word in out
    assert max(map(len, out.splitlines())) <= 120


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--period", "soon"], "10m"),
        (["--limit", "10XB"], "10GB"),
        (["--plot", "report.pdf"], ".svg or .png"),
        (["--csv", "-", "--json", "-"], "standard output"),
        (["a//b"], "such as samyang"),
        (["--unknown"], "--unknown"),
        (["--ros-args", "--parms-file", "x"], "--parms-file"),
    ],
)
def test_wrong_arguments_are_named(args, words):
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    assert words in err


def test_parameters_are_not_ignored_without_a_word(environment):
    code, _, err = run("--plain", "--duration", "1", "--ros-args", "-p", "host:=192.0.2.1", env=environment.env)
    assert code == 0
    assert "-p and --params-file have no effect" in err


def test_a_file_that_cannot_be_written_ends_it_at_the_start():
    code, _, err = run("--json", "/no/such/folder/run.json", "--duration", "1h")
    assert code == 1
    assert "/no/such/folder/run.json" in err


def test_a_full_disk_is_told_at_once_and_stops_nothing(environment):
    monitor = environment.monitor("--csv", "/dev/full")
    monitor.wait_for_output(r"^sensr_monitor: /dev/full: rows can no longer be written; check .*free space")
    count = len(monitor.stdout.splitlines())
    monitor.wait_until(lambda: len(monitor.stdout.splitlines()) > count + 5, "more lines")
    monitor.send_signal(signal.SIGINT)
    assert monitor.wait() == 1
    assert "/dev/full: No space left on device" in monitor.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_finds_two_sites_that_come_later_and_reports_at_the_end(environment, number):
    csv, json = environment.folder / "run.csv", environment.folder / "run.json"
    monitor = environment.monitor("--csv", csv, "--json", json)
    monitor.wait_for_output("no bridge found yet: .*ROS_DOMAIN_ID", stream="stdout")
    sim = environment.sim("--rate", 20)
    statistics = environment.statistics(environment.observer(), "/north/harbour/statistics")
    environment.bridge(sim.points_port, output_port=sim.output_port, ros_args=in_namespace("/north/harbour"))
    environment.bridge()
    monitor.wait_for_line("north/harbour", "points connected", "output connected", "/s, published", "memory")
    # The bridge judges its links after some seconds.
    monitor.wait_for_line("/", "points backoff", "ERROR points link")
    seen = statistics.wait_for_next()
    monitor.wait_until(
        lambda: any(
            int(row["received"] or 0) >= sum(topic.received for topic in seen.topics)
            for row in rows_of(csv.read_text().rpartition("\n")[0] + "\n")
            if row["site"] == "north/harbour"
        ),
        "a row with all that was received",
    )
    out = monitor.stop(number)
    assert monitor.stderr == ""
    lines = out.splitlines()
    report = "\n".join(line for line in lines if not re.match(r"\d{4}-\d\d-\d\d ", line))
    assert "north/harbour" in report
    assert out.endswith(f"{report}\n"), "the report comes last"
    require_rows(rows_of(csv.read_text()), seen)
    assert [site["namespace"] for site in document_of(json)["sites"]] == ["/", "/north/harbour"]


def require_rows(rows, seen):
    """Requires figures that fit together, and to some statistics in between."""
    assert {row["site"] for row in rows} == {"/", "north/harbour"}
    assert all(row["points_state"] in ("connecting", "backoff", "") for row in rows if row["site"] == "/")
    rows = [row for row in rows if row["site"] == "north/harbour" and row["state"] == "running"]
    times = [row["time"] for row in rows]
    assert times == sorted(times) and times[0].endswith("Z")
    for row in rows:
        assert int(row["received"]) == sum(int(row[outcome]) for outcome in OUTCOMES)
        assert int(row["received"]) == sum(int(row[f"{topic}:received"]) for topic in TOPICS)
        assert 0 < int(row["rss_bytes"]) <= int(row["memory_bound_bytes"])
    received = [int(row["points/raw:received"]) for row in rows]
    assert received == sorted(received)
    assert received[0] <= topic_of(seen).received <= received[-1]
    assert any(float(row["received_per_s"] or 0) > 0 for row in rows)
    last = rows[-1]
    assert (last["points_state"], last["output_state"]) == ("connected", "connected")
    assert last["recording_state"] == ""


def test_it_subscribes_to_no_data_and_publishes_nothing(environment):
    sim = environment.sim("--rate", 20)
    observer = environment.observer()
    statistics = environment.statistics(observer)
    environment.bridge(sim.points_port, output_port=sim.output_port)
    monitor = environment.monitor()
    monitor.wait_for_line("/", "points connected", "received")
    before = statistics.wait_for_next()
    grown = 100
    after = statistics.wait_until(
        lambda message: all(
            topic_of(message, name).unsubscribed >= topic_of(before, name).unsubscribed + grown
            for name in ("points/raw", "points/objects", "objects")
        ),
        "more clouds and objects without a subscriber",
    )
    monitor.require_alive()
    # The bridge is younger than the time from which on the monitor subscribes to events.
    assert after.uptime.sec < 25
    for name in FOR_SUBSCRIBERS:
        assert topic_of(after, name).published == 0, name
    subscribed = {name for name, _ in observer.node.get_subscriber_names_and_types_by_node(*MONITOR)}
    assert subscribed == {"/statistics", "/recording", "/diagnostics"}
    published = {name for name, _ in observer.node.get_publisher_names_and_types_by_node(*MONITOR)}
    # Up to Iron rcl publishes the log of every node.
    assert published <= {"/rosout"}
    assert observer.node.get_service_names_and_types_by_node(*MONITOR) == []


def test_it_shows_selected_sites_only(environment):
    for namespace in ("/north/harbour", "/south/harbour", "/samyang"):
        environment.bridge(ros_args=in_namespace(namespace))
    one = environment.monitor("samyang", "/north/harbour", "/not/yet")
    every = environment.monitor()
    for site in ("north/harbour", "south/harbour", "samyang"):
        every.wait_for_line(site, "memory")
    one.wait_for_line("samyang", "memory")
    one.wait_for_line("north/harbour", "memory")
    one.wait_for_line("not/yet", "waiting for the first statistics")
    one.stop()
    assert "south" not in one.stdout


def test_silence_and_restart_of_a_bridge_are_noticed(environment):
    monitor = environment.monitor("--csv", environment.folder / "run.csv")
    bridge = environment.bridge()
    monitor.wait_for_line("/", "memory")
    bridge.send_signal(signal.SIGKILL)
    bridge.wait()
    monitor.wait_for_line("/", "SILENT, no statistics for")
    count = len(monitor.lines("/"))
    environment.bridge()
    monitor.wait_until(lambda: "memory" in monitor.lines("/")[-1] and len(monitor.lines("/")) > count, "figures again")
    monitor.stop()
    rows = rows_of((environment.folder / "run.csv").read_text())
    assert [row["restarts"] for row in rows if row["state"] == "running"][-1] == "1"
    assert "silent" in {row["state"] for row in rows}


def test_the_recorder_is_shown_with_its_bridge(environment):
    sim = environment.sim("--rate", 20)
    observer = environment.observer()
    environment.bridge(sim.points_port, output_port=sim.output_port, ros_args=in_namespace("/site"))
    recorder = environment.recorder(namespace="/site")
    recording = environment.recording(observer, recorder)
    monitor = environment.monitor("--csv", "-")
    recording.wait_for_splits(2)
    monitor.wait_until(
        lambda: any(
            row["recording_state"] == "recording" and int(row["splits"]) >= 2 and int(row["disk_free_bytes"]) > 0
            for row in rows_of(monitor.stdout.rpartition("\n")[0] + "\n")
        ),
        monitor.log_tail,
    )
    # Rows have standard output for themselves.
    monitor.wait_for_output(r" site: .*\| recorder recording, split \d+ .* missing 0")


def test_a_monitor_does_not_take_the_first_events_from_a_recorder(environment):
    """The bridge holds its first events for a recorder, although a monitor has been there before."""
    count = 37
    monitor = environment.monitor()
    observer = environment.observer()
    statistics = environment.statistics(observer)
    server = environment.server()
    environment.bridge(parameters={"startup_hold": 20.0}, output_port=server.port)
    client = server.client()
    for number in range(count):
        client.send(outputs.message(outputs.zone_events(number)))
    monitor.wait_for_line("/", "output connected")
    waiting = statistics.wait_until(lambda message: topic_of(message, "events/zone").received == count, "all events")
    assert topic_of(waiting, "events/zone").queued == count
    events = observer.subscribe(
        "events/zone", ZoneEvent, TOPICS["events/zone"].subscription_qos(), keep=lambda message: message.sequence
    )
    assert events.wait(count) == list(range(count))


def test_a_terminal_that_takes_nothing_stops_nothing(environment):
    """Ctrl-S, or a connection that hangs: rows go on, and SIGTERM ends it with all files."""
    csv, json = environment.folder / "run.csv", environment.folder / "run.json"
    environment.bridge()
    reader, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (50, 200))
    try:
        argv = [executable("sensr_monitor"), "--period", "0.2", "--csv", csv, "--json", json]
        env = environment.env | {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), terminal)
        monitor = subprocess.Popen(argv, env=env, start_new_session=True, **streams)
        try:
            wait_until(lambda: select.select([reader], [], [], 0)[0], "the first frame")
            fill(os.ttyname(terminal))
            count = len(csv.read_text().splitlines())
            wait_until(lambda: len(csv.read_text().splitlines()) > count + 20, "rows all the same")
            monitor.terminate()
            # The report could not be written.
            assert monitor.wait(60.0) == 1
            assert termios.tcgetattr(terminal)[3] & termios.ICANON, "the mode of the terminal is restored"
        finally:
            monitor.kill()
            monitor.wait()
    finally:
        os.close(reader)
        os.close(terminal)
    assert rows_of(csv.read_text())[-1]["state"] == "running"
    assert [site["namespace"] for site in document_of(json)["sites"]] == ["/"]


def fill(terminal: str):
    """Writes to a terminal that nobody reads until it takes nothing more."""
    file = os.open(terminal, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        while select.select([], [file], [], 0)[1]:
            os.write(file, b" " * 64)
    except BlockingIOError:
        pass
    finally:
        os.close(file)


class StandIn:
    """A bridge that has run for as long as a test likes."""

    def __init__(self, observer):
        self._node = observer.node
        self._statistics = self._node.create_publisher(BridgeStatistics, "statistics", 10)
        self.events = self._node.create_publisher(ZoneEvent, "events/zone", ros_observer.qos())

    def publish(self, uptime):
        now_ns = time.time_ns()
        message = BridgeStatistics(uptime=Duration(sec=uptime))
        message.header.stamp = Time(sec=now_ns // 10**9, nanosec=now_ns % 10**9)
        self._statistics.publish(message)

    def end(self):
        self._node.destroy_publisher(self._statistics)
        self._node.destroy_publisher(self.events)

    def wait_for_subscribers(self, count, uptime, watch):
        """Publishes statistics until the events have so many subscribers."""

        def reached():
            self.publish(uptime)
            return self.events.get_subscription_count() == count

        wait_until(reached, f"{count} subscribers of the events", watch=watch)


def test_events_are_subscribed_only_while_no_bridge_can_hold_them(environment):
    """A subscription would end the hold of a bridge that starts, for which a recorder has come later."""
    monitor = environment.monitor()
    observer = environment.observer()
    old = StandIn(observer)
    old.wait_for_subscribers(1, 25, monitor.require_alive)
    # Another run of the bridge is discovered before the first one has gone, as after a kill, and before any statistics.
    new = StandIn(environment.observer(name="restarted"))
    wait_until(
        lambda: new.events.get_subscription_count() == 0 and old.events.get_subscription_count() == 0,
        "the end of the subscription",
        watch=monitor.require_alive,
    )
    old.end()
    for uptime in (1, 24):
        seen = len(monitor.lines("/"))
        new.publish(uptime)
        monitor.wait_until(lambda seen=seen: len(monitor.lines("/")) > seen + 2, "more lines")
        assert new.events.get_subscription_count() == 0
    new.wait_for_subscribers(1, 25, monitor.require_alive)
