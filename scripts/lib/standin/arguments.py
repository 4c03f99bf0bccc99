"""Command line of the stand-in: the options of `ros2 bag record` that sensr_recorder uses."""

import argparse
import re
from pathlib import Path

PRESETS = ("none", "fastwrite", "zstd_fast", "zstd_small")


def parse_arguments(hidden):
    """Parses the command line. Ends the process with code 2 if it is invalid.

    `hidden` are long names of options that this run does not have, as an older recorder would not.
    """
    parser = argparse.ArgumentParser(
        prog="ros2 bag record", description="Record ROS data to a bag", allow_abbrev=False, add_help=True
    )
    for names, options in _OPTIONS:
        if names[-1] not in hidden:
            parser.add_argument(*names, **options)
        else:
            parser.set_defaults(**{names[-1].lstrip("-").replace("-", "_"): options.get("default")})
    if "--exclude-regex" in hidden:
        # Its name before Jazzy.
        parser.add_argument("-x", "--exclude", dest="exclude_regex", type=_expression, help="Exclude topics.")
    given = parser.parse_args()
    if not given.topics and not given.regex:
        parser.error("Need to specify at least one option out of --topics or --regex")
    if given.exclude_regex and not given.regex:
        parser.error("--exclude-regex argument requires --regex")
    return given


def is_wanted(given, topic):
    """Returns whether a topic is to be recorded. Like the stock recorder it searches for the expressions."""
    if given.topics and topic in given.topics:
        return True
    if not given.regex or not given.regex.search(topic):
        return False
    return not (given.exclude_regex and given.exclude_regex.search(topic))


def _expression(text):
    try:
        return re.compile(text)
    except re.error as problem:
        raise argparse.ArgumentTypeError(f"invalid regular expression {text!r}: {problem}") from problem


def _file(text):
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"can't open '{text}'")
    return path


def _count(text):
    value = int(text)
    if value < 0:
        raise ValueError
    return value


def _pair(text):
    key, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value


#: Names of each option, the long one last, and the arguments of `add_argument`.
_OPTIONS = (
    (
        ("-o", "--output"),
        {"type": Path, "required": True, "help": "Destination of the bagfile to create."},
    ),
    (
        ("-s", "--storage"),
        {"choices": ["mcap"], "default": "mcap", "help": "Storage identifier to be used, defaults to 'mcap'."},
    ),
    (
        ("--topics",),
        {"nargs": "+", "metavar": "Topic", "default": [], "help": "Space-delimited list of topics to record."},
    ),
    (
        ("-e", "--regex"),
        {"type": _expression, "help": "Record only topics containing provided regular expression."},
    ),
    (
        ("--exclude-regex",),
        {
            "type": _expression,
            "help": "Exclude topics containing provided regular expression. Works on top of --regex.",
        },
    ),
    (
        ("-p", "--polling-interval"),
        {"type": _count, "default": 100, "help": "Time in ms to wait between querying available topics."},
    ),
    (
        ("--qos-profile-overrides-path",),
        {"type": _file, "help": "Path to a yaml file defining overrides of the QoS profile for specific topics."},
    ),
    (
        ("-b", "--max-bag-size"),
        {"type": _count, "default": 0, "help": "Maximum size in bytes before the bagfile will be split. Default: 0."},
    ),
    (
        ("-d", "--max-bag-duration"),
        {
            "type": _count,
            "default": 0,
            "help": "Maximum duration in seconds before the bagfile will be split. Default: 0.",
        },
    ),
    (
        ("--max-cache-size",),
        {
            "type": _count,
            "default": 100 * 1024 * 1024,
            "help": "Maximum size (in bytes) of messages to hold in each buffer of cache. Default: 104857600.",
        },
    ),
    (
        ("--disable-keyboard-controls",),
        {"action": "store_true", "default": False, "help": "disables keyboard controls for recorder"},
    ),
    (
        ("--node-name",),
        {"default": "rosbag2_recorder", "help": "Specify the recorder node name. Default is rosbag2_recorder."},
    ),
    (
        ("--custom-data",),
        {
            "nargs": "*",
            "type": _pair,
            "metavar": "KEY=VALUE",
            "default": [],
            "help": "Space-delimited list of key=value pairs. Store the custom data in metadata.",
        },
    ),
    (
        ("--storage-config-file",),
        {"type": _file, "help": "Path to a yaml file defining storage specific configurations."},
    ),
    (
        ("--storage-preset-profile",),
        {
            "choices": PRESETS,
            "default": "none",
            "help": 'Select a preset configuration for storage plugin "mcap".',
        },
    ),
)
