#!/usr/bin/env python3
"""Compares the DDS profiles of the package on this machine.

For each profile in turn a simulator, a bridge, a recorder and a subscriber run: first at a constant rate, then with a
burst every ten seconds, for which the simulator holds its messages back and sends them at once. The nodes do not
restrict their discovery to this machine, because ROS 2 would change the transports, and can be seen in the network.

Prints a table with the median of the rounds, and with several rounds the smallest and the largest value. The exit code
is not 0 if a run has no result.
"""

import argparse
import json
import os
import random
import re
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import rclpy
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import PointCloud2
from sensr_bridge.msg import BridgeStatistics, RecordingStatus

from bench.processes import usage_of
from bench.setting import PREFIX, PROFILE_VARIABLE

CONFIG = PREFIX / "share" / "sensr_bridge" / "config"
VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
#: Profiles of the bridge and of its subscribers.
PROFILES = {
    "none": (None, None),
    "network": ("fastdds_shm.xml", None),
    "machine": ("fastdds_machine.xml", "fastdds_machine_subscriber.xml"),
}
TOPIC = "points/raw"
#: Seconds of a burst, and from one to the next.
BURST_SECONDS, BURST_PERIOD = 1.5, 10.0
#: Longest time for the start, and for what is under way at the end, seconds.
START_SECONDS, END_SECONDS = 60.0, 60.0
#: Clouds at the beginning that are not measured.
WARM_UP = 20
#: Columns of the table: heading, key of the result, digits.
COLUMNS = (
    ("lost at the subscriber", "lost", 0),
    ("lost in bursts", "lost_in_bursts", 0),
    ("missing in the bag", "missing_in_bag", 0),
    ("CPU of the bridge per cloud, ms", "cpu_ms_per_cloud", 2),
    ("latency p50, ms", "latency_p50_ms", 1),
    ("p99, ms", "latency_p99_ms", 1),
    ("memory of the bridge, MiB", "bridge_mib", 0),
    ("largest", "bridge_peak_mib", 0),
    ("of the recorder, MiB", "recorder_mib", 0),
    ("largest", "recorder_peak_mib", 0),
)


