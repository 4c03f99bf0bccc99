"""Waiting for a condition by polling, the only kind of waiting in these tests."""

import time

#: Generous, because only failures reach it.
TIMEOUT = 30.0


def wait_until(condition, what, timeout: float = TIMEOUT, watch=None):
    """Polls `condition` until it is truthy and returns its value.

    `what` says what is waited for. A callable is called at the deadline, so that its text can show the state then.
    `watch` is called with every poll and raises if waiting longer is pointless.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if watch is not None:
            watch()
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what() if callable(what) else what}")
        time.sleep(0.02)
