"""A recording of frames, replayed by the simulator into another bridge, makes the same messages again."""

from dataclasses import dataclass

import pytest
from rclpy.serialization import deserialize_message
from sensr_bridge.msg import WireFrame

from support.bag_recorder import read_bag, stop_recorder, topics_of_bridge, wait_until_recording
from support.environment import Environment
from support.statistics_reader import link_of, topic_of
from support.summary_notes import add_note
from support.topic_table import TOPICS

# A recorder that is starved by other tests would lose messages of topics with a short history.
pytestmark = pytest.mark.serial

#: At 10 Hz.
MESSAGES = 100
#: All clouds of a message and the frame fit into the shared memory of Fast DDS together.
POINTS = 5_000
#: Topics whose messages differ between two runs: markers and detections have stamps inside, tracks have ids of the run.
DIFFERENT = ("markers/objects", "markers/zones", "objects/detections", "objects/tracked")
#: Topics compared byte for byte.
COMPARED = [topic for topic in TOPICS if topic not in DIFFERENT]
#: Topics of which only the latest state is sure to reach a subscriber.
STATES = [topic for topic, known in TOPICS.items() if known.latched]
#: Length of the encapsulation and the stamp of the header.
STAMP = slice(4, 12)


@dataclass
class RecordedRun:
    """Messages that a bridge received from a simulator and published."""

    bag: object
    messages: dict
    sent: dict
    statistics: object

    def without_stamps(self, topic):
        """Returns all messages of a topic without the stamps of their headers."""
        return [data[: STAMP.start] + data[STAMP.stop :] for data in self.messages.get(topic, [])]


def run(environment, *sim_args):
    """Records everything that the bridge publishes while the simulator runs."""
    points, output, bag = environment.port(), environment.port(), environment.folder / "bag"
    statistics = environment.statistics(environment.observer())
    # A short delay of the recorder must not lose messages.
    environment.bridge(
        points.number, {"publish.wire": True, "qos.depth": 50, "preview.interval": 0.0}, output_port=output.number
    )
    recorder = environment.bag_recorder("--output", bag, *topics_of_bridge())
    wait_until_recording(recorder, *TOPICS)
    sent = environment.sim(*sim_args, points_port=points.number, output_port=output.number).wait_until_done()
    message = statistics.wait_until_delivered(sent)
    stop_recorder(recorder, statistics)
    return RecordedRun(bag, read_bag(bag), sent, message)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run with the street scene, and one with its recording."""
    with Environment(tmp_path_factory.mktemp("street")) as environment:
        street = run(environment, "--scene", "street", "--points", POINTS, "--rate", 10, "--count", MESSAGES)
    with Environment(tmp_path_factory.mktemp("replay")) as environment:
        replay = run(environment, "--replay", street.bag)
    return street, replay


def test_the_recording_is_complete(runs):
    for made in runs:
        for topic in COMPARED:
            account = topic_of(made.statistics, topic)
            assert account.published == account.received, topic
            if topic not in STATES:
                assert len(made.messages.get(topic, [])) == account.published, topic
    street, _ = runs
    for topic in ("points/raw", "points/ground", "points/background", "objects", "zones", "health", "events/zone"):
        assert street.messages.get(topic), f"the street has something for {topic}"


@pytest.mark.parametrize("topic", [topic for topic in COMPARED if topic not in (*STATES, "wire")])
def test_messages_are_the_same_in_the_replay(runs, topic):
    street, replay = runs
    assert replay.without_stamps(topic) == street.without_stamps(topic)


def test_frames_are_the_same_in_the_replay(runs):
    def by_link(made):
        frames = [deserialize_message(data, WireFrame) for data in made.messages["wire"]]
        kept = [(frame.link, frame.sequence, frame.data.tobytes()) for frame in frames]
        return [[one for one in kept if one[0] == link] for link in (0, 1)]

    street, replay = map(by_link, runs)
    assert all(street) and replay == street


@pytest.mark.parametrize("topic", STATES)
def test_the_final_states_are_the_same_in_the_replay(runs, topic):
    street, replay = runs
    accounts = [topic_of(made.statistics, topic).published for made in runs]
    assert accounts[0] == accounts[1]
    if accounts[0] and topic in COMPARED:
        assert replay.without_stamps(topic)[-1] == street.without_stamps(topic)[-1]


@pytest.mark.parametrize("topic", [topic for topic in DIFFERENT if topic in TOPICS and topic not in STATES])
def test_the_replay_publishes_as_many_other_messages(runs, topic):
    counts = [len(made.messages[topic]) for made in runs]
    assert counts[0] == counts[1] > 0


def test_the_counts_are_the_same_in_the_replay(runs):
    street, replay = runs
    counts = {topic: len(replay.messages.get(topic, [])) for topic in COMPARED}
    for name in ("points", "output"):
        assert replay.sent[name]["messages"] == street.sent[name]["delivered"]
        assert link_of(replay.statistics, name).bytes == link_of(street.statistics, name).bytes
    add_note(f"replay: all equal but for stamps: {', '.join(f'{topic} {count}' for topic, count in counts.items())}")