class NoResultError(Exception):
    """A run has no result; the message says why."""


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profiles", default=",".join(PROFILES), help="profiles to compare [default: %(default)s]")
    parser.add_argument("--seconds", type=float, default=20.0, help="seconds at constant rate [default: %(default)s]")
    parser.add_argument("--soak-seconds", type=float, default=60.0, help="seconds with bursts [default: %(default)s]")
    parser.add_argument("--points", type=int, default=131072, help="points of a cloud [default: %(default)s]")
    parser.add_argument("--rate", type=float, default=10.0, help="clouds per second [default: %(default)s]")
    parser.add_argument("--rounds", type=int, default=1, help="runs of each profile, in turn [default: %(default)s]")
    parser.add_argument("--json", type=Path, help="file for the results of all runs")
    parser.add_argument("--bags", type=Path, help="folder for recordings, deleted at the end [default: in /tmp]")
    parser.add_argument("--measure", choices=PROFILES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.profiles = given.profiles.split(",")
    unknown = [name for name in given.profiles if name not in PROFILES]
    if unknown:
        parser.error(f"--profiles: {', '.join(unknown)} is none of {', '.join(PROFILES)}")
    if min(given.rate, given.points, given.rounds) <= 0 or min(given.seconds, given.soak_seconds) < 0:
        parser.error("rate, points and rounds are above 0, times not below")
    return given


def variables(profile):
    """Returns the environment of nodes with a profile, a file name or None."""
    chosen = (*VARIABLES, "FASTDDS_BUILTIN_TRANSPORTS", "ROS_LOCALHOST_ONLY", "ROS_STATIC_PEERS")
    environment = {name: value for name, value in os.environ.items() if name not in chosen}
    environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "SUBNET"
    return environment | ({PROFILE_VARIABLE: str(CONFIG / profile)} if profile else {})


def resident_mib(pid):
    """Returns the resident memory of a process now and at most so far, 0 if there is none."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0, 0.0
    found = [re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE) for name in ("VmRSS", "VmHWM")]
    return tuple(int(one[1]) / 1024 if one else 0.0 for one in found)


def percentile(values, fraction):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(fraction * len(ordered)))]


class Run:
    """One run of one profile, in a process that was started with the environment of a subscriber."""

    def __init__(self, given, folder):
        self._given = given
        self._folder = folder
        self._bags = folder / "bags"
        self._processes = []
        self._account = self._recording = None
        #: Of each cloud its number, which the publisher counts from 1, and its latency in seconds.
        self._clouds = []
        rclpy.init()
        self._node = rclpy.create_node("dds_profiles", start_parameter_services=False)
        self._node.create_subscription(PointCloud2, TOPIC, self._take_cloud, 10, raw=True)
        self._node.create_subscription(BridgeStatistics, "statistics", self._take_statistics, 10)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._node.create_subscription(RecordingStatus, "recording", self._take_recording, latched)

    def _take_cloud(self, message, info):
        now = time.time_ns()
        # CDR: four bytes of header, then the stamp.
        seconds, nanoseconds = struct.unpack_from("<iI", message, 4)
        latency = (now - seconds * 10**9 - nanoseconds) / 1e9
        self._clouds.append((info["publication_sequence_number"], latency))

    def _take_statistics(self, message):
        (self._account,) = [topic for topic in message.topics if topic.topic == TOPIC]

    def _take_recording(self, message):
        self._recording = message

    def _start(self, name, environment, *command):
        with (self._folder / f"{name}.out").open("wb") as out, (self._folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [str(PREFIX / "lib" / "sensr_bridge" / name), *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        self._processes.append((name, process))
        return process

    def _log(self, name):
        return (self._folder / f"{name}.log").read_text(errors="replace")[-2000:]

    def _wait_until(self, condition, what, seconds):
        deadline = time.monotonic() + seconds
        while not condition():
            rclpy.spin_once(self._node, timeout_sec=0.1)
            for name, process in self._processes:
                if process.poll() not in (None, 0):
                    raise NoResultError(f"{name} ended with code {process.returncode}: {self._log(name)}")
            if time.monotonic() > deadline:
                raise NoResultError(f"no {what} within {seconds:.0f} s: {self._log('sensr_bridge')}")

    def measure(self, profile):
        """Runs everything and returns the result."""
        given = self._given
        bridge_profile, subscriber_profile = PROFILES[profile]
        steady = WARM_UP + int(given.seconds * given.rate)
        count = steady + int(given.soak_seconds * given.rate)
        burst = BURST_SECONDS + BURST_PERIOD
        bursts = [
            word
            for number in range(int(given.soak_seconds // burst) or int(given.soak_seconds > 0))
            for word in ("--fault", f"at {steady / given.rate + number * burst:.1f} silent points for {BURST_SECONDS}")
        ]
        ports = ("--points-port", 0, "--output-port", 0, "--client-buffer-mib", 1024)
        cloud = ("--types", "raw", "--points", given.points, "--rate", given.rate, "--count", count)
        self._start("sensr_sim", os.environ, *ports, *cloud, *bursts)
        listening = self._folder / "sensr_sim.out"
        self._wait_until(lambda: "\n" in listening.read_text(), "port of the simulator", START_SECONDS)
        ports = json.loads(listening.read_text().partition("\n")[0])
        recorder = ("--ros-args", "-p", f"output_dir:='{self._bags}'", "-p", "min_free_percent:=1.0")
        self._start("sensr_recorder", variables(subscriber_profile), *recorder)
        # The point link is made when all have discovered each other: the clock of the simulator begins with it.
        with socket.socket() as unserved:
            unserved.bind(("127.0.0.1", 0))
            bridge = self._start(
                "sensr_bridge",
                variables(bridge_profile),
                *("--ros-args", "-p", "host:=127.0.0.1", "-p", "statistics_period:=0.2", "-p", "startup_hold:=0.0"),
                *("-p", f"points_port:={unserved.getsockname()[1]}", "-p", f"output_port:={ports['output_port']}"),
                *("-p", "reconnect.initial_delay:=0.1", "-p", "reconnect.max_delay:=0.2"),
            )
            self._wait_until(self._is_complete, "discovery of bridge and recorder", START_SECONDS)
            self._set_points_port(ports["points_port"])
        return self._observe(bridge, steady, count)

    def _is_complete(self):
        names = [one.node_name for one in self._node.get_publishers_info_by_topic(TOPIC)]
        is_recording = self._recording is not None and self._recording.state == RecordingStatus.STATE_RECORDING
        is_subscribed = self._node.count_subscribers(TOPIC) >= 2
        return self._account is not None and is_recording and is_subscribed and "sensr_bridge" in names

    def _set_points_port(self, port):
        client = self._node.create_client(SetParameters, "sensr_bridge/set_parameters")
        self._wait_until(client.service_is_ready, "parameter service", START_SECONDS)
        parameter = Parameter("points_port", value=port).to_parameter_msg()
        answer = client.call_async(SetParameters.Request(parameters=[parameter]))
        self._wait_until(answer.done, "answer of the parameter service", START_SECONDS)
        if not answer.result().results[0].successful:
            raise NoResultError(answer.result().results[0].reason)

    def _lost(self, published):
        """Returns how many of the published clouds from the first arrived one on did not arrive."""
        first = self._clouds[0][0]
        return published - first + 1 - len(self._clouds)

    def _observe(self, bridge, steady, count):
        given = self._given
        seconds = START_SECONDS + count / given.rate
        self._wait_until(lambda: self._account.received >= WARM_UP and self._clouds, "clouds", START_SECONDS)
        begun, cpu, first = self._account.published, usage_of(bridge.pid).cpu_seconds, len(self._clouds)
        self._wait_until(lambda: self._account.received >= steady, "end of the constant rate", seconds)
        clouds = self._account.published - begun
        cpu = usage_of(bridge.pid).cpu_seconds - cpu
        memory = resident_mib(bridge.pid)[0], resident_mib(self._recording.recorder_pid)[0]
        latencies = [latency for _, latency in self._clouds[first:]]
        if not clouds or not latencies:
            raise NoResultError("no cloud arrived at constant rate")
        lost = self._lost(self._clouds[-1][0])

        def is_over():
            return self._account.received >= count and self._account.queued == 0

        self._wait_until(is_over, "end of the clouds", seconds)
        deadline = time.monotonic() + 3.0
        published = self._account.published
        # What the middleware still retransmits.
        while self._lost(published) and time.monotonic() < deadline:
            rclpy.spin_once(self._node, timeout_sec=0.1)
        # The kernel updates both figures with a delay, the larger one of them too.
        peak = [
            max(before, *resident_mib(pid))
            for before, pid in zip(memory, (bridge.pid, self._recording.recorder_pid), strict=True)
        ]
        self._stop()
        recorded, missing = self._recorded()
        return {
            "published": published,
            "dropped": self._account.dropped,
            "arrived": len(self._clouds),
            "lost": lost,
            "lost_in_bursts": self._lost(published) - lost,
            "missing_in_bag": missing,
            "recorded": recorded,
            "cpu_ms_per_cloud": cpu * 1000 / clouds,
            "latency_p50_ms": percentile(latencies, 0.5) * 1000,
            "latency_p99_ms": percentile(latencies, 0.99) * 1000,
            "bridge_mib": memory[0],
            "bridge_peak_mib": peak[0],
            "recorder_mib": memory[1],
            "recorder_peak_mib": peak[1],
        }

    def _stop(self):
        """Ends the bridge, then the recorder, whose last account then is exact."""
        processes = dict(self._processes)
        for name in ("sensr_bridge", "sensr_recorder"):
            processes[name].send_signal(signal.SIGINT)
            self._wait_until(lambda name=name: processes[name].poll() is not None, f"end of {name}", END_SECONDS)

    def _recorded(self):
        """Returns how many clouds are in the bag and how many are missing, from the accounts of its splits."""
        accounts = [json.loads(path.read_text()) for path in self._bags.rglob("*.account.json")]
        rows = [account["topics"][f"/{TOPIC}"] for account in accounts if f"/{TOPIC}" in account["topics"]]
        if not rows:
            raise NoResultError("the bag has no account of the clouds")
        return sum(row["recorded"] for row in rows), sum(row["missing"] for row in rows)

    def close(self):
        """Ends what still runs."""
        for number in (signal.SIGINT, signal.SIGKILL):
            for _, process in self._processes:
                if process.poll() is None:
                    process.send_signal(number)
            deadline = time.monotonic() + 30.0
            while any(process.poll() is None for _, process in self._processes) and time.monotonic() < deadline:
                time.sleep(0.05)
        rclpy.shutdown()


def measure_here(given):
    """Carries out one run and prints its result."""
    with tempfile.TemporaryDirectory(dir=given.bags) as folder:
        run = Run(given, Path(folder))
        try:
            print(json.dumps(run.measure(given.measure)), flush=True)
        except NoResultError as error:
            print(f"dds_profiles: {given.measure}: {error}", file=sys.stderr)
            return 1
        finally:
            run.close()
    return 0


def measure(profile):
    """Runs this script with the environment of a subscriber, which Fast DDS reads at its start. Returns the result."""
    words = [sys.executable, __file__, *sys.argv[1:], "--measure", profile]
    environment = variables(PROFILES[profile][1]) | {"ROS_DOMAIN_ID": str(random.randint(1, 100))}
    ended = subprocess.run(words, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if ended.returncode != 0:
        print(f"dds_profiles: {profile}: no result, exit code {ended.returncode}", file=sys.stderr)
        return None
    return json.loads(ended.stdout)


def cell(values, digits):
    middle = f"{statistics.median(values):.{digits}f}"
    if len(values) == 1 or min(values) == max(values):
        return middle
    return f"{middle} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def print_table(runs):
    print("| | " + " | ".join(runs) + " |")
    print("|---" * (len(runs) + 1) + "|")
    for heading, key, digits in COLUMNS:
        cells = [cell([run[key] for run in results], digits) for results in runs.values()]
        print(f"| {heading} | " + " | ".join(cells) + " |")


def main():
    given = parse_arguments()
    if given.measure:
        return measure_here(given)
    results = {profile: [] for profile in given.profiles}
    has_failed = False
    for number in range(1, given.rounds + 1):
        for profile in given.profiles:
            print(f"dds_profiles: round {number} of {given.rounds}, {profile}", file=sys.stderr, flush=True)
            result = measure(profile)
            if result:
                results[profile].append(result)
            has_failed = has_failed or result is None
    with_results = {profile: runs for profile, runs in results.items() if runs}
    if with_results:
        print_table(with_results)
    if given.json:
        given.json.write_text(json.dumps(results, indent=1) + "\n")
    return int(has_failed)


if __name__ == "__main__":
    sys.exit(main())
