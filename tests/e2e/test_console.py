"""A console that takes nothing costs log lines and nothing else."""

import re
import signal
import time

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.msg import Log
from std_srvs.srv import Trigger

import ros
from broken_rcl import UNHEARD_OF
from consoles import Console
from ledger import topic_of
from namespaces import unshare
from pair import Pair
from polling import until
from report import note
from test_diagnostics import Diagnosed, values
from test_dying import ERROR, HANG_PATIENCE, Breakable

#: It is to take less than two seconds; a busy machine adds to them.
PATIENCE = 20.0
#: rcl itself has something to say with every wait.
TALKATIVE = ("--log-level", "debug")
#: And says it at length.
AT_LENGTH = ["env", "RCUTILS_CONSOLE_OUTPUT_FORMAT=[{severity}] " + "{message} " * 100]


@pytest.fixture
def console_of():
    """Makes consoles and closes them at the end: before the rig, so that nothing written is waited for."""
    made = []

    def make(kind):
        made.append(getattr(Console, kind)())
        return made[-1]

    yield make
    for console in made:
        console.close()


def require_stop(bridge, code=0):
    begun = time.monotonic()
    bridge.signal(signal.SIGTERM)
    assert bridge.wait(PATIENCE) == code, bridge.tail()
    return time.monotonic() - begun


@pytest.mark.parametrize("kind", ["full_pipe", "stopped_terminal"])
def test_data_flow_and_the_process_ends(rig, console_of, kind):
    console = console_of(kind)
    pair = Pair(rig, "points/raw", stderr=console.writer, ros_args=TALKATIVE)
    for number in range(20):
        pair.send_cloud(number)
        pair.bridge.until(lambda: number in pair["points/raw"].messages, f"cloud {number}")
    took = require_stop(pair.bridge)
    note(f"console: SIGTERM with a {kind}, exit code 0 after {took:.2f} s")


def test_lost_lines_are_counted_and_told_when_it_goes_on(rig, console_of):
    console = console_of("full_pipe")
    pair = Diagnosed(rig, "points/raw", stderr=console.writer, ros_args=TALKATIVE, wrapper=AT_LENGTH)
    rosout = pair.observer.subscribe("/rosout", Log, ros.qos(latched=True, depth=1000))
    pair.until("log", DiagnosticStatus.WARN, "accepts no lines")
    assert int(values(pair.latest()["log"])["lost lines"]) > 0
    # Meanwhile everything is on /rosout.
    before = rosout.count
    pair.observer.call(Trigger, "/sensr_bridge/reconnect", Trigger.Request())
    until(lambda: any("connected" in message.msg for message in rosout.messages[before:]), "the line on /rosout")
    console.read_on()
    told = r"WARN.*?(\d+) log lines were lost: the console did not take them for \d+\.\d s"
    lost = int(until(lambda: re.search(told, console.text), "the line about lost lines")[1])
    assert lost > 0
    until(lambda: any("log lines were lost" in message.msg for message in rosout.messages), "it on /rosout")
    pair.until("log", DiagnosticStatus.WARN, "lines lost in the last")
    require_stop(pair.bridge)
    assert re.search(r"ran for \d+ s", console.all_text()), "the last lines are not lost"


def test_a_terminal_that_goes_on_and_its_colours(rig, console_of):
    console = console_of("stopped_terminal")
    bridge = rig.bridge(stderr=console.writer)
    rig.statistics(rig.observer()).until(lambda message: True, "the bridge at work")
    console.go_on()
    until(lambda: "cannot connect" in console.text, "the lines that waited")
    assert "\x1b[" in console.text, "colours, as on any terminal"
    require_stop(bridge)
    assert re.search(r"ran for \d+ s", console.all_text())


def test_the_level_holds_and_no_colours_go_into_a_file(rig):
    quiet = rig.bridge(ros_args=["--log-level", "error", "-r", "__node:=quiet"])
    usual = rig.bridge()
    usual.expect("WARN.*cannot connect")
    require_stop(usual)
    assert "\x1b[" not in usual.log
    require_stop(quiet)
    assert not quiet.log, quiet.log


def test_lines_on_stdout(rig):
    bridge = rig.bridge(
        wrapper=["env", "RCUTILS_LOGGING_USE_STDOUT=1", "RCUTILS_LOGGING_BUFFERED_STREAM=1"],
    )
    bridge.expect("WARN.*cannot connect", stream="stdout")
    require_stop(bridge)
    assert re.search(r"ran for \d+ s", bridge.stdout), bridge.tail()
    assert not bridge.stderr


@pytest.mark.parametrize("thread", ["pub-points", "sensr_bridge"])
def test_a_panic(rig, broken_rcl, console_of, thread):
    console = console_of("full_pipe")
    pair = Breakable(rig, broken_rcl, thread=thread, publish=UNHEARD_OF, stderr=console.writer)
    pair.bridge.may_panic = True
    pair.break_it()
    if thread == "pub-points":
        pair.feed()
    took = pair.require_death(code=1 if thread == "pub-points" else 101)
    note(f"console: panic in {thread} with a full pipe, end after {took:.2f} s")


def test_the_report_of_a_panic_comes_out(rig, broken_rcl):
    pair = Breakable(rig, broken_rcl, thread="sensr_bridge", publish=UNHEARD_OF)
    pair.bridge.may_panic = True
    pair.break_it()
    pair.require_death("panicked at", str(UNHEARD_OF), code=101)


