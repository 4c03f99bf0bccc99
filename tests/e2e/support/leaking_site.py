"""Stand-in for a bridge that leaks memory, and publishes true statistics about itself.

It allocates and touches memory that it never frees, at a given rate from its start on. Prints a JSON document per
statistics message with the figures in it (`uptime_s`, `rss_bytes`) and the bytes leaked by then (`leaked_bytes`).

Usage: python3 -m support.leaking_site NAMESPACE MB_PER_MIN
"""

import json
import os
import resource
import sys
import time
from pathlib import Path

import rclpy
from builtin_interfaces.msg import Duration, Time
from rclpy.signals import SignalHandlerOptions
from sensr_bridge.msg import BridgeStatistics

#: Time between two statistics messages, seconds.
PERIOD = 0.2
#: Bytes of one leaked piece with its header. Small enough for the heap, where pieces follow each other without gaps; a
#: larger one would be mapped in whole pages and cost more than its size.
PIECE_BYTES = 65_536
#: Bound of the memory, which the stand-in has no way to know: no test reaches it.
MEMORY_BOUND_BYTES = 1 << 40


def rss_bytes() -> int:
    """Returns the resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def statistics(uptime_s: float) -> BridgeStatistics:
    """Returns statistics with the memory of this process as it is now."""
    uptime_ns = int(uptime_s * 1e9)
    now_ns = time.time_ns()
    message = BridgeStatistics(version="leaking stand-in")
    message.header.stamp = Time(sec=now_ns // 10**9, nanosec=now_ns % 10**9)
    message.uptime = Duration(sec=uptime_ns // 10**9, nanosec=uptime_ns % 10**9)
    message.rss_bytes = rss_bytes()
    message.rss_peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    message.memory_bound_bytes = MEMORY_BOUND_BYTES
    return message


def main():
    namespace, bytes_per_second = sys.argv[1], float(sys.argv[2]) * 1e6 / 60.0
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("sensr_bridge", namespace=namespace, enable_rosout=False, start_parameter_services=False)
    publisher = node.create_publisher(BridgeStatistics, "statistics", 10)
    content = PIECE_BYTES - sys.getsizeof(bytearray()) - 64
    leak = []
    leaked = 0
    start = time.monotonic()
    while True:
        # A delay is made up for, so that the rate is true over any time.
        while leaked + PIECE_BYTES <= (time.monotonic() - start) * bytes_per_second:
            # Copying touches every page.
            leak.append(bytearray(b"\1") * content)
            leaked += sys.getsizeof(leak[-1])
        uptime_s = time.monotonic() - start
        message = statistics(uptime_s)
        publisher.publish(message)
        record = {"uptime_s": uptime_s, "rss_bytes": message.rss_bytes, "leaked_bytes": leaked}
        print(json.dumps(record), flush=True)
        time.sleep(PERIOD)


if __name__ == "__main__":
    main()
