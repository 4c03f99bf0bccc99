"""Arguments of bridge.launch.py: names, defaults and valid values.

This module needs neither `launch` nor ROS.
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

# Environment variables that choose the transports of Fast DDS. A profile would override them.
TRANSPORT_VARIABLES = [
    "FASTRTPS_DEFAULT_PROFILES_FILE",
    "FASTDDS_DEFAULT_PROFILES_FILE",
    "FASTDDS_BUILTIN_TRANSPORTS",
]
# ROS names have at most 255 characters, and the longest service name of the node is appended to the namespace.
NAMESPACE_LIMIT = 200
# Ranges of the recorder's parameters, which are in config/sensr_recorder.yaml too.
LONGEST_SPLIT = 7 * 24 * 3600
SMALLEST_SPLIT = 1 << 20
LARGEST_SIZE = 1 << 50
MOST_SPLITS = 1_000_000
# Units of sizes, in lower case.
UNITS = {
    "": 1,
    "b": 1,
    **{f"{letter}{unit}": 1000**power for power, letter in enumerate("kmgt", 1) for unit in ("", "b")},
    **{f"{letter}i{unit}": 1024**power for power, letter in enumerate("kmgt", 1) for unit in ("", "b")},
}
PRESETS = ["none", "fastwrite", "zstd_fast", "zstd_small"]
LOG_LEVELS = ["debug", "info", "warn", "error"]
# Shipped Fast DDS profiles of the bridge by their names as a launch argument.
DDS_PROFILES = {"machine": "fastdds_machine.xml", "network": "fastdds_shm.xml"}
# Profile of all other nodes if the bridge has that of `machine`, without which they do not discover it.
SUBSCRIBER_PROFILE = "fastdds_machine_subscriber.xml"
# Accepted spellings of booleans.
SWITCH = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


class ArgumentError(ValueError):
    """Invalid argument; the message is one line for the operator."""


@dataclass(frozen=True)
class Argument:
    """Launch argument. `parse` converts its text to a value, or raises ValueError with the reason."""

    name: str
    default: str
    description: str
    parse: Callable[[str], Any]


def all_arguments(config: Path, environment: Mapping[str, str]) -> list[Argument]:
    """Returns all arguments. `config` is the folder with the shipped files."""
    return [
        Argument("host", "", "Address of the SENSR server, or a site of hosts_file. Empty: as in params_file.", str),
        Argument("namespace", "", "Namespace of node and topics, for example one per site.", parse_namespace),
        Argument(
            "params_file",
            str(config / "sensr_bridge.yaml"),
            "File with the parameters of the bridge.",
            parse_existing_file,
        ),
        Argument("hosts_file", "", "File with named sites. Empty: as in params_file.", parse_future_file),
        Argument("record", "false", "Record this bridge's topics with sensr_recorder: true or false.", parse_switch),
        Argument(
            "recorder_params_file",
            str(config / "sensr_recorder.yaml"),
            "File with the parameters of sensr_recorder. The arguments bag_* and storage_preset override it.",
            parse_existing_file,
        ),
        Argument(
            "bag_dir",
            "",
            "Folder for recordings. Each is in a folder of its own, named after the namespace and the time of its "
            "start. Empty: as in recorder_params_file.",
            optional(parse_path),
        ),
        Argument(
            "bag_duration",
            "",
            "Longest duration of a split in seconds. 0: unlimited. Empty: as in recorder_params_file.",
            optional(parse_seconds),
        ),
        Argument(
            "bag_size",
            "",
            "Largest size of a split: bytes, or a number with a unit, such as 500MB or 2GiB. 0: unlimited. Empty: as "
            "in recorder_params_file.",
            optional(size_parser(smallest=SMALLEST_SPLIT)),
        ),
        Argument(
            "bag_keep",
            "",
            "Number of closed splits to keep, the oldest are deleted. 0: all. Empty: as in recorder_params_file.",
            optional(parse_count),
        ),
        Argument(
            "bag_min_free",
            "",
            "Floor of free disk space, written like bag_size: below it the oldest splits are deleted, then the "
            "recording pauses. min_free_percent applies too. Empty: as in recorder_params_file.",
            optional(size_parser()),
        ),
        Argument(
            "storage_preset",
            "",
            f"MCAP preset: zstd_* compress, fastwrite writes no index. One of {', '.join(PRESETS)}. Empty: as in "
            "recorder_params_file.",
            optional(choice_parser(PRESETS)),
        ),
        Argument("rviz", "false", "Show clouds, objects and zones in rviz2: true or false.", parse_switch),
        Argument(
            "fixed_frame",
            "",
            "Fixed frame of rviz2, such as map or earth. Empty: the frame of the messages.",
            optional(parse_frame),
        ),
        Argument(
            "dds_profile",
            default_dds_profile(environment),
            "Fast DDS profile of the bridge: network (much shared memory, and the network), machine (shared memory; "
            "other nodes need a profile too, which recorder and rviz2 get), none (as in the environment), or a file.",
            profile_parser(config),
        ),
        Argument(
            "sim",
            "false",
            "Start the SENSR simulator on this machine and connect to it: true or false.",
            parse_switch,
        ),
        Argument(
            "check",
            "false",
            "Run sensr_check first, with the same parameters. Its warnings are logged; after a failure nothing is "
            "started: true or false.",
            parse_switch,
        ),
        Argument(
            "log_level",
            "info",
            f"Log level of bridge and recorder. One of {', '.join(LOG_LEVELS)}.",
            choice_parser(LOG_LEVELS),
        ),
    ]


def parse_values(known: Iterable[Argument], given: Mapping[str, str]) -> SimpleNamespace:
    """Parses each argument by itself. Raises `ArgumentError` for the first invalid one."""
    options = SimpleNamespace()
    for argument in known:
        try:
            setattr(options, argument.name, argument.parse(given[argument.name]))
        except ValueError as error:
            raise ArgumentError(f"{argument.name}: {error}") from None
    options.subscriber_dds_profile = subscriber_profile(options.dds_profile)
    return options


def parse_arguments(known: Iterable[Argument], given: Mapping[str, str]) -> SimpleNamespace:
    """Parses all arguments of bridge.launch.py. Raises `ArgumentError` for the first invalid one."""
    options = parse_values(known, given)
    if options.check and options.sim:
        raise ArgumentError("check: sim starts the simulator only afterwards, so that it cannot be examined")
    if options.record and options.bag_dir:
        try:
            create_writable_folder(options.bag_dir)
        except OSError as error:
            raise ArgumentError(f"bag_dir: cannot write to {options.bag_dir}: {error.strerror}") from None
    return options


def recorder_parameters(options: SimpleNamespace) -> dict[str, str | int | float]:
    """Returns the parameters of sensr_recorder that the arguments override."""
    parameters = {
        "output_dir": None if options.bag_dir is None else str(options.bag_dir),
        "split_duration": None if options.bag_duration is None else float(options.bag_duration),
        "split_size": options.bag_size,
        "keep_splits": options.bag_keep,
        "min_free_bytes": options.bag_min_free,
        "storage_preset": options.storage_preset,
    }
    return {name: value for name, value in parameters.items() if value is not None}


def find_misspelt(known: Iterable[Argument], names: Iterable[str]) -> dict[str, str]:
    """Returns unknown names, which `ros2 launch` ignores silently, with the argument that each resembles."""
    own = [argument.name for argument in known]
    near = {name: difflib.get_close_matches(name, own, n=1, cutoff=0.75) for name in names if name not in own}
    return {name: match[0] for name, match in near.items() if match}


def default_dds_profile(environment: Mapping[str, str]) -> str:
    """Returns `network`, or `none` if the environment chooses the transports."""
    chosen = any(environment.get(name) for name in TRANSPORT_VARIABLES)
    # Humble restricts nodes to this machine by the choice of transports, later distributions by discovery.
    is_local_only = environment.get("ROS_DISTRO") == "humble" and environment.get("ROS_LOCALHOST_ONLY") == "1"
    return "none" if chosen or is_local_only else "network"


def subscriber_profile(profile: Path | None) -> Path | None:
    """Returns the profile that other nodes need to discover a bridge with this one. `None` if they need none."""
    is_for_this_machine = profile is not None and profile.name == DDS_PROFILES["machine"]
    needed = profile.with_name(SUBSCRIBER_PROFILE) if is_for_this_machine else None
    return needed if needed and needed.is_file() else None


def parse_switch(text: str) -> bool:
    """Parses a boolean in any of the usual spellings."""
    try:
        return SWITCH[text.strip().lower()]
    except KeyError:
        raise ValueError(f"true or false, got {to_printable(text)}") from None


def choice_parser(words: list[str]) -> Callable[[str], str]:
    """Returns a parser for one of the given words, in any case."""

    def parse_choice(text: str) -> str:
        word = text.strip().lower()
        if word not in words:
            raise ValueError(f"one of {', '.join(words)}, got {to_printable(text)}")
        return word

    return parse_choice


def optional(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Returns a parser that gives None for an empty text."""

    def parse_optional(text: str) -> Any:
        return parse(text) if text.strip() else None

    return parse_optional


