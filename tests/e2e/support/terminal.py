"""Program in a terminal: a pseudo-terminal, and an emulator that shows what is on its screen."""

import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import threading

import pyte
from wcwidth import wcwidth

from support.polling import wait_until
from support.processes import Process

#: DEC private mode of the alternate screen. pyte numbers private modes in their upper bits.
ALTERNATE = 1049
#: Sequences that choose a color of the text or of its background.
COLOR = re.compile(rb"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")


def is_wide(letter: str) -> bool:
    """Returns whether a letter takes two cells."""
    return bool(letter) and wcwidth(letter[0]) == 2


class Screen(pyte.Screen):
    """Screen with an alternate one, which pyte lacks."""

    main = None

    @property
    def is_alternate(self) -> bool:
        return self.main is not None

    def line(self, y: int) -> str:
        """Returns a line. Unlike `display`, takes a wide letter of which one half was overwritten."""
        row = self.buffer[y]
        letters = []
        for x in range(self.columns):
            letter = row[x].data
            if not letter:
                letter = "" if x and is_wide(row[x - 1].data) else " "
            letters.append(letter)
        return "".join(letters)

    def set_mode(self, *modes, **options):
        if options.get("private") and ALTERNATE in modes and self.main is None:
            self.main = {y: dict(row) for y, row in self.buffer.items()}, self.cursor.x, self.cursor.y
            self.erase_in_display(2)
        super().set_mode(*modes, **options)

    def reset_mode(self, *modes, **options):
        if options.get("private") and ALTERNATE in modes and self.main is not None:
            rows, x, y = self.main
            self.main = None
            self.erase_in_display(2)
            for row, cells in rows.items():
                self.buffer[row].update(cells)
            self.cursor_position(y + 1, x + 1)
        super().reset_mode(*modes, **options)


class TerminalProcess(Process):
    """Program that runs in a terminal of its own, which is its controlling one."""

    def __init__(self, name, argv, env, folder, columns=80, rows=24):
        self.name = name
        self._out = folder / f"{name}.out"
        self._err = folder / f"{name}.err"
        self._err.touch()
        self._master, self._slave = os.openpty()
        self._screen = Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self._set_size(columns, rows)
        self._modes = termios.tcgetattr(self._slave)
        self._popen = subprocess.Popen(
            # Starts a session whose terminal this is. The process id stays the same.
            ["setsid", "--ctty", *argv],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env=env | {"TERM": "xterm-256color"},
        )
        self.pid = self._popen.pid
        self._is_frozen = threading.Event()
        self._is_closed = threading.Event()
        self._reader = threading.Thread(target=self._read, name=f"{name} terminal")
        self._reader.start()

    def _read(self):
        with self._out.open("wb", buffering=0) as log:
            while not self._is_closed.is_set():
                if self._is_frozen.wait(0.0):
                    self._is_closed.wait(0.05)
                    continue
                if not select.select([self._master], [], [], 0.05)[0]:
                    continue
                data = os.read(self._master, 65536)
                log.write(data)
                with self._lock:
                    self._stream.feed(data)

    @property
    def output(self) -> bytes:
        """Everything that was written to the terminal."""
        return self._out.read_bytes()

    @property
    def screen(self) -> str:
        """The screen as text, without blanks at the ends of its lines."""
        with self._lock:
            return "\n".join(self._screen.line(y).rstrip() for y in range(self._screen.lines))

    @property
    def is_alternate(self) -> bool:
        """The program shows a screen of its own."""
        with self._lock:
            return self._screen.is_alternate

    @property
    def is_cursor_hidden(self) -> bool:
        with self._lock:
            return self._screen.cursor.hidden

    @property
    def has_restored_modes(self) -> bool:
        """The terminal echoes and edits lines as it did before the program."""
        return termios.tcgetattr(self._slave) == self._modes

    @property
    def is_restored(self) -> bool:
        """The terminal is as it was before the program: modes, screen and cursor."""
        return self.has_restored_modes and not self.is_alternate and not self.is_cursor_hidden

    def copy_of_cells(self):
        """Returns columns, rows and the cells of the screen, for a picture."""
        with self._lock:
            screen = self._screen
            cells = [[screen.buffer[y][x] for x in range(screen.columns)] for y in range(screen.lines)]
            return screen.columns, screen.lines, cells

    def lines_with(self, *words: str) -> list[str]:
        """Returns the lines of the screen with all of these words."""
        return [line for line in self.screen.splitlines() if all(word in line for word in words)]

    def wait_for_line(self, *words: str) -> str:
        """Waits for a line with all of these words and returns it."""
        what = lambda: f"{words} on the screen of {self.name}:\n{self.screen}"  # noqa: E731
        return self.wait_until(lambda: self.lines_with(*words), what)[0]

    def wait_for_screen(self, condition, what: str) -> str:
        """Waits until the condition holds for the screen and returns it."""
        shown = lambda: f"{what} on the screen of {self.name}:\n{self.screen}"  # noqa: E731

        def matching():
            screen = self.screen
            return screen if condition(screen) else None

        return self.wait_until(matching, shown)

    def press(self, keys: str | bytes):
        """Presses keys, given as the terminal sends them."""
        os.write(self._master, keys.encode() if isinstance(keys, str) else keys)

    def _set_size(self, columns: int, rows: int):
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns: int, rows: int):
        """Changes the size of the terminal; the program gets SIGWINCH."""
        with self._lock:
            # A real terminal wraps or cuts what it shows. The program draws everything anew.
            self._screen.resize(rows, columns)
            self._set_size(columns, rows)

    def freeze(self):
        """Takes nothing from the program any more, as a stopped terminal."""
        self._is_frozen.set()

    def thaw(self):
        self._is_frozen.clear()

    def hang_up(self):
        """Closes the terminal, as a lost connection does."""
        self._is_closed.set()
        self._reader.join()
        os.close(self._slave)
        os.close(self._master)
        self._master = None

    def wait(self, timeout=30.0):
        code = super().wait(timeout)
        if self._master is not None and not self._is_frozen.is_set():
            # What it wrote last is on the screen.
            wait_until(lambda: not select.select([self._master], [], [], 0.0)[0], "the end of its output")
        return code

    def end(self):
        try:
            self.thaw()
            super().end()
        finally:
            if self._master is not None:
                self.hang_up()
