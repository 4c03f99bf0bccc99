"""RAW clouds on a topic for each sensor: `split_raw_by_sensor`."""

import itertools

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import PointCloud2

from support import ros_observer
from support.balance import require_balanced
from support.diagnostics_reader import values_of
from support.points_encoder import BACKGROUND, GROUND, RAW, cloud, floats, result
from support.polling import wait_until
from support.recorder import RECORDING, counts_of
from support.ros_observer import Inbox
from support.statistics_reader import topic_of
from support.topic_table import TOPICS
from support.two_links import TwoLinks

PARAMETERS = {"split_raw_by_sensor": True}
#: Most sensors with a topic of their own.
MOST = 16

#: Ids of sensors and the names of their topics. The second and the third collide with the first.
SENSORS = {
    "algo#/lidar/front": "points/raw/algo_lidar_front",
    "algo#lidar_front": "points/raw/algo_lidar_front_2",
    "_algo_#lidar-front": "points/raw/algo_lidar_front_3",
    "7f3a#os1/points": "points/raw/sensor_7f3a_os1_points",
    "서버#라이다": "points/raw/sensor",
}
#: Ids that name no sensor.
NAMELESS = ("", "lidar", "algo#", "#lidar")


def raw(number, cloud_id, points=3):
    """Encodes a RAW cloud with a number by which it can be identified."""
    return cloud(floats(number, -number, 0.5) * points, floats(number) * points, RAW, cloud_id)


class SplitLinks(TwoLinks):
    """Two links with subscriptions to the serialized messages of `points/raw` and of topics of sensors."""

    def __init__(self, environment, parameters=None):
        super().__init__(environment, parameters=PARAMETERS if parameters is None else parameters)
        self._numbers = itertools.count(1)
        self.raw = self.subscribe_serialized("points/raw")
        self.observer.wait_for_match(self.raw)

    def subscribe_serialized(self, topic: str) -> Inbox:
        profile = TOPICS["points/raw"].subscription_qos()
        return self.observer.subscribe(topic, PointCloud2, profile, raw=True)

    def open_topics(self, sensors: dict) -> dict[str, Inbox]:
        """Sends the first cloud of each sensor, which creates its topic, and returns the subscriptions by id."""
        inboxes = {cloud_id: self.subscribe_serialized(topic) for cloud_id, topic in sensors.items()}
        self.send(*sensors)
        self.observer.wait_for_match(*inboxes.values())
        return inboxes

    def send(self, *ids):
        """Sends a frame with a RAW cloud of each of these ids."""
        count = self.raw.count
        self.points.send(result(*(raw(next(self._numbers), cloud_id) for cloud_id in ids)))
        self.raw.wait(count + len(ids))

    def sensor_topics(self) -> list[str]:
        """Returns the topics of sensors that have an account, once no message is queued. Send nothing meanwhile."""
        message = self.statistics.wait_until_settled()
        return [topic.topic for topic in message.topics if topic.topic.startswith("points/raw/")]

    def published_topics(self) -> set[str]:
        """Returns the topics of sensors that the bridge publishes, with the leading slash."""
        topics = self.observer.topics_of("sensr_bridge", "/")
        return {topic for topic in topics if topic.startswith("/points/raw/")}


@pytest.fixture(scope="module")
def split(shared_environment):
    links = SplitLinks(shared_environment)
    links.sensors = links.open_topics(SENSORS)
    return links


def test_each_sensor_has_a_topic_with_the_same_messages_bit_for_bit(split):
    first = split.raw.count
    before = {cloud_id: inbox.count for cloud_id, inbox in split.sensors.items()}
    sent = []
    # One cloud in a frame in turn, and all in one frame; among them clouds that name no sensor.
    for ids in [*([cloud_id] for cloud_id in (*SENSORS, *NAMELESS)), [*SENSORS, *NAMELESS]] * 3:
        split.send(*ids)
        sent += ids
    on_raw = split.raw.messages[first:]
    assert len(on_raw) == len(sent)
    for cloud_id, inbox in split.sensors.items():
        expected = [message for message, of in zip(on_raw, sent, strict=True) if of == cloud_id]
        start = before[cloud_id]
        assert inbox.wait(start + len(expected))[start:] == expected, cloud_id
        assert len(expected) == 6


def test_the_topics_are_offered_as_points_raw_is(split):
    def offer(topic):
        def endpoints():
            return split.observer.node.get_publishers_info_by_topic(f"/{topic}")

        (info,) = wait_until(endpoints, f"the publisher of {topic}")
        return info.topic_type, info.qos_profile.reliability, info.qos_profile.durability, info.node_name

    for topic in SENSORS.values():
        assert offer(topic) == offer("points/raw")


