"""Command line and QoS overrides of `ros2 bag record` for the topics of one bridge.

This module needs neither `launch` nor ROS. Namespaces are absolute, `/` for none.
"""

from pathlib import Path

# Topics of the bridge, relative to its namespace unless they begin with a slash, and the depths of the recorder's
# subscriptions. By default the recorder adopts the offered reliability and durability but has a depth of 10 for every
# topic, and further messages silently replace the oldest. The depth must bridge the time in which the recorder takes no
# messages: at each split it first writes the rest of its cache, 100 MiB, to the disk. Unused depth costs no memory.
TOPICS = {
    # Two seconds at 10 Hz. At 131,072 points each topic then holds up to 42 MB.
    "points/raw": 20,
    "points/ground": 20,
    "points/background": 20,
    "points/objects": 20,
    # Frames of both links.
    "wire": 40,
    "objects": 100,
    "markers/objects": 100,
    "markers/zones": 100,
    # No event may be lost, and a crowd causes a thousand within a second. Fast DDS keeps at most 5000 samples without
    # a profile.
    "events/zone": 5000,
    "events/losing": 5000,
    "events/recalibration": 5000,
    "zones": 100,
    "health": 100,
    "server_status": 100,
    "statistics": 100,
    "/diagnostics": 1000,
    "/tf_static": 1000,
}
# Published TRANSIENT_LOCAL.
LATCHED = ["zones", "markers/zones", "health", "server_status", "/tf_static"]


def absolute(topic: str, namespace: str) -> str:
    """Returns the full name of a topic."""
    return topic if topic.startswith("/") else f"{namespace.rstrip('/')}/{topic}"


def qos_overrides(namespace: str, adaptive: bool) -> dict:
    """Returns QoS overrides by topic: those that the recorder would choose, with the depths above.

    `adaptive` means that the recorder can request the best available QoS. Otherwise clouds have no override, because a
    request for RELIABLE does not match a bridge with qos.reliability: best_effort.
    """
    profiles = {}
    for topic, depth in TOPICS.items():
        profile = {"history": "keep_last", "depth": depth}
        if adaptive:
            profile |= {"reliability": "best_available", "durability": "best_available"}
        elif not topic.startswith("points/"):
            durability = "transient_local" if topic in LATCHED else "volatile"
            profile |= {"reliability": "reliable", "durability": durability}
        else:
            continue
        profiles[absolute(topic, namespace)] = profile
    return profiles


def record_command(namespace: str, folder: Path, qos_file: Path, *, duration: int, preset: str) -> list[str]:
    """Returns the command line.

    `duration` is the length of a file in seconds, 0 for a single file; `preset` is one of MCAP or `none`.
    """
    words = ["ros2", "bag", "record", "--storage", "mcap", "--output", str(folder)]
    if duration:
        words += ["--max-bag-duration", str(duration)]
    if preset != "none":
        words += ["--storage-preset-profile", preset]
    # A pattern, because the topics may not exist yet when the recorder starts.
    names = "|".join(absolute(topic, namespace) for topic in TOPICS)
    return [*words, "--regex", f"^({names})$", "--qos-profile-overrides-path", str(qos_file)]
