"""A console that accepts no output costs log lines and nothing else."""

import re
import signal
import time

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.msg import Log
from std_srvs.srv import Trigger

from support import ros_observer
from support.blockable_console import Console
from support.breakable_links import ERROR, HANG_TIMEOUT, BreakableLinks
from support.broken_rcl import UNKNOWN_CODE
from support.diagnostics_reader import LinksWithDiagnostics, values_of
from support.linux_namespaces import unshare_command
from support.polling import wait_until
from support.statistics_reader import topic_of
from support.summary_notes import add_note
from support.two_links import TwoLinks

#: The limit is two seconds; a busy machine needs longer.
EXIT_TIMEOUT = 20.0
#: rcl logs every wait at this level.
DEBUG_LOG = ("--log-level", "debug")
#: Makes every line long.
LONG_LINES = ["env", "RCUTILS_CONSOLE_OUTPUT_FORMAT=[{severity}] " + "{message} " * 100]


@pytest.fixture
def console_of():
    """Makes consoles. They are closed before the environment, so that no process waits for its output."""
    made = []

    def make(kind):
        made.append(getattr(Console, kind)())
        return made[-1]

    yield make
    for console in made:
        console.close()


def require_stop(bridge, code=0):
    begun = time.monotonic()
    bridge.send_signal(signal.SIGTERM)
    assert bridge.wait(EXIT_TIMEOUT) == code, bridge.log_tail()
    return time.monotonic() - begun


@pytest.mark.parametrize("kind", ["full_pipe", "stopped_terminal"])
def test_data_flow_and_the_process_stops(environment, console_of, kind):
    console = console_of(kind)
    links = TwoLinks(environment, "points/raw", stderr=console.writer, ros_args=DEBUG_LOG)
    for number in range(20):
        links.send_cloud(number)
        links.bridge.wait_until(lambda number=number: number in links["points/raw"].messages, f"cloud {number}")
    took = require_stop(links.bridge)
    add_note(f"console: SIGTERM with a {kind}, exit code 0 after {took:.2f} s")


def test_lost_lines_are_counted_and_reported_when_it_resumes(environment, console_of):
    console = console_of("full_pipe")
    links = LinksWithDiagnostics(
        environment, "points/raw", stderr=console.writer, ros_args=DEBUG_LOG, wrapper=LONG_LINES
    )
    rosout = links.observer.subscribe("/rosout", Log, ros_observer.qos(latched=True, depth=1000))
    links.wait_until("log", DiagnosticStatus.WARN, "accepts no lines")
    assert int(values_of(links.latest()["log"])["lost lines"]) > 0
    # Meanwhile all lines are on /rosout.
    before = rosout.count
    links.observer.call(Trigger, "/sensr_bridge/reconnect", Trigger.Request())
    wait_until(lambda: any("connected" in message.msg for message in rosout.messages[before:]), "the line on /rosout")
    console.start_reading()
    report = r"WARN.*?(\d+) log lines were lost: the console did not take them for \d+\.\d s"
    lost = int(wait_until(lambda: re.search(report, console.text), "the line about lost lines")[1])
    assert lost > 0
    wait_until(lambda: any("log lines were lost" in message.msg for message in rosout.messages), "it on /rosout")
    links.wait_until("log", DiagnosticStatus.WARN, "lines lost in the last")
    require_stop(links.bridge)
    assert re.search(r"ran for \d+ s", console.read_to_end()), "the last lines are not lost"


def test_a_resumed_terminal_shows_colours(environment, console_of):
    console = console_of("stopped_terminal")
    bridge = environment.bridge(stderr=console.writer)
    environment.statistics(environment.observer()).wait_until(lambda _: True, "the bridge at work")
    console.resume()
    wait_until(lambda: "cannot connect" in console.text, "the lines that waited")
    assert "\x1b[" in console.text, "colours, as on any terminal"
    require_stop(bridge)
    assert re.search(r"ran for \d+ s", console.read_to_end())


