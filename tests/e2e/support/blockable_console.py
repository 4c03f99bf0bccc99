"""Consoles that take nothing: a pipe that nobody reads, a terminal that is stopped."""

import fcntl
import os
import pty
import threading
import tty

#: As small as the kernel makes a pipe.
_PIPE_BYTES = 4096
#: Ctrl-S and Ctrl-Q.
_STOP, _GO_ON = b"\x13", b"\x11"


class Console:
    """The reading end. Nothing is read before `read_on`."""

    def __init__(self, reader, writer):
        self._reader = reader
        #: To be given to a process.
        self.writer = writer
        self._bytes = bytearray()
        self._thread = None

    @classmethod
    def full_pipe(cls):
        """A pipe into which not a byte fits."""
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
        """A terminal at which somebody has pressed Ctrl-S."""
        master, slave = pty.openpty()
        # Lines as they are, but for Ctrl-S.
        tty.setcbreak(slave)
        os.write(master, _STOP)
        return cls(master, slave)

    @classmethod
    def terminal(cls):
        master, slave = pty.openpty()
        console = cls(master, slave)
        console.start_reading()
        return console

    def resume(self):
        """Ctrl-Q."""
        os.write(self._reader, _GO_ON)
        self.start_reading()

    def start_reading(self):
        """From now on everything is read."""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        while True:
            try:
                data = os.read(self._reader, 65536)
            except OSError:
                # The end of a terminal.
                return
            if not data:
                return
            self._bytes += data

    @property
    def text(self):
        """What was read so far."""
        return self._bytes.decode(errors="replace")

    def read_to_end(self):
        """What was read to the end. For when the process has ended."""
        self.close_writer()
        self._thread.join(30.0)
        assert not self._thread.is_alive(), "somebody still holds the console"
        return self.text

    def close_writer(self):
        """Closes the test's own copy of the writing end."""
        if self.writer is not None:
            os.close(self.writer)
            self.writer = None

    def close_reader(self):
        """Closes the reading end: whoever writes has an error."""
        if self._reader is not None:
            os.close(self._reader)
            self._reader = None

    def close(self):
        self.close_writer()
        if self._thread is not None:
            self._thread.join(30.0)
        self.close_reader()
