"""The command line of `ros2 bag record` for the topics of one bridge, and what it is to ask for.

Plain Python: neither `launch` nor ROS is needed to make one. Namespaces are absolute, `/` for none.
"""

from pathlib import Path

# What the bridge publishes, relative to its namespace (those that begin with a slash are every node's), and how
# many messages of each the recorder lets wait. Of itself it takes reliability and durability from what is offered
# but 10 messages whatever the topic, and what comes while these wait pushes the oldest out without a word. It must
# hold out for as long as it does not take messages: at each split the rest of its cache, 100 MiB, goes to the disk
# first. A place costs memory only once a message has been in it.
TOPICS = {
    # Two seconds at 10 Hz. At 131,072 points each topic then holds up to 42 MB.
    "points/raw": 20,
    "points/ground": 20,
    "points/background": 20,
    "points/objects": 20,
    # The frames of both links.
    "wire": 40,
    "objects": 100,
    "markers/objects": 100,
    "markers/zones": 100,
    # Every one counts, and they come in bursts, for a crowd a thousand within a second. Fast DDS keeps no more
    # than 5000 unless its profile says so.
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
    """The full name of a topic."""
    return topic if topic.startswith("/") else f"{namespace.rstrip('/')}/{topic}"


def qos(namespace: str, adaptive: bool) -> dict:
    """Quality of service to ask for, by topic: what the recorder would have asked for, with the depths above.

    `adaptive` tells that the recorder can ask for the most that is offered. If it cannot, clouds are left to it: a
    recorder that asks for RELIABLE gets none from a bridge with qos.reliability: best_effort.
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


def command(namespace: str, folder: Path, qos_file: Path, *, duration: int, preset: str) -> list[str]:
    """The command line. `duration` is in seconds to a file, 0 for one file; `preset` is one of MCAP or `none`."""
    words = ["ros2", "bag", "record", "--storage", "mcap", "--output", str(folder)]
    if duration:
        words += ["--max-bag-duration", str(duration)]
    if preset != "none":
        words += ["--storage-preset-profile", preset]
    # A pattern, for the topics need not exist yet when the recorder starts.
    names = "|".join(absolute(topic, namespace) for topic in TOPICS)
    return [*words, "--regex", f"^({names})$", "--qos-profile-overrides-path", str(qos_file)]