def test_the_log_level_applies_and_files_have_no_colours(environment):
    quiet = environment.bridge(ros_args=["--log-level", "error", "-r", "__node:=quiet"])
    usual = environment.bridge()
    usual.wait_for_output("WARN.*cannot connect")
    require_stop(usual)
    assert "\x1b[" not in usual.log
    require_stop(quiet)
    assert not quiet.log, quiet.log


def test_the_log_can_go_to_stdout(environment):
    bridge = environment.bridge(
        wrapper=["env", "RCUTILS_LOGGING_USE_STDOUT=1", "RCUTILS_LOGGING_BUFFERED_STREAM=1"],
    )
    bridge.wait_for_output("WARN.*cannot connect", stream="stdout")
    require_stop(bridge)
    assert re.search(r"ran for \d+ s", bridge.stdout), bridge.log_tail()
    assert not bridge.stderr


@pytest.mark.parametrize("thread", ["sensr-points", "sensr_bridge"])
def test_a_panic_exits_with_a_blocked_console(environment, broken_rcl, console_of, thread):
    console = console_of("full_pipe")
    links = BreakableLinks(environment, broken_rcl, thread=thread, publish=UNKNOWN_CODE, stderr=console.writer)
    links.bridge.may_panic = True
    links.break_rcl()
    if thread == "sensr-points":
        links.feed()
    took = links.require_exit(code=1 if thread == "sensr-points" else 101)
    add_note(f"console: panic in {thread} with a full pipe, end after {took:.2f} s")


def test_the_report_of_a_panic_is_printed(environment, broken_rcl):
    links = BreakableLinks(environment, broken_rcl, thread="sensr_bridge", publish=UNKNOWN_CODE)
    links.bridge.may_panic = True
    links.break_rcl()
    links.require_exit("panicked at", str(UNKNOWN_CODE), code=101)


@pytest.mark.parametrize("console", [None, "full_pipe"])
def test_the_reason_of_an_abort_is_printed(environment, broken_rcl, console_of, console):
    """The reason is printed before the process ends, not left in a pipe inside it; and the process does end."""
    stderr = console and console_of(console).writer
    links = BreakableLinks(environment, broken_rcl, thread="sensr-points", publish="abort", stderr=stderr)
    links.break_rcl()
    links.feed()
    assert links.bridge.wait(EXIT_TIMEOUT) == -signal.SIGABRT, links.bridge.log_tail()
    assert console or "terminate called after throwing an instance of 'test'" in links.bridge.log


def test_an_abort_signal_ends_the_process(environment):
    bridge = environment.bridge()
    environment.statistics(environment.observer()).wait_until(lambda _: True, "the bridge at work")
    bridge.send_signal(signal.SIGABRT)
    assert bridge.wait(EXIT_TIMEOUT) == -signal.SIGABRT


def test_a_hanging_main_thread_ends_the_process_with_a_blocked_console(environment, broken_rcl, console_of):
    console = console_of("full_pipe")
    links = BreakableLinks(environment, broken_rcl, thread="sensr_bridge", publish="hang", stderr=console.writer)
    links.break_rcl()
    took = links.require_exit(timeout=HANG_TIMEOUT)
    add_note(f"console: main thread hangs with a full pipe, exit code 1 after {took:.1f} s")


def test_a_stop_while_a_publisher_hangs_with_a_blocked_console(environment, broken_rcl, console_of):
    console = console_of("full_pipe")
    links = BreakableLinks(environment, broken_rcl, thread="sensr-points", publish="hang", stderr=console.writer)
    links.break_rcl()
    links.hang_with_clouds()
    links.bridge.send_signal(signal.SIGTERM)
    links.require_exit()


