#!/usr/bin/env python3
"""Records simulated sites for a long time, and checks memory and completeness of the recordings.

Runs a simulator, a bridge and a recorder per site, as bridge.launch.py does, and samples the memory of their processes.
The exit code is 0 if no process ended or grew by more than the limit in the last two thirds of the time, if nothing is
missing in the account of any split, if the accounts agree with the ledger of the bridge to the message, and if no bag
holds a message of another site.
"""

import argparse
import csv
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import matplotlib
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensr_bridge.msg import BridgeStatistics, RecordingStatus

matplotlib.use("Agg")
from matplotlib import pyplot as plt

PREFIX = Path(os.environ["SENSR_BRIDGE_PREFIX"])
BIN = PREFIX / "lib" / "sensr_bridge"
PROFILE_VARIABLE = (
    "FASTRTPS_DEFAULT_PROFILES_FILE"
    if os.environ["ROS_DISTRO"] in ("humble", "iron", "jazzy")
    else "FASTDDS_DEFAULT_PROFILES_FILE"
)
MIB = 2**20
SAMPLE_SECONDS = 5.0
#: Longest time until all sites record.
START_SECONDS = 120.0
#: Longest time for a process to end: a recorder writes its index.
STOP_SECONDS = 90.0
#: Duration of the means that are compared for the growth.
MEAN_SECONDS = 120.0
#: Growth of the Python recorder that this package replaces, MB per minute.
FORMER_GROWTH = (277, 347)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1800.0, help="duration [default: %(default)s]")
    parser.add_argument("--sites", type=int, default=1, help="number of sites [default: %(default)s]")
    parser.add_argument("--points", type=int, default=65536, help="points of each raw cloud [default: %(default)s]")
    parser.add_argument("--rate", type=float, default=10.0, help="clouds per second and type [default: %(default)s]")
    parser.add_argument("--types", default="raw,ground,background", help="cloud types [default: %(default)s]")
    parser.add_argument("--split", type=float, default=60.0, help="seconds of a split [default: %(default)s]")
    parser.add_argument("--keep", type=int, default=0, help="closed splits to keep per site, 0 for all")
    parser.add_argument("--limit", type=float, default=1.0, help="allowed growth in MB [default: %(default)s]")
    parser.add_argument(
        "--output", type=Path, default=Path("log/soak_recording"), help="folder for results [default: %(default)s]"
    )
    parser.add_argument("--bags", type=Path, help="folder for recordings [default: bags in the output folder]")
    return parser.parse_args()


