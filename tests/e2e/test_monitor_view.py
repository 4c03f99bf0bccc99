"""The live view of the monitor, in a terminal."""

import re
import signal

import pytest

from support.polling import wait_until
from support.processes import executable
from support.terminal import COLOR

SMALL = {"columns": 80, "rows": 24}
LARGE = {"columns": 200, "rows": 50}
#: Keys as a terminal sends them.
UP, BACK_TAB, PAGE_UP, ESCAPE = "\x1b[A", "\x1b[Z", "\x1b[5~", "\x1b"


@pytest.fixture
def broken_site(environment):
    """A site with a dead link, an overloaded queue, a dead sensor and a full disk."""
    site = environment.standin_site("/samyang")
    site.break_output_link()
    site.overload_queue()
    site.kill_sensor()
    site.fill_disk()
    return site


def wait_for_faults(monitor):
    """Waits until everything that is wrong is on the screen, with its reason."""
    monitor.wait_for_line("WARN", "points connected", "fr/s", "MB/s", "100 %")
    monitor.wait_for_line("ERROR", "output disconnected", "connection refused")
    monitor.wait_for_line("ERROR", "node 서버_1 sensor 라이다_2: DEAD")
    monitor.wait_for_line("ERROR", "loss: 37 messages of points/raw dropped")
    monitor.wait_for_line("recording", "ERROR", "disk full: 4.9 GB are free")
    monitor.wait_for_line("disk", "ERROR", "4.90 GB of 500 GB free", "missing 12")
    monitor.wait_for_line("sensors", "1 ERROR", "2 OK")
    monitor.wait_for_line("memory", "bridge 61.6 MB", "recorder 81.0 MB")
    monitor.wait_for_line("clock", "+12.3 ms")
    monitor.wait_for_screen(lambda screen: re.search(r"points/raw .* 37 +0( |$)", screen, re.MULTILINE), "the loss")


def test_faults_are_visible_at_any_size_while_the_terminal_is_resized(environment, broken_site):
    monitor = environment.monitor_in_terminal(**SMALL)
    wait_for_faults(monitor)
    monitor.wait_for_line("points ms", "total 1.23", "decode 1.23")
    assert not monitor.lines_with("events/losing")
    monitor.resize(**LARGE)
    monitor.wait_for_line("Stage times")
    monitor.wait_for_line("events/losing")
    monitor.wait_for_line("unsubscribed")
    wait_for_faults(monitor)
    monitor.resize(50, 10)
    monitor.wait_for_line("terminal too small: 50x10")
    monitor.resize(60, 16)
    monitor.wait_for_line("ERROR", "output disconnected")
    monitor.resize(**SMALL)
    wait_for_faults(monitor)


def test_sites_stand_side_by_side_and_keys_choose_one(environment, broken_site):
    environment.standin_site("/north/hall")
    monitor = environment.monitor_in_terminal(**SMALL)
    monitor.wait_for_line("1 north/hall  OK", "2 samyang  ERROR")
    monitor.wait_for_line("output", "OK", "ERROR connection refused")
    monitor.wait_for_line("ERROR samyang: loss: 37 messages")
    monitor.press("2")
    monitor.wait_for_line("output disconnected")
    monitor.press("\t")
    monitor.wait_for_line("output connected")
    monitor.press(BACK_TAB)
    monitor.wait_for_line("output disconnected")
    monitor.press(UP)
    monitor.wait_for_line("output connected")
    monitor.press("o")
    monitor.wait_for_line("ERROR samyang: loss")
    monitor.press("\r")
    monitor.wait_for_line("output connected")
    monitor.press("?")
    monitor.wait_for_line("q, Ctrl-C", "end the monitor")
    monitor.press(ESCAPE)
    monitor.wait_for_line("output connected")
    monitor.resize(**LARGE)
    monitor.press("o")
    monitor.wait_for_line("output connected", "output disconnected")


