"""The node sensr_recorder, with the stock recorder or its stand-in, and access to what it leaves on the disk."""

import functools
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import ClassVar

import pytest
from mcap.reader import make_reader
from sensr_bridge.msg import RecordingStatus

from support import REPOSITORY, ros_observer, summary_notes
from support.polling import wait_until
from support.processes import Process, assignments, executable, processes_with_argument
from support.statistics_reader import stamp_ns
from support.topic_table import DERIVED, TOPICS

STARTING = RecordingStatus.STATE_STARTING
RECORDING = RecordingStatus.STATE_RECORDING
PAUSED = RecordingStatus.STATE_PAUSED
DISK_FULL = RecordingStatus.STATE_DISK_FULL
RETRYING = RecordingStatus.STATE_RETRYING
STOPPING = RecordingStatus.STATE_STOPPING

#: Folder with the command `ros2` of the stand-in.
STANDIN_PATH = REPOSITORY / "scripts" / "lib" / "standin"

#: Generous: a new recorder needs seconds to start and to discover the topics, more on a busy machine.
TIMEOUT = 60.0

#: Name of a bag: site, local time, and a number from the second bag on.
BAG_NAME = re.compile(r"(?P<site>\w+)_\d{8}_\d{6}(_(?P<number>\d+))?")


