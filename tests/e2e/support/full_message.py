"""A message of the output stream in which every field is set, as input of `output_encoder`."""

import math

from support import points_encoder


def vector(*values):
    return dict(zip("xyz", values, strict=False))


def box(low, high, *corners):
    return {"points": [vector(*corner) for corner in corners], "min_z": low, "max_z": high}


CAR = {
    "id": 17,
    "label": 1,
    "confidence": 0.75,
    "bbox": {"position": vector(10.5, -20.25, -1.5), "size": vector(4.5, 1.75, 1.25), "yaw": 2.5},
    "velocity": vector(8.5, -0.5, 0.125),
    "tracking_status": 3,
    "yaw_rate": -0.375,
    "retro_reflective": True,
    "last_observed_timestamp": {"seconds": 1_700_000_001, "nanos": 999_999_999},
    "is_static": True,
    "points": points_encoder.floats(1.5, 2.5, 3.5, -4.5, 5.5, 6.5, 7.5, 8.5, -9.5),
    "history": {
        "states": [
            {"position": vector(9.5, -19.25, 0.5), "timestamp": {"seconds": 1_700_000_000, "nanos": 1}},
            {"position": vector(8.5, -18.25, 0.25), "timestamp": {"seconds": 1_699_999_999, "nanos": 2}},
        ]
    },
    "prediction": {
        "positions": [vector(11.5, -21.25, 0.75), vector(12.5, -22.25, 0.5)],
        "reachable_set": [
            {"t_offset": 0.5, "space": box(-0.25, 2.25, (1.5, 2.5), (3.5, 4.5), (5.5, 6.5))},
            {"t_offset": 1.5, "space": box(-0.5, 2.5, (7.5, 8.5))},
        ],
    },
    "zone_ids": [3, -4, 2**31 - 1, -(2**31)],
    "intensities": points_encoder.floats(0.25, 0.5, 255.0),
}
BICYCLE = CAR | {
    "id": -18,
    "label": 3,
    "points": points_encoder.floats(1.0, 1.0, 1.0),
    "intensities": b"",
    "zone_ids": [],
}
POST = CAR | {
    "id": 2**31 - 1,
    "label": 4,
    "points": points_encoder.floats(0.5, 0.5, 0.5),
    "intensities": points_encoder.floats(7.0),
}

HEALTH = {
    "master": 3,
    "nodes": {
        "node_b": {
            "status": 11,
            "sensors": {"sensor_2": 2, "sensor_10": 1, "Sensor": 4},
            "edges": {
                "edge_z": {"status": 5, "sensors": {"z": 3, "a": 0, "ä": 1}},
                "edge_a": {"status": 7, "sensors": {}},
            },
        },
        "node_a": {"status": 1, "sensors": {"s": 1}, "edges": {}},
    },
}

PROFILING = {
    "master_node": {
        "processing_times": {"total": 2**64 - 1, "ground": 1},
        "mem_usages": {"rss": 2**63, "": 5},
        "characteristics": {
            "lowest": {"integer": -(2**63)},
            "highest": {"integer": 2**63 - 1},
            "decimal": {"decimal": -1.0e300},
            "not a number": {"decimal": math.nan},
            "text": {"text": "grüße"},
            "nothing": {},
            "zero": {"integer": 0},
            "no text": {"text": ""},
        },
    },
    "algo_nodes": {
        "algo_1": {"processing_times": {"b": 2, "a": 1}},
        "algo_0": {"mem_usages": {"b": 4, "a": 3}, "characteristics": {"x": {"decimal": 0.1}}},
    },
}

CUSTOM = {
    "vehicle_oriented_fields_of_regard": [
        {"object_id": 17, "field_of_regard": [box(0.5, 1.5, (1.0, 2.0), (3.0, 4.0)), box(2.5, 3.5)]},
        {"object_id": -18, "field_of_regard": []},
    ],
    "bg_learning_progress": 0.625,
    "record": {"saving_progress": 0.375},
    "profiling": PROFILING,
}
CUSTOM_25 = {
    "bg_learning_progress": 0.625,
    "replay": {"current_index": -7},
    "record": {"saving_progress": 0.375},
    "profiling": PROFILING,
}

STREAM = {
    "objects": [CAR, BICYCLE],
    "first_cloud_arrival_timestamp": {"seconds": 1_700_000_001, "nanos": 5},
    "has_objects": True,
    "zones": [
        {"id": 5, "name": "Kreuzung Süd", "pbox": box(-1.5, 3.5, (0.5, 0.25), (9.5, 0.125)), "type": 1},
        {"id": -6, "name": "", "pbox": box(0.5, 0.75), "type": 7},
    ],
    "health": HEALTH,
    "static_objects": [POST],
    "has_zones": True,
}

EVENT = {
    "zone": [
        {
            "timestamp": {"seconds": 1_700_000_002, "nanos": 7},
            "id": 5,
            "type": kind,
            "object": {
                "id": 17,
                "position": vector(1.5, 2.5, 3.5),
                "heading": 0.5,
                "velocity": vector(4.5, 5.5, 6.5),
            },
        }
        for kind in (1, 2, 3, 4)
    ],
    "losing": [
        {
            "timestamp": {"seconds": 1_700_000_003, "nanos": 8},
            "id": 19,
            "position": vector(7.5, 8.5, 9.5),
            "heading": -0.5,
        },
        {"timestamp": {"seconds": 1_700_000_004, "nanos": 9}, "id": 20},
    ],
    "health": {"master": 5, "nodes": {}},
    "online_recalibration": [
        {
            "timestamp": {"seconds": 1_700_000_005, "nanos": 10},
            "topic": "algo_0#lidar_3",
            "translation": vector(0.5, -0.25, 0.125),
            "rotation": {"qw": 0.5, "qx": -0.5, "qy": 0.25, "qz": 0.75},
        },
        {"topic": "another"},
    ],
}

NOW = {"seconds": 1_700_000_002, "nanos": 123_456_789}
FULL = {"timestamp": NOW, "stream": STREAM, "event": EVENT, "custom": CUSTOM}


def with_objects(*objects, **rest):
    """Returns a message with these objects and the given other fields of its stream."""
    return {"timestamp": NOW, "stream": {"has_objects": True, "objects": list(objects), **rest}}
