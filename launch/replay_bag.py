"""Recordings for replay.launch.py: what the player and rviz2 need to know of them, and the command of the player.

This module needs neither `launch` nor ROS.
"""

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

METADATA = "metadata.yaml"
# Names of QoS policies by their numbers in rmw/types.h, with which bags up to Iron write them.
RELIABILITY = {1: "reliable", 2: "best_effort"}
DURABILITY = {1: "transient_local", 2: "volatile"}
HISTORY = {1: "keep_last", 2: "keep_all"}
# Topics of a bridge whose latest messages late subscribers get, and those of ROS. Used for a bag that does not tell.
LATCHED = [
    "zones",
    "health",
    "server_status",
    "markers/zones",
    "origin",
    "recording",
    "objects/label_info",
    "tf_static",
]
# Depths of the publishers of a bridge that are above the least one. Recordings since Jazzy tell no depth.
DEPTHS = {"events/zone": 5000, "events/losing": 5000, "events/recalibration": 5000, "wire": 20}
LEAST_DEPTH = 10
# Rate of /clock, as displays are drawn at 30 Hz.
CLOCK_HZ = 100
# Longest time for reading the beginning of a recording, on a slow disk.
FRAMES_TIMEOUT = 60.0
# Time for subscribers to discover the player before the first message, seconds.
DELAY_S = 1.0
# Text of the player after a failure, with which its exit code is 0.
FAILURE = "Failed to play"
# Time for subscribers to take the last messages, milliseconds.
ACKNOWLEDGE_MS = 2000


class ReplayError(ValueError):
    """Recording that cannot be played; the message is one line for the operator."""


@dataclass(frozen=True)
class Offer:
    """Quality of service for a topic that is played."""

    history: str
    depth: int
    reliability: str
    durability: str


def read_offers(bag: Path) -> dict[str, Offer]:
    """Returns the quality of service of each topic of a bag."""
    if bag.is_file():
        bag = bag.parent if (bag.parent / METADATA).is_file() else bag
    if not bag.is_dir():
        raise ReplayError(f"bag: {bag} is no folder of a recording")
    file = bag / METADATA
    if not file.is_file():
        bags = sorted(folder.name for folder in bag.iterdir() if (folder / METADATA).is_file())
        if bags:
            named = ", ".join(bags[:10]) + (f" or {len(bags) - 10} more" if len(bags) > 10 else "")
            raise ReplayError(f"bag: {bag} is a folder of recordings, give one of {named}")
        raise ReplayError(
            f"bag: {bag} has no {METADATA}: the recorder was killed, or is still recording; "
            f"`ros2 bag reindex -s mcap {bag}` writes it"
        )
    try:
        information = yaml.safe_load(file.read_text(encoding="utf-8"))["rosbag2_bagfile_information"]
        topics = [entry["topic_metadata"] for entry in information["topics_with_message_count"]]
        return {topic["name"]: merge(topic["name"], profiles_of(topic)) for topic in topics}
    except (OSError, UnicodeError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise ReplayError(
            f"bag: {file} cannot be read ({reason}): `ros2 bag reindex -s mcap {bag}` writes it again"
        ) from None


def profiles_of(topic: dict) -> list[dict]:
    """Returns the profiles that the publishers of a topic offered: YAML since Jazzy, before a text of YAML."""
    offered = topic.get("offered_qos_profiles") or []
    if isinstance(offered, str):
        offered = yaml.safe_load(offered) or []
    return [profile for profile in offered if isinstance(profile, dict)]


def merge(name: str, profiles: list[dict]) -> Offer:
    """Returns one profile that every subscriber of the recorded publishers can use again."""

    def policies(policy, names):
        return [names.get(profile.get(policy), profile.get(policy)) for profile in profiles]

    def find(topics):
        return next((topic for topic in topics if name == f"/{topic}" or name.endswith(f"/{topic}")), None)

    is_latched = find(LATCHED) is not None
    if profiles:
        is_latched = "transient_local" in policies("durability", DURABILITY)
    told = [profile["depth"] for profile in profiles if isinstance(profile.get("depth"), int)]
    depth = max([*told, DEPTHS.get(find(DEPTHS), LEAST_DEPTH)])
    return Offer(
        history="keep_all" if "keep_all" in policies("history", HISTORY) else "keep_last",
        depth=depth,
        reliability="best_effort" if "best_effort" in policies("reliability", RELIABILITY) else "reliable",
        durability="transient_local" if is_latched else "volatile",
    )


def overrides(offers: dict[str, Offer]) -> str:
    """Returns the file for `--qos-profile-overrides-path`."""
    return yaml.safe_dump({name: vars(offer) for name, offer in offers.items()}, allow_unicode=True)


def read_frames(sensr_bag: Path, bag: Path) -> dict[str, dict]:
    """Returns the coordinate frames of each bridge in a recording by its namespace, `/` for none."""
    try:
        result = subprocess.run(
            [str(sensr_bag), "frames", str(bag), "--json", "--quiet"],
            capture_output=True,
            encoding="utf-8",
            timeout=FRAMES_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ReplayError(f"bag: {error}") from None
    if result.returncode != 0:
        lines = result.stderr.strip().splitlines() or ["no reason given"]
        raise ReplayError(f"bag: {lines[-1].removeprefix('sensr_bag: error: ')}")
    return json.loads(result.stdout)


def choose_bridge(frames: dict[str, dict], wanted: str | None) -> str:
    """Returns the namespace of the bridge to show."""
    if wanted is not None:
        absolute = "/" + wanted.strip("/")
        if absolute not in frames:
            raise ReplayError(f"namespace: the recording has no bridge in {absolute}, but in {', '.join(frames)}")
        return absolute
    if len(frames) > 1:
        raise ReplayError(f"namespace: the recording has several bridges, choose one of {', '.join(frames)}")
    return next(iter(frames))


def topics_of(offers: Iterable[str], namespace: str, others: Iterable[str]) -> list[str]:
    """Returns the topics of one bridge: those in its namespace, and global ones that belong to no other bridge."""

    def is_within(topic, space):
        return space == "/" or topic.startswith(f"{space}/")

    others = [space for space in others if space not in ("/", namespace)]
    inner = [space for space in others if space.startswith(namespace.rstrip("/") + "/")]
    return [
        topic
        for topic in offers
        if (is_within(topic, namespace) and not any(is_within(topic, space) for space in inner))
        or not any(is_within(topic, space) for space in [*others, namespace])
    ]


def player_command(
    bag: Path,
    *,
    offers: dict[str, Offer],
    overrides_file: Path,
    help_text: str,
    rate: float = 1.0,
    loop: bool = False,
    start_offset: float = 0.0,
    topics: list[str] | None = None,
) -> list[str]:
    """Returns the command of the stock player.

    `help_text` is that of `ros2 bag play`: options that older ones lack, and that only help, are left out.
    """
    command = ["ros2", "bag", "play", str(bag), "--clock", str(CLOCK_HZ), "--rate", str(rate)]
    command += ["--delay", str(DELAY_S), "--qos-profile-overrides-path", str(overrides_file)]
    if loop:
        command.append("--loop")
    if start_offset:
        command += ["--start-offset", str(start_offset)]
    # Otherwise the player logs a line for each topic.
    helpful = [["--disable-keyboard-controls"], ["--log-level", "warn"]]
    if all(offer.reliability == "reliable" for offer in offers.values()):
        helpful.append(["--wait-for-all-acked", str(ACKNOWLEDGE_MS)])
    for words in helpful:
        if words[0] in help_text:
            command += words
    if topics is not None:
        command += ["--topics", *topics]
    return command
