"""`sensr_bag` on a recording of a simulated site: every command, against the bag as other readers see it."""

import csv
import io
import json
import math
import os
import re
import resource
import subprocess
from dataclasses import dataclass
from pathlib import Path

import laspy
import numpy
import pyarrow.parquet
import pytest
from mcap.writer import CompressionType, Writer
from rclpy.serialization import deserialize_message
from rosbags.rosbag2 import Reader
from sensr_bridge.msg import (
    LosingEvent,
    ObjectArray,
    RecalibrationEvent,
    ServerStatus,
    SystemHealth,
    ZoneArray,
    ZoneEvent,
)

from support import point_cloud_reader
from support.bag_recorder import stop_recorder, topics_of_bridge, wait_until_recording
from support.environment import Environment
from support.processes import executable
from support.summary_notes import add_note
from support.topic_table import TOPICS

# A recorder that is starved by other tests would lose messages of topics with a short history.
pytestmark = pytest.mark.serial

#: At 10 Hz.
MESSAGES = 100
POINTS = 5_000
NAMESPACE = "/site/yard"
EVENTS = {"events/zone": ZoneEvent, "events/losing": LosingEvent, "events/recalibration": RecalibrationEvent}
CLOUDS = [topic for topic in TOPICS if topic.startswith("points/")]
STATES = {"zones": ZoneArray, "health": SystemHealth, "server_status": ServerStatus}
#: Topics with something of the run: ids that are drawn anew, colours that fade with time, and the frames themselves.
OF_THE_RUN = ("objects/tracked", "markers/objects", "markers/zones", "wire")
PARAMETERS = {
    "publish.wire": True,
    "qos.depth": 50,
    "preview.interval": 0.0,
    "frame_id": "lidar",
    "parent_frame": "map",
    "transform.z_m": 4.0,
    "earth_frame": "earth",
    "origin.enabled": True,
    "origin.latitude_deg": 37.5,
    "origin.longitude_deg": 127.0,
    "origin.altitude_m": 50.0,
    "origin.heading_deg": 0.0,
}


@dataclass
class Recording:
    """A bag in several splits, and its messages by topic without the namespace, each with its time."""

    bag: Path
    messages: dict
    definitions: dict

    def data(self, topic):
        return [data for _, data in self.messages.get(topic, [])]