def test_a_key_that_comes_with_a_change_of_size_counts(environment):
    environment.standin_site("/samyang")
    monitor = environment.monitor_in_terminal(**SMALL)
    monitor.wait_for_line("points connected")
    for columns in range(81, 101):
        monitor.resize(columns, 24)
        monitor.press("?")
        monitor.wait_for_line("q, Ctrl-C", "end the monitor")
        monitor.press("?")
        monitor.resize(columns, 25)
        monitor.wait_for_line("points connected")


def test_diagnostics_are_shown_in_full(environment):
    site = environment.standin_site("/samyang")
    message = "a long message with many words " * 8 + "and its end"
    site.kill_sensor(sensors=("sensor 라이다_7",))
    site.change(lambda site: site.statuses.update({"shared memory": (b"\1", message)}))
    monitor = environment.monitor_in_terminal(**SMALL)
    monitor.wait_for_line("WARN  shared memory: a long message")
    assert not monitor.lines_with("and its end")
    monitor.press("d")
    monitor.wait_for_line("and its end")
    monitor.wait_for_line("OK    points link: connected")
    monitor.press("d")
    monitor.wait_for_line("points connected")


def test_events_come_as_they_happen_and_scroll(environment):
    site = environment.standin_site("/samyang")
    monitor = environment.monitor_in_terminal(**SMALL)
    wait_until(lambda: site.has_event_subscriber, "a subscription to events")
    for object_id in range(1, 41):
        site.send_event(object_id)
    monitor.wait_for_line("zone 3", "object 40 entered")
    monitor.press("e")
    monitor.wait_for_line("Events of samyang", "20 to 40 of 40")
    monitor.press(PAGE_UP)
    monitor.wait_for_line("1 to 21 of 40")
    monitor.wait_for_line("object 1 entered")
    site.break_output_link()
    monitor.press("\x1b[F")
    monitor.wait_for_line("ERROR output link lost: connection refused")


def test_a_pause_stops_the_display_only(environment):
    environment.standin_site("/samyang")
    monitor = environment.monitor_in_terminal("--json", environment.folder / "run.json", "--duration", "1h", **SMALL)

    def received():
        lines = monitor.lines_with("points/raw")
        return int(lines[0].split()[-6]) if lines else 0

    wait_until(received, "messages")
    monitor.press("p")
    monitor.wait_for_line("PAUSED")
    paused, data = received(), len(monitor.output)
    monitor.press("s")
    monitor.wait_for_line("by rate")
    # Frames go on being drawn for keys, with the figures of the pause.
    assert received() == paused and len(monitor.output) > data
    monitor.press(" ")
    # What came meanwhile is there at once.
    wait_until(lambda: received() > paused, "newer figures")
    monitor.wait_for_screen(lambda screen: "PAUSED" not in screen, "the end of the pause")


def test_without_color_words_tell_the_level(environment, broken_site):
    colorless = environment.monitor_in_terminal(variables={"NO_COLOR": "1"}, **SMALL)
    wait_for_faults(colorless)
    assert not COLOR.search(colorless.output)
    colored = environment.monitor_in_terminal(**SMALL)
    wait_for_faults(colored)
    assert COLOR.search(colored.output)


def test_a_terminal_without_utf8_gets_ascii(environment, broken_site):
    monitor = environment.monitor_in_terminal(variables={"LC_ALL": "C"}, **SMALL)
    monitor.wait_for_line("ERROR", "node ??_1 sensor ???_2: DEAD")
    monitor.wait_for_line("#", "100 %")
    assert monitor.output.isascii()


