"""Configuration of rviz2 for one bridge: the shipped one with the frame, topics and reliability of the bridge.

This module needs neither `launch` nor rviz2.
"""

import copy

CLOUDS = "rviz_default_plugins/PointCloud2"
FRAMES = "rviz_default_plugins/TF"


def rviz_config(
    shipped: dict, *, namespace: str, frame: str, unnamed: str | None, reliable: bool, fixed_frame: str | None = None
) -> tuple[dict, list[tuple[str, str]]]:
    """Returns the configuration for a bridge and the remappings that rviz2 needs.

    `namespace` is absolute, `/` for none. `frame` is that of the messages, and the fixed frame unless there is another.
    `unnamed` is a frame that coincides with `frame`: its name is hidden, because the two would overlap. `reliable` is
    the reliability of clouds.
    """
    config = copy.deepcopy(shipped)
    manager = config["Visualization Manager"]
    manager["Global Options"]["Fixed Frame"] = fixed_frame or frame
    remappings = []
    for display in manager["Displays"]:
        if display["Class"] == FRAMES:
            hidden = {unnamed: {"Value": False}} if unnamed else {}
            display["Frames"] = {"All Enabled": True, frame: {"Value": True}, **hidden}
            display["Show Names"] = True
        if "Topic" not in display:
            continue
        request = display["Topic"]
        topic = namespace.rstrip("/") + request["Value"]
        request["Value"] = alias(topic)
        if request["Value"] != topic:
            remappings.append((request["Value"], topic))
        # A reliable subscription does not match a best-effort publisher.
        if display["Class"] == CLOUDS and not reliable:
            request["Reliability Policy"] = "Best Effort"
    return config, remappings


def alias(topic: str) -> str:
    """Returns an alias that does not end in `raw`, which rviz2 would take for a transport and warn of."""
    parent, _, last = topic.rpartition("/")
    return f"{parent}_{last}" if last == "raw" and parent else topic
