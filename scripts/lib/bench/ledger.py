"""Prints a line of JSON for each statistics message of a bridge: whether its ledger balances.

Run as a process of its own, because rclpy reads domain and network from the environment.
"""

import json
import sys

import rclpy
from rclpy.executors import ExternalShutdownException
from sensr_bridge.msg import BridgeStatistics

#: Counts that add up to `received`.
OUTCOMES = ("published", "thinned", "unsubscribed", "dropped", "malformed", "queued")


def describe(message):
    topics = {topic.topic: topic for topic in message.topics}
    raw = topics.get("points/raw")
    return {
        "unbalanced": [
            name
            for name, topic in topics.items()
            if topic.received != sum(getattr(topic, outcome) for outcome in OUTCOMES)
        ],
        "raw": {} if raw is None else {name: getattr(raw, name) for name in ("received", *OUTCOMES)},
        "connects": {link.name: link.connects for link in message.links},
    }


def main():
    rclpy.init()
    node = rclpy.create_node("bench_ledger")
    node.create_subscription(
        BridgeStatistics, sys.argv[1], lambda message: print("LEDGER", json.dumps(describe(message)), flush=True), 10
    )
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        # The soak has ended.
        return


if __name__ == "__main__":
    main()
