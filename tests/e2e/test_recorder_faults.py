"""Faults of the stock recorder and of its files: each is seen, named in one line, and survived."""

import os
import re
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

from support import ros_observer
from support.environment import Environment
from support.polling import wait_until
from support.recorder import (
    RECORDING,
    RETRYING,
    Recorder,
    RecordingReader,
    counts_of,
    kinds,
    ledger_topics,
)
from support.ros_observer import Inbox
from support.statistics_reader import stamp_ns
from support.summary_notes import add_note

# Recorders that a starved machine stalls are replaced once more.
pytestmark = pytest.mark.serial

#: Fault in force, switched by `Station.fault`.
FAULTS = {"STOP_WRITING_AFTER": 0, "EXIT_AFTER_MESSAGES": 0, "HANG_AT_END": 1, "REFUSE": 1}
standin_only = pytest.mark.parametrize("station", ["standin"], indirect=True)


@dataclass
class Station:
    """A bridge that publishes all the time, its recorder, and the recorder's faults."""

    kind: str
    recorder: Recorder
    recording: RecordingReader
    bridge: object
    diagnostics: Inbox
    switch: Path

    def fault(self, *names):
        """Puts these faults of the stand-in in force, and no others."""
        temporary = self.switch.with_suffix(".new")
        temporary.write_text(" ".join(names or ["NONE"]))
        temporary.rename(self.switch)

    def wait_until_recording(self):
        """Waits until the open split grows and messages reach the disk. Returns the status."""
        status = self.recording.wait_for_state(RECORDING)
        return self.recording.wait_until(
            lambda latest: latest.state == RECORDING and latest.split_bytes > 100_000 and latest.bag == status.bag,
            "a split with messages",
        )

    def wait_for_error(self, words):
        """Waits for an error with these words in the diagnostics of the recorder."""
        known = self.diagnostics.count

        def found():
            return any(
                status.name.startswith("/sensr_recorder: ")
                and status.level == DiagnosticStatus.ERROR
                and words in status.message
                for message in self.diagnostics.messages[known:]
                for status in message.status
            )

        wait_until(found, lambda: f"an error of the recorder\n{self.recorder.log_tail()}", timeout=60.0)

    def require_recovery(self, name, before, since, *words):
        """Requires that a fault is seen and named, and that the recording goes on in the next bag.

        Notes the seconds since the fault.
        """

        def is_new(status):
            return stamp_ns(status) > stamp_ns(before)

        self.recording.seconds_to(
            f"{self.kind}: {name}, seen",
            lambda status: (
                is_new(status) and (status.state == RETRYING or status.recorder_starts > before.recorder_starts)
            ),
            since,
        )

        def is_recording_again(status):
            return (
                status.state == RECORDING and status.recorder_starts > before.recorder_starts and status.split_bytes > 0
            )

        self.recording.seconds_to(f"{self.kind}: {name}, recording again", is_recording_again, since)
        status = self.recording.latest
        assert status.bag != before.bag and number_of(status.bag) == number_of(before.bag) + 1, (before.bag, status.bag)
        assert any(re.search(word, status.last_failure) for word in words), (words, status.last_failure)
        assert status.last_failure in self.recorder.log or any(re.search(word, self.recorder.log) for word in words), (
            self.recorder.log_tail()
        )
        return status


def number_of(bag):
    """Returns the number of a bag, 1 for the first one."""
    match = re.search(r"\d{8}_\d{6}_(\d+)$", bag)
    return int(match[1]) if match else 1


@pytest.fixture(scope="module", params=kinds())
def station(request, tmp_path_factory):
    with Environment(tmp_path_factory.mktemp("station")) as environment:
        observer = environment.observer()
        points, output = environment.port(), environment.port()
        switch = environment.folder / "faults"
        switch.write_text("NONE")
        recorder = environment.recorder(
            # Longer than the time after which a stopped process is replaced.
            parameters={"split_duration": 60.0, "stall_timeout": 7.0},
            stock=request.param == "stock",
            faults=FAULTS | {"FAULTS_WHILE": switch},
        )
        recording = environment.recording(observer, recorder)
        diagnostics = observer.subscribe("/diagnostics", DiagnosticArray, ros_observer.qos())
        bridge = environment.bridge(points.number, output_port=output.number)
        recorder.wait_until_subscribed(*ledger_topics())
        recording.wait_for_state(RECORDING)
        # From here on every message is recorded or missing.
        scene = ("--scene", "street", "--points", 20_000, "--rate", 10)
        environment.sim(*scene, points_port=points.number, output_port=output.number)
        yield Station(request.param, recorder, recording, bridge, diagnostics, switch)


