#!/usr/bin/env python3
"""Summarizes a recording of the bridge and draws one of its clouds with the objects and zones at that time."""

import argparse
import sys
from pathlib import Path

import matplotlib
import numpy as np
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

matplotlib.use("Agg")
from matplotlib import colors as colormaps
from matplotlib import patheffects, pyplot

CLOUD = "sensor_msgs/msg/PointCloud2"
OBJECTS = "sensr_bridge/msg/ObjectArray"
ZONES = "sensr_bridge/msg/ZoneArray"
#: Largest time between a cloud and the objects drawn with it; later ones have moved.
OBJECTS_WITHIN_NS = 200_000_000
#: Names and colors of objects by label. Unknown labels of newer servers use those of 0.
LABELS = {
    0: ("object", "#d8dbe2"),
    1: ("car", "#4cc9f0"),
    2: ("ped.", "#ffd60a"),
    3: ("cycl.", "#80ed99"),
    4: ("misc", "#f78fb3"),
    5: ("ground", "#a98467"),
    6: ("gate", "#c8b6ff"),
}
#: Colors of zones of type TYPE_EVENT and of all others, which only control SENSR.
EVENT_ZONE, OTHER_ZONE = "#ff9f1c", "#8a6d3b"
TYPE_EVENT = 1
BACKGROUND = "#16181d"
INK = "#d8dbe2"
#: Gray colors of the cloud, in contrast to objects and zones.
SHADES = colormaps.LinearSegmentedColormap.from_list("shades", ["#3d4452", "#7d8ba3", "#f4f6fa"])
#: Smallest number of messages for a meaningful rate.
MESSAGES_FOR_RATE = 10
#: Parts of the names of topics without a rate: their messages come in bursts.
IRREGULAR = ("/events/", "/rosout")
#: Smallest distance of drawn points from the camera, in metres.
NEAR = 1.0


#: NumPy types of the datatypes of sensor_msgs/PointField.
FIELD_TYPES = {2: "u1", 5: "<i4", 7: "<f4"}


def points_of(message):
    """Returns the points with finite coordinates as a structured array with the fields of the message."""
    layout = {
        "names": [field.name for field in message.fields],
        "formats": [FIELD_TYPES[field.datatype] for field in message.fields],
        "offsets": [field.offset for field in message.fields],
        "itemsize": message.point_step,
    }
    points = np.frombuffer(message.data, layout)
    return points[np.isfinite(xyz(points)).all(axis=1)]


def xyz(points):
    """Returns the coordinates as an array of shape (points, 3)."""
    return np.column_stack([points[axis] for axis in "xyz"])


def summarize(reader):
    print(f"  {reader.duration / 1e9:.1f} s, {reader.message_count} messages")
    for connection in sorted(reader.connections, key=lambda connection: connection.topic):
        stamps = np.array([time for _, time, _ in reader.messages([connection])]) / 1e9
        text = f"  {connection.topic:24} {connection.msgtype:40} {len(stamps):6} messages"
        if len(stamps) >= MESSAGES_FOR_RATE and not any(part in connection.topic for part in IRREGULAR):
            # The median, because messages held during the start of the recorder arrive all at once.
            text += f", {1 / np.median(np.diff(stamps)):.1f} Hz"
        print(text)


def middle_cloud(reader):
    """Returns the topic with the most points (raw, if recorded) and its cloud in the middle of the recording."""
    connections = [connection for connection in reader.connections if connection.msgtype == CLOUD]
    best = None
    for connection in connections:
        middle = reader.start_time + reader.duration // 2
        for _, _, data in reader.messages([connection], start=middle):
            message = reader.deserialize(data, CLOUD)
            if best is None or message.width > best[1].width:
                best = (connection.topic, message)
            break
    return best


def stamp_ns(message):
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


