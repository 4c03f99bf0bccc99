"""Tables of SENSR's protobuf interface and an encoder that uses only these tables.

They were transcribed from the description of the wire format, without a protobuf library and without the .proto files,
so that the tests do not share a misunderstanding with the bridge.

A message is a dict from field names to values. Exactly the fields in the dict are written, default values too. Bytes
in place of a message are written unchanged, valid or not.
"""

import struct

from support import points_encoder

ENUMS = {
    "CloudType": {"NONE": 0, "GROUND": 1, "BACKGROUND": 2, "RAW": 3},
    "LabelType": {"NONE": 0, "CAR": 1, "PEDESTRIAN": 2, "CYCLIST": 3, "MISC": 4, "GROUND": 5, "GATE": 6},
    "TrackingStatus": {
        "NONE": 0,
        "VALIDATING": 1,
        "INVALIDATING": 2,
        "TRACKING": 3,
        "DRIFTING": 4,
        "EXPIRED": 5,
    },
    "ZoneType": {
        "NONE": 0,
        "EVENT": 1,
        "EXCLUSION": 2,
        "REFLECTION": 3,
        "GATE": 4,
        "STATIC": 5,
        "MAP_EXCLUSION": 6,
        "BACKGROUND_REMOVAL": 7,
    },
    "ZoneEventType": {"NONE": 0, "ENTRY": 1, "EXIT": 2, "LOITERING": 3, "EXCEEDS_SPEED": 4},
    "MasterStatus": {
        "NONE": 0,
        "OK": 1,
        "STORAGE_SHORTAGE": 2,
        "SLOWDOWN": 3,
        "INTERNAL_ERROR": 4,
        "OUTPUT_BUFFER_OVERFLOW": 5,
    },
    "NodeStatus": {
        "NONE": 0,
        "OK": 1,
        "ROS_ERROR": 2,
        "LOST_CONNECTION": 3,
        "INVALID_GPU_CONFIGURATION": 4,
        "NETWORK_LATENCY": 5,
        "INVALID_CONFIG": 6,
        "INPUT_NOT_AVAILABLE": 7,
        "INITIALIZATION_ERROR": 8,
        "VERSION_MISMATCH": 9,
        "EMPTY_ROSBAG_PLAY": 10,
        "STORAGE_SHORTAGE": 11,
    },
    "SensorStatus": {
        "SENSOR_DEAD": 0,
        "SENSOR_ALIVE": 1,
        "SENSOR_ERRONEOUS": 2,
        "SENSOR_TILTED": 3,
        "SENSOR_SUSPENDED": 4,
    },
}