def test_a_killed_recorder_is_started_again(station):
    before = station.wait_until_recording()
    since = time.monotonic()
    os.kill(before.recorder_pid, signal.SIGKILL)
    station.require_recovery("killed", before, since, "SIGKILL", "signal 9", "killed")


def test_a_stopped_recorder_is_replaced(station):
    before = station.wait_until_recording()
    since = time.monotonic()
    os.kill(before.recorder_pid, signal.SIGSTOP)
    station.wait_for_error("stopped by a signal")
    station.require_recovery("SIGSTOP", before, since, "stopped by a signal")
    assert not Path(f"/proc/{before.recorder_pid}").exists()


def test_a_removed_folder_is_noticed(station):
    before = station.wait_until_recording()
    since = time.monotonic()
    shutil.rmtree(before.bag)
    station.require_recovery("bag folder removed", before, since, "removed", "gone", "missing")


def test_a_truncated_split_is_noticed(station):
    """The recorder goes on behind a hole. What was before it is not lost silently."""
    before = station.wait_until_recording()
    split = Path(before.bag, before.split)
    # A hole smaller than a page of the file system cannot be seen.
    wait_until(lambda: split.stat().st_size > 2 << 20, "a split of some size")
    since = time.monotonic()
    os.truncate(split, split.stat().st_size // 2)
    station.require_recovery("open split truncated", before, since, "truncated", "shorter", "shrank", "smaller")


@standin_only
def test_a_recorder_that_exits_is_started_again(station):
    before = station.wait_until_recording()
    since = time.monotonic()
    station.fault("EXIT_AFTER_MESSAGES")
    wait_until(lambda: not Path(f"/proc/{before.recorder_pid}").exists(), "the exit of the stand-in")
    station.fault()
    station.require_recovery("exit code 1", before, since, "code 1", "exit status: 1", "asks for an exit")


@standin_only
def test_a_recorder_that_stops_writing_is_replaced(station):
    before = station.wait_until_recording()
    since = time.monotonic()
    station.fault("STOP_WRITING_AFTER")
    station.wait_for_error("does not grow")
    add_note(f"recorder: stops writing: ERROR after {time.monotonic() - since:.1f} s")
    station.fault()
    station.require_recovery("stops writing", before, since, "does not grow")


@standin_only
def test_a_recorder_that_hangs_when_replaced_is_killed(station):
    before = station.wait_until_recording()
    since = time.monotonic()
    station.fault("STOP_WRITING_AFTER", "HANG_AT_END")
    station.recording.wait_until(lambda status: status.state == RETRYING, "the stall")
    station.recording.wait_until(lambda status: status.recorder_pid != before.recorder_pid, "the end of the process")
    station.fault()
    station.require_recovery("stops writing and hangs", before, since, "does not grow")


@standin_only
def test_a_recorder_that_does_not_start_is_tried_again(station):
    before = station.wait_until_recording()
    since = time.monotonic()
    station.fault("REFUSE")
    os.kill(before.recorder_pid, signal.SIGKILL)
    station.recording.wait_for_state(RETRYING)
    station.recording.wait_until(
        lambda status: status.recorder_starts >= before.recorder_starts + 3, "the third attempt to start"
    )
    # Nothing is left of the attempts.
    assert station.recording.latest.state == RETRYING
    station.fault()
    status = station.recording.wait_for_state(RECORDING)
    add_note(f"recorder: refuses to start {status.recorder_starts - before.recorder_starts - 1} times, recording again")
    assert time.monotonic() > since and status.bag != before.bag


def test_the_accounts_say_what_the_faults_cost(station):
    """Across all bags: recorded and missing clouds are those that the bridge published, unless an account says why."""
    station.wait_until_recording()
    station.bridge.send_signal(signal.SIGINT)
    assert station.bridge.wait() == 0, station.bridge.log_tail()
    station.recorder.stop()
    published = int(re.search(r"points/raw: received \d+ = published (\d+)", station.bridge.log)[1])
    accounts = [account for bag in station.recorder.bags() for account in bag.accounts()]
    figures = [account["topics"]["/points/raw"] for account in accounts if "/points/raw" in account["topics"]]
    recorded = sum(one["recorded"] for one in figures)
    missing = sum(one["missing"] for one in figures)
    final = station.recording.latest
    raw = {topic.topic: topic for topic in final.topics}["points/raw"]
    assert recorded <= published and missing > 0
    # The folder that the test removed took its accounts along; the status counts them too.
    assert raw.recorded + raw.missing == published, (raw, published)
    add_note(
        f"recorder, {station.kind}: after the faults {published} published = {raw.recorded} + {raw.missing} missing"
    )
    for bag in station.recorder.bags():
        assert bag.mark["state"] == "closed"
        for split in bag.splits():
            assert counts_of(split), split
