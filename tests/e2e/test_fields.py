"""Every field of every message of the output stream, against the interface tables."""

import math
import random
import struct
import time
from pathlib import Path

import pytest
from sensr_bridge import msg

from support import output_encoder, points_encoder
from support.expected_messages import to_dict
from support.full_message import (
    BICYCLE,
    CAR,
    CUSTOM,
    CUSTOM_25,
    EVENT,
    FULL,
    NOW,
    POST,
    STREAM,
    box,
    vector,
    with_objects,
)
from support.output_encoder import ENUMS, UNKNOWN, unknown_fields
from support.scripted_output import FRAME_ID, ScriptedOutput, stamp_ns
from support.two_links import TwoLinks

MESSAGE_FILES = Path(__file__).parents[2] / "msg"

#: Messages about the bridge, without contents of SENSR.
OF_THE_BRIDGE = {
    "BridgeStatistics",
    "ClockStatistics",
    "LinkStatistics",
    "RecordingStatus",
    "StageStatistics",
    "StartupPhase",
    "TopicRecording",
    "TopicStatistics",
    "WireFrame",
}

#: Fields that are set in repeated messages only: tests/e2e/test_repeat.py covers them.
OF_REPETITIONS = {(name, "repeated") for name in ("ZoneArray", "SystemHealth", "ServerStatus")}

#: Message, prefix of its constants, and the enum of the wire format with the same values.
CONSTANTS = [
    (msg.Object, "LABEL_", "LabelType"),
    (msg.Object, "TRACKING_", "TrackingStatus"),
    (msg.Zone, "TYPE_", "ZoneType"),
    (msg.ZoneEvent, "TYPE_", "ZoneEventType"),
    (msg.SystemHealth, "MASTER_", "MasterStatus"),
    (msg.NodeHealth, "STATUS_", "NodeStatus"),
    (msg.SensorHealth, "", "SensorStatus"),
]


@pytest.fixture(scope="module")
def sensr(shared_environment):
    return ScriptedOutput(shared_environment)


# ---- every field arrives ---------------------------------------------------------------------------


def test_every_field_arrives(sensr):
    outcome = sensr.send_and_compare(FULL)
    # One check that does not use the reference model.
    car, bicycle = outcome["objects"]["objects"]
    assert car["bbox"]["center"]["position"] == {"x": 10.5, "y": -20.25, "z": -1.5 + 1.25 / 2}
    assert car["bbox"]["center"]["orientation"]["w"] == pytest.approx(math.cos(1.25))
    assert car["bbox"]["size"] == {"x": 4.5, "y": 1.75, "z": 1.25}
    assert (car["num_points"], bicycle["num_points"]) == (3, 1)
    assert outcome["objects"]["header"]["frame_id"] == FRAME_ID
    assert outcome["objects"]["server_stamp"] == {"sec": 1_700_000_002, "nanosec": 123_456_789}
    assert [event["type"] for event in outcome.messages["events/zone"]] == [1, 2, 3, 4]
    assert outcome.messages["events/recalibration"][0]["transform"]["rotation"]["w"] == 0.5
    stream, event = outcome.messages["health"]
    assert (stream["is_event"], event["is_event"]) == (False, True)
    assert stream["header"]["frame_id"] == event["header"]["frame_id"] == ""
    assert [node["name"] for node in stream["nodes"]] == ["node_a", "node_b"]
    names = [sensor["name"] for sensor in stream["nodes"][1]["sensors"]]
    assert names == ["Sensor", "sensor_10", "sensor_2"]
    assert [result["node"] for result in outcome["server_status"]["profiling"]] == ["", "algo_0", "algo_1"]


def test_every_field_of_the_former_generation_arrives(sensr):
    outcome = sensr.send_and_compare(FULL | {"custom": CUSTOM_25}, generation=2.5)
    status = outcome["server_status"]
    assert (status["generation"], status["has_replay"], status["replay_index"]) == (25, True, -7)
    assert len(outcome["objects"]["objects"]) == 2


def test_object_points_are_laid_out_as_documented(sensr):
    cloud = sensr.send_and_compare(with_objects(CAR, BICYCLE, static_objects=[POST]))["points/objects"]
    assert (cloud["point_step"], cloud["width"], cloud["is_dense"]) == (24, 5, True)
    points = list(struct.iter_unpack("<ffffiB3x", cloud["data"]))
    assert points == [
        (1.5, 2.5, 3.5, 0.25, 17, 1),
        (-4.5, 5.5, 6.5, 0.5, 17, 1),
        (7.5, 8.5, -9.5, 255.0, 17, 1),
        (1.0, 1.0, 1.0, 0.0, -18, 3),
        (0.5, 0.5, 0.5, 7.0, 2**31 - 1, 4),
    ]


