"""PCD files, read without code of the package."""

from pathlib import Path

import numpy


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
