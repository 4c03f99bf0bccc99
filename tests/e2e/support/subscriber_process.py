"""Subscriber in a process of its own, which a test can suspend.

Prints a line for every message: the number of messages so far and, if the message has one, its sequence number.

Usage: python3 -m support.subscriber_process TOPIC
"""

import sys

import rclpy
from rclpy.signals import SignalHandlerOptions

from support import ros_observer
from support.topic_table import TOPICS


def main():
    topic = sys.argv[1]
    known = TOPICS[topic.lstrip("/")]
    has_sequence = "sequence" in known.kind.get_fields_and_field_types()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("subscriber", start_parameter_services=False)
    count = 0

    def print_count(message):
        nonlocal count
        count += 1
        print(count, *([message.sequence] if has_sequence else []), flush=True)

    # The publisher's depth and no more. The variable keeps the subscription alive: rclpy drops unreferenced ones.
    profile = ros_observer.qos(depth=known.depth)
    subscription = node.create_subscription(known.kind, topic, print_count, profile, raw=not has_sequence)
    assert subscription
    rclpy.spin(node)


main()