def test_the_accounts_of_the_sensors_add_up_to_that_of_points_raw(split):
    split.send(*SENSORS, *NAMELESS)
    assert split.sensor_topics() == list(SENSORS.values())
    message = split.statistics.latest
    accounts = [topic_of(message, topic) for topic in SENSORS.values()]
    together = topic_of(message)
    sensors = sum(account.received for account in accounts)
    assert 0 < sensors < together.received
    # The first cloud of each sensor found no publisher.
    assert all(account.unsubscribed >= 1 for account in accounts)
    assert all(account.published + account.unsubscribed == account.received for account in accounts)
    assert all(account.published_bytes > 16 * 3 * account.published > 0 for account in accounts)


def test_malformed_clouds_are_counted_on_both_topics(split):
    cloud_id, topic = next(iter(SENSORS.items()))
    before = split.settled_account(topic), split.settled_account("points/raw")
    split.points.send(result(cloud(b"\0" * 13, b"", RAW, cloud_id)))
    split.send(cloud_id)
    after = split.settled_account(topic), split.settled_account("points/raw")
    for old, new in zip(before, after, strict=True):
        assert (new.received - old.received, new.malformed - old.malformed) == (2, 1)


def test_ground_and_background_are_not_split(split):
    topics = split.sensor_topics()
    split.points.send(result(*(cloud(floats(1, 2, 3), floats(4), kind, "algo#new") for kind in (GROUND, BACKGROUND))))
    split.send("")
    assert split.sensor_topics() == topics


def test_the_diagnostics_show_the_accounts(split):
    inbox = split.observer.subscribe("/diagnostics", DiagnosticArray, ros_observer.qos())

    def shown():
        statuses = {status.name: status for message in inbox.messages[-1:] for status in message.status}
        loss = statuses.get("/sensr_bridge: loss")
        return loss and set(SENSORS.values()) <= values_of(loss).keys()

    wait_until(shown, lambda: f"the topics of the sensors: {inbox.messages[-1:]}")


def test_sensors_without_a_subscriber_cost_nothing(environment):
    links = SplitLinks(environment)
    for _ in range(3):
        links.send("algo#a", "algo#b")
        wait_until(lambda: len(links.published_topics()) == 2, "the publishers")
    for topic in ("points/raw/algo_a", "points/raw/algo_b"):
        account = links.settled_account(topic)
        assert (account.received, account.unsubscribed, account.published) == (3, 3, 0)


def test_the_switch_is_off_by_default_and_works_at_run_time(environment):
    links = SplitLinks(environment, {})
    assert links.parameters.get("split_raw_by_sensor") == [False]
    links.send("algo#a")
    assert links.sensor_topics() == []
    assert links.published_topics() == set()

    links.parameters.set({"split_raw_by_sensor": True})
    (inbox,) = links.open_topics({"algo#a": "points/raw/algo_a"}).values()
    links.send("algo#a")
    inbox.wait(1)
    before = links.settled_account("points/raw/algo_a")
    assert before.received == 2

    links.parameters.set({"split_raw_by_sensor": False})
    links.send("algo#a")
    links.send("algo#b")
    # The account of the known sensor keeps its name, and nothing is added.
    assert links.sensor_topics() == ["points/raw/algo_a"]
    assert links.settled_account("points/raw/algo_a") == before
    assert links.published_topics() == {"/points/raw/algo_a"}

    links.parameters.set({"split_raw_by_sensor": True})
    links.send("algo#a")
    assert inbox.wait(2)[-1] == links.raw.messages[-1]
    assert links.settled_account("points/raw/algo_a").received == 3


def test_only_the_first_sensors_get_topics_and_a_warning_names_the_cure(environment):
    links = SplitLinks(environment)
    ids = [f"algo#{number}" for number in range(MOST + 3)]
    sensors = {cloud_id: f"points/raw/algo_{number}" for number, cloud_id in enumerate(ids[:MOST])}
    inboxes = links.open_topics(sensors)
    for _ in range(3):
        links.send(*ids)
    assert links.sensor_topics() == list(sensors.values())
    assert links.published_topics() == {f"/{topic}" for topic in sensors.values()}
    for inbox in inboxes.values():
        inbox.wait(3)
    account = links.settled_account("points/raw")
    assert account.received == account.published + account.unsubscribed == MOST + 3 * len(ids)
    for topic in sensors.values():
        assert links.settled_account(topic).received == 4
    # Throttled: several clouds, at most a line each ten seconds.
    warnings = [line for line in links.bridge.log.splitlines() if "on points/raw only" in line]
    assert 1 <= len(warnings) < 9
    assert all("all 16 topics" in line and "restart the bridge" in line for line in warnings)
    assert f'"{ids[MOST]}"' in warnings[0]


