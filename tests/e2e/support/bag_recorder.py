"""Control of the stand-in for the stock recorder, and access to its bags."""

import re
import signal

from rosbags.rosbag2 import Reader

from support.statistics_reader import stamp_ns
from support.topic_table import topics_in_namespace

#: Longest delay of messages that did not fit into a full buffer and were sent again: a heartbeat of Fast DDS and a
#: margin.
REPAIR_NS = 4 * 10**9


def topics_of_bridge(namespace: str = "", *others: str) -> list[str]:
    """Returns the arguments that record all topics of a bridge, and others by their absolute names."""
    return ["--regex", f"^({'|'.join([*sorted(topics_in_namespace(namespace)), *others])})$"]


def wait_until_subscribed(recorder, topic: str):
    """Waits until the recorder has subscribed to a topic."""
    recorder.wait_for_output(f"Subscribed to topic '{re.escape(topic)}'")


def wait_until_receiving(recorder, topic: str):
    """Waits until the recorder has received a message of a topic."""
    recorder.wait_for_output(f"Received the first message of '{re.escape(topic)}'")


def wait_until_recording(recorder, *topics, namespace=""):
    """Waits until the recorder receives everything that is published on these topics from now on.

    It subscribes in the order of names, and DDS announcements arrive in order. A bridge whose statistics reach the
    recorder therefore knows its earlier subscriptions.
    """
    for topic in topics:
        wait_until_subscribed(recorder, f"/{topic}")
    wait_until_receiving(recorder, f"{namespace}/statistics")


def stop_recorder(recorder, statistics):
    """Stops the recorder when it has everything that was published so far."""
    settled_ns = stamp_ns(statistics.wait_until_settled())
    statistics.wait_until(lambda message: stamp_ns(message) > settled_ns + REPAIR_NS, "time for DDS to deliver")
    recorder.send_signal(signal.SIGINT)
    assert recorder.wait() == 0, recorder.log_tail()


def read_bag(bag):
    """Returns serialized messages by topic, in the order of the bag."""
    messages = {}
    with Reader(bag) as reader:
        for connection, _, data in reader.messages():
            messages.setdefault(connection.topic.lstrip("/"), []).append(bytes(data))
    return messages