@pytest.mark.parametrize(
    "end",
    ["q", "\x03", signal.SIGTERM, signal.SIGINT, "duration"],
    ids=["q", "Ctrl-C", "SIGTERM", "SIGINT", "duration"],
)
def test_the_terminal_is_restored_and_has_the_report(environment, end):
    environment.standin_site("/samyang")
    arguments = ["--duration", "6s"] if end == "duration" else []
    monitor = environment.monitor_in_terminal(*arguments, **SMALL)
    monitor.wait_for_line("points connected")
    assert monitor.is_alternate and monitor.is_cursor_hidden and not monitor.is_restored
    if isinstance(end, signal.Signals):
        monitor.send_signal(end)
    elif end != "duration":
        monitor.press(end)
    assert monitor.wait() == 0, monitor.screen
    assert monitor.is_restored
    # The report is longer than the screen.
    report = monitor.output.rpartition(b"\x1b[?1049l")[2]
    assert b"/samyang (sensr_bridge " in report and b"growth not determined" in report
    assert not monitor.lines_with("points connected")


def test_a_stopped_monitor_leaves_the_terminal_to_the_shell(environment):
    environment.standin_site("/samyang")
    shell = environment.terminal("bash", "--norc", "--noprofile", "-i", variables={"PS1": "ready> "}, **SMALL)
    shell.wait_for_line("ready>")
    shell.press('"$SENSR_BRIDGE_PREFIX"/lib/sensr_bridge/sensr_monitor\n')
    shell.wait_for_line("points connected")
    shell.press("\x1a")
    shell.wait_for_line("Stopped")
    assert not shell.is_alternate
    shell.press("echo $((6 * 7))\n")
    shell.wait_for_screen(lambda screen: re.search("^42$", screen, re.MULTILINE), "the answer of the shell")
    shell.press("fg\n")
    shell.wait_for_line("points connected")
    assert shell.is_alternate
    shell.press("q")
    shell.wait_for_screen(lambda screen: screen.rstrip().endswith("ready>"), "the prompt")
    assert not shell.is_alternate
    shell.press("exit\n")
    assert shell.wait() == 0


def test_a_closed_terminal_ends_it(environment):
    environment.standin_site("/samyang")
    monitor = environment.monitor_in_terminal("--json", environment.folder / "run.json", **SMALL)
    monitor.wait_for_line("points connected")
    monitor.hang_up()
    monitor.wait()
    assert (environment.folder / "run.json").stat().st_size > 0


def test_a_closed_terminal_ends_it_even_if_the_signal_of_it_is_ignored(environment):
    environment.standin_site("/samyang")
    monitor = environment.terminal("env", "--ignore-signal=HUP", executable("sensr_monitor"), **SMALL)
    monitor.wait_for_line("points connected")
    monitor.hang_up()
    monitor.wait()


def test_a_frozen_terminal_does_not_stop_the_collecting(environment):
    site = environment.standin_site("/samyang")
    table = environment.folder / "run.csv"
    monitor = environment.monitor_in_terminal("--csv", table, "--period", "0.5", **LARGE)
    monitor.wait_for_line("points connected")
    monitor.freeze()
    # More than the buffers of the terminal hold: many pages, drawn in turn.
    monitor.press("?" * 200)
    rows = len(table.read_text().splitlines())
    wait_until(lambda: len(table.read_text().splitlines()) > rows + 4, "more rows")
    site.change(lambda site: site.dropped.update({"points/raw": 5}))
    wait_until(lambda: ",5," in table.read_text().splitlines()[-1], "the loss in the table")
    monitor.send_signal(signal.SIGTERM)
    monitor.wait()
    assert monitor.has_restored_modes


def test_a_real_bridge_with_its_recorder_is_shown(environment):
    sim = environment.sim("--rate", 20)
    environment.bridge(sim.points_port, output_port=sim.output_port)
    environment.recorder()
    monitor = environment.monitor_in_terminal(**LARGE)
    monitor.wait_for_line("1 /")
    monitor.wait_for_line("points connected", "fr/s", "queue")
    monitor.wait_for_line("output connected", "reliable")
    monitor.wait_for_line("recording OK", "recording", ".mcap")
    monitor.wait_for_line("disk      OK", "free")
    monitor.wait_for_line("points total")
    monitor.wait_for_line("OK    node ")
    assert re.search(r"points/raw +\d", monitor.wait_for_line("points/raw"))