def parse_seconds(text: str) -> int:
    """Parses whole seconds; the stock recorder does not accept fractions."""
    number = parse_number(text)
    if not (0 <= number <= LONGEST_SPLIT and number.is_integer()):
        raise ValueError(f"whole seconds from 0 (unlimited) to {LONGEST_SPLIT} (a week), got {to_printable(text)}")
    return int(number)


def parse_count(text: str) -> int:
    """Parses a number of splits."""
    number = parse_number(text)
    if not (0 <= number <= MOST_SPLITS and number.is_integer()):
        raise ValueError(f"a whole number from 0 (all) to {MOST_SPLITS}, got {to_printable(text)}")
    return int(number)


def size_parser(smallest: int = 0) -> Callable[[str], int]:
    """Returns a parser for 0 and sizes in bytes from `smallest`, written with or without a unit."""

    def parse_size(text: str) -> int:
        match = re.fullmatch(r"([\d.]+|[\d.]+e\+?\d+)\s*([a-z]*)", text.strip().lower(), re.ASCII)
        factor = UNITS.get(match[2]) if match else None
        size = parse_number(match[1]) * factor if factor else math.nan
        if not (0 <= size <= LARGEST_SIZE):
            raise ValueError(
                f"bytes up to {LARGEST_SIZE}, or a number with a unit such as 500MB or 2GiB, got {to_printable(text)}"
            )
        if 0 < size < smallest:
            raise ValueError(f"0 (unlimited) or at least {smallest} bytes, got {to_printable(text)}")
        return int(size)

    return parse_size


