#!/usr/bin/env python3
"""Says what is in a recording of the bridge, and draws one of its clouds."""

import argparse
import sys
from pathlib import Path

import matplotlib
import numpy as np
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  (the backend has to be chosen first)

CLOUD = "sensor_msgs/msg/PointCloud2"
BACKGROUND = "#16181d"
INK = "#d8dbe2"


def points_of(message):
    """n x 4 float32: x, y, z, intensity."""
    points = np.frombuffer(message.data, "<f4").reshape(-1, message.point_step // 4)
    return points[np.isfinite(points[:, :3]).all(axis=1)]


def summarize(reader):
    print(f"  {reader.duration / 1e9:.1f} s, {reader.message_count} messages")
    for connection in sorted(reader.connections, key=lambda connection: connection.topic):
        stamps = np.array([time for _, time, _ in reader.messages([connection])]) / 1e9
        text = f"  {connection.topic:24} {connection.msgtype:40} {len(stamps):6} messages"
        if len(stamps) > 1:
            # The median, for what waited while the recorder started arrives in a bunch.
            text += f", {1 / np.median(np.diff(stamps)):.1f} Hz"
        print(text)


def middle_cloud(reader):
    """The topic with the most points (raw, where it was recorded), at half time."""
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


def colors(intensity):
    low, high = np.percentile(intensity, [2, 98])
    return np.clip((intensity - low) / max(high - low, 1e-9), 0, 1)


def draw(topic, message, path):
    points = points_of(message)
    color = colors(points[:, 3])
    figure, (top, view) = pyplot.subplots(1, 2, figsize=(16, 8), facecolor=BACKGROUND, layout="constrained")
    stamp = message.header.stamp
    figure.suptitle(
        f"{topic}: {message.width:,} points, frame {message.header.frame_id}, "
        f"stamp {stamp.sec}.{stamp.nanosec:09d}",
        color=INK,
        fontsize=14,
    )

    reach = float(np.percentile(np.abs(points[:, :2]), 98)) * 1.05
    top.scatter(points[:, 0], points[:, 1], c=color, s=0.4, cmap="turbo", linewidths=0)
    top.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xlabel="x (m)", ylabel="y (m)")
    top.set_title("from above, coloured by intensity", color=INK)

    x, y, depth = look(points[:, :3], distance=1.1 * reach, pitch_deg=32.0, yaw_deg=225.0)
    visible = depth > 1.0
    order = np.argsort(-depth[visible])
    size = np.clip(0.02 * reach / depth[visible][order] * 30.0, 0.1, 3.0)
    view.scatter(
        x[visible][order], y[visible][order], c=color[visible][order], s=size, cmap="turbo", linewidths=0
    )
    view.set(xlim=(-0.8, 0.8), ylim=(-0.7, 0.6), aspect="equal", xticks=[], yticks=[])
    view.set_title("in perspective", color=INK)
    for axes in (top, view):
        axes.set_facecolor(BACKGROUND)
        axes.tick_params(colors=INK)
        axes.xaxis.label.set_color(INK)
        axes.yaxis.label.set_color(INK)
        for spine in axes.spines.values():
            spine.set_color("#3a3f4b")
    figure.savefig(path, dpi=100, facecolor=BACKGROUND)


def look(points, distance, pitch_deg, yaw_deg):
    """Projects onto the image of a camera that circles the origin at `distance`, looking at it."""
    pitch, yaw = np.radians([pitch_deg, yaw_deg])
    eye = distance * np.array([np.cos(pitch) * np.cos(yaw), np.cos(pitch) * np.sin(yaw), np.sin(pitch)])
    forward = -eye / np.linalg.norm(eye)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    up = np.cross(right, forward)
    seen = points - eye
    depth = seen @ forward
    return seen @ right / depth, seen @ up / depth, depth


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
        draw(*cloud, given.png)


if __name__ == "__main__":
    main()
