"""The stand-in for the stock recorder, without sensr_recorder."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from mcap.exceptions import McapError
from mcap.reader import make_reader
from rosbag2_interfaces.msg import WriteSplitEvent
from rosbag2_interfaces.srv import SplitBagfile
from rosbags.interfaces import QosDurability, QosReliability
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from support import point_cloud_reader, points_encoder
from support.bag_recorder import (
    stop_recorder,
    wait_until_receiving,
    wait_until_recording,
    wait_until_subscribed,
)
from support.environment import STANDIN
from support.summary_notes import add_note
from support.topic_table import TOPICS, topics_in_namespace

STATISTICS = ("--topics", "/statistics")


def send_until_received(server, recorder, topic="/points/raw"):
    """Sends clouds until the recorder has received one. Returns how many were sent."""
    sent = 0

    def received():
        nonlocal sent
        server.client().send(points_encoder.numbered_cloud(sent))
        sent += 1
        return f"Received the first message of '{topic}'" in recorder.stderr

    recorder.wait_until(received, f"{topic} in the recorder")
    return sent


def stop(recorder, number=signal.SIGINT):
    recorder.send_signal(number)
    assert recorder.wait() == 0, recorder.log_tail()


def wait_for_split(recorder, bag, number):
    """Waits until a split has been opened."""
    return recorder.wait_until((bag / f"{bag.name}_{number}.mcap").exists, f"split {number}")


def summary_of(split):
    """Returns the summary of a split, which only a complete one has."""
    with split.open("rb") as file:
        return make_reader(file).get_summary()


def counts_of(split):
    """Returns the number of messages in a split by topic, as its summary says."""
    summary = summary_of(split)
    counts = summary.statistics.channel_message_counts
    return {channel.topic: counts.get(number, 0) for number, channel in summary.channels.items()}


def splits_of(bag):
    return sorted(bag.glob("*.mcap"), key=lambda split: int(split.stem.rpartition("_")[2]))


@pytest.mark.serial
def test_thirty_large_clouds_a_second_are_recorded(environment):
    """As many bytes as three clouds of 2.1 MB at 10 Hz."""
    messages, points, rate_hz = 120, 131_072, 30
    port, bag = environment.port(), environment.folder / "bag"
    # This test is about the recorder, so it gets more time than usual.
    environment.bridge(port.number, {"qos.depth": 20})
    topics = ("--topics", "/points/raw", "/statistics")
    recorder = environment.bag_recorder("--output", bag, *topics, "--max-bag-duration", 1)
    wait_until_recording(recorder, "points/raw")
    scene = ("--scene", "street", "--types", "raw", "--points", points, "--rate", rate_hz, "--count", messages)
    environment.sim(*scene, points_port=port.number).wait_until_done()
    statistics = environment.statistics(environment.observer())
    statistics.wait_for_received(messages)
    stop_recorder(recorder, statistics)
    with Reader(bag) as reader:
        connections = [one for one in reader.connections if one.topic == "/points/raw"]
        clouds = [point_cloud_reader.parse(data) for _, _, data in reader.messages(connections)]
    assert [cloud.width for cloud in clouds] == [points] * messages
    stamps = [cloud.stamp_ns for cloud in clouds]
    assert stamps == sorted(set(stamps))
    size = sum(file.stat().st_size for file in bag.iterdir())
    add_note(
        f"stand-in: {messages} of {messages} clouds of {points} points at {rate_hz} Hz, {size / 1e6:.0f} MB in "
        f"{len(splits_of(bag))} splits"
    )


def test_all_topics_of_a_namespace_are_recorded(environment):
    server, other, bag = environment.server(), environment.server(), environment.folder / "bag"
    environment.bridge(server.port, ros_args=["-r", "__ns:=/site"])
    environment.bridge(other.port, ros_args=["-r", "__ns:=/other"])
    recorder = environment.bag_recorder("--output", bag, "--regex", "^/site/|^/diagnostics$|^/tf_static$")
    for topic in topics_in_namespace("/site"):
        wait_until_subscribed(recorder, topic)
    wait_until_receiving(recorder, "/site/statistics")
    stop(recorder, signal.SIGTERM)
    with Reader(bag) as reader:
        types = {one.topic: one.msgtype for one in reader.connections}
        digests = {one.msgtype: one.digest for one in reader.connections}
        counts = {topic: info.msgcount for topic, info in reader.topics.items()}
    known = {f"/site/{topic}": known.type_name for topic, known in TOPICS.items()}
    expected = known | {
        "/site/statistics": "sensr_bridge/msg/BridgeStatistics",
        "/tf_static": "tf2_msgs/msg/TFMessage",
        "/diagnostics": "diagnostic_msgs/msg/DiagnosticArray",
    }
    assert types.items() >= expected.items()
    assert all(topic in expected or topic.startswith("/site/") for topic in types)
    assert counts["/site/statistics"] > 0 and counts["/site/points/raw"] == 0
    for msgtype, digest in digests.items():
        if msgtype.startswith("sensr_bridge/"):
            require_ros_type_hash(msgtype, digest)


def require_ros_type_hash(msgtype, digest):
    """The type hash in the bag is the one that ROS computes, from Iron on."""
    package, _, name = msgtype.split("/")
    description = Path(os.environ["SENSR_BRIDGE_PREFIX"], "share", package, "msg", f"{name}.json")
    if description.exists():
        hashes = {one["type_name"]: one["hash_string"] for one in json.loads(description.read_text())["type_hashes"]}
        assert digest == hashes[msgtype]


def test_the_bag_has_the_qos_of_the_publishers(environment):
    server, bag = environment.server(), environment.folder / "bag"
    environment.bridge(server.port, {"qos.reliability": "best_effort"})
    recorder = environment.bag_recorder("--output", bag, "--topics", "/points/raw")
    sent = send_until_received(server, recorder)
    stop(recorder)
    with Reader(bag) as reader:
        (connection,) = reader.connections
        (offer,) = connection.ext.offered_qos_profiles
        assert (offer.reliability, offer.durability) == (QosReliability.BEST_EFFORT, QosDurability.VOLATILE)
        numbers = [point_cloud_reader.number_of(point_cloud_reader.parse(data)) for _, _, data in reader.messages()]
    assert numbers and numbers[-1] < sent and numbers == sorted(set(numbers))


def test_excluded_topics_are_not_recorded(environment):
    server, bag = environment.server(), environment.folder / "bag"
    environment.bridge(server.port)
    recorder = environment.bag_recorder(
        "--output", bag, "--regex", "^/(points/.*|statistics)$", "--exclude-regex", "^/points/(raw|ground|preview)$"
    )
    wait_until_receiving(recorder, "/statistics")
    wait_until_subscribed(recorder, "/points/background")
    stop(recorder)
    with Reader(bag) as reader:
        assert {one.topic for one in reader.connections} == {"/points/background", "/points/objects", "/statistics"}


def test_every_split_is_complete_and_announced(environment):
    """By duration and by service; the last one, without a next one, at the end."""
    server, bag = environment.server(), environment.folder / "bag"
    environment.bridge(server.port)
    observer = environment.observer()
    events = observer.subscribe("/events/write_split", WriteSplitEvent)
    recorder = environment.bag_recorder(
        "--output", bag, *STATISTICS, "--max-bag-duration", 1, "--node-name", "site_recorder"
    )
    wait_for_split(recorder, bag, 1)
    observer.call(SplitBagfile, "/site_recorder/split_bagfile", SplitBagfile.Request())
    wait_for_split(recorder, bag, 2)
    events.wait(2)
    stop(recorder)
    splits = splits_of(bag)
    pairs = [(event.closed_file, event.opened_file) for event in events.wait(len(splits))]
    paths = [str(split) for split in splits]
    assert pairs == list(zip(paths, [*paths[1:], ""], strict=True))
    assert all(getattr(event, "node_name", "/site_recorder") == "/site_recorder" for event in events.messages)
    total = 0
    for split in splits:
        summary = summary_of(split)
        assert summary.chunk_indexes and all(index.message_index_offsets for index in summary.chunk_indexes)
        (schema,) = summary.schemas.values()
        assert schema.name == "sensr_bridge/msg/BridgeStatistics"
        total += counts_of(split)["/statistics"]
    with Reader(bag) as reader:
        messages = list(reader.messages())
        (connection,) = reader.connections
        store = get_typestore(Stores.EMPTY)
        store.register(get_types_from_msg(connection.msgdef.data, connection.msgtype))
        uptimes = [store.deserialize_cdr(data, connection.msgtype).uptime for _, _, data in messages]
    assert len(messages) == total > 10
    assert [(one.sec, one.nanosec) for one in uptimes] == sorted((one.sec, one.nanosec) for one in uptimes)
    # The time in the bag is that of the arrival on this machine.
    assert all(abs(at - time.time_ns()) < 600 * 10**9 for _, at, _ in messages)


def test_a_bag_has_the_metadata_that_the_stock_player_reads(environment):
    """It reads those in the file, which have no key around them, and does not play a bag without."""
    server, bag = environment.server(), environment.folder / "bag"
    environment.bridge(server.port)
    recorder = environment.bag_recorder("--output", bag, *STATISTICS)
    wait_until_receiving(recorder, "/statistics")
    stop(recorder)
    (split,) = splits_of(bag)
    with split.open("rb") as file:
        records = [record.metadata for record in make_reader(file).iter_metadata() if record.name == "rosbag2"]
    at_start, at_end = (yaml.safe_load(record["serialized_metadata"]) for record in records)
    assert at_start["message_count"] == 0 < at_end["message_count"]
    assert yaml.safe_load((bag / "metadata.yaml").read_text()) == {"rosbag2_bagfile_information": at_end}


def test_splits_have_the_storage_settings(environment):
    server, bag, settings = environment.server(), environment.folder / "bag", environment.folder / "storage.yaml"
    settings.write_text("chunkSize: 1024\ncompression: Zstd\n")
    environment.bridge(server.port)
    recorder = environment.bag_recorder(
        "--output", bag, *STATISTICS, "--storage-config-file", settings, "--max-bag-size", 12_000
    )
    wait_for_split(recorder, bag, 1)
    stop(recorder)
    chunks = summary_of(splits_of(bag)[0]).chunk_indexes
    assert {chunk.compression for chunk in chunks} == {"zstd"} and len(chunks) > 1


def test_without_chunks_a_split_is_complete_too(environment):
    server, bag = environment.server(), environment.folder / "bag"
    environment.bridge(server.port)
    recorder = environment.bag_recorder("--output", bag, *STATISTICS, "--storage-preset-profile", "fastwrite")
    wait_until_receiving(recorder, "/statistics")
    stop(recorder)
    (split,) = splits_of(bag)
    assert counts_of(split)["/statistics"] > 0 and not summary_of(split).chunk_indexes


def faulty_recorder(environment, *args, **faults):
    """Starts a bridge and the stand-in with faults, and returns the stand-in and its bag."""
    environment.bridge(environment.server().port)
    bag = environment.folder / "bag"
    variables = {f"RECORD_BAG_{name}": str(value) for name, value in faults.items()}
    return environment.bag_recorder("--output", bag, *STATISTICS, *args, variables=variables), bag


@pytest.mark.parametrize("fault", [{"EXIT_AFTER_SECONDS": 1}, {"EXIT_AFTER_MESSAGES": 5}], ids=str)
def test_the_recorder_exits_and_leaves_a_cut_split(environment, fault):
    recorder, bag = faulty_recorder(environment, **fault)
    assert recorder.wait() == 1
    assert [path.name for path in bag.iterdir()] == ["bag_0.mcap"]
    with pytest.raises(McapError):
        summary_of(bag / "bag_0.mcap")


def test_the_recorder_refuses_to_start(environment):
    recorder, bag = faulty_recorder(environment, REFUSE=1)
    assert recorder.wait() == 1 and not bag.exists()


def test_the_recorder_ignores_the_signal_to_end(environment):
    recorder, bag = faulty_recorder(environment, HANG_AT_END=1)
    wait_until_receiving(recorder, "/statistics")
    recorder.send_signal(signal.SIGINT)
    # The receiving of messages stops, as seen in the processor time.
    recorder.wait_until(lambda: "S" in state_of(recorder), "sleep")
    assert recorder.alive and not (bag / "metadata.yaml").exists()
    os.kill(recorder.pid, signal.SIGKILL)
    assert recorder.wait() == -signal.SIGKILL


def state_of(process):
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_the_recorder_stops_writing_while_a_file_exists(environment):
    switch = environment.folder / "fault"
    recorder, bag = faulty_recorder(
        environment, "--storage-preset-profile", "fastwrite", STOP_WRITING_AFTER=0, FAULTS_WHILE=switch
    )
    split = bag / "bag_0.mcap"
    recorder.wait_until(lambda: split.exists() and split.stat().st_size > 10_000, "a split that grows")
    switch.touch()

    def rests(seconds=1.0):
        before, deadline = split.stat().st_size, time.monotonic() + seconds
        while time.monotonic() < deadline:
            if split.stat().st_size != before:
                return False
            time.sleep(0.02)
        return True

    recorder.wait_until(rests, "a split that does not grow")
    before = split.stat().st_size
    switch.unlink()
    recorder.wait_until(lambda: split.stat().st_size > before, "a split that grows again")
    stop(recorder)
    assert counts_of(split)["/statistics"] > 0


def test_lost_messages_are_reported_and_missing(environment):
    recorder, bag = faulty_recorder(environment, "--max-bag-duration", 1, LOSE_EVERY=3)
    wait_for_split(recorder, bag, 1)
    stop(recorder)
    reports = [int(count) for count in re.findall(r"^\t/statistics: (\d+)$", recorder.stderr, re.MULTILINE)]
    totals = [int(count) for count in re.findall(r"^Total lost: (\d+)$", recorder.stderr, re.MULTILINE)]
    assert totals == reports == sorted(reports) and len(totals) == len(splits_of(bag))
    lost = totals[-1]
    kept = sum(counts_of(split)["/statistics"] for split in splits_of(bag))
    assert lost == (kept + lost) // 3 > 0


def test_a_slow_disk_loses_what_the_cache_does_not_hold(environment):
    recorder, bag = faulty_recorder(
        environment, "--max-cache-size", 4096, "--max-bag-duration", 1, BYTES_PER_SECOND=5000
    )
    recorder.wait_for_output("Cache buffers lost messages per topic")
    stop(recorder)
    assert counts_of(bag / "bag_0.mcap")["/statistics"] > 0


def run_standin(*args, **faults):
    variables = {f"RECORD_BAG_{name}": value for name, value in faults.items()}
    command = [sys.executable, str(STANDIN), *map(str, args)]
    return subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "arguments",
    [[], ["--output", "new"], ["--output", "new", "--regex", "("], ["--output", "new", "--topics", "/a", "--unknown"]],
    ids=" ".join,
)
def test_invalid_arguments_are_refused(arguments):
    ended = run_standin(*arguments)
    assert ended.returncode == 2
    assert "error:" in ended.stderr and "Traceback" not in ended.stderr


def test_an_existing_folder_is_refused(tmp_path):
    ended = run_standin("--output", tmp_path, *STATISTICS)
    assert ended.returncode == 1 and "already exists" in ended.stderr


@pytest.mark.parametrize("faults", [{"REFUSES": "1"}, {"LOSE_EVERY": "often"}], ids=str)
def test_misspelled_faults_are_refused(faults):
    ended = run_standin("--help", **faults)
    assert ended.returncode == 2 and next(iter(faults)) in ended.stderr


def test_an_older_recorder_lacks_options():
    assert "--node-name" in run_standin("--help").stdout
    older = {"WITHOUT": "--node-name --custom-data --exclude-regex"}
    text = run_standin("--help", **older).stdout
    assert "--node-name" not in text and "--custom-data" not in text and "--exclude EXCLUDE" in text
    ended = run_standin("--output", "new", *STATISTICS, "--node-name", "other", **older)
    assert ended.returncode == 2 and "--node-name" in ended.stderr


def test_the_command_is_found_on_the_path():
    folder = STANDIN.parent / "standin"
    env = os.environ | {"PATH": os.pathsep.join([str(folder), os.environ["PATH"]])}
    ended = subprocess.run(["ros2", "bag", "record", "--help"], env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 0 and "--max-bag-duration" in ended.stdout
    ended = subprocess.run(["ros2", "topic", "list"], env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 2 and "ros2 topic list" in ended.stderr
