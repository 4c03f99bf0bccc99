"""PCD files, read and written without code of the package."""

from pathlib import Path

import numpy

HEADER = """# .PCD v0.7 - Point Cloud Data file format
VERSION 0.7
FIELDS x y z intensity
SIZE 4 4 4 4
TYPE F F F F
COUNT 1 1 1 1
WIDTH {points}
HEIGHT 1
VIEWPOINT 0 0 0 1 0 0 0
POINTS {points}
DATA binary
"""


def read_points(path):
    """Reads x y z intensity of a binary PCD as an array of shape (points, 4), bit for bit."""
    content = Path(path).read_bytes()
    entries = {}
    position = 0
    while "DATA" not in entries:
        end = content.index(b"\n", position)
        words = content[position:end].decode("ascii").split()
        position = end + 1
        if words and not words[0].startswith("#"):
            entries[words[0]] = words[1:]
    assert entries["DATA"] == ["binary"]
    assert entries["FIELDS"] == ["x", "y", "z", "intensity"]
    assert entries["SIZE"] == ["4"] * 4 and entries["TYPE"] == ["F"] * 4
    points = int(entries["POINTS"][0])
    return numpy.frombuffer(content, "<f4", points * 4, position).reshape(points, 4)


def write_points(path, points):
    """Writes an array of shape (points, 4) as a binary PCD."""
    array = numpy.asarray(points, "<f4")
    Path(path).write_bytes(HEADER.format(points=len(array)).encode() + array.tobytes())