#: Fields of each message by name: (number, type). [type] is repeated, {key type: value type} a map.
MESSAGES = {
    "Timestamp": {"seconds": (1, "int64"), "nanos": (2, "int32")},
    "PointResult": {"points": (1, ["PointCloud"]), "uid": (201, "string")},
    "PointCloud": {
        "type": (1, "CloudType"),
        "id": (2, "string"),
        "points": (3, "bytes"),
        "intensities": (4, "bytes"),
    },
    "OutputMessage": {
        "timestamp": (1, "Timestamp"),
        "stream": (3, "StreamMessage"),
        "event": (201, "EventMessage"),
        "custom": (301, "CustomMessage"),
    },
    "StreamMessage": {
        "objects": (1, ["Object"]),
        "first_cloud_arrival_timestamp": (2, "Timestamp"),
        "has_objects": (3, "bool"),
        "zones": (101, ["ZoneConfig"]),
        "health": (102, "SystemHealth"),
        "static_objects": (103, ["Object"]),
        "has_zones": (104, "bool"),
    },
    "EventMessage": {
        "zone": (1, ["ZoneEvent"]),
        "losing": (2, ["LosingEvent"]),
        "health": (3, "SystemHealth"),
        "online_recalibration": (4, ["OnlineRecalibrationEvent"]),
    },
    "CustomMessage": {
        "vehicle_oriented_fields_of_regard": (2, ["FieldOfRegard"]),
        "bg_learning_progress": (101, "float"),
        "record": (102, "RecordingInfo"),
        "profiling": (103, "ProfilingResultSet"),
    },
    # SENSR 2.5. The names of its parts are not documented.
    "CustomMessage25": {
        "bg_learning_progress": (101, "float"),
        "replay": (102, "ReplayInfo"),
        "record": (103, "RecordingInfo"),
        "profiling": (104, "ProfilingResultSet"),
    },
    "FieldOfRegard": {"object_id": (1, "int32"), "field_of_regard": (2, ["PolygonBox"])},
    "RecordingInfo": {"saving_progress": (1, "float")},
    "ReplayInfo": {"current_index": (1, "int32")},
    "ProfilingResultSet": {
        "master_node": (1, "ProfilingResult"),
        "algo_nodes": (2, {"string": "ProfilingResult"}),
    },
    "ProfilingResult": {
        "processing_times": (1, {"string": "uint64"}),
        "mem_usages": (2, {"string": "uint64"}),
        "characteristics": (101, {"string": "Characteristic"}),
    },
    # One of these fields is set.
    "Characteristic": {"integer": (1, "int64"), "decimal": (2, "double"), "text": (3, "string")},
    "Object": {
        "id": (1, "int32"),
        "label": (2, "LabelType"),
        "confidence": (3, "float"),
        "bbox": (4, "BoundingBox"),
        "velocity": (5, "Vector3"),
        "tracking_status": (6, "TrackingStatus"),
        "yaw_rate": (8, "float"),
        "retro_reflective": (10, "bool"),
        "last_observed_timestamp": (11, "Timestamp"),
        "is_static": (12, "bool"),
        "points": (101, "bytes"),
        "history": (102, "History"),
        "prediction": (103, "Prediction"),
        "zone_ids": (104, ["int32"]),
        "intensities": (105, "bytes"),
    },
    "BoundingBox": {"position": (1, "Vector3"), "size": (2, "Vector3"), "yaw": (3, "float")},
    "PolygonBox": {"points": (1, ["Vector2"]), "min_z": (2, "float"), "max_z": (3, "float")},
    "History": {"states": (2, ["State"])},
    "State": {"position": (1, "Vector3"), "timestamp": (2, "Timestamp")},
    "Prediction": {"positions": (1, ["Vector3"]), "reachable_set": (2, ["ReachableSet"])},
    "ReachableSet": {"t_offset": (1, "float"), "space": (2, "PolygonBox")},
    "ZoneConfig": {
        "id": (1, "int32"),
        "name": (2, "string"),
        "pbox": (3, "PolygonBox"),
        "type": (4, "ZoneType"),
    },
    "ZoneEvent": {
        "timestamp": (1, "Timestamp"),
        "id": (2, "int32"),
        "type": (3, "ZoneEventType"),
        "object": (4, "ObjectInZone"),
    },
    "ObjectInZone": {
        "id": (1, "int32"),
        "position": (2, "Vector3"),
        "heading": (3, "float"),
        "velocity": (4, "Vector3"),
    },
    "LosingEvent": {
        "timestamp": (1, "Timestamp"),
        "id": (2, "int32"),
        "position": (3, "Vector3"),
        "heading": (4, "float"),
    },
    "OnlineRecalibrationEvent": {
        "timestamp": (1, "Timestamp"),
        "topic": (2, "string"),
        "translation": (3, "Vector3"),
        "rotation": (4, "Quaternion"),
    },
    "Quaternion": {"qw": (1, "float"), "qx": (2, "float"), "qy": (3, "float"), "qz": (4, "float")},
    "SystemHealth": {"master": (1, "MasterStatus"), "nodes": (2, {"string": "Node"})},
    "Node": {
        "status": (1, "NodeStatus"),
        "sensors": (3, {"string": "SensorStatus"}),
        "edges": (5, {"string": "Edge"}),
    },
    "Edge": {"status": (1, "NodeStatus"), "sensors": (2, {"string": "SensorStatus"})},
    "Vector2": {"x": (1, "float"), "y": (2, "float")},
    "Vector3": {"x": (1, "float"), "y": (2, "float"), "z": (3, "float")},
}

