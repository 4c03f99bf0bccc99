"""A console that takes nothing costs log lines and nothing else."""

import re
import signal
import time

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.msg import Log
from std_srvs.srv import Trigger
from test_diagnostics import Diagnosed, values
from test_dying import ERROR, HANG_PATIENCE, Breakable

from support import ros_observer
from support.blockable_console import Console
from support.broken_rcl import UNKNOWN_CODE
from support.linux_namespaces import unshare_command
from support.polling import wait_until
from support.statistics_reader import topic_of
from support.summary_notes import add_note
from support.two_links import TwoLinks

#: It is to take less than two seconds; a busy machine adds to them.
PATIENCE = 20.0
#: rcl itself has something to say with every wait.
TALKATIVE = ("--log-level", "debug")
#: And says it at length.
AT_LENGTH = ["env", "RCUTILS_CONSOLE_OUTPUT_FORMAT=[{severity}] " + "{message} " * 100]


@pytest.fixture
def console_of():
    """Makes consoles and closes them at the end: before the environment, so that nothing written is waited for."""
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
    assert bridge.wait(PATIENCE) == code, bridge.log_tail()
    return time.monotonic() - begun


@pytest.mark.parametrize("kind", ["full_pipe", "stopped_terminal"])
def test_data_flow_and_the_process_ends(environment, console_of, kind):
    console = console_of(kind)
    links = TwoLinks(environment, "points/raw", stderr=console.writer, ros_args=TALKATIVE)
    for number in range(20):
        links.send_cloud(number)
        links.bridge.wait_until(lambda: number in links["points/raw"].messages, f"cloud {number}")
    took = require_stop(links.bridge)
    add_note(f"console: SIGTERM with a {kind}, exit code 0 after {took:.2f} s")


def test_lost_lines_are_counted_and_told_when_it_goes_on(environment, console_of):
    console = console_of("full_pipe")
    links = Diagnosed(environment, "points/raw", stderr=console.writer, ros_args=TALKATIVE, wrapper=AT_LENGTH)
    rosout = links.observer.subscribe("/rosout", Log, ros_observer.qos(latched=True, depth=1000))
    links.wait_until("log", DiagnosticStatus.WARN, "takes no lines")
    assert int(values(links.latest()["log"])["lost lines"]) > 0
    # Meanwhile everything is on /rosout.
    before = rosout.count
    links.observer.call(Trigger, "/sensr_bridge/reconnect", Trigger.Request())
    wait_until(lambda: any("connected" in message.msg for message in rosout.messages[before:]), "the line on /rosout")
    console.start_reading()
    told = r"WARN.*?(\d+) log lines were lost: the console did not take them for \d+\.\d s"
    lost = int(wait_until(lambda: re.search(told, console.text), "the line about lost lines")[1])
    assert lost > 0
    wait_until(lambda: any("log lines were lost" in message.msg for message in rosout.messages), "it on /rosout")
    links.wait_until("log", DiagnosticStatus.WARN, "lines lost within")
    require_stop(links.bridge)
    assert re.search(r"ran for \d+ s", console.read_to_end()), "the last lines are not lost"


def test_a_terminal_that_goes_on_and_its_colours(environment, console_of):
    console = console_of("stopped_terminal")
    bridge = environment.bridge(stderr=console.writer)
    environment.statistics(environment.observer()).wait_until(lambda message: True, "the bridge at work")
    console.resume()
    wait_until(lambda: "cannot connect" in console.text, "the lines that waited")
    assert "\x1b[" in console.text, "colours, as on any terminal"
    require_stop(bridge)
    assert re.search(r"ran for \d+ s", console.read_to_end())


def test_the_level_holds_and_no_colours_go_into_a_file(environment):
    quiet = environment.bridge(ros_args=["--log-level", "error", "-r", "__node:=quiet"])
    usual = environment.bridge()
    usual.wait_for_output("WARN.*cannot connect")
    require_stop(usual)
    assert "\x1b[" not in usual.log
    require_stop(quiet)
    assert not quiet.log, quiet.log


def test_lines_on_stdout(environment):
    bridge = environment.bridge(
        wrapper=["env", "RCUTILS_LOGGING_USE_STDOUT=1", "RCUTILS_LOGGING_BUFFERED_STREAM=1"],
    )
    bridge.wait_for_output("WARN.*cannot connect", stream="stdout")
    require_stop(bridge)
    assert re.search(r"ran for \d+ s", bridge.stdout), bridge.log_tail()
    assert not bridge.stderr


@pytest.mark.parametrize("thread", ["pub-points", "sensr_bridge"])
def test_a_panic(environment, broken_rcl, console_of, thread):
    console = console_of("full_pipe")
    links = Breakable(environment, broken_rcl, thread=thread, publish=UNKNOWN_CODE, stderr=console.writer)
    links.bridge.may_panic = True
    links.break_it()
    if thread == "pub-points":
        links.feed()
    took = links.require_death(code=1 if thread == "pub-points" else 101)
    add_note(f"console: panic in {thread} with a full pipe, end after {took:.2f} s")


