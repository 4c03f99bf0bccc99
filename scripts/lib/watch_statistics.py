#!/usr/bin/env python3
"""Prints what a running bridge says of itself, a line every two seconds."""

import argparse
import sys
import time

import rclpy
from rclpy.executors import SingleThreadedExecutor
from sensr_bridge.msg import BridgeStatistics, LinkStatistics

STATES = {
    LinkStatistics.STATE_CONNECTING: "connecting",
    LinkStatistics.STATE_CONNECTED: "connected",
    LinkStatistics.STATE_BACKOFF: "waiting",
    LinkStatistics.STATE_STOPPED: "stopped",
}
#: Starting everything may take this long on a slow machine.
START_SECONDS = 60.0
LINE_SECONDS = 2.0


def line(before, now):
    seconds = stamp(now) - stamp(before)
    link = now.links[0]
    megabytes = (link.bytes - before.links[0].bytes) / 1e6 / seconds
    stages = {stage.stage: stage for stage in now.stages}
    clouds = [
        f"{topic.topic.removeprefix('points/')} {(topic.published - earlier.published) / seconds:.1f}/s"
        for topic, earlier in zip(now.topics, before.topics)
    ]
    lost = sum(topic.dropped + topic.malformed for topic in now.topics)
    return (
        f"{STATES.get(link.state, '?'):10} {megabytes:5.1f} MB/s in, published {', '.join(clouds)}, lost {lost}, "
        f"conversion {stages['convert'].mean_ns / 1e6:.2f} ms, arrival to DDS {stages['total'].mean_ns / 1e6:.2f} ms, "
        f"memory {now.rss_bytes / 2**20:.0f} MiB"
    )


def stamp(message):
    return message.header.stamp.sec + message.header.stamp.nanosec * 1e-9


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long, once clouds are published")
    seconds = parser.parse_args().seconds

    rclpy.init()
    node = rclpy.create_node("watch_statistics")
    received = []
    node.create_subscription(BridgeStatistics, "statistics", received.append, 10)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    begun = time.monotonic()
    end = None
    before = None
    while end is None or time.monotonic() < end:
        executor.spin_once(timeout_sec=0.2)
        if end is None and time.monotonic() - begun > START_SECONDS:
            sys.exit("no clouds were published; the logs are in log/demo/")
        while received:
            message = received.pop(0)
            if end is None and sum(topic.published for topic in message.topics):
                end = time.monotonic() + seconds
                before = message
            elif end is not None and stamp(message) - stamp(before) >= LINE_SECONDS - 0.1:
                print("  " + line(before, message), flush=True)
                before = message
    rclpy.shutdown()


if __name__ == "__main__":
    main()