@pytest.mark.parametrize("console", [None, "full_pipe"])
def test_the_last_words_of_an_abort(rig, broken_rcl, console_of, console):
    """The reason stands in front of the end, not in a pipe that dies with the process; and an end there is."""
    stderr = console and console_of(console).writer
    pair = Breakable(rig, broken_rcl, thread="pub-points", publish="abort", stderr=stderr)
    pair.break_it()
    pair.feed()
    assert pair.bridge.wait(PATIENCE) == -signal.SIGABRT, pair.bridge.tail()
    assert console or "terminate called after throwing an instance of 'test'" in pair.bridge.log


def test_an_abort_from_outside(rig):
    bridge = rig.bridge()
    rig.statistics(rig.observer()).until(lambda message: True, "the bridge at work")
    bridge.signal(signal.SIGABRT)
    assert bridge.wait(PATIENCE) == -signal.SIGABRT


def test_a_main_thread_that_hangs(rig, broken_rcl, console_of):
    console = console_of("full_pipe")
    pair = Breakable(rig, broken_rcl, thread="sensr_bridge", publish="hang", stderr=console.writer)
    pair.break_it()
    took = pair.require_death(patience=HANG_PATIENCE)
    note(f"console: main thread hangs with a full pipe, exit code 1 after {took:.1f} s")


def test_a_stop_while_a_publisher_hangs(rig, broken_rcl, console_of):
    console = console_of("full_pipe")
    pair = Breakable(rig, broken_rcl, thread="pub-points", publish="hang", stderr=console.writer)
    pair.break_it()
    pair.feed()
    pair.send_cloud(2)
    pair.statistics.until(lambda message: topic_of(message).queued == 2, "the hanging clouds")
    pair.bridge.signal(signal.SIGTERM)
    pair.require_death()


def test_a_library_does_not_repeat_itself(rig, broken_rcl):
    """r2r has a line for each message that it cannot publish."""
    pair = Breakable(rig, broken_rcl, thread="pub-points", publish=ERROR)
    pair.break_it()
    for number in range(20):
        pair.send_cloud(number)
    pair.statistics.until(lambda message: topic_of(message).dropped == 20, "the losses")
    require_stop(pair.bridge)
    assert pair.bridge.log.count("could not publish") == 1, pair.bridge.tail()


def test_an_error_at_the_start(rig, console_of):
    console = console_of("full_pipe")
    bridge = rig.bridge(parameters={"points_port": "many"}, stderr=console.writer)
    assert bridge.wait(PATIENCE) == 2


def test_a_reader_that_has_gone(rig, console_of):
    console = console_of("full_pipe")
    pair = Pair(rig, "points/raw", stderr=console.writer, ros_args=TALKATIVE)
    console.break_off()
    pair.send_cloud(1)
    pair["points/raw"].wait(1)
    require_stop(pair.bridge)


def test_the_simulator_sends_on(rig, console_of):
    console = console_of("full_pipe")
    sim = rig.sim("--rate", 50, stderr=console.writer)
    observer = rig.observer()
    statistics = rig.statistics(observer)
    rig.bridge(sim.points_port, output_port=sim.output_port)
    statistics.until_received(50)
    sim.stop()


FOLDERS = {
    "a folder in /proc": (["env", "ROS_LOG_DIR=/proc/nope"], "/proc/nope"),
    "no HOME": (["env", "-u", "ROS_LOG_DIR", "-u", "ROS_HOME", "-u", "HOME"], "~/.ros/log: HOME is not set"),
    "a file": (["env", "ROS_LOG_DIR=/dev/null"], "/dev/null: "),
    "a folder in a file": (["env", "-u", "ROS_LOG_DIR", "ROS_HOME=/dev/null"], "/dev/null/log: "),
}


@pytest.mark.parametrize("case", FOLDERS)
def test_a_log_folder_that_cannot_be_written(rig, case):
    wrapper, words = FOLDERS[case]
    pair = Diagnosed(rig, "points/raw", wrapper=wrapper)
    line = pair.bridge.expect("WARN.*no log file.*")[0]
    assert f"cannot write log files to {words}" in line, line
    assert "ROS_LOG_DIR" in line and len(pair.bridge.log.splitlines()) == len(set(pair.bridge.log.splitlines()))
    status = pair.until("log", DiagnosticStatus.OK)
    assert words in values(status)["no log file"]
    require_stop(pair.bridge)


def test_no_log_file_is_wanted(rig):
    bridge = rig.bridge(wrapper=["env", "ROS_LOG_DIR=/proc/nope"], ros_args=["--disable-external-lib-logs"])
    rig.statistics(rig.observer()).until(lambda message: True, "the bridge at work")
    require_stop(bridge)
    assert "no log file" not in bridge.log, bridge.tail()


def test_a_log_disk_that_is_full(rig):
    """The folder can be written, but what is written does not fit."""
    folder = rig.folder / "small"
    folder.mkdir()
    script = f'mount -t tmpfs -o size=4k none "{folder}" && cat /dev/zero >"{folder}/filler" 2>/dev/null; exec "$@"'
    wrapper = [*unshare("mount"), "env", f"ROS_LOG_DIR={folder}", "sh", "-c", script, "sh"]
    pair = Pair(rig, "points/raw", wrapper=wrapper, ros_args=TALKATIVE)
    until(lambda: len(pair.bridge.stderr) > 15_000, "more lines than wait in a buffer", timeout=60.0)
    pair.send_cloud(1)
    pair["points/raw"].wait(1)
    require_stop(pair.bridge)
    assert re.search(r"ran for \d+ s", pair.bridge.log), pair.bridge.tail()
