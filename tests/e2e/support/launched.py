"""`ros2 launch` with the launch files of the package, and the processes that it starts."""

import os
import re
import shutil
import signal
from pathlib import Path

import pytest
import yaml
from ament_index_python.packages import get_package_share_directory

from support import summary_notes
from support.polling import wait_until
from support.processes import Process
from support.recorder import STANDIN_PATH

INSTALLED = Path(get_package_share_directory("sensr_bridge"), "launch")

#: Longest duration of a shutdown: the recorder has a minute to write the index of its bag.
SHUTDOWN_TIMEOUT = 90.0


def have(*command):
    """Returns whether `ros2` has a verb; each is a package of its own."""
    if not shutil.which("ros2"):
        return False
    return os.spawnlp(os.P_WAIT, "sh", "sh", "-c", f"ros2 {' '.join(command)} --help >/dev/null 2>&1") == 0


def require(verb):
    if not have(*verb.split()):
        summary_notes.add_note(f"SKIPPED, NO ros2 {verb} HERE: the launch file was not run")
        pytest.skip(f"ros2 {verb} is not installed")


class Launched:
    """Process started by a launch, as /proc shows it."""

    def __init__(self, pid):
        self.folder = Path(f"/proc/{pid}")
        self.words = self._read("cmdline")
        words = self._read("environ")
        self.environment = dict(word.split("=", 1) for word in words if "=" in word)

    def _read(self, file):
        return (self.folder / file).read_bytes().decode().split("\0")

    @property
    def is_alive(self):
        return self.folder.exists()


def shows_arguments(pid):
    """Returns whether /proc shows the arguments of a process, or the process has ended. Just after a start the kernel
    shows none for some milliseconds.
    """
    folder = Path(f"/proc/{pid}")
    try:
        has_ended = folder.joinpath("stat").read_text().rpartition(")")[2].split()[0] == "Z"
        return has_ended or folder.joinpath("cmdline").read_bytes() != b""
    except (FileNotFoundError, ProcessLookupError):
        return True


def expects_interrupt(pid):
    """Returns whether a process has a handler for SIGINT, or has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    caught = re.search(r"^SigCgt:\s*(\w+)$", status, re.MULTILINE)
    return "State:\tZ" in status or bool(int(caught[1], 16) & 1 << (signal.SIGINT - 1))


class Launch(Process):
    """`ros2 launch` with a launch file of the package, or with one that includes bridge.launch.py several times."""

    def __init__(
        self,
        environment,
        *args,
        file="bridge.launch.py",
        includes=None,
        pushed=None,
        has_params_file=True,
        **parameters,
    ):
        """Starts it. `file` is a name in the package, or a path; parameters are those of the bridge, if the file starts
        one.
        """
        self.params_file = environment.folder / "launch.yaml"
        self.params_file.write_text(yaml.safe_dump({"/**": {"ros__parameters": parameters}}))
        # The absolute path, because a stand-in for the stock recorder comes first in PATH.
        command = [shutil.which("ros2"), "launch"]
        if includes:
            file = environment.folder / "parent.launch.py"
            file.write_text(
                INCLUDING.format(includes=includes, pushed=pushed, file=str(INSTALLED / "bridge.launch.py"))
            )
        command += ["sensr_bridge", file] if isinstance(file, str) else [str(file)]
        if has_params_file and not any(word.startswith("params_file:=") for word in args):
            args = (f"params_file:={self.params_file}", *args)
        super().__init__("launch", [*command, *args], environment.env, environment.folder)

    @property
    def log(self):
        return self.stdout + self.stderr

    def pids(self, name):
        """Returns the ids of the processes of that name that were started so far, in the order of their starts."""
        return [int(pid) for pid in re.findall(rf"\[{name}-\d+\]: process started with pid \[(\d+)\]", self.log)]

    def started(self, name):
        """Returns how many processes of that name were started so far."""
        return len(self.pids(name))

    def processes(self, name, count=1):
        """Waits for `count` processes of that name and returns them."""
        self.wait_until(lambda: self.started(name) >= count, self.log_tail)
        self.wait_until(lambda: all(map(shows_arguments, self.pids(name))), self.log_tail)
        return [Launched(pid) for pid in self.pids(name) if Path(f"/proc/{pid}").exists()]

    def interrupt(self):
        """Sends SIGINT as soon as all processes that were started expect it.

        A launch that is interrupted while it starts a process may lose it and wait for ever, because KeyboardInterrupt
        is raised in its own callbacks.
        """
        pids = self.pids(r"\w+")
        wait_until(lambda: all(map(expects_interrupt, pids)), self.log_tail)
        self.send_signal(signal.SIGINT)

    def end_processes(self):
        """Kills the processes that it has left running, and returns their ids."""
        left = [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if self._has_started(entry)]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        return left

    def _has_started(self, entry):
        """Returns whether a process is in the session of the launch, to which all that it starts belong."""
        try:
            fields = entry.joinpath("stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return False
        return int(fields[3]) == self.pid and fields[0] != "Z" and int(entry.name) != self.pid


#: Launch file with several includes, without scopes around them.
INCLUDING = """
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import PushRosNamespace


def generate_launch_description():
    includes = [
        IncludeLaunchDescription(PythonLaunchDescriptionSource({file!r}), launch_arguments=arguments.items())
        for arguments in {includes!r}
    ]
    return LaunchDescription([*([PushRosNamespace({pushed!r})] if {pushed!r} else []), *includes])
"""


def use_stand_in(environment):
    """Replaces the stock recorder by its stand-in for all that the environment starts from now on."""
    prefix = environment.folder / "stock_recorder"
    index = prefix / "share" / "ament_index" / "resource_index" / "packages"
    index.mkdir(parents=True)
    for package in ("ros2bag", "rosbag2_storage_mcap"):
        (index / package).touch()
    variables = environment.env
    environment.env = variables | {
        "AMENT_PREFIX_PATH": f"{prefix}:{variables['AMENT_PREFIX_PATH']}",
        "PATH": f"{STANDIN_PATH}:{variables['PATH']}",
    }


def use_stand_in_for_rviz(environment):
    """Adds a package rviz2 whose program does nothing, so that tests can read its arguments."""
    prefix = environment.folder / "rviz"
    index = prefix / "share" / "ament_index" / "resource_index" / "packages"
    program = prefix / "lib" / "rviz2" / "rviz2"
    for folder in (index, program.parent):
        folder.mkdir(parents=True)
    (index / "rviz2").touch()
    program.write_text("#!/bin/sh\ntrap 'exit 0' INT TERM\nwhile :; do sleep 0.1; done\n")
    program.chmod(0o755)
    environment.env["AMENT_PREFIX_PATH"] = f"{prefix}:{environment.env['AMENT_PREFIX_PATH']}"


def rviz_of(launched, count=1):
    """Returns the configuration and the other arguments of each started rviz2."""
    started = [process.words for process in launched.processes("rviz2", count)]
    return [(yaml.safe_load(Path(words[words.index("--display-config") + 1]).read_text()), words) for words in started]
