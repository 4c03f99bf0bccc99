"""Waiting for things to become true: the only kind of waiting in these tests."""

import time

#: Generous: a deadline is only ever reached by a failure.
PATIENCE = 30.0


def wait_until(condition, what, timeout=PATIENCE, watch=None):
    """Polls `condition` until it is truthy and returns its value.

    `what` says what is waited for; a callable is asked for it at the deadline, so that it can show the
    state of affairs. `watch` is called with every look, to raise as soon as waiting has become pointless.
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
