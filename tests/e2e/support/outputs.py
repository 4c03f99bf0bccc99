"""Short messages of the output stream, composed of the parts that a test needs."""

import time

from support import output_encoder, points_encoder

#: Two points.
POINTS = points_encoder.floats(1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
INTENSITIES = points_encoder.floats(0.25, 0.5)

NS = 10**9


def timestamp(ns):
    """Converts nanoseconds to the server's Timestamp."""
    return {"seconds": ns // NS, "nanos": ns % NS}


def message(*parts, at_ns=None):
    """Encodes a message of these parts. `at_ns` is the server's time, by default the present."""
    at_ns = time.time_ns() if at_ns is None else at_ns
    return message_with_timestamp(timestamp(at_ns), *parts)


def message_with_timestamp(stamp, *parts):
    """Encodes a message of these parts with any Timestamp, or with none."""
    merged = {} if stamp is None else {"timestamp": stamp}
    for part in parts:
        for name, fields in part.items():
            merged[name] = merged.get(name, {}) | fields
    return output_encoder.output(merged)


def objects(*ids, points=POINTS, intensities=INTENSITIES):
    """Returns cars with these ids, each with these points."""
    return {"stream": {"has_objects": True, "objects": [car(number, points, intensities) for number in ids]}}


def static_objects(*ids):
    """Returns SENSR's list of static objects."""
    return {"stream": {"static_objects": [car(number, POINTS, INTENSITIES) for number in ids]}}


def car(number, points, intensities):
    vector = {"x": 1.0, "y": 2.0, "z": 0.0}
    size = {"x": 4.0, "y": 1.8, "z": 1.5}
    return {
        "id": number,
        "label": output_encoder.ENUMS["LabelType"]["CAR"],
        "bbox": {"position": vector, "size": size, "yaw": 0.5},
        "velocity": vector,
        "points": points,
        "intensities": intensities,
    }


def zones(*ids):
    corners = [{"x": x, "y": y} for x, y in ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))]
    space = {"points": corners, "min_z": 0.0, "max_z": 2.0}
    listed = [{"id": number, "name": f"zone {number}", "type": 1, "pbox": space} for number in ids]
    return {"stream": {"has_zones": True, "zones": listed}}


def health(master="OK", as_event=False, **nodes):
    """Returns a SystemHealth. `nodes` maps a name to the status of the node and {sensor: status}, as enum names."""
    words = output_encoder.ENUMS
    status = {
        "master": words["MasterStatus"][master],
        "nodes": {
            name: {
                "status": words["NodeStatus"][node],
                "sensors": {sensor: words["SensorStatus"][word] for sensor, word in sensors.items()},
            }
            for name, (node, sensors) in nodes.items()
        },
    }
    return {"event" if as_event else "stream": {"health": status}}


def zone_events(*ids):
    """Returns events of cars with these ids entering zone 1."""
    listed = [
        {"timestamp": {"seconds": 5}, "id": 1, "type": 1, "object": {"id": number, "heading": 0.5}} for number in ids
    ]
    return {"event": {"zone": listed}}


def losing_events(*ids):
    return {"event": {"losing": [{"timestamp": {"seconds": 5}, "id": number} for number in ids]}}


def recalibrations(*names):
    return {"event": {"online_recalibration": [{"timestamp": {"seconds": 5}, "topic": name} for name in names]}}


def status(progress):
    """Returns a CustomMessage with the progress of background learning."""
    return {"custom": {"bg_learning_progress": progress}}