def resident_bytes(pid):
    """Returns the resident memory of a process, 0 if there is none."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


class Site:
    """Processes of one site, and what its nodes report."""

    def __init__(self, name, given, bags, logs, node):
        self.name = name
        self.bridge_report = None
        self.recording = None
        self.samples = []
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        node.create_subscription(BridgeStatistics, f"/{name}/statistics", self._take_statistics, 10)
        node.create_subscription(RecordingStatus, f"/{name}/recording", self._take_recording, latched)
        self._logs = logs
        self._processes = {}
        self.sim = self._start(
            "sim",
            [
                BIN / "sensr_sim",
                "--points-port",
                "0",
                "--output-port",
                "0",
                "--rate",
                str(given.rate),
                "--points",
                str(given.points),
                "--types",
                given.types,
            ],
        )
        ports = self._simulator_ports()
        namespace = ["-r", f"__ns:=/{name}"]
        self.recorder = self._start(
            "recorder",
            [
                BIN / "sensr_recorder",
                "--ros-args",
                *namespace,
                *self._parameters(
                    output_dir=f"'{bags}'",
                    split_duration=float(given.split),
                    keep_splits=given.keep,
                    min_free_percent=1.0,
                ),
            ],
        )
        self.bridge = self._start(
            "bridge",
            [BIN / "sensr_bridge", "--ros-args", *namespace, *self._parameters(startup_hold=20.0, **ports)],
            {PROFILE_VARIABLE: str(PREFIX / "share" / "sensr_bridge" / "config" / "fastdds_shm.xml")},
        )

    @staticmethod
    def _parameters(**parameters):
        return [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]

    def _start(self, role, command, variables=None):
        with (
            (self._logs / f"{self.name}_{role}.out").open("wb") as out,
            (self._logs / f"{self.name}_{role}.log").open("wb") as log,
        ):
            process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                env=os.environ | (variables or {}),
                start_new_session=True,
            )
        self._processes[role] = process
        return process

    def _simulator_ports(self):
        path = self._logs / f"{self.name}_sim.out"
        while True:
            first, newline, _ = path.read_text().partition("\n")
            if newline:
                ports = json.loads(first)
                return {"points_port": ports["points_port"], "output_port": ports["output_port"]}
            if self.sim.poll() is not None:
                sys.exit(f"the simulator ended, see {path.with_suffix('.log')}")
            time.sleep(0.05)

    def _take_statistics(self, message):
        self.bridge_report = message

    def _take_recording(self, message):
        self.recording = message

    def is_recording(self):
        return (
            self.recording is not None
            and self.recording.state == RecordingStatus.STATE_RECORDING
            and self.bridge_report is not None
        )

    def ended_processes(self):
        return [f"{self.name}_{role}" for role, process in self._processes.items() if process.poll() is not None]

    def sample(self, second):
        """Takes the resident memory of bridge, sensr_recorder, stock recorder and simulator."""
        pids = (self.bridge.pid, self.recorder.pid, self.recording.recorder_pid, self.sim.pid)
        self.samples.append((second, *map(resident_bytes, pids)))

    def stop(self, spin):
        """Ends bridge, recorder and simulator in this order. Returns the problems."""
        problems = []
        for role in ("bridge", "recorder", "sim"):
            process = self._processes[role]
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            deadline = time.monotonic() + STOP_SECONDS
            while process.poll() is None and time.monotonic() < deadline:
                spin()
            if process.poll() is None:
                process.kill()
                problems.append(f"{self.name}_{role} did not end within {STOP_SECONDS:.0f} s")
            elif process.returncode != 0:
                problems.append(f"{self.name}_{role} ended with code {process.returncode}")
        return problems


ROLES = ("sensr_bridge", "sensr_recorder", "stock recorder", "sensr_sim")


def growth(samples, column):
    """Returns the growth in bytes over the last two thirds of the time, between means of its ends."""
    end = samples[-1][0]
    begin = end / 3
    span = min(MEAN_SECONDS, (end - begin) / 4)
    first = [row[column] for row in samples if begin <= row[0] <= begin + span]
    last = [row[column] for row in samples if row[0] >= end - span]
    return statistics.fmean(last) - statistics.fmean(first)


def check_accounts(site, bags):
    """Compares the accounts of the splits with the bridge's last report. Returns problems and a line."""
    problems = []
    status = site.recording
    published = {topic.topic: topic.published for topic in site.bridge_report.topics}
    unpublished = {
        topic.topic: topic.received - topic.published for topic in site.bridge_report.topics if topic.received
    }
    seen = 0
    for topic in status.topics:
        if topic.missing:
            problems.append(f"{site.name}: {topic.missing} messages of {topic.topic} are missing")
        if topic.topic in published and topic.recorded + topic.missing != published[topic.topic]:
            problems.append(
                f"{site.name}: {topic.topic}: recorded {topic.recorded} + missing {topic.missing} is not "
                f"published {published[topic.topic]}"
            )
        seen += topic.recorded
    accounts = sorted(bags.glob(f"{site.name}_*/*.account.json"))
    for path in accounts:
        account = json.loads(path.read_text())
        missing = [name for name, row in account["topics"].items() if row.get("missing")]
        if missing:
            problems.append(f"{path.name}: missing messages of {', '.join(missing)}")
        shared = ("/diagnostics", "/tf_static", "/rosout")
        foreign = [name for name in account["topics"] if not name.startswith(f"/{site.name}/") and name not in shared]
        if foreign:
            problems.append(f"{path.name}: holds {', '.join(foreign)} of another site")
    if not accounts:
        problems.append(f"{site.name}: there is no account")
    return problems, (
        f"{site.name}: {seen} messages in {status.splits_opened} splits, {status.deleted_splits} of them deleted, "
        f"missing {status.missing}; not published: {sum(unpublished.values())} ({unpublished})"
    )