def test_every_field_had_another_value_than_its_default(sensr):
    """The tests above covered every field of every message type of this package."""
    sensr.send_and_compare(FULL)
    sensr.send_and_compare(FULL | {"custom": CUSTOM_25}, generation=2.5)
    own = {name for name in dir(msg) if isinstance(getattr(msg, name), type)}
    assert own == {path.stem for path in MESSAGE_FILES.glob("*.msg")}
    seen = {name for name, kind in sensr.types.items() if kind.__module__.startswith("sensr_bridge")}
    assert own - OF_THE_BRIDGE == seen
    fields = {(name, field) for name in seen for field in sensr.types[name].get_fields_and_field_types()}
    assert fields - sensr.filled == OF_REPETITIONS


# ---- variations of the encoding ---------------------------------------------------------------------------


def test_unknown_fields_and_enum_values_are_accepted(sensr):
    """Unknown fields at every level, and enum values that are unknown or negative."""
    odd = 77, -1, 2**31 - 1, -(2**31)
    cars = [CAR | {"id": at, "label": label, "tracking_status": label} for at, label in enumerate(odd)]
    cars.append(CAR | {"label": 1, "tracking_status": 99})
    edges = {"e": {"status": -80, "sensors": {"u": 81}}}
    node = {"status": 78, "sensors": {"s": 79, "t": -2}, "edges": edges}
    stream = STREAM | {
        "objects": cars,
        "zones": [STREAM["zones"][0] | {"type": value} for value in odd],
        "health": {"master": -6, "nodes": {"n": node}},
    }
    event = EVENT | {"zone": [EVENT["zone"][0] | {"type": value} for value in odd], "health": {"master": 82}}
    newer = FULL | {"stream": stream, "event": event}
    labels = [each["label"] for each in sensr.send_and_compare(newer, unknown=unknown_fields())["objects"]["objects"]]
    assert labels == [*odd, 1]


def test_unknown_fields_of_the_former_generation_are_accepted(sensr):
    sensr.send_and_compare(FULL | {"custom": CUSTOM_25}, generation=2.5, unknown=unknown_fields())


