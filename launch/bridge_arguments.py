"""The arguments of bridge.launch.py: names, defaults, and the values each may have.

Plain Python: `launch` and ROS are not needed to check a command line.
"""

import difflib
import math
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# Environment variables that choose the transports of Fast DDS. A profile would replace that choice.
TRANSPORT_VARIABLES = [
    "FASTRTPS_DEFAULT_PROFILES_FILE",
    "FASTDDS_DEFAULT_PROFILES_FILE",
    "FASTDDS_BUILTIN_TRANSPORTS",
]
# ROS names end at 255 letters; the longest name of the node, that of a service, must still fit behind a namespace.
NAMESPACE_LIMIT = 200
LONGEST_SPLIT = 365 * 24 * 3600
PRESETS = ["none", "fastwrite", "zstd_fast", "zstd_small"]
LOG_LEVELS = ["debug", "info", "warn", "error"]
# Each pair of words as people write them.
SWITCH = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


class Refused(ValueError):
    """An argument that cannot be used, in one line for the operator."""


@dataclass(frozen=True)
class Argument:
    """A launch argument. `check` turns its text into a value, or raises ValueError with the reason."""

    name: str
    default: str
    description: str
    check: Callable[[str], Any]


def arguments(config: Path, environment: Mapping[str, str]) -> list[Argument]:
    """All arguments. `config` is the folder with the shipped files."""
    return [
        Argument("host", "", "Address of the SENSR machine, or a site of hosts_file. Empty: as params_file says.", str),
        Argument("namespace", "", "Namespace of node and topics, such as one per site.", namespace),
        Argument("params_file", str(config / "sensr_bridge.yaml"), "The parameters.", existing_file),
        Argument("hosts_file", "", "Named sites. Empty: as params_file says.", later_file),
        Argument("record", "false", "Record this bridge's topics with ros2 bag record: true or false.", switch),
        Argument(
            "bag_dir",
            "bags",
            "Folder for recordings. Each gets a folder of its own in it, named after the namespace and the time it "
            "began.",
            absolute_path,
        ),
        Argument(
            "bag_duration", "600", "Seconds after which the recording goes on in the next file. 0: never.", seconds
        ),
        Argument(
            "storage_preset",
            "none",
            f"MCAP preset: zstd_* compress, fastwrite leaves out the index. One of {', '.join(PRESETS)}.",
            one_of(PRESETS),
        ),
        Argument("rviz", "false", "Show clouds, objects and zones in rviz2: true or false.", switch),
        Argument(
            "dds_profile",
            default_dds_profile(config, environment),
            "Fast DDS profile of the bridge. none: as the environment says.",
            profile,
        ),
        Argument(
            "sim",
            "false",
            "Start the SENSR simulator on this machine and connect to it: true or false.",
            switch,
        ),
        Argument("log_level", "info", f"Log level of the bridge. One of {', '.join(LOG_LEVELS)}.", one_of(LOG_LEVELS)),
    ]


def parse(known: Iterable[Argument], given: Mapping[str, str]) -> SimpleNamespace:
    """Checks all arguments. Raises `Refused` for the first that cannot be used, before anything is started."""
    options = SimpleNamespace()
    for argument in known:
        try:
            setattr(options, argument.name, argument.check(given[argument.name]))
        except ValueError as error:
            raise Refused(f"{argument.name}: {error}") from None
    if options.record:
        try:
            make_writable(options.bag_dir)
        except OSError as error:
            raise Refused(f"bag_dir: cannot write to {options.bag_dir}: {error.strerror}") from None
    return options


def misspelt(known: Iterable[Argument], names: Iterable[str]) -> dict[str, str]:
    """Names that `ros2 launch` takes without a word though no argument has them, each with the one it resembles."""
    own = [argument.name for argument in known]
    near = {name: difflib.get_close_matches(name, own, n=1, cutoff=0.75) for name in names if name not in own}
    return {name: match[0] for name, match in near.items() if match}


def default_dds_profile(config: Path, environment: Mapping[str, str]) -> str:
    """The shipped profile, unless the environment has chosen the transports."""
    chosen = any(environment.get(name) for name in TRANSPORT_VARIABLES)
    # Nodes are kept to this machine by the transports in Humble, and by discovery later.
    kept_here = environment.get("ROS_DISTRO") == "humble" and environment.get("ROS_LOCALHOST_ONLY") == "1"
    return "none" if chosen or kept_here else str(config / "fastdds_shm.xml")


def switch(text: str) -> bool:
    """On or off, as people write it."""
    try:
        return SWITCH[text.strip().lower()]
    except KeyError:
        raise ValueError(f"true or false, got {shown(text)}") from None


def one_of(words: list[str]) -> Callable[[str], str]:
    """A check for one of some words, in any case."""

    def check(text: str) -> str:
        word = text.strip().lower()
        if word not in words:
            raise ValueError(f"one of {', '.join(words)}, got {shown(text)}")
        return word

    return check


def seconds(text: str) -> int:
    """Whole seconds: the recorder takes no others."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (0 <= number <= LONGEST_SPLIT and number.is_integer()):
        raise ValueError(f"whole seconds from 0 (never) to {LONGEST_SPLIT} (a year), got {shown(text)}")
    return int(number)


def namespace(text: str) -> str:
    """A ROS namespace, with a slash in front only if it had one. Empty: none."""
    name = text.strip("/")
    if name and not re.fullmatch(r"[A-Za-z_]\w*(/[A-Za-z_]\w*)*", name, re.ASCII):
        raise ValueError(
            "letters, digits and underscores, not beginning with a digit, in parts separated by slashes; "
            f"got {shown(text)}"
        )
    if len(name) > NAMESPACE_LIMIT:
        raise ValueError(f"at most {NAMESPACE_LIMIT} letters, got {len(name)}")
    return f"/{name}" if name and text.startswith("/") else name


def absolute_path(text: str) -> Path:
    """A path with `~` expanded, from the working directory. Links stay: what they lead to may change."""
    try:
        return Path(os.path.abspath(Path(text).expanduser()))
    except RuntimeError:
        raise ValueError(f"there is no such user or home directory: {shown(text)}") from None


def existing_file(text: str) -> Path:
    """A file that can be read now."""
    path = absolute_path(text)
    if path.is_dir():
        raise ValueError(f"{path} is a folder, not a file")
    try:
        path.open("rb").close()
    except FileNotFoundError:
        raise ValueError(f"there is no file {path}") from None
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    return path


def later_file(text: str) -> Path | None:
    """A file that may come later, such as on a share that is not mounted yet: the bridge waits for it."""
    if not text:
        return None
    path = absolute_path(text)
    if path.is_dir():
        raise ValueError(f"{path} is a folder, not a file")
    return path


def profile(text: str) -> Path | None:
    """A file, or a word for none: on the command line of `ros2 launch` nothing can be empty."""
    return None if text.strip().lower() in ("none", "") else existing_file(text)


def make_writable(folder: Path) -> None:
    """Makes a folder, and sees that files can be made in it. Permissions do not tell: the disk may be read-only."""
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()


def shown(text: str) -> str:
    """A text from the command line as one line of a log."""
    return text if text.isprintable() and text else repr(text)
