"""`replay.launch.py`: the recording as the player and rviz2 get it, and with `ros2 launch` where it is installed."""

import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from rclpy.serialization import deserialize_message
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import PointCloud2
from sensr_bridge.msg import ZoneArray

from support import launched as launches
from support import outputs, points_encoder, ros_observer
from support.bag_recorder import read_bag, stop_recorder, topics_of_bridge, wait_until_recording
from support.environment import Environment
from support.launch_modules import replay_bag
from support.polling import wait_until
from support.topic_table import TOPICS

SITE = "/site/yard"
PARAMETERS = {"frame_id": "lidar", "parent_frame": "map", "transform.x_m": 2.0, "qos.reliability": "best_effort"}


def offer(**changed):
    return {"history": "keep_last", "depth": 4, "reliability": "reliable", "durability": "transient_local"} | changed


def write_metadata(folder, topics):
    entries = [
        {"topic_metadata": {"name": name, "type": "x/msg/X", "offered_qos_profiles": offered}}
        for name, offered in topics
    ]
    information = {"rosbag2_bagfile_information": {"topics_with_message_count": entries}}
    (folder / "metadata.yaml").write_text(yaml.safe_dump(information))


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        ([offer(depth=7000)], ("keep_last", 7000, "reliable", "transient_local")),
        ([offer(durability=1, reliability=2, history=1)], ("keep_last", 10, "best_effort", "transient_local")),
        (yaml.safe_dump([offer(durability=2, reliability=1)]), ("keep_last", 10, "reliable", "volatile")),
        # A subscriber of both got the least of each.
        ([offer(), offer(reliability="best_effort", durability="volatile")], None),
        ([offer(history="keep_all", depth=0)], ("keep_all", 10, "reliable", "transient_local")),
        ("", ("keep_last", 10, "reliable", "transient_local")),
    ],
)
def test_topics_are_played_as_they_were_offered(tmp_path, offered, expected):
    write_metadata(tmp_path, [("/site/zones", offered)])
    found = replay_bag.read_offers(tmp_path)
    assert tuple(vars(found["/site/zones"]).values()) == (
        expected or ("keep_last", 10, "best_effort", "transient_local")
    )
    assert yaml.safe_load(replay_bag.overrides(found)) == {"/site/zones": vars(found["/site/zones"])}


def test_topics_without_an_offer_are_latched_as_the_bridge_latches_them(tmp_path):
    write_metadata(tmp_path, [(f"/a/{topic}", "") for topic in TOPICS])
    latched = {name[3:] for name, one in replay_bag.read_offers(tmp_path).items() if one.durability != "volatile"}
    assert latched == {topic for topic, known in TOPICS.items() if known.latched}


def test_topics_whose_depth_is_unknown_have_that_of_the_bridge(tmp_path):
    """DDS announces no depth, so that recordings since Jazzy have none."""
    write_metadata(tmp_path, [(f"/a/{topic}", [offer(history="unknown", depth=0)]) for topic in TOPICS])
    depths = {name[3:]: one.depth for name, one in replay_bag.read_offers(tmp_path).items()}
    assert depths == {topic: max(10, known.depth) for topic, known in TOPICS.items()}


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda _: None, ["has no metadata.yaml", "ros2 bag reindex -s mcap "]),
        (lambda folder: (folder / "metadata.yaml").write_text("- 1"), ["cannot be read", "ros2 bag reindex -s mcap "]),
        (lambda folder: (folder / "metadata.yaml").write_bytes(b"\xff"), ["cannot be read"]),
        (lambda folder: write_metadata_below(folder, "b", "a"), ["a folder of recordings, give one of a, b"]),
    ],
    ids=["no metadata", "other content", "no text", "folder of recordings"],
)
def test_unusable_recordings_are_refused_with_the_cure(tmp_path, prepare, words):
    prepare(tmp_path)
    with pytest.raises(replay_bag.ReplayError) as refusal:
        replay_bag.read_offers(tmp_path)
    text = str(refusal.value)
    assert all(word in text for word in (*words, str(tmp_path))) and "\n" not in text
    with pytest.raises(replay_bag.ReplayError, match="is no folder of a recording"):
        replay_bag.read_offers(tmp_path / "nowhere")


