#!/usr/bin/env python3
"""Prints the statistics of a running bridge, a line every two seconds."""

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
#: Longest time for the start of all processes on a slow machine.
START_SECONDS = 60.0
LINE_SECONDS = 2.0
#: Number of lines between headings.
HEADING_LINES = 15
#: Placeholder for unknown values.
NO_VALUE = "-"


class Interval:
    """Differences between two statistics messages."""

    def __init__(self, before, now):
        self.now = now
        self._seconds = stamp(now) - stamp(before)
        self._links = {link.name: link for link in now.links}
        self._links_before = {link.name: link for link in before.links}
        self._topics = {topic.topic: topic for topic in now.topics}
        self._topics_before = {topic.topic: topic for topic in before.topics}
        self._stages = {(stage.link, stage.stage): stage for stage in now.stages}

    def state(self, link):
        return STATES.get(self._links[link].state, "?") if link in self._links else NO_VALUE

    def megabytes(self, link):
        if link not in self._links or link not in self._links_before:
            return NO_VALUE
        size = self._links[link].bytes - self._links_before[link].bytes
        return f"{size / 1e6 / self._seconds:.2f}"

    def latency_to_dds(self, link):
        """Returns the mean time from the last byte of a frame to the end of publishing, in milliseconds."""
        stage = self._stages.get((link, "total"))
        return f"{stage.mean_ns / 1e6:.2f}" if stage and stage.count else NO_VALUE

    def rate(self, topic):
        if topic not in self._topics or topic not in self._topics_before:
            return NO_VALUE
        published = self._topics[topic].published - self._topics_before[topic].published
        return f"{published / self._seconds:.1f}"

    def events(self):
        return sum(topic.published for name, topic in self._topics.items() if name.startswith("events/"))

    def lost(self):
        return sum(topic.dropped + topic.malformed for topic in self._topics.values())

    def clock(self):
        return f"{self.now.clock.offset_ns / 1e6:+.2f}" if self.now.clock.known else NO_VALUE


#: Heading, second heading, width, and the value.
COLUMNS = (
    ("points", "link", 10, lambda interval: interval.state("points")),
    ("", "MB/s", 7, lambda interval: interval.megabytes("points")),
    ("to DDS", "ms", 7, lambda interval: interval.latency_to_dds("points")),
    ("output", "link", 11, lambda interval: interval.state("output")),
    ("", "MB/s", 6, lambda interval: interval.megabytes("output")),
    ("to DDS", "ms", 7, lambda interval: interval.latency_to_dds("output")),
    ("raw", "/s", 6, lambda interval: interval.rate("points/raw")),
    ("ground", "/s", 7, lambda interval: interval.rate("points/ground")),
    ("backgr.", "/s", 8, lambda interval: interval.rate("points/background")),
    ("objects", "/s", 8, lambda interval: interval.rate("objects")),
    ("obj.pts", "/s", 8, lambda interval: interval.rate("points/objects")),
    ("events", "", 7, lambda interval: interval.events()),
    ("lost", "", 5, lambda interval: interval.lost()),
    ("clock", "ms", 8, lambda interval: interval.clock()),
    ("memory", "MiB", 7, lambda interval: f"{interval.now.rss_bytes / 2**20:.0f}"),
)


def print_headings():
    for row in (0, 1):
        print("  " + "".join(f"{column[row]:>{column[2]}}" for column in COLUMNS), flush=True)


def format_line(interval):
    return "".join(f"{value(interval):>{width}}" for _, _, width, value in COLUMNS)


def stamp(message):
    return message.header.stamp.sec + message.header.stamp.nanosec * 1e-9


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="duration from the first published cloud on")
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
    lines = 0
    while end is None or time.monotonic() < end:
        executor.spin_once(timeout_sec=0.2)
        if end is None and time.monotonic() - begun > START_SECONDS:
            sys.exit("no clouds were published; the logs are in log/demo/")
        while received:
            message = received.pop(0)
            if end is None and any(topic.published for topic in message.topics if topic.topic.startswith("points/")):
                end = time.monotonic() + seconds
                before = message
            elif end is not None and stamp(message) - stamp(before) >= LINE_SECONDS - 0.1:
                if lines % HEADING_LINES == 0:
                    print_headings()
                lines += 1
                print("  " + format_line(Interval(before, message)), flush=True)
                before = message
    rclpy.shutdown()


if __name__ == "__main__":
    main()
