"""Encoder of SENSR's point stream, written by hand from the description of the wire format.

It uses no protobuf library, so that the tests do not share a misunderstanding with the bridge.
"""

import struct

GROUND, BACKGROUND, RAW = 1, 2, 3

_BYTES = 2
_VARINT = 0


def varint(value):
    """Encodes a number in base 128, least significant group first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _tag(number, wire_type):
    return varint(number << 3 | wire_type)


def field(number, payload):
    """Encodes a length-delimited field."""
    return _tag(number, _BYTES) + varint(len(payload)) + payload


def cloud(points, intensities=b"", kind=RAW, cloud_id=""):
    """Encodes a PointCloud. `points` and `intensities` are bytes, valid or not."""
    message = _tag(1, _VARINT) + varint(kind)
    if cloud_id:
        message += field(2, cloud_id.encode())
    return message + field(3, points) + field(4, intensities)


def result(*clouds, uid="test"):
    """Encodes a PointResult with these clouds."""
    return b"".join(field(1, one) for one in clouds) + field(201, uid.encode())


def floats(*values):
    """Encodes float32, little-endian."""
    return struct.pack(f"<{len(values)}f", *values)


def numbered_cloud(number, kind=RAW, points=1):
    """Encodes a PointResult with one valid cloud. `number` is x of its first point and identifies it."""
    rest = points - 1
    xyz = floats(number, 0.5, -0.5) + floats(1.0, 2.0, 3.0) * rest
    return result(cloud(xyz, floats(0.25) * points, kind))
