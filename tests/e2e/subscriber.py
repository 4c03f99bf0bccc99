"""A subscriber in a process of its own, which a test can stop: prints how many clouds have come.

Usage: subscriber.py TOPIC
"""

import sys

import rclpy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import PointCloud2

import ros


def main():
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("subscriber", start_parameter_services=False)
    count = 0

    def take(_):
        nonlocal count
        count += 1
        print(count, flush=True)

    # Held on to: rclpy drops a subscription that nobody holds.
    subscription = node.create_subscription(PointCloud2, sys.argv[1], take, ros.qos(depth=5), raw=True)
    assert subscription
    rclpy.spin(node)


main()
