"""Subscriber of numbered clouds in a process of its own, which a test can suspend. Prints the number of each.

Usage: python3 -m support.numbered_subscriber TOPIC DEPTH
"""

import sys

import rclpy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import PointCloud2

from support import point_cloud_reader, ros_observer


def main():
    topic, depth = sys.argv[1], int(sys.argv[2])
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("subscriber", start_parameter_services=False)

    def print_number(message):
        print(int(point_cloud_reader.number_of(point_cloud_reader.parse(message))), flush=True)

    # The variable keeps the subscription alive: rclpy drops unreferenced ones.
    subscription = node.create_subscription(PointCloud2, topic, print_number, ros_observer.qos(depth=depth), raw=True)
    assert subscription
    rclpy.spin(node)


main()