def nearest(reader, topic, kind, time_ns):
    """Returns the message of a topic nearest to a time, None if the topic has no messages."""
    connections = [one for one in reader.connections if (one.topic, one.msgtype) == (topic, kind)]
    if not connections:
        return None
    messages = (reader.deserialize(data, kind) for _, _, data in reader.messages(connections))
    return min(messages, key=lambda message: abs(stamp_ns(message) - time_ns), default=None)


def sibling_topic(topic, name):
    """Returns the name of another topic of the bridge that publishes a cloud topic."""
    return f"{topic.rpartition('/points/')[0]}/{name}"


def prisms_of(reader, topic, cloud):
    """Returns the zones and objects at the time of a cloud."""
    prisms = []
    zones = nearest(reader, sibling_topic(topic, "zones"), ZONES, stamp_ns(cloud))
    for zone in zones.zones if zones else ():
        corners = np.array([(point.x, point.y) for point in zone.space.points])
        if len(corners):
            text = zone.name or f"zone {zone.id}"
            color = EVENT_ZONE if zone.type == TYPE_EVENT else OTHER_ZONE
            prisms.append(Prism(corners, zone.space.min_z, zone.space.max_z, color, text, below=True))
    objects = nearest(reader, sibling_topic(topic, "objects"), OBJECTS, stamp_ns(cloud))
    if is_near(objects, cloud):
        prisms += map(object_prism, objects.objects)
    return prisms


def object_points_of(reader, topic, cloud):
    """Returns the points of objects at the time of a cloud, None if there are none."""
    points = nearest(reader, sibling_topic(topic, "points/objects"), CLOUD, stamp_ns(cloud))
    return points_of(points) if is_near(points, cloud) else None


def is_near(message, cloud):
    return message is not None and abs(stamp_ns(message) - stamp_ns(cloud)) <= OBJECTS_WITHIN_NS


def object_prism(item):
    name, color = LABELS.get(item.label, LABELS[0])
    center, size, yaw = item.bbox.center.position, item.bbox.size, item.bbox.yaw
    corners = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)]) * (size.x / 2, size.y / 2)
    turn = np.array([(np.cos(yaw), np.sin(yaw)), (-np.sin(yaw), np.cos(yaw))])
    low, high = center.z - size.z / 2, center.z + size.z / 2
    return Prism(corners @ turn + (center.x, center.y), low, high, color, f"{name} {item.id}")


class Prism:
    """Edges of a zone or an object, with a text below or above."""

    def __init__(self, corners, low, high, color, text, below=False):
        def at(z):
            return np.column_stack((corners, np.full(len(corners), z)))

        bottom, top = at(low), at(high)
        #: Lines, each n x 3: around the bottom, around the top, and from bottom to top.
        self.lines = [np.vstack((ring, ring[:1])) for ring in (bottom, top)]
        self.lines += [np.vstack(pair) for pair in zip(bottom, top, strict=True)]
        self.color = color
        self.text = text
        #: Position of the text and its vertical offset in points, clear of the edges in both views.
        self.anchor = bottom[np.argmin(corners[:, 1])] if below else (corners[:, 0].mean(), corners[:, 1].max(), high)
        self.offset = -10 if below else 2


def scale_intensity(intensity):
    low, high = np.percentile(intensity, [2, 98])
    return np.clip((intensity - low) / max(high - low, 1e-9), 0, 1)


