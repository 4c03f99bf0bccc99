"""What is broken costs itself, and is counted: everything else in the message comes out."""

import struct

import pytest

import output_wire
from conversation import Conversation
from everything import BICYCLE, CAR, EVENT, FULL, HEALTH, POST, STREAM, with_objects
from output_wire import FIXED32, FIXED64, LENGTH_DELIMITED, VARINT, Broken, tag


@pytest.fixture(scope="module")
def sensr(shared_rig):
    return Conversation(shared_rig)


#: A length that leads behind the end; a varint without an end; a group without an end; no field number;
#: a field of the right number and the wrong type.
BROKEN = {
    "cut": b"\x22\x64",
    "endless number": tag(1, VARINT) + b"\xff" * 11,
    "open group": tag(500, 3),
    "number zero": b"\x02\x00",
    "wrong wire type": tag(1, FIXED64) + bytes(8),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_part_costs_itself(sensr, broken):
    """In every place where parts of a kind stand side by side, one among good ones."""
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
    sensr.say(
        FULL | {"event": EVENT | {"online_recalibration": []}},
        frame=output_wire.output(FULL | {"stream": stream, "event": event}),
        undecodable_parts=3,
        malformed={"events/zone": 1, "events/losing": 2, "events/recalibration": 1},
    )


def without(message, *path):
    """The same without one of its parts."""
    name, *rest = path
    if not rest:
        return {key: value for key, value in message.items() if key != name}
    return message | {name: without(message[name], *rest)}


def replaced(message, part, *path):
    name, *rest = path
    return message | {name: replaced(message[name], part, *rest) if rest else part}


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
def test_a_broken_part_that_stands_once_costs_itself(sensr, path):
    # Of a record, what comes first decides what it is.
    broken = tag(1, FIXED32) + bytes(4) + BROKEN["cut"]
    if path in (("custom", "profiling"), ("timestamp",)):
        broken = BROKEN["cut"]
    frame = output_wire.output(replaced(FULL, broken, *path))
    sensr.say(without(FULL, *path), frame=frame, undecodable_parts=1)


@pytest.mark.parametrize("path", (("stream",), ("event",)), ids=("stream", "event"))
def test_a_broken_health_costs_itself(sensr, path):
    """One entry of a map deep inside is."""
    node = HEALTH["nodes"]["node_b"]
    sensors = node["sensors"] | {"broken": Broken(b"\x0a\x64")}
    health = HEALTH | {"nodes": HEALTH["nodes"] | {"node_b": node | {"sensors": sensors}}}
    frame = output_wire.output(replaced(FULL, health, *path, "health"))
    sensr.say(without(FULL, *path, "health"), frame=frame, undecodable_parts=1)


def test_a_text_that_is_no_text_costs_its_part(sensr):
    zones = [*STREAM["zones"], {"id": 9, "name": b"\xff\xfe"}]
    event = EVENT | {"online_recalibration": [{"topic": b"\xc3\x28"}, *EVENT["online_recalibration"]]}
    frame = output_wire.output(FULL | {"stream": STREAM | {"zones": zones}, "event": event})
    sensr.say(FULL, frame=frame, undecodable_parts=1, malformed={"events/recalibration": 1})


def test_broken_points_cost_the_points_and_not_the_object(sensr):
    cars = [
        CAR | {"id": 1, "points": CAR["points"][:-1]},
        CAR | {"id": 2, "intensities": CAR["intensities"][:-1]},
        CAR | {"id": 3, "intensities": CAR["intensities"] + bytes(4)},
        CAR | {"id": 4, "points": b"", "intensities": b""},
        CAR | {"id": 5},
    ]
    heard = sensr.say(with_objects(*cars), undecodable_parts=3)
    points = list(struct.iter_unpack("<ffffiB3x", heard["points/objects"]["data"]))
    assert [(point[3], point[4]) for point in points] == [
        *[(0.0, 2)] * 3,
        *[(0.0, 3)] * 3,
        (0.25, 5),
        (0.5, 5),
        (255.0, 5),
    ]
    assert len(heard["objects"]["objects"]) == 5


@pytest.mark.parametrize(
    "frame",
    (b"\x0a\xc8", b"\xff" * 20, tag(3, LENGTH_DELIMITED) + b"\x05ab", output_wire.output(FULL)[:-3]),
    ids=("cut", "noise", "short", "end missing"),
)
def test_what_is_no_message_costs_a_frame(sensr, frame):
    heard = sensr.say_nonsense(frame)
    assert (heard.undecodable_frames, heard.undecodable_parts, heard.malformed) == (1, 0, {})
    sensr.say(FULL)
