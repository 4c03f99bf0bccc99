"""Log lines in the form of the stock recorder, on standard error."""

import contextlib
import sys
import time


def log(level, text, name="rosbag2_recorder"):
    seconds, nanoseconds = divmod(time.time_ns(), 10**9)
    # The reader of the pipe may have died. The recording goes on, as that of the stock recorder does.
    with contextlib.suppress(BrokenPipeError):
        print(f"[{level}] [{seconds}.{nanoseconds:09}] [{name}]: {text}", file=sys.stderr, flush=True)
