"""Reader of serialized `sensor_msgs/PointCloud2`, without ROS."""

import struct
from dataclasses import dataclass

FLOAT32 = 7
#: (name, offset, datatype, count)
FIELDS = [(name, 4 * i, FLOAT32, 1) for i, name in enumerate(("x", "y", "z", "intensity"))]


@dataclass
class PointCloud2:
    """Fields of the message definition. `fields` are tuples as in `FIELDS`."""

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


class _CdrReader:
    """Reader of plain CDR, little-endian. Numbers are aligned to their size, counted from the end of the header."""

    def __init__(self, serialized):
        assert serialized[:4] == b"\x00\x01\x00\x00", serialized[:4].hex()
        self.body = memoryview(serialized)[4:]
        self.position = 0

    def read_number(self, code):
        size = struct.calcsize(code)
        self.position += -self.position % size
        (value,) = struct.unpack_from("<" + code, self.body, self.position)
        self.position += size
        return value

    def read_bytes(self, length):
        assert self.position + length <= len(self.body), "the message ends too early"
        self.position += length
        return bytes(self.body[self.position - length : self.position])

    def read_string(self):
        text = self.read_bytes(self.read_number("I"))
        assert text.endswith(b"\0")
        return text[:-1].decode()

    def read_boolean(self):
        value = self.read_number("B")
        assert value in (0, 1)
        return bool(value)


def parse(serialized: bytes) -> PointCloud2:
    """Reads a whole message. Requires that nothing is missing and nothing but padding is left."""
    reader = _CdrReader(serialized)
    stamp_ns = reader.read_number("i") * 10**9 + reader.read_number("I")
    frame_id = reader.read_string()
    height, width = reader.read_number("I"), reader.read_number("I")
    fields = [
        (reader.read_string(), reader.read_number("I"), reader.read_number("B"), reader.read_number("I"))
        for _ in range(reader.read_number("I"))
    ]
    cloud = PointCloud2(
        stamp_ns=stamp_ns,
        frame_id=frame_id,
        height=height,
        width=width,
        fields=fields,
        is_bigendian=reader.read_boolean(),
        point_step=reader.read_number("I"),
        row_step=reader.read_number("I"),
        data=reader.read_bytes(reader.read_number("I")),
        is_dense=reader.read_boolean(),
    )
    rest = reader.body[reader.position :]
    assert len(rest) < 4 and not any(rest), f"{len(rest)} bytes too many"
    return cloud


def number_of(cloud: PointCloud2) -> float:
    """Returns the number that `points_encoder.numbered_cloud` stored in the cloud."""
    return struct.unpack_from("<f", cloud.data)[0]
