"""Reference model of the bridge: the ROS messages for an OutputMessage, with every field, by the comments in msg/.

Messages of SENSR are dicts as in `output_encoder`, those of ROS dicts with all their fields.
"""

import math
import struct
from collections import Counter

from support import point_cloud_reader

FIELDS_OF_OBJECT_POINTS = [*point_cloud_reader.FIELDS, ("object_id", 16, 5, 1), ("label", 20, 2, 1)]


class Anything:
    """Value that the test checks by other means."""

    def __repr__(self):
        return "anything"


class Near(float):
    """Value whose last digit depends on the mathematics library."""


def to_dict(message):
    """Converts a ROS message to a dict of all its fields."""
    if hasattr(message, "get_fields_and_field_types"):
        return {name: to_dict(getattr(message, name)) for name in message.get_fields_and_field_types()}
    if isinstance(message, (bool, int, float, str, bytes)):
        return message
    # Arrays of a fixed length are those of NumPy, with numbers of its own.
    return [to_dict(item) for item in (message.tolist() if hasattr(message, "tolist") else message)]


def differences(got, expected, path=""):
    """Returns a line for each difference of two messages. An unexpected field is a difference."""
    if isinstance(expected, Anything):
        return []
    if isinstance(expected, dict) and isinstance(got, dict):
        found = [f"{path}.{name} is not expected" for name in got.keys() - expected.keys()]
        found += [f"{path}.{name} does not exist" for name in expected.keys() - got.keys()]
        for name in got.keys() & expected.keys():
            found += differences(got[name], expected[name], f"{path}.{name}")
        return found
    if isinstance(expected, list) and isinstance(got, list):
        if len(got) != len(expected):
            return [f"{path}: {len(got)} elements, expected {len(expected)}: {got} and {expected}"]
        pairs = enumerate(zip(got, expected, strict=True))
        return [line for at, pair in pairs for line in differences(*pair, f"{path}[{at}]")]
    same = _same_float(got, expected) if isinstance(expected, float) else got == expected
    return [] if same else [f"{path}: {got!r}, expected {expected!r}"]


def _same_float(got, expected):
    if isinstance(expected, Near) and math.isfinite(expected):
        return math.isclose(got, expected, rel_tol=1e-15, abs_tol=1e-16)
    # By text: -0.0 differs from 0.0, and NaN equals NaN.
    return repr(float(got)) == repr(float(expected))