def read(bag):
    """Returns messages and definitions by topic without the namespace."""
    messages, definitions = {}, {}
    with Reader(bag) as reader:
        for connection, time_ns, data in reader.messages():
            name = connection.topic.removeprefix(f"{NAMESPACE}/")
            messages.setdefault(name, []).append((time_ns, bytes(data)))
            definitions[name] = connection.msgdef.data
    return messages, definitions


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A bag of everything that a bridge publishes, in splits of two seconds, compressed with zstd."""
    with Environment(tmp_path_factory.mktemp("recording")) as environment:
        points, output, bag = environment.port(), environment.port(), environment.folder / "bag"
        statistics = environment.statistics(environment.observer(), f"{NAMESPACE}/statistics")
        environment.bridge(points.number, PARAMETERS, output_port=output.number, ros_args=["-r", f"__ns:={NAMESPACE}"])
        others = [f"{NAMESPACE}/origin", "/tf_static"]
        recorder = environment.bag_recorder(
            "--output", bag, *topics_of_bridge(NAMESPACE, *others),
            "--max-bag-duration", 2, "--storage-preset-profile", "zstd_fast",
        )  # fmt: skip
        recorded = [*(f"{NAMESPACE}/{topic}" for topic in TOPICS), *others]
        wait_until_recording(recorder, *(topic.lstrip("/") for topic in recorded), namespace=NAMESPACE)
        sim = environment.sim(
            "--scene", "street", "--points", POINTS, "--rate", 10, "--count", MESSAGES,
            points_port=points.number, output_port=output.number,
        )  # fmt: skip
        sent = sim.wait_until_done()
        statistics.wait_until_delivered(sent)
        stop_recorder(recorder, statistics)
        messages, definitions = read(bag)
        yield Recording(bag, messages, definitions)


def run(*arguments, check=True, **options):
    """Runs `sensr_bag` without anything of ROS in its environment."""
    env = {"PATH": "/usr/bin:/bin"}
    argv = [executable("sensr_bag"), *map(str, arguments)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, env=env, timeout=120, **options)
    if check:
        assert done.returncode == 0, done.stderr
    return done


def rows_of(done):
    return list(csv.DictReader(io.StringIO(done.stdout)))


def test_the_executable_needs_no_ros():
    dynamic = subprocess.run(
        ["readelf", "-d", executable("sensr_bag")], capture_output=True, text=True, check=True
    ).stdout
    libraries = re.findall(r"NEEDED.*\[(.*?)\]", dynamic)
    assert libraries and not [name for name in libraries if re.match(r"lib(rcl|rmw|ros|fast)", name)]


def test_info_tells_counts_gaps_files_and_ledger(recording):
    told = json.loads(run("info", recording.bag, "--json").stdout)
    counts = {topic["topic"].removeprefix(f"{NAMESPACE}/"): topic["messages"] for topic in told["topics"]}
    assert counts == {topic: len(messages) for topic, messages in recording.messages.items()}
    by_name = {topic["topic"].removeprefix(f"{NAMESPACE}/"): topic for topic in told["topics"]}
    for topic in ("wire", "zones", *(topic for topic in EVENTS if topic in counts)):
        assert by_name[topic]["sequence"]["missing"] == 0 and by_name[topic]["sequence"]["restarts"] == 0, topic
    assert by_name["points/raw"]["sequence"] is None
    assert 9 < by_name["points/raw"]["rate_hz"] < 11
    assert [Path(file["path"]) for file in told["files"]] == sorted(recording.bag.glob("*.mcap"), key=split_number)
    assert len(told["files"]) >= 4 and all(file["ends_early"] is None for file in told["files"])
    assert sum(file["messages"] for file in told["files"]) == sum(counts.values())
    (ledger,) = told["ledgers"]
    accounts = {account["topic"]: account for account in ledger["accounts"]}
    assert set(TOPICS) <= set(accounts) and all(account["balances"] for account in accounts.values())
    assert accounts["points/raw"]["published"] == MESSAGES
    text = run("info", recording.bag).stdout
    assert f"{NAMESPACE}/points/raw" in text and "complete" in text and "WRONG" not in text


def split_number(path):
    return int(re.search(r"_(\d+)\.mcap$", path.name).group(1))


def test_info_tells_what_is_missing(recording, tmp_path):
    """One split is gone, one is cut within its last chunk."""
    bag = copy_of(recording.bag, tmp_path)
    splits = sorted(bag.glob("*.mcap"), key=split_number)
    splits[1].unlink()
    os.truncate(splits[2], splits[2].stat().st_size * 2 // 3)
    done = run("info", bag, "--json")
    told = json.loads(done.stdout)
    (lost,) = [file for file in told["files"] if "lost" in file]
    assert lost["path"] == str(splits[1]) and lost["lost"] == "is missing"
    (cut,) = [file for file in told["files"] if file.get("ends_early")]
    assert cut["path"] == str(splits[2]) and cut["messages"] > 0
    (wire,) = [topic for topic in told["topics"] if topic["topic"].endswith("/wire")]
    assert wire["messages"] + wire["sequence"]["missing"] == len(recording.messages["wire"])
    assert "is missing" in done.stderr and "ends early" in done.stderr and "sensr_recorder" in done.stderr
    assert "MISSING" in run("info", bag).stdout


def copy_of(bag, folder):
    copy = folder / bag.name
    copy.mkdir()
    for file in bag.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    return copy


def test_frames_are_told_by_the_beginning(recording):
    told = json.loads(run("frames", recording.bag, "--json").stdout)
    assert told == {NAMESPACE: {"frame_id": "lidar", "parent_frame": "map", "frames_coincide": False}}
    assert run("frames", recording.bag).stdout == f"{NAMESPACE}: lidar, in map\n"


def test_tracks_have_a_row_for_each_object_and_time(recording, tmp_path):
    arrays = [deserialize_message(data, ObjectArray) for data in recording.data("objects")]
    expected = [
        (array, name, one) for array in arrays for name in ("objects", "static_objects") for one in getattr(array, name)
    ]
    assert expected
    rows = rows_of(run("tracks", recording.bag))
    assert len(rows) == len(expected)
    names = {value: name[6:].lower() for name, value in vars(type(expected[0][2])).items() if name.startswith("LABEL_")}
    for row, (array, name, one) in zip(rows, expected, strict=True):
        stamp = array.header.stamp
        assert row["header_stamp"].endswith(f".{stamp.nanosec:09}Z") and row["topic"] == f"{NAMESPACE}/objects"
        assert (row["list"], int(row["id"]), int(row["label"])) == (name, one.id, one.label)
        assert row["label_name"] == names.get(one.label, "")
        for column, value in [
            ("bbox_center_position_x", one.bbox.center.position.x),
            ("bbox_size_z", one.bbox.size.z),
            ("velocity_y", one.velocity.y),
        ]:
            assert float(row[column]) == value or (math.isnan(float(row[column])) and math.isnan(value)), column
        assert float(numpy.float32(row["bbox_yaw"])) == one.bbox.yaw or math.isnan(one.bbox.yaw)
        assert int(row["history_count"]) == len(one.history)
        assert row["zone_ids"] == " ".join(map(str, one.zone_ids))
    require_parquet("tracks", recording.bag, tmp_path, rows)


def require_parquet(command, bag, folder, rows):
    """The Parquet file has the same cells as the CSV, each with its type."""
    path = folder / f"{command}.parquet"
    run(command, bag, "--output", path)
    table = pyarrow.parquet.read_table(path)
    assert table.num_rows == len(rows) and table.column_names == list(rows[0])
    for name in table.column_names:
        kind, cells = table.schema.field(name).type, table.column(name)
        texts = [row[name] for row in rows]
        if pyarrow.types.is_timestamp(kind):
            assert (kind.unit, kind.tz) == ("ns", "UTC")
            assert [None if not text else nanoseconds_of(text) for text in texts] == cells.cast("int64").to_pylist(), (
                name
            )
        elif pyarrow.types.is_string(kind):
            assert texts == ["" if value is None else value for value in cells.to_pylist()], name
        elif pyarrow.types.is_boolean(kind):
            assert texts == ["" if value is None else str(value).lower() for value in cells.to_pylist()], name
        else:
            read = [math.nan if value is None else value for value in cells.to_pylist()]
            told = [float(text or "nan") for text in texts]
            if pyarrow.types.is_float32(kind):
                told = [float(numpy.float32(value)) for value in told]
            assert numpy.array_equal(read, told, equal_nan=True), name
    done = run(command, bag, "--output", path, check=False)
    assert done.returncode == 1 and "--overwrite" in done.stderr
    run(command, bag, "--output", path, "--overwrite")


def nanoseconds_of(text):
    seconds, fraction = text.removesuffix("Z").split(".")
    return int(numpy.datetime64(seconds, "s").astype("int64")) * 10**9 + int(fraction)


def test_events_have_a_row_each(recording, tmp_path):
    expected = [
        (topic, deserialize_message(data, kind)) for topic, kind in EVENTS.items() for data in recording.data(topic)
    ]
    assert expected
    rows = rows_of(run("events", recording.bag))
    assert len(rows) == len(expected)
    for topic in EVENTS:
        of_topic = [row for row in rows if row["topic"] == f"{NAMESPACE}/{topic}"]
        messages = [message for name, message in expected if name == topic]
        assert [int(row["sequence"]) for row in of_topic] == [message.sequence for message in messages]
        if topic == "events/zone":
            assert [int(row["zone_id"]) for row in of_topic] == [message.zone_id for message in messages]
            assert {row["type_name"] for row in of_topic} <= {"entry", "exit", "loitering", "exceeds_speed"}
        else:
            # Other messages have no such field.
            assert {row["zone_id"] for row in of_topic} <= {""}
    require_parquet("events", recording.bag, tmp_path, rows)


def test_zones_are_polygons_in_degrees_or_metres(recording):
    zones = deserialize_message(recording.data("zones")[-1], ZoneArray).zones
    told = json.loads(run("zones", recording.bag, "--metres").stdout)
    for feature, zone in zip(told["features"], zones, strict=True):
        (ring,) = feature["geometry"]["coordinates"]
        corners = [[point.x, point.y, point.z] for point in zone.space.points]
        assert ring[0] == ring[-1] and sorted(ring[:-1]) == sorted(corners)
        assert (feature["properties"]["id"], feature["properties"]["name"]) == (zone.id, zone.name)
        assert feature["properties"]["frame_id"] == "lidar"
    in_degrees = json.loads(run("zones", recording.bag).stdout)
    assert "degrees" in in_degrees["coordinates"]
    # x points north. A degree of latitude at 37.5° N is 110,993 m long, one of longitude 88,426 m (WGS 84).
    for feature, metres in zip(in_degrees["features"], told["features"], strict=True):
        assert feature["properties"]["heading_is_assumed"] is False
        assert abs(feature["properties"]["heading_deg"]) < 1e-6 or feature["properties"]["heading_deg"] > 359.999
        for (longitude, latitude, altitude), (x, y, z) in zip(
            feature["geometry"]["coordinates"][0], metres["geometry"]["coordinates"][0], strict=True
        ):
            assert math.isclose((latitude - 37.5) * 110_993, x, abs_tol=0.1 + abs(x) * 1e-3)
            assert math.isclose((127.0 - longitude) * 88_426, y, abs_tol=0.1 + abs(y) * 1e-3)
            # 4 m above the origin, and the earth falls away.
            assert math.isclose(altitude, 54 + z, abs_tol=0.01)
    east = json.loads(run("zones", recording.bag, "--heading-deg", 90).stdout)
    assert east["features"][0]["properties"]["heading_deg"] == 90.0


@pytest.mark.parametrize("topic", CLOUDS)
def test_pcd_files_hold_the_clouds_bit_for_bit(recording, tmp_path, topic):
    run("clouds", recording.bag, "--topic", topic, "--output", tmp_path)
    files = sorted(tmp_path.iterdir())
    clouds = [point_cloud_reader.parse(data) for data in recording.data(topic)]
    assert len(files) == len(clouds) > 0
    for file, cloud in zip(files, sorted(clouds, key=lambda cloud: cloud.stamp_ns), strict=True):
        seconds, nanoseconds = divmod(cloud.stamp_ns, 10**9)
        assert file.name == f"site_yard_{topic.replace('/', '_')}_{seconds}.{nanoseconds:09}.pcd"
        header, _, data = file.read_bytes().partition(b"DATA binary\n")
        assert data == cloud.data
        fields = dict(line.split(" ", 1) for line in header.decode().splitlines() if not line.startswith("#"))
        assert int(fields["POINTS"]) == int(fields["WIDTH"]) == cloud.width
        sizes = zip(fields["SIZE"].split(), fields["COUNT"].split(), strict=True)
        assert sum(int(size) * int(count) for size, count in sizes) == cloud.point_step
        assert fields["FIELDS"].split()[:4] == ["x", "y", "z", "intensity"]


def test_las_files_are_read_by_another_reader(recording, tmp_path):
    run(
        "clouds",
        recording.bag,
        "--topic",
        "points/raw",
        "--format",
        "las",
        "--from",
        2,
        "--to",
        4,
        "--output",
        tmp_path,
    )
    files = sorted(tmp_path.iterdir())
    times = [time_ns for messages in recording.messages.values() for time_ns, _ in messages]
    start = min(times)
    expected = [
        point_cloud_reader.parse(data)
        for time_ns, data in recording.messages["points/raw"]
        if start + 2 * 10**9 <= time_ns < start + 4 * 10**9
    ]
    assert len(files) == len(expected) > 10
    for file, cloud in zip(files, expected, strict=True):
        points = numpy.frombuffer(cloud.data, numpy.float32).reshape(-1, 4)
        points = points[numpy.isfinite(points[:, :3]).all(axis=1)]
        las = laspy.read(file)
        assert numpy.abs(las.xyz - points[:, :3]).max() <= 0.00051
        assert numpy.array_equal(las.intensity, numpy.clip(numpy.rint(points[:, 3]), 0, 65535))


@pytest.fixture(scope="module")
def decoded(recording, tmp_path_factory):
    """Everything that can be decoded from the frames of the recording."""
    bag = tmp_path_factory.mktemp("decoded") / "again"
    names = [argument for topic in TOPICS if topic != "wire" for argument in ("--write", topic)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run("decode", recording.bag, "--output", bag, *names)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    add_note(
        f"sensr_bag decode: {MESSAGES / 10:g} s of recording in "
        f"{after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime:.2f} s of CPU time"
    )
    messages, definitions = read(bag)
    return Recording(bag, messages, definitions)


@pytest.mark.parametrize("topic", [topic for topic in TOPICS if topic not in OF_THE_RUN])
def test_decoded_messages_are_those_that_the_bridge_published(recording, decoded, topic):
    published, again = recording.data(topic), decoded.data(topic)
    if TOPICS[topic].latched:
        # The bridge publishes the latest state again at each split, with the time and, of zones, that it is repeated.
        kind = STATES[topic]
        numbers = [deserialize_message(data, kind).sequence for data in published]
        published = [published[numbers.index(number)] for number in dict.fromkeys(numbers)]
    assert len(again) == len(published) > 0
    for one, other in zip(again, published, strict=True):
        # Fast DDS pads messages that fit into one packet to a multiple of four bytes.
        padding = other[len(one) :]
        assert other.startswith(one) and len(padding) < 4 and not any(padding)


@pytest.mark.parametrize("topic", OF_THE_RUN)
def test_other_messages_are_decoded_too(recording, decoded, topic):
    if topic in ("wire", "markers/zones"):
        assert (topic in decoded.messages) == (topic != "wire")
    else:
        sizes = [[-(-len(data) // 4) for data in made.data(topic)] for made in (decoded, recording)]
        assert sizes[0] == sizes[1] != []


def test_decoded_messages_have_the_times_of_the_frames(recording, decoded):
    frames = [time_ns for time_ns, _ in recording.messages["wire"]]
    for topic, messages in decoded.messages.items():
        assert {time_ns for time_ns, _ in messages} <= set(frames), topic


def test_decoded_types_are_those_of_the_installed_packages(recording, decoded):
    def fields(text):
        """Returns the lines of each definition without comments, constants and defaults."""
        definitions, name = {}, ""
        for line in (" ".join(line.split("#")[0].split()) for line in text.splitlines()):
            if line.startswith("MSG: "):
                name = line.removeprefix("MSG: ").replace("/msg/", "/")
            elif line and not line.startswith("===") and "=" not in line:
                definitions.setdefault(name, []).append(line.split(" ")[:2])
        return definitions

    assert decoded.definitions
    for topic, definition in decoded.definitions.items():
        assert fields(definition) == fields(recording.definitions[topic]), topic


def test_by_default_topics_made_from_others_are_not_decoded(recording, tmp_path):
    run("decode", recording.bag, "--output", tmp_path / "again", "--compression", "none")
    messages, _ = read(tmp_path / "again")
    assert {"points/raw", "objects", "zones"} <= set(messages)
    assert not {"points/preview", "objects/detections", "objects/tracked", "wire"} & set(messages)
    done = run("decode", recording.bag, "--output", tmp_path / "again", check=False)
    assert done.returncode == 1 and "not empty" in done.stderr


def test_decoding_takes_the_parameters_of_the_bridge(recording, tmp_path):
    file = tmp_path / "parameters.yaml"
    file.write_text("/**:\n  ros__parameters:\n    publish.ground: false\n    pointcloud_interval: 1.0\n")
    run("decode", recording.bag, "--output", tmp_path / "again", "--params-file", file)
    messages, _ = read(tmp_path / "again")
    assert "points/ground" not in messages and 9 <= len(messages["points/raw"]) <= 12
    file.write_text("/**:\n  ros__parameters:\n    pointcloud_intervall: 1.0\n")
    done = run("decode", recording.bag, "--output", tmp_path / "third", "--params-file", file)
    assert "did you mean pointcloud_interval" in done.stderr
    file.write_text("/**:\n  ros__parameters:\n    pointcloud_interval: -1.0\n")
    done = run("decode", recording.bag, "--output", tmp_path / "fourth", "--params-file", file, check=False)
    assert done.returncode == 1 and "pointcloud_interval" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tracks", "BAG", "--topic", "object"], "it has"),
        (["tracks", "BAG", "--output", "x.xlsx"], "*.csv or *.parquet"),
        (["tracks", "NOWHERE"], "cannot read"),
        (["clouds", "BAG", "--output", "folder", "--from", "9999"], "no messages of the chosen topics"),
        (["clouds", "BAG", "--output", "folder", "--from", "5", "--to", "5"], "--from must be before --to"),
        (["zones", "BAG", "--output", "x.csv"], "*.geojson"),
        (["decode", "BAG", "--output", "folder", "--write", "points/row"], "points/raw"),
    ],
)
def test_errors_name_the_cure(recording, tmp_path, arguments, words):
    known = {"BAG": recording.bag, "NOWHERE": tmp_path / "nowhere"}
    done = run(*(known.get(argument, argument) for argument in arguments), check=False, cwd=tmp_path)
    assert done.returncode == 1 and words in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_a_reader_that_has_enough_is_no_error(recording):
    argv = f"'{executable('sensr_bag')}' tracks '{recording.bag}' | head -n 1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {argv}"], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and done.stdout.startswith("recorded,topic") and done.stderr == ""


@pytest.mark.parametrize("compression", list(CompressionType))
def test_large_bags_take_little_memory(tmp_path, compression):
    """A gigabyte of messages of 2 MB, in less than half of that."""
    size, count = 2_000_000, 500
    bag = tmp_path / "large.mcap"
    message = bytes([0, 1, 0, 0]) + size.to_bytes(4, "little") + bytes(size)
    with bag.open("wb") as file:
        writer = Writer(file, compression=compression)
        writer.start("ros2")
        schema = writer.register_schema("own/msg/Bytes", "ros2msg", b"uint8[] data\n")
        channel = writer.register_channel("/points/raw", "cdr", schema)
        for number in range(count):
            writer.add_message(channel, number * 10**8, message, number * 10**8)
        writer.finish()
    # kB of address space, of which a thread alone reserves 64 MB.
    argv = ["bash", "-c", 'ulimit -v 400000; exec "$0" info "$1" --json', executable("sensr_bag"), bag]
    done = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60)
    (topic,) = json.loads(done.stdout)["topics"]
    assert (topic["messages"], topic["bytes"]) == (count, count * len(message))
