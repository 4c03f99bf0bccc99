"""Parameters of an executable as its shipped file declares them."""

from pathlib import Path

import yaml
from rcl_interfaces.msg import ParameterType

from support import REPOSITORY

TYPES = {
    bool: ParameterType.PARAMETER_BOOL,
    int: ParameterType.PARAMETER_INTEGER,
    float: ParameterType.PARAMETER_DOUBLE,
    str: ParameterType.PARAMETER_STRING,
}


def shipped_file(name: str) -> Path:
    """Returns the shipped parameter file of an executable."""
    return REPOSITORY / "config" / f"{name}.yaml"


def parameters_in(file: Path) -> dict:
    """Returns the names and values in a shipped parameter file."""
    return _flat(yaml.safe_load(file.read_text())["/**"]["ros__parameters"])


def _flat(tree, prefix=""):
    """Converts nested mappings to dotted names."""
    names = {}
    for name, value in tree.items():
        names |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return names


def require_description(descriptor, name, default, *, is_read_only):
    """Requires that a descriptor has type, text and range of a parameter with this default."""
    assert descriptor.name == name
    assert descriptor.type == TYPES[type(default)]
    assert descriptor.description.endswith("."), name
    assert descriptor.read_only == is_read_only, name
    # The field has had the same name since before Jazzy.
    assert not descriptor.dynamic_typing
    ranges = {bool: [], str: [], int: descriptor.integer_range, float: descriptor.floating_point_range}
    if type(default) in (int, float):
        (allowed,) = ranges[type(default)]
        assert allowed.from_value <= default <= allowed.to_value, name
        assert allowed.step == 0
    else:
        assert not descriptor.integer_range and not descriptor.floating_point_range, name