def write_metadata_below(folder, *names):
    for name in names:
        (folder / name).mkdir()
        write_metadata(folder / name, [])


def test_one_of_several_bridges_is_chosen_with_its_topics():
    frames = {"/a": {}, "/a/b": {}, "/c": {}}
    with pytest.raises(replay_bag.ReplayError, match="several bridges, choose one of /a, /a/b, /c"):
        replay_bag.choose_bridge(frames, None)
    with pytest.raises(replay_bag.ReplayError, match="no bridge in /d, but in /a, /a/b, /c"):
        replay_bag.choose_bridge(frames, "d")
    assert replay_bag.choose_bridge(frames, "a/b") == "/a/b"
    assert replay_bag.choose_bridge({"/": {}}, None) == "/"
    offers = ["/a/zones", "/a/b/zones", "/c/zones", "/ab/zones", "/tf_static"]
    assert replay_bag.topics_of(offers, "/a", frames) == ["/a/zones", "/ab/zones", "/tf_static"]
    assert replay_bag.topics_of(offers, "/a/b", frames) == ["/a/b/zones", "/ab/zones", "/tf_static"]
    assert replay_bag.topics_of(["/zones", "/c/zones"], "/", {"/": {}, "/c": {}}) == ["/zones"]


def test_only_options_of_the_installed_player_are_used(tmp_path):
    given = {"overrides_file": tmp_path / "qos.yaml", "rate": 2.0, "loop": True, "start_offset": 1.5}
    write_metadata(tmp_path, [("/a", [offer()])])
    given["offers"] = replay_bag.read_offers(tmp_path)
    words = replay_bag.player_command(tmp_path, help_text="", **given)
    assert words == [
        *("ros2", "bag", "play", str(tmp_path), "--clock", "100", "--rate", "2.0"),
        *(
            "--delay",
            "1.0",
            "--qos-profile-overrides-path",
            str(tmp_path / "qos.yaml"),
            "--loop",
            "--start-offset",
            "1.5",
        ),
    ]
    newer = "--disable-keyboard-controls --log-level --wait-for-all-acked"
    added = ["--disable-keyboard-controls", "--log-level", "warn", "--wait-for-all-acked", "2000", "--topics", "/a"]
    assert replay_bag.player_command(tmp_path, help_text=newer, topics=["/a"], **given) == words + added
    # Nobody acknowledges what is best effort.
    write_metadata(tmp_path, [("/a", [offer(reliability="best_effort")])])
    given["offers"] = replay_bag.read_offers(tmp_path)
    assert replay_bag.player_command(tmp_path, help_text=newer, **given) == words + added[:3]


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Two seconds of a bridge in a namespace, with clouds, zones and a transform."""
    with Environment(tmp_path_factory.mktemp("recording")) as environment:
        server, output, bag = environment.server(), environment.server(), environment.folder / "bag"
        statistics = environment.statistics(environment.observer(), f"{SITE}/statistics")
        environment.bridge(server.port, PARAMETERS, output_port=output.port, ros_args=["-r", f"__ns:={SITE}"])
        recorder = environment.bag_recorder("--output", bag, *topics_of_bridge(SITE, "/tf_static"))
        wait_until_recording(recorder, *(f"{SITE[1:]}/{topic}" for topic in TOPICS), namespace=SITE)
        output.client(1).send(outputs.message(outputs.zones(1, 2)))
        for number in range(20):
            server.client(1).send(points_encoder.numbered_cloud(number))
            time.sleep(0.1)
        stop_recorder(recorder, statistics)
        yield SimpleNamespace(bag=bag, messages=read_bag(bag))


@pytest.fixture
def replay(launch, recording):
    """Returns a function that launches the replay of the recording."""
    launches.require("bag play")

    def start(*args, bag=recording.bag):
        words = (f"bag:={bag}",) if bag else ()
        return launch(*words, *args, file="replay.launch.py", has_params_file=False)

    return start


def test_late_subscribers_get_latched_topics_and_the_time_of_the_recording(environment, recording, replay):
    observer = environment.observer()
    clock = observer.subscribe("/clock", Clock, ros_observer.qos(reliable=False))
    clouds = observer.subscribe(f"{SITE}/points/raw", PointCloud2, ros_observer.qos(reliable=False))
    launched = replay("loop:=true", "rate:=2")
    clouds.wait(5)
    late_observer = environment.observer()
    zones = late_observer.subscribe(f"{SITE}/zones", ZoneArray, ros_observer.qos(latched=True))
    expected = deserialize_message(recording.messages[f"{SITE[1:]}/zones"][0], ZoneArray)
    assert zones.wait(1)[0].zones == expected.zones
    stamps = [message.clock.sec for message in clock.wait(10)]
    recorded = expected.header.stamp.sec
    assert all(recorded - 30 < stamp < recorded + 60 for stamp in stamps)
    launched.interrupt()
    assert launched.wait() == 0, launched.log_tail()


def test_the_launch_ends_with_the_recording(replay):
    launched = replay("rate:=20", "namespace:=site/yard")
    assert launched.wait() == 0, launched.log_tail()
    assert launched.started("ros2_bag_play") == 1 and "the recording has been played" in launched.log


def test_rviz_fits_the_recording(environment, replay):
    launches.use_stand_in_for_rviz(environment)
    launched = replay("rviz:=true", "loop:=true")
    [(config, words)] = launches.rviz_of(launched)
    manager = config["Visualization Manager"]
    assert manager["Global Options"]["Fixed Frame"] == "lidar"
    shown = {one["Topic"]["Value"]: one["Topic"]["Reliability Policy"] for one in manager["Displays"] if "Topic" in one}
    assert shown[f"{SITE}/points_raw"] == "Best Effort" and f"{SITE}/points_raw:={SITE}/points/raw" in words
    assert has_simulated_time(words)


def has_simulated_time(words):
    """Returns whether the parameters of a node, which launch_ros writes to a file, say so."""
    files = [words[index + 1] for index, word in enumerate(words) if word == "--params-file"]
    return any("use_sim_time: true" in Path(file).read_text() for file in files)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "bag: give the folder of a recording"),
        (["bag:=/nowhere/at/all"], "/nowhere/at/all is no folder of a recording"),
        (["rate:=0"], "rate: a number from 0.001"),
        (["namespace:=pier"], "no bridge in /pier, but in /site/yard"),
    ],
)
def test_invalid_arguments_start_nothing(recording, replay, args, words):
    needs_bag = args and not args[0].startswith("bag:=")
    launched = replay(*args, bag=recording.bag if needs_bag else None)
    assert launched.wait() == 1
    assert "replay.launch.py: " in launched.log and words in launched.log
    assert "process started with pid" not in launched.log and "Traceback" not in launched.log


def test_a_player_that_fails_ends_the_launch(environment, replay, recording, tmp_path):
    """The type of a topic is unknown here, of which the stock player complains, and ends with exit code 0."""
    launches.use_stand_in_for_rviz(environment)
    launched = replay("rviz:=true", bag=with_unreadable_split(recording.bag, tmp_path))
    assert launched.wait() == 1, launched.log_tail()
    assert "replay.launch.py: the player failed" in launched.log
    assert "has been played" not in launched.log


def with_unreadable_split(bag, folder):
    """Copies a bag; a second split, after one that can be read, is none."""
    copy = folder / "bag"
    copy.mkdir()
    for file in bag.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    (copy / "bag_1.mcap").write_bytes(b"no MCAP")
    metadata = yaml.safe_load((copy / "metadata.yaml").read_text())
    information = metadata["rosbag2_bagfile_information"]
    information["relative_file_paths"].append("bag_1.mcap")
    (copy / "metadata.yaml").write_text(yaml.safe_dump(metadata))
    return copy


def test_closing_rviz_ends_the_player(environment, replay):
    launches.use_stand_in_for_rviz(environment)
    launched = replay("rviz:=true", "loop:=true")
    launched.processes("rviz2")
    [viewer] = launched.pids("rviz2")
    launched.processes("ros2_bag_play")
    os.kill(viewer, signal.SIGINT)
    assert launched.wait() == 0, launched.log_tail()


def test_the_player_ends_with_a_launch_that_is_killed(replay):
    launched = replay("loop:=true")
    [player] = launched.processes("ros2_bag_play")
    launched.send_signal(signal.SIGKILL)
    wait_until(lambda: not player.is_alive, "the end of the player")
