"""Consoles that accept no output: a full pipe that is not read, a terminal stopped with Ctrl-S."""

import fcntl
import os
import pty
import threading
import tty

#: The smallest size of a pipe in Linux.
_PIPE_BYTES = 4096
_CTRL_S, _CTRL_Q = b"\x13", b"\x11"


class Console:
    """Reading end of a pipe or a terminal. Reads nothing before `start_reading`."""

    def __init__(self, reader: int, writer: int):
        self._reader = reader
        #: The writing end, for a process.
        self.writer = writer
        self._bytes = bytearray()
        self._thread = None

    @classmethod
    def full_pipe(cls):
        """Makes a pipe that is filled to the last byte."""
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        os.set_blocking(writer, False)
        try:
            while True:
                os.write(writer, b"\n" * _PIPE_BYTES)
        except BlockingIOError:
            os.set_blocking(writer, True)
        return cls(reader, writer)

    @classmethod
    def stopped_terminal(cls):
        """Makes a terminal that was stopped with Ctrl-S."""
        master, slave = pty.openpty()
        # Passes lines on unchanged and still interprets Ctrl-S.
        tty.setcbreak(slave)
        os.write(master, _CTRL_S)
        return cls(master, slave)

    @classmethod
    def terminal(cls):
        """Makes a terminal that is read."""
        master, slave = pty.openpty()
        console = cls(master, slave)
        console.start_reading()
        return console

    def resume(self):
        """Presses Ctrl-Q and starts reading."""
        os.write(self._reader, _CTRL_Q)
        self.start_reading()

    def start_reading(self):
        """Starts a thread that reads everything from now on."""
        self._thread = threading.Thread(target=self._read_all, daemon=True)
        self._thread.start()

    def _read_all(self):
        while True:
            try:
                data = os.read(self._reader, 65536)
            except OSError:
                # A terminal reports its end like this.
                return
            if not data:
                return
            self._bytes += data

    @property
    def text(self) -> str:
        """The text read so far."""
        return self._bytes.decode(errors="replace")

    def read_to_end(self) -> str:
        """Returns the whole text. Call it when the process has ended."""
        self.close_writer()
        self._thread.join(30.0)
        assert not self._thread.is_alive(), "a process still holds the console"
        return self.text

    def close_writer(self):
        """Closes the test's own copy of the writing end."""
        if self.writer is not None:
            os.close(self.writer)
            self.writer = None

    def close_reader(self):
        """Closes the reading end, so that writing fails."""
        if self._reader is not None:
            os.close(self._reader)
            self._reader = None

    def close(self):
        self.close_writer()
        if self._thread is not None:
            self._thread.join(30.0)
        self.close_reader()