def test_sensors_keep_their_topics_with_another_server(environment):
    links = SplitLinks(environment)
    (inbox,) = links.open_topics({"algo#a": "points/raw/algo_a"}).values()
    other = environment.server()
    links.parameters.set({"points_port": other.port})
    links.points_server = other
    (new,) = links.open_topics({"other#a": "points/raw/other_a"}).values()
    links.send("algo#a", "other#a")
    assert inbox.wait(1)[-1] == links.raw.messages[-2]
    assert new.wait(1)[-1] == links.raw.messages[-1]
    assert links.sensor_topics() == ["points/raw/algo_a", "points/raw/other_a"]
    assert links.settled_account("points/raw/algo_a").received == 2


def test_sensors_keep_their_topics_over_a_reconnect(environment):
    links = SplitLinks(environment)
    (inbox,) = links.open_topics({"algo#a": "points/raw/algo_a"}).values()
    connects = links.statistics.link().connects
    links.points.close()
    links.statistics.wait_for_link(lambda link: link.connects > connects, "a new connection")
    links.send("algo#a")
    assert inbox.wait(1) == links.raw.messages[-1:]


def test_clouds_of_a_sensor_share_the_rate_limit_and_the_switch_of_points_raw(environment):
    links = SplitLinks(environment, PARAMETERS | {"pointcloud_interval": 3600.0})
    topics = ["points/raw/algo_a", "points/raw/algo_b"]
    for _ in range(4):
        links.points.send(result(raw(1, "algo#a"), raw(2, "algo#b")))
    links.statistics.wait_for_received(8)
    for topic in topics:
        assert links.settled_account(topic).thinned == 3
    links.parameters.set({"publish.raw": False})
    links.points.send(result(raw(1, "algo#a"), raw(2, "algo#b")))
    links.statistics.wait_for_received(10)
    for topic in topics:
        account = links.settled_account(topic)
        assert (account.received, account.thinned, account.unsubscribed) == (5, 3, 2)


def test_the_simulator_sends_sensors_in_turn(environment):
    port, output = environment.port(), environment.port()
    observer = environment.observer()
    statistics = environment.statistics(observer)
    inboxes = [observer.subscribe_clouds(f"points/raw/sim_lidar_{number}") for number in (1, 2, 3)]
    environment.bridge(port.number, PARAMETERS, output_port=output.number)
    scene = ("--points", 500, "--rate", 20, "--sensors", 3)
    sim = environment.sim(*scene, points_port=port.number, output_port=output.number)
    for inbox in inboxes:
        inbox.wait(5)
    message = require_balanced(sim.stop(), statistics)
    received = [topic_of(message, f"points/raw/sim_lidar_{number}").received for number in (1, 2, 3)]
    assert sum(received) == topic_of(message).received
    assert max(received) - min(received) <= 1


@pytest.mark.parametrize("topics", ["", "points/raw*"])
def test_the_recorder_records_topics_of_sensors_only_if_they_are_named(environment, topics):
    links = SplitLinks(environment)
    sensors = {"algo#a": "points/raw/algo_a", "algo#b": "points/raw/algo_b"}
    links.open_topics(sensors)
    recorder = environment.recorder(parameters={"split_duration": 60.0, "topics": topics})
    recording = environment.recording(links.observer, recorder)
    named = [f"/{topic}" for topic in sensors.values()] if topics else []
    recorder.wait_until_subscribed("/points/raw", *named)
    recording.wait_for_state(RECORDING)
    before = links.statistics.wait_until_settled()
    for number in range(20):
        links.send(list(sensors)[number % 2])
    if topics:
        # A sensor that comes while the recorder runs, with no other subscriber.
        sensors["algo#late"] = "points/raw/algo_late"
        named.append("/points/raw/algo_late")
        links.send("algo#late")
        recorder.wait_until_subscribed(*named)
        for _ in range(10):
            links.send("algo#late")
    after = links.statistics.wait_until_settled()
    recorder.stop()
    (split,) = [split for bag in recorder.bags() for split in bag.splits()]
    counts = {topic: count for topic, count in counts_of(split).items() if topic.startswith("/points/raw")}
    published = {topic: topic_of(after, topic[1:]).published for topic in ("/points/raw", *named)}
    assert counts.keys() == published.keys()
    for topic in named:
        old = sum(account.published for account in before.topics if account.topic == topic[1:])
        assert counts[topic] == published[topic] - old >= 10
    accounts = [account for bag in recorder.bags() for account in bag.accounts()]
    figures = {topic: figures for account in accounts for topic, figures in account["topics"].items()}
    assert {topic for topic in figures if topic.startswith("/points/raw/")} == set(named)
    assert all(figures[topic]["missing"] == 0 for topic in named)
