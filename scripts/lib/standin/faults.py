"""Faults that the environment of the stand-in asks for. record_bag.py documents the variables."""

import os
import time
from pathlib import Path

_PREFIX = "RECORD_BAG_"
_NUMBERS = (
    "EXIT_AFTER_SECONDS",
    "EXIT_AFTER_MESSAGES",
    "STOP_WRITING_AFTER",
    "LOSE_EVERY",
    "BYTES_PER_SECOND",
    "BYTES_PER_FILE",
)
_FLAGS = ("REFUSE", "HANG_AT_END")


class InvalidFaultError(Exception):
    """A variable has a value that means nothing, or a name that does not exist."""


class Faults:
    """Faults in force."""

    def __init__(self, environment=None):
        environment = os.environ if environment is None else environment
        given = {name[len(_PREFIX) :]: text for name, text in environment.items() if name.startswith(_PREFIX)}
        self._while = Path(given.pop("FAULTS_WHILE")) if "FAULTS_WHILE" in given else None
        #: Long names of options that the stand-in does not have.
        self.hidden_options = given.pop("WITHOUT", "").split()
        self._values = {}
        for name, text in given.items():
            if name not in (*_NUMBERS, *_FLAGS):
                raise InvalidFaultError(f"{_PREFIX}{name} is no variable of record_bag.py")
            try:
                self._values[name] = float(text)
            except ValueError:
                raise InvalidFaultError(f"{_PREFIX}{name} must be a number and is {text!r}") from None
        self._began = time.monotonic()

    def _value(self, name):
        """Returns the value of a variable if the fault is in force."""
        return self._values[name] if name in self._values and self._is_on(name) else None

    def _is_on(self, name):
        if self._while is None:
            return True
        try:
            words = self._while.read_text().split()
        except FileNotFoundError:
            return False
        return not words or name in words

    @property
    def refuses(self):
        return bool(self._value("REFUSE"))

    @property
    def hangs_at_end(self):
        return bool(self._value("HANG_AT_END"))

    @property
    def has_stopped_writing(self):
        return self._has_passed("STOP_WRITING_AFTER")

    def must_exit(self, messages):
        """Returns whether the process is to end now, after it has received so many messages."""
        limit = self._value("EXIT_AFTER_MESSAGES")
        return self._has_passed("EXIT_AFTER_SECONDS") or (limit is not None and messages >= limit)

    def loses(self, number):
        """Returns whether the message with this number, counted from 1 in its topic, is to be lost."""
        every = self._value("LOSE_EVERY")
        return bool(every) and number % every == 0

    @property
    def largest_file(self):
        """Returns the size beyond which writes to a file fail. None: none does."""
        size = self._value("BYTES_PER_FILE")
        return None if size is None else int(size)

    def write_delay(self, size):
        """Returns the seconds that writing so many bytes is to take."""
        rate = self._value("BYTES_PER_SECOND")
        return size / rate if rate else 0.0

    def _has_passed(self, name):
        seconds = self._value(name)
        return seconds is not None and time.monotonic() - self._began >= seconds
