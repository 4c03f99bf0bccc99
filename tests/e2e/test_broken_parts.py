"""An undecodable part of a message costs only itself and is counted; the rest of the message is published."""

import struct

import pytest

from support import output_encoder
from support.full_message import BICYCLE, CAR, CUSTOM, EVENT, FULL, HEALTH, POST, PROFILING, STREAM, with_objects
from support.output_encoder import FIXED32, FIXED64, LENGTH_DELIMITED, VARINT, Broken, tag
from support.scripted_output import ScriptedOutput


@pytest.fixture(scope="module")
def sensr(shared_environment):
    return ScriptedOutput(shared_environment)


#: A length beyond the end, a varint without an end, a group without an end, field number 0, and a wrong wire type.
BROKEN = {
    "cut": b"\x22\x64",
    "endless number": tag(1, VARINT) + b"\xff" * 11,
    "open group": tag(500, 3),
    "number zero": b"\x02\x00",
    "wrong wire type": tag(1, FIXED64) + bytes(8),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_element_of_a_list_costs_only_itself(sensr, broken):
    """Each repeated field has one broken element among valid ones."""
    stream = STREAM | {
        "objects": [CAR, broken, BICYCLE],
        "static_objects": [broken, POST],
        "zones": [*STREAM["zones"], broken],
    }
    event = EVENT | {
        "zone": [broken, *EVENT["zone"]],
        "losing": [*EVENT["losing"], broken, broken],
        "online_recalibration": [broken],
    }
    sensr.send_and_compare(
        FULL | {"event": EVENT | {"online_recalibration": []}},
        frame=output_encoder.output(FULL | {"stream": stream, "event": event}),
        undecodable_parts=3,
        malformed={"events/zone": 1, "events/losing": 2, "events/recalibration": 1},
    )


def without_part(message, *path):
    """Returns the message without the part at `path`."""
    name, *rest = path
    if not rest:
        return {key: value for key, value in message.items() if key != name}
    return message | {name: without_part(message[name], *rest)}


def with_part(message, part, *path):
    name, *rest = path
    return message | {name: with_part(message[name], part, *rest) if rest else part}


@pytest.mark.parametrize(
    "path",
    (
        ("timestamp",),
        ("stream",),
        ("event",),
        ("custom",),
        ("stream", "health"),
        ("stream", "first_cloud_arrival_timestamp"),
        ("event", "health"),
        ("custom", "profiling"),
        ("custom", "record"),
    ),
    ids=".".join,
)
def test_a_broken_single_part_costs_only_itself(sensr, path):
    # The first field of `record` decides which type it is.
    broken = tag(1, FIXED32) + bytes(4) + BROKEN["cut"]
    if path in (("custom", "profiling"), ("timestamp",)):
        broken = BROKEN["cut"]
    frame = output_encoder.output(with_part(FULL, broken, *path))
    sensr.send_and_compare(without_part(FULL, *path), frame=frame, undecodable_parts=1)


def with_broken_entries(message, *names):
    """Returns the message with an undecodable entry in every map of these names, at any depth."""
    if not isinstance(message, dict):
        return message
    within = {key: with_broken_entries(value, *names) for key, value in message.items()}
    broken = {"broken": Broken(b"\x0a\x64")}
    return {key: value | broken if key in names else value for key, value in within.items()}


@pytest.mark.parametrize(
    ("names", "count"),
    ((("nodes",), 1), (("sensors",), 4), (("edges",), 2), (("nodes", "edges"), 3)),
)
@pytest.mark.parametrize("path", (("stream",), ("event",)), ids=("stream", "event"))
def test_a_broken_entry_of_health_costs_only_itself(sensr, path, names, count):
    """`count` maps of the message have these names."""
    health = with_broken_entries(HEALTH, *names)
    frame = output_encoder.output(with_part(FULL, health, *path, "health"))
    sensr.send_and_compare(with_part(FULL, HEALTH, *path, "health"), frame=frame, undecodable_parts=count)


@pytest.mark.parametrize(
    ("name", "count"),
    (("processing_times", 2), ("mem_usages", 2), ("characteristics", 2), ("algo_nodes", 1)),
)
def test_a_broken_entry_of_the_profiling_costs_only_itself(sensr, name, count):
    custom = CUSTOM | {"profiling": with_broken_entries(PROFILING, name)}
    frame = output_encoder.output(FULL | {"custom": custom})
    sensr.send_and_compare(FULL, frame=frame, undecodable_parts=count)


#: Names: in the encoding of Korean Windows, two that become the same text, and one with a NUL in it.
CP949 = "라이다1".encode("cp949")
ALIKE = b"\xb6", b"\xb7"
NUL = b"north\0gate"


def test_texts_in_another_encoding_cost_nothing(sensr):
    """Every text field of SENSR's messages has one."""
    sensors = {CP949: 1, ALIKE[0]: 2, ALIKE[1]: 3}
    node = {"status": 1, "sensors": sensors, "edges": {CP949: {"status": 2, "sensors": sensors}}}
    result = {
        "processing_times": {CP949: 1},
        "mem_usages": {CP949: 2},
        "characteristics": {CP949: {"text": CP949}},
    }
    message = FULL | {
        "stream": STREAM | {"zones": [*STREAM["zones"], {"id": 9, "name": CP949}, {"id": 10, "name": NUL}]},
        "event": EVENT
        | {
            "online_recalibration": [{"topic": CP949}, *EVENT["online_recalibration"]],
            "health": {"master": 1, "nodes": {CP949: node}},
        },
        "custom": CUSTOM | {"profiling": {"master_node": result, "algo_nodes": {CP949: result}}},
    }
    outcome = sensr.send_and_compare(message, invalid_texts=2 + 1 + (1 + 3 + 1 + 3) + 2 * 4 + 1)
    names = [zone["name"] for zone in outcome["zones"]["zones"][-2:]]
    assert names == [CP949.decode(errors="replace"), "north\ufffdgate"]
    (event,) = [health for health in outcome.messages["health"] if health["is_event"]]
    named = sorted(sensor["name"] for sensor in event["nodes"][0]["sensors"])
    assert named == sorted([CP949.decode(errors="replace"), "\ufffd", "\ufffd"]), (
        "both sensors whose names become the same"
    )
    assert sensr.log.count("is not UTF-8") == 1, "one warning"


def test_malformed_points_cost_the_points_and_not_the_object(sensr):
    cars = [
        CAR | {"id": 1, "points": CAR["points"][:-1]},
        CAR | {"id": 2, "intensities": CAR["intensities"][:-1]},
        CAR | {"id": 3, "intensities": CAR["intensities"] + bytes(4)},
        CAR | {"id": 4, "points": b"", "intensities": b""},
        CAR | {"id": 5},
    ]
    outcome = sensr.send_and_compare(with_objects(*cars), undecodable_parts=3)
    points = list(struct.iter_unpack("<ffffiB3x", outcome["points/objects"]["data"]))
    assert [(point[3], point[4]) for point in points] == [
        *[(0.0, 2)] * 3,
        *[(0.0, 3)] * 3,
        (0.25, 5),
        (0.5, 5),
        (255.0, 5),
    ]
    assert len(outcome["objects"]["objects"]) == 5


@pytest.mark.parametrize(
    "frame",
    (b"\x0a\xc8", b"\xff" * 20, tag(3, LENGTH_DELIMITED) + b"\x05ab", output_encoder.output(FULL)[:-3]),
    ids=("cut", "noise", "short", "end missing"),
)
def test_a_frame_that_is_no_message_is_counted(sensr, frame):
    outcome = sensr.send_undecodable(frame)
    assert (outcome.undecodable_frames, outcome.undecodable_parts, outcome.malformed) == (1, 0, {})
    sensr.send_and_compare(FULL)