@pytest.mark.parametrize("generation", (3, 2.5))
@pytest.mark.parametrize("added", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_unknown_fields_do_not_decide_the_generation(sensr, generation, added):
    """The recording has just begun, so that its encoding consists of unknown fields only."""
    custom = CUSTOM if generation == 3 else CUSTOM_25
    frame = output_encoder.output(FULL | {"custom": custom | {"record": added}}, generation)
    sensr.send_and_compare(FULL | {"custom": custom | {"record": {}}}, frame=frame, generation=generation)


@pytest.mark.parametrize("seed", range(3))
def test_fields_in_any_order_and_unpacked_numbers_are_accepted(sensr, seed):
    sensr.send_and_compare(FULL, shuffle=random.Random(seed), packed=False)


def test_encoded_default_values_are_accepted(sensr):
    """Protobuf omits default values and accepts them nevertheless."""
    nothing = dict.fromkeys(("id", "label", "tracking_status"), 0)
    zero = nothing | {"confidence": 0.0, "is_static": False, "points": b"", "zone_ids": []}
    sensr.send_and_compare(with_objects(zero) | {"custom": {"bg_learning_progress": 0.0}})


@pytest.mark.parametrize("generation", (3, 2.5))
def test_missing_fields_have_default_values(sensr, generation):
    """A missing field is 0 or empty, and a missing yaw is no rotation."""
    custom = {"record": {}, "profiling": {"master_node": {}, "algo_nodes": {"": {}, "n": {}}}}
    if generation == 2.5:
        custom["replay"] = {}
    bare = {
        "stream": {
            "has_objects": True,
            "objects": [{}, {"bbox": {}, "velocity": {}, "history": {}, "prediction": {}}],
            "static_objects": [
                {},
                {"history": {"states": [{}]}, "prediction": {"reachable_set": [{}, {"space": {}}]}},
            ],
            "has_zones": True,
            "zones": [{}, {"pbox": {"points": [{}]}}],
            "health": {"nodes": {"": {}, "n": {"edges": {"": {}}, "sensors": {"": 0}}}},
        },
        "event": {
            "zone": [{}, {"object": {}}],
            "losing": [{}],
            "health": {},
            "online_recalibration": [{}, {"rotation": {}, "translation": {}}],
        },
        "custom": custom,
    }
    outcome = sensr.send_and_compare(bare, generation=generation)
    turn = outcome["objects"]["objects"][0]["bbox"]["center"]["orientation"]
    assert turn == {"x": 0.0, "y": 0.0, "z": 0.0, "w": 1.0}


@pytest.mark.parametrize("message", ({}, {"stream": {}}, {"event": {}}, {"stream": {}, "event": {}}))
def test_an_empty_message_publishes_nothing(sensr, message):
    assert not any(sensr.send_and_compare(message).messages.values())


@pytest.mark.parametrize("odd", (math.nan, math.inf, -math.inf, 3.4e38, 1e-45, -0.0))
def test_special_float_values_pass(sensr, odd):
    everywhere = vector(odd, odd, odd)
    space = box(odd, odd, (odd, odd))
    car = CAR | {
        "confidence": odd,
        "bbox": {"position": everywhere, "size": everywhere, "yaw": odd},
        "velocity": everywhere,
        "yaw_rate": odd,
        "points": points_encoder.floats(odd, odd, odd),
        "intensities": points_encoder.floats(odd),
        "history": {"states": [{"position": everywhere}]},
        "prediction": {"positions": [everywhere], "reachable_set": [{"t_offset": odd, "space": space}]},
    }
    turn = {"qw": odd, "qx": odd, "qy": odd, "qz": odd}
    moved = {"position": everywhere, "heading": odd, "velocity": everywhere}
    outcome = sensr.send_and_compare(
        {
            "stream": {"has_objects": True, "objects": [car], "has_zones": True, "zones": [{"pbox": space}]},
            "event": {
                "zone": [{"object": moved}],
                "losing": [{"position": everywhere, "heading": odd}],
                "online_recalibration": [{"translation": everywhere, "rotation": turn}],
            },
            "custom": {
                "vehicle_oriented_fields_of_regard": [{"field_of_regard": [space]}],
                "bg_learning_progress": odd,
                "record": {"saving_progress": odd},
                "profiling": {"master_node": {"characteristics": {"odd": {"decimal": odd}}}},
            },
        }
    )
    assert outcome["points/objects"]["is_dense"] == math.isfinite(odd)


@pytest.mark.parametrize(
    "at",
    (
        {"seconds": -1},
        {"seconds": 2**31},
        {"seconds": 2**63 - 1, "nanos": 999_999_999},
        {"seconds": 1, "nanos": -1},
        {"seconds": 1, "nanos": 10**9},
        {"seconds": 2**31 - 1, "nanos": 999_999_999},
        {},
    ),
    ids=str,
)
def test_times_outside_the_range_of_ros_become_zero(sensr, at):
    car = CAR | {"last_observed_timestamp": at, "history": {"states": [{"timestamp": at}]}}
    event = {"timestamp": at, "id": 1}
    sensr.send_and_compare(
        {
            "timestamp": at,
            "stream": {"has_objects": True, "objects": [car], "first_cloud_arrival_timestamp": at},
            "event": {"zone": [event], "losing": [event], "online_recalibration": [{"timestamp": at}]},
        }
    )


def test_a_part_in_several_pieces_is_merged(sensr):
    """Protobuf's rules: the last value wins, lists are concatenated, nested messages are merged."""
    first, second = ({"master": status, "nodes": {name: {"status": status}}} for name, status in (("a", 1), ("b", 2)))
    pieces = [
        {"stream": {"objects": [CAR], "health": first}, "timestamp": {"nanos": 6}},
        {"stream": {"objects": [BICYCLE], "has_objects": True, "health": second}},
        {"timestamp": {"seconds": 7}, "custom": {"record": {"saving_progress": 0.5}}},
        {"custom": {"bg_learning_progress": 0.25, "profiling": {"master_node": {"mem_usages": {"a": 1}}}}},
    ]
    whole = {
        "timestamp": {"seconds": 7, "nanos": 6},
        "stream": {
            "has_objects": True,
            "objects": [CAR, BICYCLE],
            "health": {"master": 2, "nodes": {"a": {"status": 1}, "b": {"status": 2}}},
        },
        "custom": {
            "record": {"saving_progress": 0.5},
            "bg_learning_progress": 0.25,
            "profiling": {"master_node": {"mem_usages": {"a": 1}}},
        },
    }
    sensr.send_and_compare(whole, frame=b"".join(map(output_encoder.output, pieces)))


# ---- generations --------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ((3, 2.5, 3, 2.5), (2.5, 2.5, 3, 3)))
def test_a_change_of_generation_costs_nothing(sensr, order):
    """The generation of a message does not depend on the one before."""
    for generation in order:
        custom = CUSTOM if generation == 3 else CUSTOM_25
        sensr.send_and_compare(FULL | {"custom": custom}, generation=generation)


@pytest.mark.parametrize("part", ("replay", "record", "profiling"))
def test_one_part_decides_the_generation(sensr, part):
    """The message before was of the other generation, and no other part hints at it."""
    for generation, custom in ((3, CUSTOM), (2.5, CUSTOM_25)):
        if part in custom:
            other = 5.5 - generation
            sensr.send_and_compare({"custom": CUSTOM if other == 3 else CUSTOM_25}, generation=other)
            sensr.send_and_compare({"custom": {part: custom[part]}}, generation=generation)


def test_an_ambiguous_message_has_the_generation_of_the_one_before(sensr):
    for generation, custom in ((3, CUSTOM), (2.5, CUSTOM_25)):
        sensr.send_and_compare({"custom": custom}, generation=generation)
        sensr.send_and_compare({"custom": {}}, generation=generation)
        sensr.send_and_compare({"custom": {"bg_learning_progress": 0.5}}, generation=generation)


# ---- presence -----------------------------------------------------------------------


def test_absent_objects_or_zones_are_not_an_empty_scene(sensr):
    """Lists without their `has_` flag are ignored; an empty list with the flag is a message."""
    silent = STREAM | {"has_objects": False, "has_zones": False, "static_objects": []}
    outcome = sensr.send_and_compare({"timestamp": NOW, "stream": silent})
    assert outcome.messages["objects"] == outcome.messages["zones"] == outcome.messages["points/objects"] == []
    outcome = sensr.send_and_compare({"timestamp": NOW, "stream": {"has_objects": True, "has_zones": True}})
    assert (outcome["objects"]["objects"], outcome["zones"]["zones"]) == ([], [])
    assert outcome["points/objects"]["width"] == 0


def test_static_objects_wait_for_a_message_with_objects(sensr):
    assert sensr.send_and_compare({"stream": {"static_objects": [POST]}}).messages["objects"] == []
    assert sensr.send_and_compare({"event": EVENT}).messages["objects"] == []
    (post,) = sensr.send_and_compare(with_objects(CAR))["objects"]["static_objects"]
    assert post["id"] == POST["id"]
    assert sensr.send_and_compare(with_objects(CAR))["objects"]["static_objects"] == []


def test_events_are_numbered_without_a_gap(sensr):
    topics = ("events/zone", "events/losing", "events/recalibration")
    outcomes = [sensr.send_and_compare({"event": EVENT}) for _ in range(2)]
    for topic in topics:
        numbers = [event["sequence"] for each in outcomes for event in each.messages[topic]]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_sequence_numbers_begin_at_0(environment):
    numbers = [
        event["sequence"] for event in ScriptedOutput(environment).send_and_compare(FULL).messages["events/zone"]
    ]
    assert numbers == [0, 1, 2, 3]


# ---- received frames -----------------------------------------------------------------------------


def test_every_frame_is_published_unchanged(environment):
    """Frames of both links with any contents."""
    links = TwoLinks(environment, "wire", parameters={"publish.wire": True, "frame_id": FRAME_ID})
    clients = {msg.WireFrame.LINK_POINTS: links.points, msg.WireFrame.LINK_OUTPUT: links.output}
    noise = random.Random(1).randbytes(100_001)
    frames = [points_encoder.numbered_cloud(1), output_encoder.output(FULL), b"", b"\x22\x64", noise]
    for number, frame in enumerate(frames):
        for link, client in clients.items():
            begun_ns = time.time_ns()
            client.send(frame)
            got = to_dict(links["wire"].wait(2 * number + link + 1)[-1])
            at_ns = stamp_ns(got["header"].pop("stamp"))
            assert begun_ns <= at_ns <= time.time_ns()
            got["data"] = bytes(got["data"])
            assert got == {"header": {"frame_id": ""}, "link": link, "sequence": number, "data": frame}


# ---- constants -------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "prefix", "enum"), CONSTANTS)
def test_constants_are_the_values_of_the_wire_format(kind, prefix, enum):
    assert {name.removeprefix(prefix): value for name, value in constants(kind, prefix)} == ENUMS[enum]


def test_other_constants():
    assert dict(constants(msg.Characteristic)) == {
        "KIND_NONE": 0,
        "KIND_INTEGER": 1,
        "KIND_DECIMAL": 2,
        "KIND_TEXT": 3,
    }
    assert dict(constants(msg.ServerStatus)) == {"GENERATION_UNKNOWN": 0, "GENERATION_2_5": 25, "GENERATION_3": 30}
    assert dict(constants(msg.WireFrame)) == {"LINK_POINTS": 0, "LINK_OUTPUT": 1}
    known = {kind for kind, _, _ in CONSTANTS} | {msg.Characteristic, msg.ServerStatus, msg.WireFrame}
    others = {getattr(msg, path.stem) for path in MESSAGE_FILES.glob("*.msg")} - known
    assert {kind for kind in others if list(constants(kind))} == {msg.LinkStatistics, msg.RecordingStatus}


def constants(kind, prefix=""):
    """Returns the constants of a message by name."""
    named = ((name, getattr(kind, name)) for name in dir(kind) if name.isupper() and name.startswith(prefix))
    return [(name, value) for name, value in named if isinstance(value, int)]
