"""Bags made by the package's recorder."""

import signal

from rosbags.rosbag2 import Reader

from support.statistics_reader import stamp_ns

#: What DDS could not deliver at once, for want of room, it delivers within this: a heartbeat of Fast DDS, and some.
REPAIR_NS = 4 * 10**9


def wait_until_recording(recorder, *topics):
    """Waits until the recorder gets everything that is published on these topics from now on.

    It subscribes in the order of names, and announcements arrive in order: a bridge whose statistics arrive at the
    recorder knows of what the recorder has subscribed to before.
    """
    for topic in topics:
        recorder.wait_for_output(f"^recording /{topic}$", stream="stdout")
    recorder.wait_for_output("^receiving /statistics$", stream="stdout")


def stop_recorder(recorder, statistics):
    """Ends a recording of what was published so far."""
    settled_ns = stamp_ns(statistics.wait_until_settled())
    statistics.wait_until(lambda message: stamp_ns(message) > settled_ns + REPAIR_NS, "time for DDS to deliver")
    recorder.send_signal(signal.SIGINT)
    assert recorder.wait() == 0, recorder.log_tail()


def read_bag(bag):
    """Serialized messages by topic, in the order of the bag."""
    messages = {}
    with Reader(bag) as reader:
        for connection, _, data in reader.messages():
            messages.setdefault(connection.topic.lstrip("/"), []).append(bytes(data))
    return messages
