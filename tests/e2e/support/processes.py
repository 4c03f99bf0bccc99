"""Processes of a test, such as the bridge and the simulator, each in a process group of its own."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import ClassVar

from support.polling import wait_until

_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
#: Number of log lines that a failure shows.
_TAIL_LINES = 15


def executable(name: str) -> str:
    """Returns the path of an executable of the built package."""
    return str(Path(os.environ["SENSR_BRIDGE_PREFIX"]) / "lib" / "sensr_bridge" / name)


def processes_with_argument(*are_wanted) -> list[int]:
    """Returns the processes in whose command line each of these functions accepts a word, given as bytes."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if all(any(map(is_wanted, words)) for is_wanted in are_wanted):
            found.append(int(entry.name))
    return found


class Process:
    """Running program with its output in files. Signals go to its process id, never to a name."""

    def __init__(self, name, argv, env, folder, stdin=subprocess.DEVNULL, stderr=None):
        """Starts the program. `stderr` is an open file descriptor that replaces the file of the log."""
        self.name = name
        self._out = folder / f"{name}.out"
        self._err = folder / f"{name}.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._popen = subprocess.Popen(
                argv, stdin=stdin, stdout=out, stderr=err if stderr is None else stderr, env=env, start_new_session=True
            )
        self.pid = self._popen.pid

    @property
    def stdout(self):
        return self._out.read_text(errors="replace")

    @property
    def stderr(self):
        return self._err.read_text(errors="replace")

    @property
    def alive(self):
        return self._popen.poll() is None

    @property
    def exit_code(self):
        return self._popen.poll()

    def log_tail(self) -> str:
        """Returns the last lines of the output."""
        state = "running" if self.alive else f"exit code {self.exit_code}"
        lines = [f"--- {self.name}, {state}"]
        for stream in (self.stdout, self.stderr):
            lines += stream.splitlines()[-_TAIL_LINES:]
        return "\n".join(lines)

    def require_alive(self):
        assert self.alive, f"{self.name} has ended\n{self.log_tail()}"

    def wait_until(self, condition, what, **options):
        """Calls `polling.wait_until` and fails as soon as this process ends."""
        return wait_until(condition, what, watch=self.require_alive, **options)

    def wait_for_output(self, pattern: str, stream: str = "stderr") -> re.Match:
        """Waits for a match of a regular expression in the output and returns it."""
        return self.wait_until(
            lambda: re.search(pattern, getattr(self, stream), re.MULTILINE),
            lambda: f"{pattern!r} in the {stream} of\n{self.log_tail()}",
        )

    def send_signal(self, number):
        self._popen.send_signal(number)

    def wait(self, timeout=30.0):
        """Waits for the end and returns the exit code."""
        wait_until(lambda: not self.alive, lambda: f"the end of {self.name}\n{self.log_tail()}", timeout=timeout)
        return self.exit_code

    def end(self):
        """Stops it with SIGTERM, after 30 s with SIGKILL. Requires that its process group is empty then."""
        if self.alive:
            self.send_signal(signal.SIGCONT)
            self.send_signal(signal.SIGTERM)
            try:
                self._popen.wait(30.0)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
                self._popen.wait(10.0)
                raise AssertionError(f"{self.name} does not stop\n{self.log_tail()}") from None
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        raise AssertionError(f"{self.name} left a process running")

    def cpu_seconds(self) -> float:
        """Returns the CPU time of all its threads so far, user and system."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS

    def memory_bytes(self, which: str = "VmRSS") -> int:
        """Returns the resident memory, or with VmHWM its maximum so far."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"^{which}:\s+(\d+) kB", status, re.MULTILINE)[1]) * 1024


def assignments(parameters: dict) -> list[str]:
    """Returns the ROS arguments that set these parameters."""
    return [word for name, value in parameters.items() for word in ("-p", f"{name}:={json.dumps(value)}")]


class Bridge(Process):
    """Node under test. It must neither panic nor fail to stop cleanly, whatever a test does to it."""

    #: Quick reconnects and frequent statistics make tests fast.
    DEFAULTS: ClassVar[dict] = {
        "host": "127.0.0.1",
        "reconnect.initial_delay": 0.05,
        "reconnect.max_delay": 0.2,
        # Scripted servers send nothing for as long as they like.
        "stall_timeout": 900.0,
        "statistics_period": 0.1,
        # Most tests subscribe to some topics only.
        "startup_hold": 0.0,
    }

    def __init__(
        self,
        name,
        env,
        folder,
        parameters=None,
        ros_args=(),
        defaults=True,
        args=(),
        wrapper=(),
        fallback=None,
        stderr=None,
    ):
        given = (self.DEFAULTS if defaults else {}) | (parameters or {})
        argv = [*wrapper, executable("sensr_bridge"), *args]
        # The last value of a parameter wins.
        ros = [*assignments(fallback or {}), *ros_args, *assignments(given)]
        if ros:
            argv += ["--ros-args", *ros]
        #: Exit code that `end` requires. None if the test has called `wait` and judges the exit itself.
        self.expected_exit = 0
        #: For tests that make rcl fail.
        self.may_panic = False
        super().__init__(name, argv, env, folder, stderr=stderr)

    @property
    def log(self):
        return self.stderr + self.stdout

    def wait(self, timeout=30.0):
        self.expected_exit = None
        return super().wait(timeout)

    def end(self):
        super().end()
        assert self.may_panic or "panicked" not in self.log, f"{self.name} panicked\n{self.log_tail()}"
        if self.expected_exit is not None:
            assert self.exit_code == self.expected_exit, f"{self.name} exited with another code\n{self.log_tail()}"


class Sim(Process):
    """Simulated SENSR server. The constructor returns when it listens. With `control` it takes faults from stdin."""

    def __init__(self, name, env, folder, *args, points_port=0, output_port=0, control=False, stderr=None):
        argv = [executable("sensr_sim"), "--output-port", str(output_port), "--points-port", str(points_port)]
        if control:
            argv.append("--control")
        stdin = subprocess.PIPE if control else subprocess.DEVNULL
        super().__init__(name, [*argv, *map(str, args)], env, folder, stdin, stderr)
        # Waits for the end of the line too, because the file may hold half of it.
        self.wait_for_output('"listening".*\n', stream="stdout")
        (listening,) = self.events("listening")
        self.points_port, self.output_port = listening["points_port"], listening["output_port"]

    def events(self, kind):
        """Returns the events of that kind so far."""
        lines = self.stdout.splitlines(keepends=True)
        events = [json.loads(line) for line in lines if line.endswith("\n")]
        return [event for event in events if event["event"] == kind]

    def run_fault(self, fault: str):
        """Requests a fault and waits until it is over and the server behaves normally again."""
        before = len(self.events("recovered"))
        self._popen.stdin.write(f"{fault}\n".encode())
        self._popen.stdin.flush()
        self.wait_until(lambda: len(self.events("recovered")) > before, f"the end of {fault!r}", timeout=120.0)

    def stop(self):
        """Stops it and returns its final report of what it sent."""
        self.send_signal(signal.SIGTERM)
        return self.wait_until_done()

    def wait_until_done(self, timeout: float = 60.0) -> dict:
        """Waits until it exits and returns its final report of what it sent."""
        assert self.wait(timeout) == 0, self.log_tail()
        (done,) = self.events("done")
        return done

    def end(self):
        super().end()
        if self._popen.stdin:
            self._popen.stdin.close()
