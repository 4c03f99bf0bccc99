"""The monitor under test, and what it writes."""

import csv
import io
import json
import signal

from support.processes import Process, executable


class Monitor(Process):
    """Running sensr_monitor. It must neither panic nor fail to stop cleanly, whatever a test does to it."""

    def __init__(self, name, env, folder, *args, period=0.2):
        """Starts it. `args` are its own arguments; output that is no terminal has lines."""
        #: Exit code that `end` requires. None if the test has called `wait` and judges the exit itself.
        self.expected_exit = 0
        # A test run that ignores SIGHUP, as one under nohup does, would hand that down.
        argv = ["env", "--default-signal=HUP", executable("sensr_monitor"), *map(str, args)]
        if period is not None:
            argv += ["--period", str(period)]
        super().__init__(name, argv, env, folder)

    def lines(self, site: str) -> list[str]:
        """Returns the lines about a site so far, without date and time."""
        texts = [line.split(" ", 2)[-1] for line in self.stdout.splitlines()]
        return [text for text in texts if text.startswith(f"{site}: ")]

    def wait_for_line(self, site: str, *words: str) -> str:
        """Waits for a line about a site with all of these words, and returns it."""

        def matching():
            return next((line for line in self.lines(site) if all(word in line for word in words)), None)

        return self.wait_until(matching, lambda: f"{words} in a line of {site}\n{self.log_tail()}")

    def wait(self, timeout=60.0):
        self.expected_exit = None
        return super().wait(timeout)

    def stop(self, number=signal.SIGINT) -> str:
        """Stops it, as Ctrl-C does, and returns all that it wrote to standard output."""
        self.send_signal(number)
        assert self.wait() == 0, self.log_tail()
        return self.stdout

    def end(self):
        super().end()
        assert "panicked" not in self.stderr, f"{self.name} panicked\n{self.log_tail()}"
        if self.expected_exit is not None:
            assert self.exit_code == self.expected_exit, f"{self.name} exited with another code\n{self.log_tail()}"


def rows_of(text: str) -> list[dict]:
    """Returns the rows of CSV by the names of their columns; each must have all columns."""
    reader = csv.DictReader(io.StringIO(text), restkey="too many", strict=True)
    rows = list(reader)
    for row in rows:
        assert "too many" not in row and None not in row.values(), row
    return rows


def document_of(path) -> dict:
    """Returns the report of `--json`."""
    return json.loads(path.read_text())
