"""Servers of a soak: the one of the bench, and the simulator."""

import json
import time
from pathlib import Path

import numpy as np

from bench import setting
from bench.result import read_table

PCD_HEADER = """# .PCD v0.7 - Point Cloud Data file format
VERSION 0.7
FIELDS x y z intensity
SIZE 4 4 4 4
TYPE F F F F
COUNT 1 1 1 1
WIDTH {points}
HEIGHT 1
VIEWPOINT 0 0 0 1 0 0 0
POINTS {points}
DATA binary
"""
#: The faults of the simulator, in turn: the first makes a burst of what it holds back, the others reconnect.
FAULTS = (
    "silent points for 0.3",
    "cut points",
    "silent both for 0.3",
    "restart both for 0.2",
    "cut output",
    "refuse points for 0.2",
)


class BenchServer:
    """The server of the bench: bursts, and reconnects by closing the connection."""

    name = "sensr_bench server"
    #: Its frames are ready and its memory is not what is tested.
    is_judged = False

    def __init__(self, run):
        self.process, points_ports, output_port = run.start_server()
        self.ports = points_ports[0], output_port
        self._table = run.folder / "server.csv"
        self._startup = run.startup

    def begin(self, bridge):
        self.process.write_line("go")
        self.process.wait_for("STEADY ", self._startup, 1, [bridge])

    def continue_faults(self):
        """Does nothing: the server closes connections by itself."""

    def has_ended(self):
        return bool(self.process.lines_with("END "))

    def latencies(self, rows):
        """Returns time of arrival and latency from the first byte of each cloud of the measured part."""
        sent = {row["number"]: row["before_ns"] for row in read_table(self._table)}
        known = [row for row in rows if row["number"] in sent]
        return [row["arrival_ns"] for row in known], [(row["arrival_ns"] - sent[row["number"]]) / 1e6 for row in known]


class Simulator:
    """`sensr_sim`, which replays scans of all sizes, with faults at regular intervals."""

    name = "sensr_sim"
    is_judged = True

    def __init__(self, run, faults):
        scans = run.folder / "scans"
        scans.mkdir()
        for number, points in enumerate(run.load.points):
            write_scan(scans / f"{number}.pcd", points)
        command = [setting.SIMULATOR, "--points-port", 0, "--output-port", 0, "--replay", scans, "--loop"]
        command += ["--rate", run.load.rate, "--count", run.load.count, "--control"]
        self.process = run.start("sensr_sim", command)
        event = json.loads(self.process.wait_for("{", run.startup)[0].join(("{", "")) or "{}")
        self.ports = event["points_port"], event["output_port"]
        self._pause = run.load.count / run.load.rate / (faults + 1)
        self._left = faults
        self._due = None
        self._number = 0

    def begin(self, bridge):
        bridge.require_alive()
        self._due = time.monotonic() + self._pause

    def continue_faults(self):
        """Runs the next fault when it is due."""
        if self._left and time.monotonic() >= self._due:
            self._left -= 1
            self._due += self._pause
            self.process.write_line(FAULTS[self._number % len(FAULTS)])
            self._number += 1

    def has_ended(self):
        return any('"event":"done"' in line for line in self.process.lines)

    def latencies(self, rows):
        """Returns time of arrival and age by the stamp, which is the arrival of the last byte, of each cloud."""
        return [row["arrival_ns"] for row in rows], [row["age_ns"] / 1e6 for row in rows]


def write_scan(path: Path, points):
    values = np.random.default_rng(points).uniform(-100, 100, (points, 4)).astype("<f4")
    path.write_bytes(PCD_HEADER.format(points=points).encode() + values.tobytes())
