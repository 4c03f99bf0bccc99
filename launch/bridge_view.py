"""The rviz2 configuration of one bridge: the shipped one with its frame, its topics and their reliability.

Plain Python: neither `launch` nor rviz2 is needed to make one.
"""

import copy

CLOUDS = "rviz_default_plugins/PointCloud2"
FRAMES = "rviz_default_plugins/TF"


def view(
    shipped: dict, *, namespace: str, frame: str, unnamed: str, reliable: bool
) -> tuple[dict, list[tuple[str, str]]]:
    """The configuration for a bridge, and the remappings that rviz2 needs with it.

    `namespace` is absolute, `/` for none. `unnamed` is the frame at the same place as `frame`: its name would stand on
    top of the other. `reliable` tells the clouds' `qos.reliability`.
    """
    config = copy.deepcopy(shipped)
    manager = config["Visualization Manager"]
    manager["Global Options"]["Fixed Frame"] = frame
    remappings = []
    for display in manager["Displays"]:
        if display["Class"] == FRAMES:
            display["Frames"] = {"All Enabled": True, frame: {"Value": True}, unnamed: {"Value": False}}
            display["Show Names"] = True
        if "Topic" not in display:
            continue
        request = display["Topic"]
        topic = namespace.rstrip("/") + request["Value"]
        request["Value"] = alias(topic)
        if request["Value"] != topic:
            remappings.append((request["Value"], topic))
        # A subscription that asks for reliable delivery gets nothing from a publisher that does not offer it.
        if display["Class"] == CLOUDS and not reliable:
            request["Reliability Policy"] = "Best Effort"
    return config, remappings


def alias(topic: str) -> str:
    """A name that rviz2 does not warn of: it takes `raw` at the end for a transport of point_cloud_transport."""
    parent, _, last = topic.rpartition("/")
    return f"{parent}_{last}" if last == "raw" and parent else topic
