"""`sensor_msgs/PointCloud2` read from its serialized form by hand."""

import struct
from dataclasses import dataclass

FLOAT32 = 7
#: (name, offset, datatype, count)
FIELDS = [(name, 4 * i, FLOAT32, 1) for i, name in enumerate(("x", "y", "z", "intensity"))]


@dataclass
class PointCloud2:
    """As in the message definition. `fields` are tuples as in `FIELDS`."""

    stamp_ns: int
    frame_id: str
    height: int
    width: int
    fields: list
    is_bigendian: bool
    point_step: int
    row_step: int
    data: bytes
    is_dense: bool


class _Reader:
    """Plain CDR, little-endian: numbers are aligned to their size, counted after the four-byte header."""

    def __init__(self, serialized):
        assert serialized[:4] == b"\x00\x01\x00\x00", serialized[:4].hex()
        self.body = memoryview(serialized)[4:]
        self.position = 0

    def number(self, code):
        size = struct.calcsize(code)
        self.position += -self.position % size
        (value,) = struct.unpack_from("<" + code, self.body, self.position)
        self.position += size
        return value

    def take(self, length):
        assert self.position + length <= len(self.body), "the message ends too early"
        self.position += length
        return bytes(self.body[self.position - length : self.position])

    def string(self):
        text = self.take(self.number("I"))
        assert text.endswith(b"\0")
        return text[:-1].decode()

    def boolean(self):
        value = self.number("B")
        assert value in (0, 1)
        return bool(value)


def parse(serialized):
    """The message; nothing may be missing, and nothing left but padding."""
    reader = _Reader(serialized)
    stamp_ns = reader.number("i") * 10**9 + reader.number("I")
    frame_id = reader.string()
    height, width = reader.number("I"), reader.number("I")
    fields = [
        (reader.string(), reader.number("I"), reader.number("B"), reader.number("I")) for _ in range(reader.number("I"))
    ]
    cloud = PointCloud2(
        stamp_ns=stamp_ns,
        frame_id=frame_id,
        height=height,
        width=width,
        fields=fields,
        is_bigendian=reader.boolean(),
        point_step=reader.number("I"),
        row_step=reader.number("I"),
        data=reader.take(reader.number("I")),
        is_dense=reader.boolean(),
    )
    rest = reader.body[reader.position :]
    assert len(rest) < 4 and not any(rest), f"{len(rest)} bytes too many"
    return cloud


def number_of(cloud):
    """What `points_encoder.numbered` put in."""
    return struct.unpack_from("<f", cloud.data)[0]
