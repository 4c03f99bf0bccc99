"""Definitions of message types as MCAP holds them (schema encoding `ros2msg`)."""

import re
from pathlib import Path

from ament_index_python.packages import get_package_share_directory

_PRIMITIVE = re.compile(r"bool|byte|char|float(32|64)|u?int(8|16|32|64)|w?string")
#: Start of the line of a field or a constant: its type without bounds.
_TYPE = re.compile(r"^\s*([A-Za-z][\w/]*)(?:<=\d+)?(?:\[[^\]]*\])?\s+[A-Za-z]")
_SEPARATOR = "=" * 80


def full_definition(kind):
    """Returns the text of a type such as `std_msgs/msg/Header`, followed by those of all types in it.

    Raises an `OSError` or a `LookupError` if the definition of one of them is not installed.
    """
    package, _, name = kind.split("/")
    order = [(package, name)]
    texts = []
    for package, name in order:
        text = Path(get_package_share_directory(package), "msg", f"{name}.msg").read_text()
        texts.append(text if not texts else f"\n{_SEPARATOR}\nMSG: {package}/{name}\n{text}")
        order += [found for found in _types_in(text, package) if found not in order]
    return "".join(texts)


def _types_in(text, package):
    """Returns package and name of each type that a definition uses, once, in order."""
    found = {}
    for line in text.splitlines():
        match = _TYPE.match(line.partition("#")[0])
        if match and not _PRIMITIVE.fullmatch(match[1]):
            *packages, name = match[1].split("/")
            found[packages[0] if packages else package, name] = None
    return list(found)