def draw_cloud(topic, message, object_points, prisms, path):
    points = points_of(message)
    color = scale_intensity(points["intensity"])
    points = xyz(points)
    stamp = message.header.stamp
    middle, half = bulk_extent(points)
    width = 14.0
    figure, (top, view) = pyplot.subplots(
        2,
        facecolor=BACKGROUND,
        layout="constrained",
        figsize=(width, width * (min(half[1] / half[0], 1.0) + 0.55)),
        height_ratios=(min(half[1] / half[0], 1.0), 0.5),
    )
    figure.suptitle(
        f"{topic}: {message.width:,} points, frame {message.header.frame_id}, stamp {stamp.sec}.{stamp.nanosec:09d}",
        color=INK,
        fontsize=14,
    )

    low, high = middle - half, middle + half
    top.scatter(points[:, 0], points[:, 1], c=color, s=0.6, cmap=SHADES, linewidths=0)
    top.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal", xlabel="x (m)", ylabel="y (m)")
    top.set_title("from above: brightness by intensity, objects by label", color=INK)
    draw_outlines(top, prisms, lambda line: (line[:, 0], line[:, 1]))

    camera = Camera(target=(*middle, 0.0), distance=0.75 * half.max(), pitch_deg=30.0, yaw_deg=245.0)
    x, y, depth = camera.project(points)
    order = np.argsort(-depth)[: np.count_nonzero(depth > NEAR)]
    size = np.clip(0.6 * half.max() / depth[order], 0.3, 4.0)
    view.scatter(x[order], y[order], c=color[order], s=size, cmap=SHADES, linewidths=0)
    view.set(xlim=(-0.8, 0.8), ylim=(-0.4, 0.4), aspect="equal", xticks=[], yticks=[])
    view.set_title("in perspective", color=INK)
    draw_outlines(view, prisms, camera.line)
    if object_points is not None:
        color = [LABELS.get(label, LABELS[0])[1] for label in object_points["label"]]
        top.scatter(*xyz(object_points).T[:2], c=color, s=1.5, linewidths=0)
        view.scatter(*camera.line(xyz(object_points)), c=color, s=2.0, linewidths=0)
    for axes in (top, view):
        axes.set_facecolor(BACKGROUND)
        axes.tick_params(colors=INK)
        axes.xaxis.label.set_color(INK)
        axes.yaxis.label.set_color(INK)
        for spine in axes.spines.values():
            spine.set_color("#3a3f4b")
    figure.savefig(path, dpi=100, facecolor=BACKGROUND)


def bulk_extent(points):
    """Returns center and half size in x and y of the bulk of the points."""
    low, high = np.percentile(points[:, :2], [2, 98], axis=0) + np.array([[-3.0], [3.0]])
    return (low + high) / 2, (high - low) / 2


def draw_outlines(axes, prisms, project):
    for prism in prisms:
        for line in prism.lines:
            axes.plot(*project(line), color=prism.color, linewidth=1.2)
        (x,), (y,) = project(np.array([prism.anchor]))
        if np.isfinite([x, y]).all():
            axes.annotate(
                prism.text,
                (x, y),
                xytext=(0, prism.offset),
                textcoords="offset points",
                color=prism.color,
                fontsize=8,
                ha="center",
                annotation_clip=True,
                path_effects=[patheffects.withStroke(linewidth=2, foreground=BACKGROUND)],
            )


class Camera:
    """Camera that looks at a target from a distance."""

    def __init__(self, target, distance, pitch_deg, yaw_deg):
        pitch, yaw = np.radians([pitch_deg, yaw_deg])
        forward = -np.array([np.cos(pitch) * np.cos(yaw), np.cos(pitch) * np.sin(yaw), np.sin(pitch)])
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        self._axes = np.column_stack((right, np.cross(right, forward), forward))
        self._eye = np.array(target) - distance * forward

    def project(self, points):
        """Returns x and y in the image, and the depth."""
        right, up, depth = ((points - self._eye) @ self._axes).T
        with np.errstate(divide="ignore", invalid="ignore"):
            return right / depth, up / depth, depth

    def line(self, points):
        """Returns x and y in the image, NaN for points that are not in front of the camera."""
        x, y, depth = self.project(points)
        return np.where(depth > NEAR, x, np.nan), np.where(depth > NEAR, y, np.nan)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bag", type=Path)
    parser.add_argument("--png", type=Path, required=True)
    given = parser.parse_args()
    with AnyReader([given.bag], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
        summarize(reader)
        cloud = middle_cloud(reader)
        if cloud is None:
            sys.exit(f"there is no cloud in {given.bag}")
        draw_cloud(*cloud, object_points_of(reader, *cloud), prisms_of(reader, *cloud), given.png)


if __name__ == "__main__":
    main()
