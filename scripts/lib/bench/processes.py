"""Processes of a run, and what the system accounts them."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, fields
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
#: Shortest interval between looks at something that has no event.
POLL_SECONDS = 0.05
#: Time that a process has to end after each signal.
END_SECONDS = 10.0


class RunError(Exception):
    """A run that cannot be used, with the reason."""


@dataclass
class Usage:
    """Resources that processes have used since their start."""

    #: CPU time of all living threads, by the scheduler, to the nanosecond.
    cpu_seconds: float = 0.0
    #: In ticks of usually 10 ms.
    user_seconds: float = 0.0
    system_seconds: float = 0.0
    #: Without those that read from a disk.
    page_faults: int = 0
    #: Times that a thread has waited: each is a wake-up.
    waits: int = 0

    def __sub__(self, earlier):
        return Usage(**{one.name: getattr(self, one.name) - getattr(earlier, one.name) for one in fields(self)})

    def __add__(self, other):
        return Usage(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)})


class Process:
    """A process in a session of its own, whose standard output is read by lines."""

    def __init__(self, name, command, environment, log_folder):
        self.name = name
        self.log = log_folder / f"{name}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(word) for word in command],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self.lines = []
        self._changed = threading.Condition()
        self._is_read = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._is_read = True
            self._changed.notify_all()

    def write_line(self, line):
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise RunError(f"{self.name} does not read any more{self.log_tail()}") from None

    def has_ended(self):
        return self._process.poll() is not None

    def lines_with(self, prefix):
        """Returns the rest of each line that begins with the prefix."""
        with self._changed:
            return [line[len(prefix) :].strip() for line in self.lines if line.startswith(prefix)]

    def wait_for(self, prefix, seconds, count=1, others=()):
        """Waits for lines that begin with the prefix, and returns the rest of each.

        Raises RunError if the process, or one of the others, ends before, or if the time is over.
        """
        deadline = time.monotonic() + seconds
        while True:
            with self._changed:
                is_read = self._is_read
                if not is_read:
                    self._changed.wait(POLL_SECONDS)
            # Taken after the look: what a process prints before its end is never missed.
            found = self.lines_with(prefix)
            if len(found) >= count:
                return found
            if is_read:
                raise RunError(f"{self.name} ended before it printed {prefix}{self.log_tail()}")
            for other in others:
                other.require_alive()
            if time.monotonic() > deadline:
                tails = "".join(process.log_tail() for process in (self, *others))
                raise RunError(f"no {prefix} from {self.name} within {seconds:g} s{tails}")

    def require_alive(self):
        if self.has_ended():
            raise RunError(f"{self.name} ended with code {self._process.returncode}{self.log_tail()}")

    def log_tail(self):
        """Returns the last lines of the log, indented and on lines of their own."""
        lines = self.log.read_text(errors="replace").splitlines()[-15:]
        return "".join(f"\n    {self.name}: {line}" for line in lines)

    def session_pids(self):
        """Returns the processes of the session: a command may be a shell that started the bridge."""
        folders = [folder for folder in Path("/proc").iterdir() if folder.name.isdigit()]
        return [int(folder.name) for folder in folders if _session_of(folder) == self.pid]

    def usage(self, pids=None):
        parts = [usage_of(pid) for pid in (self.session_pids() if pids is None else pids)]
        return sum(parts, Usage())

    def resident_bytes(self, pids=None):
        """Returns resident memory, and how much of it is shared memory."""
        total = shared = 0
        for pid in self.session_pids() if pids is None else pids:
            try:
                text = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            values = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
            total += _bytes_of(values, "VmRSS")
            shared += _bytes_of(values, "RssShmem")
        return total, shared

    def interrupt(self):
        if not self.has_ended():
            self._process.send_signal(signal.SIGINT)

    def stop(self):
        """Ends all processes of the session: asks them to, and kills those that stay."""
        # A line that the process has not taken is of no use any more.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        files = set()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            pids = self.session_pids()
            if not pids:
                break
            files |= shared_memory_files(pids)
            for pid in pids:
                _send(pid, number)
            self._wait_for_end(pids)
        self._process.wait()
        self._reader.join()
        self._process.stdout.close()
        _remove(files)

    def _wait_for_end(self, pids):
        deadline = time.monotonic() + END_SECONDS
        while time.monotonic() < deadline:
            self._process.poll()
            if not any(_session_of(Path(f"/proc/{pid}")) == self.pid for pid in pids):
                return
            time.sleep(POLL_SECONDS)


def _send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _session_of(folder):
    """Returns the session of a process, None if it has ended."""
    try:
        words = (folder / "stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if words[0] == "Z" else int(words[3])


def _bytes_of(values, name):
    return int(values.get(name, "0 kB").split()[0]) * 1024


def usage_of(pid):
    """Returns what a process has used, nothing if it has ended."""
    folder = Path("/proc") / str(pid)
    try:
        words = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        tasks = list((folder / "task").iterdir())
    except OSError:
        return Usage()
    usage = Usage(
        page_faults=int(words[7]),
        user_seconds=int(words[11]) / TICKS_PER_SECOND,
        system_seconds=int(words[12]) / TICKS_PER_SECOND,
    )
    for task in tasks:
        try:
            cpu_ns = int((task / "schedstat").read_text().split()[0])
            status = (task / "status").read_text()
        except OSError:
            # The thread has ended since the folder was listed.
            continue
        usage.cpu_seconds += cpu_ns / 1e9
        usage.waits += int(status.split("\nvoluntary_ctxt_switches:", 1)[1].split(None, 1)[0])
    return usage


def shared_memory_files(pids):
    """Returns path and inode of the shared memory of Fast DDS that processes have mapped."""
    found = set()
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            words = line.split()
            if len(words) == 6 and words[5].startswith("/dev/shm/fast"):
                found.add((words[5], int(words[4])))
    return found


def _remove(files):
    """Removes segments that no process has mapped: a bridge that was killed leaves its own behind."""
    others = {int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()}
    in_use = shared_memory_files(others)
    for path, inode in files - in_use:
        file = Path(path)
        try:
            if file.stat().st_ino == inode:
                file.unlink()
        except FileNotFoundError:
            continue
