"""Latched messages are published again when a recorder opens a new split, so that every split can be read alone."""

from rclpy.duration import Duration
from rosbag2_interfaces.msg import WriteSplitEvent
from sensr_bridge.msg import RecordingStatus
from tf2_msgs.msg import TFMessage

from support import outputs, ros_observer
from support.polling import wait_until
from support.statistics_reader import stamp_ns
from support.topic_table import TOPICS
from support.two_links import TwoLinks

#: Latched topics with a sequence number and a mark of repeated messages.
MARKED = ("zones", "health", "server_status")
LATCHED = (*MARKED, "markers/zones")


class Recorder:
    """Stands in for recorders: publishes what they tell of their splits."""

    def __init__(self, observer, namespace=""):
        self._observer = observer
        node = observer.node
        self._events = {
            topic: node.create_publisher(WriteSplitEvent, topic, ros_observer.qos())
            for topic in dict.fromkeys(("/events/write_split", f"{namespace}/events/write_split"))
        }
        latched = ros_observer.qos(latched=True, depth=1)
        self._status = node.create_publisher(RecordingStatus, f"{namespace}/recording", latched)
        self._uptime = 100

    def wait_for_match(self):
        for publisher in (*self._events.values(), self._status):
            wait_until(lambda p=publisher: p.get_subscription_count() == 1, f"a subscriber of {publisher.topic_name}")

    def tell_split(self, opened, topic="/events/write_split"):
        self._events[topic].publish(WriteSplitEvent(closed_file="before.mcap", opened_file=opened))

    def tell_status(self, splits_opened, split):
        self._uptime += 1
        status = RecordingStatus(state=RecordingStatus.STATE_RECORDING, splits_opened=splits_opened, split=split)
        status.uptime.sec = self._uptime
        self._status.publish(status)
        self.wait_until_processed()

    def wait_until_processed(self):
        """Waits until the bridge has processed what was published: the next status would replace one that waits.

        The answer to a request that follows the messages follows their processing.
        """
        for publisher in (*self._events.values(), self._status):
            assert publisher.wait_for_all_acked(Duration(seconds=30))
        self._observer.wait_for_match()


def latched_message(*zones):
    """Encodes a message with contents for every latched topic."""
    return outputs.message(outputs.zones(*zones), outputs.health("SLOWDOWN"), outputs.status(0.25))


def start(environment, **options):
    """Starts a bridge that has published one message on every latched topic."""
    links = TwoLinks(environment, *LATCHED, **options)
    recorder = Recorder(links.observer)
    recorder.wait_for_match()
    links.output.send(latched_message(1))
    wait_for_all(links, 1)
    return links, recorder


def wait_for_all(links, count):
    """Waits until each latched topic has exactly this number of messages, and the ledger as many."""
    for topic in LATCHED:
        assert len(links[topic].wait(count)) == count, topic
    links.statistics.wait_until_settled()
    for topic in LATCHED:
        account = links.statistics.topic(topic)
        assert (account.received, account.published) == (count, count), topic
        assert links[topic].count == count, topic


def require_repetition(first, repeated):
    """Requires that everything but the stamp and the mark is the same."""
    assert not first.repeated and repeated.repeated
    assert stamp_ns(repeated) > stamp_ns(first)
    assert first.server_stamp.sec > 0
    repeated.repeated, repeated.header.stamp = False, first.header.stamp
    assert repeated == first


