"""Starting and ending the bridge, the simulator and helpers, each in a process group of its own."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

from support.polling import wait_until

_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
#: Lines of a log that a failure shows.
_TAIL = 15


def executable(name):
    """The path of an executable of the built package."""
    return str(Path(os.environ["SENSR_BRIDGE_PREFIX"]) / "lib" / "sensr_bridge" / name)


class Process:
    """A running program with its output in files. Ended by process id, never by name."""

    def __init__(self, name, argv, env, folder, stdin=subprocess.DEVNULL, stderr=None):
        """`stderr` is an open file descriptor if the log is to go elsewhere."""
        self.name = name
        self._out = folder / f"{name}.out"
        self._err = folder / f"{name}.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            err = err if stderr is None else stderr
            self._popen = subprocess.Popen(argv, stdin=stdin, stdout=out, stderr=err, env=env, start_new_session=True)
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

    def log_tail(self):
        """The last lines of the log, for people."""
        state = "running" if self.alive else f"exit code {self.exit_code}"
        lines = [f"--- {self.name}, {state}"]
        for stream in (self.stdout, self.stderr):
            lines += stream.splitlines()[-_TAIL:]
        return "\n".join(lines)

    def require_alive(self):
        assert self.alive, f"{self.name} has ended\n{self.log_tail()}"

    def wait_until(self, condition, what, **options):
        """`polling.wait_until` for what cannot happen once this process has ended."""
        return wait_until(condition, what, watch=self.require_alive, **options)

    def wait_for_output(self, pattern, stream="stderr"):
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
        """Ends it, politely at first, and makes sure that nothing is left of its process group."""
        if self.alive:
            self.send_signal(signal.SIGCONT)
            self.send_signal(signal.SIGTERM)
            try:
                self._popen.wait(30.0)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
                self._popen.wait(10.0)
                raise AssertionError(f"{self.name} does not end\n{self.log_tail()}") from None
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        raise AssertionError(f"{self.name} left a process behind")

    def cpu_seconds(self):
        """CPU time of all its threads so far, user and system."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS

    def memory_bytes(self, which="VmRSS"):
        """Resident memory now, or with VmHWM the most it ever was."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"^{which}:\s+(\d+) kB", status, re.MULTILINE)[1]) * 1024


def assignments(parameters):
    """Parameters as ROS arguments."""
    return [word for name, value in parameters.items() for word in ("-p", f"{name}:={json.dumps(value)}")]


class Bridge(Process):
    """The node under test. Whatever a test does to it, it must neither panic nor fail to stop cleanly."""

    #: Quick to come back, often heard of: a test wants to see much in little time.
    DEFAULTS = {
        "host": "127.0.0.1",
        "reconnect.initial_delay": 0.05,
        "reconnect.max_delay": 0.2,
        # A scripted server may say nothing for as long as it likes.
        "stall_timeout": 900.0,
        "statistics_period": 0.1,
        # Most tests subscribe to what they are about, and to nothing else.
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
        # What comes later goes over what came before.
        ros = [*assignments(fallback or {}), *ros_args, *assignments(given)]
        if ros:
            argv += ["--ros-args", *ros]
        #: What `end` demands. None if the test has looked at the exit itself.
        self.expected_exit = 0
        #: Only where a test breaks what the bridge stands on.
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
            assert self.exit_code == self.expected_exit, f"{self.name} ended badly\n{self.log_tail()}"


class Sim(Process):
    """The simulated SENSR server. Returns when it listens. With `control` faults can be asked of it."""

    def __init__(self, name, env, folder, *args, points_port=0, output_port=0, control=False, stderr=None):
        argv = [executable("sensr_sim"), "--output-port", str(output_port), "--points-port", str(points_port)]
        if control:
            argv.append("--control")
        stdin = subprocess.PIPE if control else subprocess.DEVNULL
        super().__init__(name, [*argv, *map(str, args)], env, folder, stdin, stderr)
        # The whole line: it may be seen half written.
        self.wait_for_output('"listening".*\n', stream="stdout")
        (listening,) = self.events("listening")
        self.points_port, self.output_port = listening["points_port"], listening["output_port"]

    def events(self, kind):
        """The lines of that kind so far."""
        lines = self.stdout.splitlines(keepends=True)
        events = [json.loads(line) for line in lines if line.endswith("\n")]
        return [event for event in events if event["event"] == kind]

    def run_fault(self, fault):
        """Asks for a fault and waits until it is over: the server then behaves well again."""
        before = len(self.events("recovered"))
        self._popen.stdin.write(f"{fault}\n".encode())
        self._popen.stdin.flush()
        self.wait_until(lambda: len(self.events("recovered")) > before, f"the end of {fault!r}", timeout=120.0)

    def stop(self):
        """Ends it in order and returns what it says it has sent."""
        self.send_signal(signal.SIGTERM)
        return self.wait_until_done()

    def wait_until_done(self, timeout=60.0):
        """Waits until it has ended by itself and returns what it says it has sent."""
        assert self.wait(timeout) == 0, self.log_tail()
        (done,) = self.events("done")
        return done

    def end(self):
        super().end()
        if self._popen.stdin:
            self._popen.stdin.close()