@functools.cache
def stock_is_installed() -> bool:
    """Returns whether `ros2 bag record` is installed."""
    if not shutil.which("ros2"):
        return False
    command = ["ros2", "bag", "record", "--help"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def kinds() -> list[str]:
    """Returns the recorders to test with: the stand-in and, where it is installed, the stock recorder."""
    return ["standin", "stock"] if stock_is_installed() else ["standin"]


def require_stock():
    """Skips the test where the stock recorder is not installed."""
    if not stock_is_installed():
        note = "the recorder was tested with the stand-in only: `ros2 bag record` is not installed"
        summary_notes.add_note(f"SKIPPED, NO STOCK RECORDER: {note}")
        pytest.skip(note)


class Recorder(Process):
    """The recorder under test. It must neither panic nor leave a process, whatever a test does to it."""

    #: Short splits and quick restarts make tests fast; the disk of the machine may be as full as it likes.
    DEFAULTS: ClassVar[dict] = {
        "split_duration": 2.0,
        "min_free_bytes": 0,
        "min_free_percent": 0.0,
        "restart.initial_delay": 0.2,
        "restart.max_delay": 1.0,
        "stall_timeout": 3.0,
    }

    def __init__(
        self,
        name,
        env,
        folder,
        output_dir,
        parameters=None,
        namespace="/",
        stock=False,
        faults=None,
        wrapper=(),
        args=(),
    ):
        """Starts it. `faults` are variables of the stand-in without their prefix; `wrapper` starts the command."""
        self.output_dir = Path(output_dir)
        self.namespace = namespace
        given = self.DEFAULTS | {"output_dir": str(output_dir)} | (parameters or {})
        env = env | {f"RECORD_BAG_{key}": str(value) for key, value in (faults or {}).items()}
        if not stock:
            env["PATH"] = os.pathsep.join([str(STANDIN_PATH), env["PATH"]])
        argv = [*wrapper, executable("sensr_recorder"), *args]
        if not args:
            argv += ["--ros-args", "-r", f"__ns:={namespace}", *assignments(given)]
        #: Exit code that `end` requires. None if the test has called `wait` and judges the exit itself.
        self.expected_exit = 0
        super().__init__(name, argv, env, folder)

    @property
    def log(self):
        return self.stderr + self.stdout

    def wait_until_subscribed(self, *topics: str, times: int = 1):
        """Waits until its stock recorders, one after the other, have subscribed so often to each of these topics."""

        def missing():
            return [topic for topic in topics if self.log.count(f"Subscribed to topic '{topic}'") < times]

        self.wait_until(lambda: not missing(), lambda: f"subscriptions to {missing()}", timeout=TIMEOUT)

    def wait(self, timeout=90.0):
        self.expected_exit = None
        return super().wait(timeout)

    def stop(self):
        """Stops it with SIGINT, as Ctrl-C does."""
        self.send_signal(signal.SIGINT)
        assert self.wait() == 0, self.log_tail()
        self.require_no_children()

    def end(self):
        if self.alive:
            # The recorder has a minute for its stock recorder.
            self.send_signal(signal.SIGCONT)
            self.send_signal(signal.SIGTERM)
            wait_until(lambda: not self.alive, lambda: f"the end of {self.name}\n{self.log_tail()}", timeout=90.0)
        super().end()
        self.require_no_children()
        assert "panicked" not in self.log, f"{self.name} panicked\n{self.log_tail()}"
        if self.expected_exit is not None:
            assert self.exit_code == self.expected_exit, f"{self.name} exited with another code\n{self.log_tail()}"

    def children(self) -> list[int]:
        """Returns the processes that record into bags with its name."""
        site = self.namespace.strip("/").replace("/", "_") or "sensr"
        prefix = f"{self.output_dir}/{site}_".encode()
        return [pid for pid in processes_with_argument(lambda word: word.startswith(prefix)) if pid != self.pid]

    def require_no_children(self):
        """Waits until the stock recorder has ended. Kills it and fails if it does not."""
        try:
            wait_until(lambda: not self.children(), f"the end of the stock recorder of {self.name}", timeout=30.0)
        except AssertionError:
            for pid in self.children():
                os.kill(pid, signal.SIGKILL)
            raise

    def bags(self) -> list["Bag"]:
        """Returns its bags, in the order of their numbers."""
        return bags_in(self.output_dir)


class RecordingReader:
    """Subscription to the status of a recorder."""

    def __init__(self, observer, recorder, namespace="/"):
        profile = ros_observer.qos(latched=True, depth=10)
        self._recorder = recorder
        self.inbox = observer.subscribe(f"{namespace.rstrip('/')}/recording", RecordingStatus, profile)

    @property
    def messages(self) -> list[RecordingStatus]:
        return list(self.inbox.messages)

    @property
    def latest(self) -> RecordingStatus:
        return self.inbox.messages[-1]

    def wait_until(self, condition, what: str, timeout: float = TIMEOUT) -> RecordingStatus:
        """Waits for a status for which the condition holds, and returns it."""

        def matching():
            return next((message for message in self.messages[-2:] if condition(message)), None)

        def shown():
            return f"{what}; the latest:\n{self.inbox.messages[-1:]}\n{self._recorder.log_tail()}"

        return wait_until(matching, shown, timeout=timeout, watch=self._recorder.require_alive)

    def wait_for_state(self, state: int, reason: str = "", timeout: float = TIMEOUT) -> RecordingStatus:
        """Waits for a state with these words in its reason."""

        def holds(message):
            return message.state == state and reason in message.reason

        return self.wait_until(holds, f"state {state} {reason!r}", timeout)

    def wait_for_next(self) -> RecordingStatus:
        """Waits for a status that was composed after this call."""
        now_ns = time.time_ns()
        return self.wait_until(lambda message: stamp_ns(message) > now_ns, "a new status")

    def wait_for_splits(self, count: int) -> RecordingStatus:
        """Waits until so many splits have been opened since the start of the recorder."""
        return self.wait_until(lambda message: message.splits_opened >= count, f"{count} splits")

    def seconds_to(self, what: str, condition, since: float) -> float:
        """Waits for a status, and notes and returns how many seconds it took since a `time.monotonic()`."""
        self.wait_until(condition, what)
        seconds = time.monotonic() - since
        summary_notes.add_note(f"recorder: {what} after {seconds:.1f} s")
        return seconds


class Bag:
    """Folder of a bag."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.name = folder.name

    @property
    def mark(self) -> dict:
        """Returns the content of recording.json."""
        return json.loads((self.folder / "recording.json").read_text())

    def splits(self) -> list[Path]:
        """Returns the splits in the order of their numbers."""
        return sorted(self.folder.glob(f"{self.name}_*.mcap"), key=lambda split: int(split.stem.rpartition("_")[2]))

    def accounts(self) -> list[dict]:
        """Returns the accounts of the splits that have one, in the order of their numbers."""
        accounts = [split.with_name(f"{split.stem}.account.json") for split in self.splits()]
        return [json.loads(account.read_text()) for account in accounts if account.exists()]


def bags_in(folder: Path) -> list[Bag]:
    """Returns the bags of recorders in a folder, in the order of their start and number."""

    def order(path):
        match = BAG_NAME.fullmatch(path.name)
        return path.name[: match.start(3)] if match["number"] else path.name, int(match["number"] or 1)

    folders = [path for path in folder.iterdir() if BAG_NAME.fullmatch(path.name)] if folder.exists() else []
    return [Bag(path) for path in sorted(folders, key=order)]


def counts_of(split: Path) -> dict[str, int]:
    """Returns the number of messages of a complete split by topic, as its summary says."""
    with split.open("rb") as file:
        summary = make_reader(file).get_summary()
    counts = summary.statistics.channel_message_counts
    return {channel.topic: counts.get(number, 0) for number, channel in summary.channels.items()}


def messages_in(split: Path, topic: str) -> list[tuple[int, bytes]]:
    """Returns the messages of a topic in a complete split, with their times."""
    with split.open("rb") as file:
        return [(message.log_time, message.data) for _, _, message in make_reader(file).iter_messages(topics=[topic])]


def ledger_topics(namespace: str = "/") -> list[str]:
    """Returns the full names of the topics that the bridge accounts for."""
    return [f"{namespace.rstrip('/')}/{topic}" for topic in TOPICS if topic not in DERIVED]