def test_repeated_lines_of_a_library_are_suppressed(environment, broken_rcl):
    """r2r logs a line for each message that it cannot publish."""
    links = BreakableLinks(environment, broken_rcl, thread="sensr-points", publish=ERROR)
    links.break_rcl()
    for number in range(20):
        links.send_cloud(number)
    links.statistics.wait_until(lambda message: topic_of(message).dropped == 20, "the losses")
    require_stop(links.bridge)
    assert links.bridge.log.count("could not publish") == 1, links.bridge.log_tail()


def test_an_error_at_the_start_exits_with_a_blocked_console(environment, console_of):
    console = console_of("full_pipe")
    bridge = environment.bridge(parameters={"points_port": "many"}, stderr=console.writer)
    assert bridge.wait(EXIT_TIMEOUT) == 2


def test_a_closed_reader_is_no_error(environment, console_of):
    console = console_of("full_pipe")
    links = TwoLinks(environment, "points/raw", stderr=console.writer, ros_args=DEBUG_LOG)
    console.close_reader()
    links.send_cloud(1)
    links["points/raw"].wait(1)
    require_stop(links.bridge)


def test_the_simulator_keeps_sending_with_a_blocked_console(environment, console_of):
    console = console_of("full_pipe")
    sim = environment.sim("--rate", 50, stderr=console.writer)
    observer = environment.observer()
    statistics = environment.statistics(observer)
    environment.bridge(sim.points_port, output_port=sim.output_port)
    statistics.wait_for_received(50)
    sim.stop()


FOLDERS = {
    "a folder in /proc": (["env", "ROS_LOG_DIR=/proc/nope"], "/proc/nope"),
    "no HOME": (["env", "-u", "ROS_LOG_DIR", "-u", "ROS_HOME", "-u", "HOME"], "~/.ros/log: HOME is not set"),
    "a file": (["env", "ROS_LOG_DIR=/dev/null"], "/dev/null: "),
    "a folder in a file": (["env", "-u", "ROS_LOG_DIR", "ROS_HOME=/dev/null"], "/dev/null/log: "),
}


@pytest.mark.parametrize("case", FOLDERS)
def test_a_log_folder_without_write_permission_is_no_error(environment, case):
    wrapper, words = FOLDERS[case]
    links = LinksWithDiagnostics(environment, "points/raw", wrapper=wrapper)
    line = links.bridge.wait_for_output("WARN.*no log file.*")[0]
    assert f"cannot write log files to {words}" in line, line
    assert "ROS_LOG_DIR" in line and len(links.bridge.log.splitlines()) == len(set(links.bridge.log.splitlines()))
    status = links.wait_until("log", DiagnosticStatus.OK)
    assert words in values_of(status)["no log file"]
    require_stop(links.bridge)


def test_the_log_file_can_be_switched_off(environment):
    bridge = environment.bridge(wrapper=["env", "ROS_LOG_DIR=/proc/nope"], ros_args=["--disable-external-lib-logs"])
    environment.statistics(environment.observer()).wait_until(lambda _: True, "the bridge at work")
    require_stop(bridge)
    assert "no log file" not in bridge.log, bridge.log_tail()


def test_a_full_log_disk_is_no_error(environment):
    """The folder can be written to, but the disk has no room."""
    folder = environment.folder / "small"
    folder.mkdir()
    script = f'mount -t tmpfs -o size=4k none "{folder}" && cat /dev/zero >"{folder}/filler" 2>/dev/null; exec "$@"'
    wrapper = [*unshare_command("mount"), "env", f"ROS_LOG_DIR={folder}", "sh", "-c", script, "sh"]
    links = TwoLinks(environment, "points/raw", wrapper=wrapper, ros_args=DEBUG_LOG)
    wait_until(lambda: len(links.bridge.stderr) > 15_000, "more lines than wait in a buffer", timeout=60.0)
    links.send_cloud(1)
    links["points/raw"].wait(1)
    require_stop(links.bridge)
    assert re.search(r"ran for \d+ s", links.bridge.log), links.bridge.log_tail()