def test_the_report_of_a_panic_comes_out(environment, broken_rcl):
    links = Breakable(environment, broken_rcl, thread="sensr_bridge", publish=UNKNOWN_CODE)
    links.bridge.may_panic = True
    links.break_it()
    links.require_death("panicked at", str(UNKNOWN_CODE), code=101)


@pytest.mark.parametrize("console", [None, "full_pipe"])
def test_the_last_words_of_an_abort(environment, broken_rcl, console_of, console):
    """The reason stands in front of the end, not in a pipe that dies with the process; and an end there is."""
    stderr = console and console_of(console).writer
    links = Breakable(environment, broken_rcl, thread="pub-points", publish="abort", stderr=stderr)
    links.break_it()
    links.feed()
    assert links.bridge.wait(PATIENCE) == -signal.SIGABRT, links.bridge.log_tail()
    assert console or "terminate called after throwing an instance of 'test'" in links.bridge.log


def test_an_abort_from_outside(environment):
    bridge = environment.bridge()
    environment.statistics(environment.observer()).wait_until(lambda message: True, "the bridge at work")
    bridge.send_signal(signal.SIGABRT)
    assert bridge.wait(PATIENCE) == -signal.SIGABRT


def test_a_main_thread_that_hangs(environment, broken_rcl, console_of):
    console = console_of("full_pipe")
    links = Breakable(environment, broken_rcl, thread="sensr_bridge", publish="hang", stderr=console.writer)
    links.break_it()
    took = links.require_death(patience=HANG_PATIENCE)
    add_note(f"console: main thread hangs with a full pipe, exit code 1 after {took:.1f} s")


def test_a_stop_while_a_publisher_hangs(environment, broken_rcl, console_of):
    console = console_of("full_pipe")
    links = Breakable(environment, broken_rcl, thread="pub-points", publish="hang", stderr=console.writer)
    links.break_it()
    links.feed()
    links.send_cloud(2)
    links.statistics.wait_until(lambda message: topic_of(message).queued == 2, "the hanging clouds")
    links.bridge.send_signal(signal.SIGTERM)
    links.require_death()


def test_a_library_does_not_repeat_itself(environment, broken_rcl):
    """r2r has a line for each message that it cannot publish."""
    links = Breakable(environment, broken_rcl, thread="pub-points", publish=ERROR)
    links.break_it()
    for number in range(20):
        links.send_cloud(number)
    links.statistics.wait_until(lambda message: topic_of(message).dropped == 20, "the losses")
    require_stop(links.bridge)
    assert links.bridge.log.count("could not publish") == 1, links.bridge.log_tail()


def test_an_error_at_the_start(environment, console_of):
    console = console_of("full_pipe")
    bridge = environment.bridge(parameters={"points_port": "many"}, stderr=console.writer)
    assert bridge.wait(PATIENCE) == 2


def test_a_reader_that_has_gone(environment, console_of):
    console = console_of("full_pipe")
    links = TwoLinks(environment, "points/raw", stderr=console.writer, ros_args=TALKATIVE)
    console.close_reader()
    links.send_cloud(1)
    links["points/raw"].wait(1)
    require_stop(links.bridge)


def test_the_simulator_sends_on(environment, console_of):
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
def test_a_log_folder_that_cannot_be_written(environment, case):
    wrapper, words = FOLDERS[case]
    links = Diagnosed(environment, "points/raw", wrapper=wrapper)
    line = links.bridge.wait_for_output("WARN.*no log file.*")[0]
    assert f"cannot write log files to {words}" in line, line
    assert "ROS_LOG_DIR" in line and len(links.bridge.log.splitlines()) == len(set(links.bridge.log.splitlines()))
    status = links.wait_until("log", DiagnosticStatus.OK)
    assert words in values(status)["no log file"]
    require_stop(links.bridge)


def test_no_log_file_is_wanted(environment):
    bridge = environment.bridge(wrapper=["env", "ROS_LOG_DIR=/proc/nope"], ros_args=["--disable-external-lib-logs"])
    environment.statistics(environment.observer()).wait_until(lambda message: True, "the bridge at work")
    require_stop(bridge)
    assert "no log file" not in bridge.log, bridge.log_tail()


def test_a_log_disk_that_is_full(environment):
    """The folder can be written, but what is written does not fit."""
    folder = environment.folder / "small"
    folder.mkdir()
    script = f'mount -t tmpfs -o size=4k none "{folder}" && cat /dev/zero >"{folder}/filler" 2>/dev/null; exec "$@"'
    wrapper = [*unshare_command("mount"), "env", f"ROS_LOG_DIR={folder}", "sh", "-c", script, "sh"]
    links = TwoLinks(environment, "points/raw", wrapper=wrapper, ros_args=TALKATIVE)
    wait_until(lambda: len(links.bridge.stderr) > 15_000, "more lines than wait in a buffer", timeout=60.0)
    links.send_cloud(1)
    links["points/raw"].wait(1)
    require_stop(links.bridge)
    assert re.search(r"ran for \d+ s", links.bridge.log), links.bridge.log_tail()
