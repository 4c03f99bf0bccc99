"""A subscriber in a process of its own, which a test can stop: prints how many messages have come, and the sequence
number of the last one if it has one.

Usage: subscriber.py TOPIC
"""

import sys

import rclpy
from rclpy.signals import SignalHandlerOptions

import ros
from topics import TOPICS


def main():
    topic = sys.argv[1]
    known = TOPICS[topic.lstrip("/")]
    has_sequence = "sequence" in known.kind.get_fields_and_field_types()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("subscriber", start_parameter_services=False)
    count = 0

    def take(message):
        nonlocal count
        count += 1
        print(count, *([message.sequence] if has_sequence else []), flush=True)

    # No more patient than what is offered. Held on to: rclpy drops a subscription that nobody holds.
    profile = ros.qos(depth=known.depth)
    subscription = node.create_subscription(known.kind, topic, take, profile, raw=not has_sequence)
    assert subscription
    rclpy.spin(node)


main()
