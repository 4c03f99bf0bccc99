"""`sensr_check` on machines with faults: each is named with its verdict and its cure."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from support.check import FAILED, Check
from support.linux_namespaces import unshare_command
from support.polling import wait_until
from support.processes import executable
from support.recorder import STANDIN_PATH
from support.slow_disk import slow_disk
from support.summary_notes import add_note

MIB = 1 << 20
PASS, WARN, FAIL = "PASS", "WARN", "FAIL"
#: What is examined on each machine, in this order.
SUBJECTS = [
    "output folder",
    "free disk space",
    "recording time",
    "write speed",
    "rosbag2",
    "memory",
    "open file limit",
    "middleware choice",
    "dds profile",
    "shared memory",
    "shared memory owner",
    "ros domain",
    "discovery range",
    "net.core.rmem_max",
    "net.core.rmem_default",
    "net.core.wmem_max",
    "net.ipv4.ipfrag_high_thresh",
    "net.ipv4.ipfrag_time",
    "net.ipv4.tcp_rmem",
    "container",
    "clock synchronization",
]
#: Those of a recording only.
RECORDING_SUBJECTS = SUBJECTS[:5]


class Machine:
    """This machine with a simulated server, examined by `sensr_check`."""

    def __init__(self, environment, points=2000):
        self.environment = environment
        self.bags = environment.folder / "bags"
        self.bags.mkdir()
        self._sim = environment.sim("--points", points, "--rate", 10)
        #: Floor of free space of the recorder. The disk of the tests may be as full as it likes.
        self.floor = {"min_free_bytes": 0, "min_free_percent": 0.0}

    def start(self, record=True, variables=None, **options) -> Check:
        """Starts a check of this machine, with or without a recording into `bags`."""
        file = self.environment.folder / "recorder.yaml"
        file.write_text(json.dumps({"/**": {"ros__parameters": self.floor}}))
        recording = ["--output-dir", self.bags, "--recorder-params-file", file] if record else ["--no-record"]
        path = os.pathsep.join([str(STANDIN_PATH), self.environment.env["PATH"]])
        ports = {"points_port": self._sim.points_port, "output_port": self._sim.output_port}
        variables = {"PATH": path} | (variables or {})
        return Check(self.environment, "--listen", 2, *recording, variables=variables, **ports, **options)

    def examine(self, **options):
        """Runs a check. Returns its findings about the machine by subject, and the exit code."""
        check = self.start(**options)
        return check.of_machine(), check.exit_code


@pytest.fixture
def machine(environment):
    return Machine(environment)


def mounted(commands: str) -> list[str]:
    """Returns the prefix of a command that runs in a mount namespace of its own, after these commands."""
    return [*unshare_command("mount"), "sh", "-ec", f'{commands}; exec "$@"', "sh"]


def test_everything_is_examined_and_no_file_is_left(machine):
    findings, _ = machine.examine()
    subjects = [subject for subject in findings if subject in SUBJECTS]
    assert subjects == SUBJECTS
    for subject in ("free disk space", "rosbag2", "ros domain", "open file limit"):
        assert findings[subject]["verdict"] == PASS, findings[subject]
    # In a container the folder may be in its layered file system.
    assert findings["output folder"]["verdict"] != FAIL, findings["output folder"]
    speed = findings["write speed"]
    assert re.search(r"\d [kMG]?B/s; the sites send \d+(\.\d+)? [kM]B/s$", speed["message"]), speed
    assert list(machine.bags.iterdir()) == []
    add_note(f"sensr_check: {speed['message']}")


def test_what_only_a_recording_needs_can_be_skipped(machine):
    findings, _ = machine.examine(record=False)
    subjects = [subject for subject in findings if subject in SUBJECTS]
    assert subjects == [subject for subject in SUBJECTS if subject not in RECORDING_SUBJECTS]


def test_a_full_disk_fails(machine):
    machine.floor = {"min_free_bytes": 16 * MIB, "min_free_percent": 0.0}
    fill = f"mount -t tmpfs -o size=64m none {machine.bags}; head -c {56 * MIB} /dev/zero > {machine.bags}/filler"
    findings, code = machine.examine(wrapper=mounted(fill))
    space = findings["free disk space"]
    assert space["verdict"] == FAIL and code == FAILED
    assert "8.39 MB of 67.1 MB are free, not more than the floor of 16.8 MB" in space["message"]
    assert "du -xh" in space["cure"] and "min_free_bytes" in space["cure"]
    assert findings["output folder"]["verdict"] == WARN and "in memory" in findings["output folder"]["message"]
    assert findings["write speed"]["verdict"] == WARN


def test_a_slow_disk_fails(environment):
    """The server sends 100,000 points ten times a second: more than 12 MB/s. The kernel lets 2 MB/s through."""
    machine = Machine(environment, points=100_000)
    limit = 2_000_000
    with slow_disk(machine.bags, limit) as wrapper:
        findings, code = machine.examine(wrapper=wrapper)
    speed = findings["write speed"]
    assert speed["verdict"] == FAIL and code == FAILED, speed
    measured, unit, sent = re.search(r": ([\d.]+) ([kM]B/s); the sites send ([\d.]+) MB/s", speed["message"]).groups()
    megabytes = float(measured) / (1000 if unit == "kB/s" else 1)
    assert 0 < megabytes < 4 < float(sent), speed
    assert "faster disk" in speed["cure"]
    assert list(machine.bags.iterdir()) == []
    add_note(f"sensr_check: a disk limited to {limit / 1e6:.0f} MB/s: {speed['message']}")


def test_a_read_only_disk_fails(machine):
    mount = f"mount --bind {machine.bags} {machine.bags}; mount -o remount,ro,bind {machine.bags}"
    findings, code = machine.examine(wrapper=mounted(mount))
    folder = findings["output folder"]
    assert folder["verdict"] == FAIL and code == FAILED
    assert folder["message"] == f"{machine.bags}: the file system is read-only"
    assert folder["cure"] == f"sudo mount -o remount,rw '{machine.bags}'"


def test_small_socket_buffers_are_a_warning_and_the_printed_file_cures_them(machine, tmp_path):
    settings = {
        "net/core/rmem_max": "212992",
        "net/core/rmem_default": "212992",
        "net/core/wmem_max": "212992",
        "net/ipv4/ipfrag_high_thresh": "4194304",
        "net/ipv4/ipfrag_time": "30",
        "net/ipv4/tcp_rmem": "4096 131072 2097152",
    }
    folder = tmp_path / "settings"

    def with_settings():
        """Returns a wrapper that puts files in the place of the settings."""
        mounts = []
        for name, value in settings.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{value}\n")
            mounts.append(f"mount --bind {file} /proc/sys/{name}")
        return mounted("; ".join(mounts))

    findings, code = machine.examine(wrapper=with_settings(), record=False)
    assert code >= 1
    names = {name.replace("/", "."): name for name in settings}
    for subject in names:
        assert findings[subject]["verdict"] == WARN, findings[subject]
    cure = findings["net.core.rmem_max"]["cure"]
    assert cure.startswith("sudo sysctl -w net.core.rmem_max=33554432 "), cure

    command = [*with_settings(), executable("sensr_check"), "--fix-print"]
    printed = subprocess.run(command, env=machine.environment.env, capture_output=True, text=True, check=True)
    assert printed.stderr == ""
    lines = [line for line in printed.stdout.splitlines() if not line.startswith("#")]
    for line in lines:
        name, value = line.split(" = ")
        settings[names[name]] = value
    assert len(lines) == len(settings)
    findings, _ = machine.examine(wrapper=with_settings(), record=False)
    for subject in names:
        assert findings[subject]["verdict"] == PASS, findings[subject]


def test_a_small_shared_memory_is_a_warning(machine):
    findings, _ = machine.examine(wrapper=mounted("mount -t tmpfs -o size=32m tmpfs /dev/shm"), record=False)
    memory = findings["shared memory"]
    assert memory["verdict"] == WARN and "of 33.6 MB are free in /dev/shm" in memory["message"], memory
    assert "remount,size=" in memory["cure"] or "--shm-size=" in memory["cure"], memory


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        (None, "cannot find ros2 in PATH"),
        ("echo \"ros2: error: argument Call: invalid choice: 'bag'\" >&2; exit 2", "invalid choice: 'bag'"),
        ("echo '  -s, --storage {sqlite3}  storage identifier'", "no storage plugin mcap"),
    ],
)
def test_a_missing_rosbag2_or_plugin_fails(machine, tmp_path, script, problem):
    programs = tmp_path / "programs"
    programs.mkdir()
    if script:
        ros2 = programs / "ros2"
        ros2.write_text(f"#!/bin/sh\n{script}\n")
        ros2.chmod(0o755)
    findings, code = machine.examine(variables={"PATH": str(programs), "ROS_DISTRO": "jazzy"})
    rosbag2 = findings["rosbag2"]
    assert rosbag2["verdict"] == FAIL and code == FAILED
    assert problem in rosbag2["message"]
    assert "sudo apt install ros-jazzy-ros2bag ros-jazzy-rosbag2-storage-mcap" in rosbag2["cure"]


def test_a_profile_that_is_missing_or_broken_fails(machine, tmp_path):
    profile = tmp_path / "profile.xml"
    variables = {"FASTRTPS_DEFAULT_PROFILES_FILE": str(profile), "ROS_DISTRO": "jazzy"}
    for content, problem in ((None, "cannot be read"), ("<profiles><participant>", "<participant> is not closed")):
        if content:
            profile.write_text(content)
        findings, code = machine.examine(variables=variables, record=False)
        finding = findings["dds profile"]
        assert finding["verdict"] == FAIL and code == FAILED
        assert problem in finding["message"], finding


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_check_that_is_ended_leaves_no_file(machine, number):
    process = machine.start()

    def is_measuring():
        links = Path(f"/proc/{process.pid}/fd").iterdir()
        targets = []
        for link in links:
            try:
                targets.append(os.readlink(link))
            except OSError:
                continue
        return any(target.startswith(f"{machine.bags}/") for target in targets)

    process.wait_until(is_measuring, "a file that is written to")
    process.send_signal(number)
    process.wait()
    wait_until(lambda: not list(machine.bags.iterdir()), "an empty folder")