def test_every_split_of_a_bare_recorder_gets_each_latched_message_once(environment):
    links, recorder = start(environment, parameters={"parent_frame": "map"})
    transforms = links.observer.subscribe("/tf_static", TFMessage, ros_observer.qos(latched=True))
    transforms.wait(1)
    links.output.send(outputs.message(outputs.zone_events(1)))
    recorder.tell_split("bags/a/a_1.mcap")
    wait_for_all(links, 2)
    # Told again, and then of another split.
    recorder.tell_split("bags/a/a_1.mcap")
    recorder.tell_split("bags/a/a_2.mcap")
    wait_for_all(links, 3)
    for topic in MARKED:
        first, *repetitions = links[topic].messages
        for repeated in repetitions:
            require_repetition(first, repeated)
    stamps = [marker.header.stamp.sec * 10**9 + marker.header.stamp.nanosec for marker in _first_markers(links)]
    assert stamps == sorted(set(stamps))
    first, *repeated = [message.transforms[0] for message in transforms.wait(3)]
    assert len(repeated) == 2
    for transform in repeated:
        assert transform.header.stamp != first.header.stamp
        transform.header.stamp = first.header.stamp
        assert transform == first
    # The event is true for ever and is not repeated; the numbers of new messages go on without a gap.
    assert links.statistics.topic("events/zone").received == 1
    links.output.send(latched_message(1, 2))
    wait_for_all(links, 4)
    assert [links[topic].messages[-1].sequence for topic in MARKED] == [1, 1, 1]
    assert not any(links[topic].messages[-1].repeated for topic in MARKED)


def _first_markers(links):
    return [next(marker for marker in message.markers if marker.ns) for message in links["markers/zones"].messages]


def test_only_messages_that_exist_are_repeated(environment):
    links = TwoLinks(environment, *LATCHED)
    recorder = Recorder(links.observer)
    recorder.wait_for_match()
    recorder.tell_split("a_1.mcap")
    recorder.wait_until_processed()
    links.output.send(outputs.message(outputs.health("OK")))
    links["health"].wait(1)
    recorder.tell_split("a_2.mcap")
    assert [message.repeated for message in links["health"].wait(2)] == [False, True]
    links.output.send(latched_message(1))
    counts = {"health": 3, "zones": 1, "server_status": 1, "markers/zones": 1}
    for topic, count in counts.items():
        assert len(links[topic].wait(count)) == count, topic


def test_a_status_tells_of_splits_and_foreign_splits_do_not_count(environment):
    links, recorder = start(environment)
    recorder.tell_status(1, "a_0.mcap")
    recorder.tell_status(2, "a_1.mcap")
    wait_for_all(links, 2)
    for number in range(1, 4):
        recorder.tell_split(f"bags/foreign/foreign_{number}.mcap")
    recorder.tell_status(2, "a_1.mcap")
    recorder.wait_until_processed()
    recorder.tell_status(3, "a_2.mcap")
    # The stock recorder tells of the same split.
    recorder.tell_split("bags/a/a_2.mcap")
    wait_for_all(links, 3)
    recorder.wait_until_processed()
    wait_for_all(links, 3)


def test_nothing_of_another_server_is_repeated(environment):
    links, recorder = start(environment)
    target = environment.server()
    links.parameters.set({"output_port": target.port})
    unknown = 4
    for topic in MARKED:
        links[topic].wait(1 + unknown)
    recorder.tell_split("a_1.mcap")
    for topic in MARKED:
        *_, newest = links[topic].wait(2 + unknown)
        assert newest.repeated and newest.server_stamp.sec == 0, topic
    # The deletion of the markers is not repeated either.
    links.statistics.wait_until_settled()
    assert links.statistics.topic("markers/zones").received == links["markers/zones"].count == 1 + unknown


def test_a_bridge_in_a_namespace_listens_to_recorders_in_it_and_outside(environment):
    observer = environment.observer(namespace="/site")
    health = observer.subscribe("health", TOPICS["health"].kind, TOPICS["health"].subscription_qos())
    statistics = environment.statistics(observer)
    server = environment.server()
    environment.bridge(output_port=server.port, ros_args=("-r", "__ns:=/site"))
    recorder = Recorder(observer, "/site")
    recorder.wait_for_match()
    observer.wait_for_match(statistics.inbox, health)
    server.client().send(outputs.message(outputs.health("OK")))
    health.wait(1)
    recorder.tell_split("a_1.mcap")
    health.wait(2)
    recorder.tell_split("a_2.mcap", topic="/site/events/write_split")
    health.wait(3)
    recorder.tell_status(7, "a_2.mcap")
    recorder.tell_status(8, "a_3.mcap")
    assert [message.repeated for message in health.wait(4)] == [False, True, True, True]