def single(value):
    """Rounds to the nearest float32."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


def _singles(message, *names):
    return [single(message.get(name, 0.0)) for name in names]


#: 2000-01-01T00:00:00Z
_YEAR_2000 = 946_684_800


def text(value):
    """Returns a ROS string: U+FFFD replaces bytes that are not UTF-8, and NUL."""
    value = value.decode(errors="replace") if isinstance(value, bytes) else value
    return value.replace("\0", "\ufffd")


def time(timestamp):
    """Returns a `builtin_interfaces/Time`: 0 without a timestamp, before 2000, or later than it can represent."""
    seconds, nanos = (timestamp or {}).get("seconds", 0), (timestamp or {}).get("nanos", 0)
    if _YEAR_2000 <= seconds < 2**31 and 0 <= nanos < 10**9:
        return {"sec": seconds, "nanosec": nanos}
    return {"sec": 0, "nanosec": 0}


def vector(vector3):
    """Returns a `geometry_msgs/Point` or `geometry_msgs/Vector3`."""
    return dict(zip("xyz", _singles(vector3 or {}, *"xyz"), strict=True))


def bounding_box(bbox):
    bbox = bbox or {}
    bottom, size, yaw = vector(bbox.get("position")), vector(bbox.get("size")), single(bbox.get("yaw", 0.0))
    turn = (math.sin(yaw / 2), math.cos(yaw / 2)) if math.isfinite(yaw) else (math.nan, math.nan)
    return {
        "center": {
            "position": bottom | {"z": bottom["z"] + size["z"] / 2},
            "orientation": {"x": 0.0, "y": 0.0, "z": Near(turn[0]), "w": Near(turn[1])},
        },
        "size": size,
        "yaw": yaw,
    }


def polygon_box(pbox):
    pbox = pbox or {}
    min_z, max_z = _singles(pbox, "min_z", "max_z")
    corners = (_singles(point, "x", "y") for point in pbox.get("points", ()))
    return {
        "points": [{"x": x, "y": y, "z": min_z} for x, y in corners],
        "min_z": min_z,
        "max_z": max_z,
    }


def whole_points(points):
    """Counts points of 12 bytes; 0 if the length is no multiple of 12, because such a cloud is dropped."""
    return len(points) // 12 if len(points) % 12 == 0 else 0


def tracked_object(sent):
    prediction = sent.get("prediction", {})
    return {
        "id": sent.get("id", 0),
        "label": sent.get("label", 0),
        "confidence": single(sent.get("confidence", 0.0)),
        "bbox": bounding_box(sent.get("bbox")),
        "velocity": vector(sent.get("velocity")),
        "yaw_rate": single(sent.get("yaw_rate", 0.0)),
        "tracking_status": sent.get("tracking_status", 0),
        "retro_reflective": sent.get("retro_reflective", False),
        "last_observed": time(sent.get("last_observed_timestamp")),
        "is_static": sent.get("is_static", False),
        "zone_ids": sent.get("zone_ids", []),
        "num_points": whole_points(sent.get("points", b"")),
        "history": [
            {"position": vector(state.get("position")), "server_stamp": time(state.get("timestamp"))}
            for state in sent.get("history", {}).get("states", ())
        ],
        "predicted_positions": [vector(position) for position in prediction.get("positions", ())],
        "reachable_sets": [
            {"time_offset": single(reach.get("t_offset", 0.0)), "space": polygon_box(reach.get("space"))}
            for reach in prediction.get("reachable_set", ())
        ],
    }


#: Numbers of a covariance that is unknown.
_NO_COVARIANCE = [0.0] * 36


def _pose(sent):
    return {"pose": bounding_box(sent.get("bbox"))["center"], "covariance": _NO_COVARIANCE}


def detection(sent, header):
    """Returns a `vision_msgs/Detection3D`."""
    box = bounding_box(sent.get("bbox"))
    hypothesis = {"class_id": str(sent.get("label", 0)), "score": single(sent.get("confidence", 0.0))}
    return {
        "header": header,
        "results": [{"hypothesis": hypothesis, "pose": _pose(sent)}],
        "bbox": {"center": box["center"], "size": box["size"]},
        "id": str(sent.get("id", 0)),
    }


#: Labels of `autoware_perception_msgs/ObjectClassification` by those of SENSR: a car, a pedestrian, a bicycle.
_AUTOWARE_LABELS = {1: 1, 2: 7, 3: 6}


def autoware_object(sent):
    """Returns an `autoware_perception_msgs/TrackedObject`. `object_id` is checked by other means."""
    box, velocity = bounding_box(sent.get("bbox")), vector(sent.get("velocity"))
    yaw = box["yaw"]
    cos, sin = (math.cos(yaw), math.sin(yaw)) if math.isfinite(yaw) else (math.nan, math.nan)
    forward = velocity["x"] * cos + velocity["y"] * sin
    left = velocity["y"] * cos - velocity["x"] * sin
    no_vector = {"x": 0.0, "y": 0.0, "z": 0.0}
    twist = {
        "linear": {"x": Near(forward), "y": Near(left), "z": velocity["z"]},
        "angular": no_vector | {"z": single(sent.get("yaw_rate", 0.0))},
    }
    classification = {
        "label": _AUTOWARE_LABELS.get(sent.get("label", 0), 0),
        "probability": single(sent.get("confidence", 0.0)),
    }
    return {
        "object_id": Anything(),
        "existence_probability": 1.0,
        "classification": [classification],
        "kinematics": {
            "pose_with_covariance": _pose(sent),
            "twist_with_covariance": {"twist": twist, "covariance": _NO_COVARIANCE},
            "acceleration_with_covariance": {
                "accel": {"linear": no_vector, "angular": no_vector},
                "covariance": _NO_COVARIANCE,
            },
            "orientation_availability": 2,
            "is_stationary": sent.get("is_static", False),
        },
        "shape": {"type": 0, "footprint": {"points": []}, "dimensions": box["size"]},
    }


def object_points(objects, header):
    """Returns the cloud of all objects with whole points, as `point_cloud_reader.parse` reads it."""
    data, is_dense = b"", True
    for sent in objects:
        points, intensities = sent.get("points", b""), sent.get("intensities", b"")
        if len(points) % 12:
            continue
        count = len(points) // 12
        if len(intensities) != 4 * count:
            intensities = bytes(4 * count)
        label = sent.get("label", 0)
        tail = struct.pack("<iB3x", sent.get("id", 0), label if 0 <= label < 255 else 255)
        for at in range(count):
            data += points[12 * at : 12 * at + 12] + intensities[4 * at : 4 * at + 4] + tail
        is_dense = is_dense and all(map(math.isfinite, struct.unpack(f"<{3 * count}f", points)))
    return {
        "stamp_ns": Anything(),
        "frame_id": header["frame_id"],
        "height": 1,
        "width": len(data) // 24,
        "fields": FIELDS_OF_OBJECT_POINTS,
        "is_bigendian": False,
        "point_step": 24,
        "row_step": len(data),
        "data": data,
        "is_dense": is_dense,
    }


def zone(sent):
    return {
        "id": sent.get("id", 0),
        "name": text(sent.get("name", "")),
        "type": sent.get("type", 0),
        "space": polygon_box(sent.get("pbox")),
    }


def zone_event(sent):
    entered = sent.get("object", {})
    return {
        "event_stamp": time(sent.get("timestamp")),
        "zone_id": sent.get("id", 0),
        "type": sent.get("type", 0),
        "object_id": entered.get("id", 0),
        "object_position": vector(entered.get("position")),
        "object_heading": single(entered.get("heading", 0.0)),
        "object_velocity": vector(entered.get("velocity")),
    }


def losing_event(sent):
    return {
        "event_stamp": time(sent.get("timestamp")),
        "object_id": sent.get("id", 0),
        "position": vector(sent.get("position")),
        "heading": single(sent.get("heading", 0.0)),
    }


def recalibration_event(sent):
    turn = _singles(sent.get("rotation", {}), "qx", "qy", "qz", "qw")
    return {
        "event_stamp": time(sent.get("timestamp")),
        "topic": text(sent.get("topic", "")),
        "transform": {
            "translation": vector(sent.get("translation")),
            "rotation": dict(zip("xyzw", turn, strict=True)),
        },
    }


def _by_name(entries):
    """Sorts entries by the bytes of their names."""
    as_bytes = {name if isinstance(name, bytes) else name.encode(): value for name, value in entries.items()}
    return [(text(name), as_bytes[name]) for name in sorted(as_bytes)]


def _sensors(sent):
    return [{"name": name, "status": status} for name, status in _by_name(sent.get("sensors", {}))]


def system_health(sent, is_event):
    return {
        "is_event": is_event,
        "master": sent.get("master", 0),
        "nodes": [
            {
                "name": name,
                "status": node.get("status", 0),
                "sensors": _sensors(node),
                "edges": [
                    {"name": name, "status": edge.get("status", 0), "sensors": _sensors(edge)}
                    for name, edge in _by_name(node.get("edges", {}))
                ],
            }
            for name, node in _by_name(sent.get("nodes", {}))
        ],
    }


def _named_values(entries):
    return [{"name": name, "value": value} for name, value in _by_name(entries)]


def _characteristic(name, sent):
    kinds = {"integer": 1, "decimal": 2, "text": 3}
    kind = max((kinds[given] for given in sent), default=0)
    empty = {"name": name, "kind": kind, "integer": 0, "decimal": 0.0, "text": ""}
    return empty | sent | {"text": text(sent.get("text", ""))}


def _profiling_result(node, sent):
    return {
        "node": node,
        "processing_times": _named_values(sent.get("processing_times", {})),
        "memory_usages": _named_values(sent.get("mem_usages", {})),
        "characteristics": [_characteristic(*entry) for entry in _by_name(sent.get("characteristics", {}))],
    }


def server_status(sent, generation):
    profiling = sent.get("profiling", {})
    nodes = [("", profiling["master_node"])] if "master_node" in profiling else []
    nodes += _by_name(profiling.get("algo_nodes", {}))
    return {
        "generation": {2.5: 25, 3: 30}[generation],
        "learning_progress": single(sent.get("bg_learning_progress", 0.0)),
        "has_recording": "record" in sent,
        "recording_progress": single(sent.get("record", {}).get("saving_progress", 0.0)),
        "has_replay": "replay" in sent,
        "replay_index": sent.get("replay", {}).get("current_index", 0),
        "profiling": [_profiling_result(*node) for node in nodes],
        "fields_of_regard": [
            {
                "object_id": field.get("object_id", 0),
                "spaces": [polygon_box(space) for space in field.get("field_of_regard", ())],
            }
            for field in sent.get("vehicle_oriented_fields_of_regard", ())
        ],
    }


#: Field of the EventMessage by topic, and the function that converts an event.
_EVENTS = {
    "events/zone": ("zone", zone_event),
    "events/losing": ("losing", losing_event),
    "events/recalibration": ("online_recalibration", recalibration_event),
}


class ReferenceModel:
    """Computes from the bridge's input which messages must be published on which topic."""

    def __init__(self, frame_id):
        self._frame_id = frame_id
        self._sequences = Counter()
        #: Static objects received without objects; published with the next ones.
        self._static = []

    def skip_events(self, topic, count=1):
        """Records undecodable events on this topic, which leave a gap in the sequence numbers."""
        self._sequences[topic] += count

    def topics(self, sent, generation=3):
        """Returns the messages by topic, in order."""
        stream, events = sent.get("stream", {}), sent.get("event", {})
        times = {
            "header": {"stamp": Anything(), "frame_id": self._frame_id},
            "server_stamp": time(sent.get("timestamp")),
        }
        latched = times | {"repeated": False}
        # Health concerns the server and has no frame.
        without_frame = latched | {"header": times["header"] | {"frame_id": ""}}
        zones = [stream.get("zones", ())] if stream.get("has_zones") else []
        health = [(stream.get("health"), False), (events.get("health"), True)]
        custom = sent.get("custom")
        return {
            **self._objects(stream, times),
            "zones": self._numbered("zones", latched, [{"zones": list(map(zone, listed))} for listed in zones]),
            **{
                topic: self._numbered(topic, times, map(made_of, events.get(name, ())))
                for topic, (name, made_of) in _EVENTS.items()
            },
            "health": self._numbered(
                "health", without_frame, [system_health(*report) for report in health if report[0] is not None]
            ),
            "server_status": self._numbered(
                "server_status", latched, [] if custom is None else [server_status(custom, generation)]
            ),
        }

    def _numbered(self, topic, times, events):
        numbered = []
        for event in events:
            numbered.append(times | {"sequence": self._sequences[topic]} | event)
            self._sequences[topic] += 1
        return numbered

    def _objects(self, stream, times):
        self._static = stream.get("static_objects") or self._static
        if not stream.get("has_objects"):
            return {topic: [] for topic in ("objects", "objects/detections", "objects/tracked", "points/objects")}
        objects, static = stream.get("objects", []), self._static
        self._static = []
        array = {
            "first_cloud_arrival": time(stream.get("first_cloud_arrival_timestamp")),
            "objects": list(map(tracked_object, objects)),
            "static_objects": list(map(tracked_object, static)),
        }
        header = times["header"]
        return {
            "objects": [times | array],
            "objects/detections": [
                {"header": header, "detections": [detection(sent, header) for sent in objects]},
            ],
            "objects/tracked": [{"header": header, "objects": list(map(autoware_object, objects))}],
            "points/objects": [object_points([*objects, *static], header)],
        }