VARINT, FIXED64, LENGTH_DELIMITED, FIXED32 = 0, 1, 2, 5


def tag(number, wire_type):
    """Encodes the tag of a field."""
    return points_encoder.varint(number << 3 | wire_type)


def signed(value):
    """Encodes int32, int64 or an enum: a negative number takes ten bytes."""
    return points_encoder.varint(value % 2**64)


_SCALARS = {
    "bool": (VARINT, lambda value: points_encoder.varint(int(value))),
    "int32": (VARINT, signed),
    "int64": (VARINT, signed),
    "uint64": (VARINT, points_encoder.varint),
    "float": (FIXED32, lambda value: struct.pack("<f", value)),
    "double": (FIXED64, lambda value: struct.pack("<d", value)),
} | dict.fromkeys(ENUMS, (VARINT, signed))


#: Fields that are in no table, one of each wire type, and a group.
UNKNOWN = {
    "varint": tag(999, VARINT) + points_encoder.varint(2**64 - 1),
    "fixed64": tag(1000, FIXED64) + b"\xff" * 8,
    "bytes": points_encoder.field(1001, b"\xff not a message"),
    "group": tag(1002, 3) + tag(7, VARINT) + points_encoder.varint(5) + tag(1002, 4),
    "fixed32": tag(1003, FIXED32) + b"\xff" * 4,
}


def unknown_fields():
    """Encodes all of `UNKNOWN`."""
    return b"".join(UNKNOWN.values())


class Encoder:
    """Encoder of messages with a choice of what protobuf leaves to the sender.

    `unknown` is added to every message at every level, `shuffle` (a `random.Random`) shuffles the fields, and `packed`
    selects packed repeated numbers.
    """

    def __init__(self, unknown=b"", shuffle=None, packed=True):
        self._unknown = unknown
        self._shuffle = shuffle
        self._packed = packed

    def encode_message(self, kind: str, values: dict | bytes) -> bytes:
        if isinstance(values, bytes):
            return values
        fields = [self._encode_field(*MESSAGES[kind][name], value) for name, value in values.items()]
        if self._shuffle:
            self._shuffle.shuffle(fields)
        return self._unknown + b"".join(fields) + self._unknown

    def _encode_field(self, number, kind, value):
        if isinstance(kind, list):
            return self._encode_repeated(number, *kind, value)
        if isinstance(kind, dict):
            ((key_kind, value_kind),) = kind.items()
            entries = (self._encode_entry(key_kind, key, value_kind, entry) for key, entry in value.items())
            return b"".join(points_encoder.field(number, entry) for entry in entries)
        return self._encode_single(number, kind, value)

    def _encode_entry(self, key_kind, key, value_kind, value):
        if isinstance(value, Broken):
            return value
        return self._encode_single(1, key_kind, key) + self._encode_single(2, value_kind, value)

    def _encode_repeated(self, number, kind, values):
        if kind in _SCALARS and self._packed:
            _, packed = _SCALARS[kind]
            return points_encoder.field(number, b"".join(map(packed, values)))
        return b"".join(self._encode_single(number, kind, value) for value in values)

    def _encode_single(self, number, kind, value):
        if kind in _SCALARS:
            wire_type, encode = _SCALARS[kind]
            return tag(number, wire_type) + encode(value)
        if kind == "string":
            return points_encoder.field(number, value if isinstance(value, bytes) else value.encode())
        if kind == "bytes":
            return points_encoder.field(number, value)
        return points_encoder.field(number, self.encode_message(kind, value))


class Broken(bytes):
    """Bytes of a whole map entry, in place of the entry's value."""


def output(message: dict, generation: float = 3, **options) -> bytes:
    """Encodes an OutputMessage. `custom` is encoded as a message of this generation."""
    encoder = Encoder(**options)
    if generation == 2.5 and isinstance(message.get("custom"), dict):
        message = message | {"custom": encoder.encode_message("CustomMessage25", message["custom"])}
    return encoder.encode_message("OutputMessage", message)