def write_table(sites, path):
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["second", "site", *(f"{role} (bytes)" for role in ROLES)])
        for site in sites:
            writer.writerows([f"{row[0]:.0f}", site.name, *row[1:]] for row in site.samples)


def draw(sites, path, given):
    figure, axes = plt.subplots(figsize=(9, 4.5))
    minutes = [row[0] / 60 for row in sites[0].samples]
    for column, role in enumerate(ROLES[:3], start=1):
        for number, site in enumerate(sites):
            values = [row[column] / MIB for row in site.samples]
            label = role if number == 0 else None
            axes.plot(minutes[: len(values)], values, color=f"C{column - 1}", label=label, linewidth=1.2)
    for rate, style in zip(FORMER_GROWTH, ("--", ":"), strict=True):
        axes.plot(
            minutes,
            [rate * minute for minute in minutes],
            color="gray",
            linestyle=style,
            label=f"former recorder, {rate} MB/min",
            linewidth=1,
        )
    axes.set_ylim(0, max(400, 1.3 * max(value for site in sites for row in site.samples for value in row[1:4]) / MIB))
    axes.set_xlim(0, minutes[-1])
    axes.set_xlabel("minutes")
    axes.set_ylabel("resident memory in MiB")
    axes.set_title(
        f"{len(sites)} site(s), clouds {given.types} of up to {given.points} points at {given.rate:g} Hz, "
        f"splits of {given.split:g} s"
    )
    axes.legend(loc="upper right", fontsize="small")
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main():
    given = parse_arguments()
    given.output.mkdir(parents=True, exist_ok=True)
    bags = (given.bags or given.output / "bags").absolute()
    bags.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("ROS_DOMAIN_ID", str(random.randint(1, 100)))
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    rclpy.init()
    node = rclpy.create_node("soak_recording")
    executor = SingleThreadedExecutor()
    executor.add_node(node)

    def spin():
        executor.spin_once(timeout_sec=0.2)

    sites = [Site(f"site_{number}", given, bags, given.output, node) for number in range(1, given.sites + 1)]
    problems = []
    try:
        begun = time.monotonic()
        while not all(site.is_recording() for site in sites):
            spin()
            ended = [name for site in sites for name in site.ended_processes()]
            if ended or time.monotonic() - begun > START_SECONDS:
                problems.append(f"not recording; ended: {ended or 'none'}; see {given.output}")
                return report(problems)
        print(f"recording {len(sites)} sites for {given.seconds:.0f} s", flush=True)
        begun = time.monotonic()
        due = 0.0
        while (second := time.monotonic() - begun) < given.seconds:
            spin()
            if second >= due:
                due += SAMPLE_SECONDS
                for site in sites:
                    site.sample(second)
            ended = [name for site in sites for name in site.ended_processes()]
            if ended:
                problems.append(f"ended after {second:.0f} s: {', '.join(ended)}")
                break
    finally:
        for site in sites:
            problems += site.stop(spin)
    for _ in range(10):
        spin()
    rclpy.shutdown()

    for site in sites:
        found, line = check_accounts(site, bags)
        problems += found
        print(line)
        for column, role in enumerate(ROLES, start=1):
            values = [row[column] for row in site.samples]
            grown = growth(site.samples, column) / 1e6
            print(
                f"  {role:15} {min(values) / 1e6:7.1f} to {max(values) / 1e6:7.1f} MB, "
                f"{grown:+6.2f} MB in the last two thirds"
            )
            if grown > given.limit:
                problems.append(f"{site.name}: {role} grew by {grown:.2f} MB")
    write_table(sites, given.output / "memory.csv")
    draw(sites, given.output / "memory.png", given)
    return report(problems)


def report(problems):
    for problem in problems:
        print(f"soak_recording: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