def number_parser(smallest: float, largest: float, unit: str) -> Callable[[str], float]:
    """Returns a parser for numbers in a range. `unit` names their unit in errors."""

    def parse_in_range(text: str) -> float:
        number = parse_number(text)
        if not smallest <= number <= largest:
            raise ValueError(f"a number from {smallest:g} to {largest:g}{unit}, got {to_printable(text)}")
        return number

    return parse_in_range


def parse_number(text: str) -> float:
    """Parses a number; anything else is NaN."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def parse_namespace(text: str) -> str:
    """Parses a ROS namespace and keeps a leading slash. Empty for none."""
    name = text.strip("/")
    if name and not re.fullmatch(r"[A-Za-z_]\w*(/[A-Za-z_]\w*)*", name, re.ASCII):
        raise ValueError(
            "letters, digits and underscores, not beginning with a digit, in parts separated by slashes; "
            f"got {to_printable(text)}"
        )
    if len(name) > NAMESPACE_LIMIT:
        raise ValueError(f"at most {NAMESPACE_LIMIT} letters, got {len(name)}")
    return f"/{name}" if name and text.startswith("/") else name


def parse_frame(text: str) -> str:
    """Parses the name of a frame of tf2."""
    if re.search(r"\s", text) or text.startswith("/"):
        raise ValueError(f"a frame has no blanks and no leading slash, got {to_printable(text)}")
    return text


def parse_path(text: str) -> Path:
    """Expands `~` and the working directory. Does not resolve symbolic links, because their targets may change."""
    try:
        return Path(os.path.abspath(Path(text).expanduser()))
    except RuntimeError:
        raise ValueError(f"the user or home directory does not exist: {to_printable(text)}") from None


def parse_existing_file(text: str) -> Path:
    """Parses the path of a readable file."""
    path = parse_path(text)
    if path.is_dir():
        raise ValueError(f"{path} is a folder, not a file")
    try:
        path.open("rb").close()
    except FileNotFoundError:
        raise ValueError(f"there is no file {path}") from None
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    return path


def parse_future_file(text: str) -> Path | None:
    """Parses the path of a file that may not exist yet, as on a network share: the bridge waits for it."""
    if not text:
        return None
    path = parse_path(text)
    if path.is_dir():
        raise ValueError(f"{path} is a folder, not a file")
    return path


def profile_parser(config: Path) -> Callable[[str], Path | None]:
    """Returns a parser for the name of a profile in the folder `config`, the path of a file, or `none`.

    Arguments of `ros2 launch` cannot be empty.
    """

    def parse_profile(text: str) -> Path | None:
        name = text.strip().lower()
        if name in ("none", ""):
            return None
        return parse_existing_file(str(config / DDS_PROFILES[name]) if name in DDS_PROFILES else text)

    return parse_profile


def create_writable_folder(folder: Path) -> None:
    """Creates a folder and a temporary file in it. Permissions alone are no proof: the disk may be read-only."""
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()


def to_printable(text: str) -> str:
    """Returns a text of the command line as one line of a log."""
    return text if text.isprintable() and text else repr(text)
