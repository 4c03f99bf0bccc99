"""Log lines in the form of the stock recorder, on standard error."""

import sys
import time


def log(level, text, name="rosbag2_recorder"):
    seconds, nanoseconds = divmod(time.time_ns(), 10**9)
    print(f"[{level}] [{seconds}.{nanoseconds:09}] [{name}]: {text}", file=sys.stderr, flush=True)
