"""The systemd units: systemd's own checks where it is installed, and their commands as systemd would run them."""

import os
import re
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_prefix, get_package_share_directory
from sensor_msgs.msg import PointCloud2

from support import fastdds_environment, summary_notes
from support.launched import expects_interrupt
from support.polling import wait_until
from support.processes import Process
from support.recorder import STANDIN_PATH, bags_in

FOLDER = Path(get_package_share_directory("sensr_bridge"), "config", "systemd")
UNITS = ("sensr_bridge@.service", "sensr_recorder@.service")
SITE = "harbour"
#: Variable of Fast DDS that the units set; versions with another name still accept it.
PROFILE_VARIABLE = "FASTRTPS_DEFAULT_PROFILES_FILE"
#: Largest exposure level of `systemd-analyze security`, in tenths. A service without hardening has 96.
EXPOSURE = 25


def require(program, *arguments):
    """Skips the test where a program of systemd is missing, or is too old for these arguments."""
    path = shutil.which(program)
    if path and subprocess.run([path, *arguments], capture_output=True, check=False).returncode == 0:
        return
    what = " ".join([program, *arguments])
    summary_notes.add_note(f"SKIPPED, NO {what}: the systemd units were not checked by it")
    pytest.skip(f"{what} is not available")


def assignments(unit):
    """Returns the assignments of a unit, in order."""
    lines = (FOLDER / unit).read_text().splitlines()
    return [tuple(line.split("=", 1)) for line in lines if re.match(r"[A-Z]\w+=", line)]


def values(unit, name):
    return [value for key, value in assignments(unit) if key == name]


def value(unit, name):
    [only] = values(unit, name)
    return only


def expanded(text, variables):
    """Returns a text with the specifiers and variables that systemd replaces."""
    for specifier, replacement in {"%i": SITE, "%S": variables["STATE"], "%L": variables["LOGS"]}.items():
        text = text.replace(specifier, replacement)
    # Two dollar signs are one that bash sees.
    parts = text.split("$$")
    return "$".join(re.sub(r"\$\{(\w+)\}", lambda match: variables[match[1]], part) for part in parts)


@pytest.fixture
def service(environment):
    """Starts a unit's command with its environment, as systemd does, but with the ROS 2 of the test."""
    overlay = environment.folder / "overlay"
    overlay.mkdir()
    (overlay / "setup.bash").write_text("export SOURCED_OVERLAY=1\n")
    hosts = environment.folder / "hosts.yaml"
    prefix = get_package_prefix("sensr_bridge")
    file = dict(
        line.split("=", 1) for line in (FOLDER / "environment").read_text().splitlines() if re.match(r"[A-Z]", line)
    )
    file |= {
        "OVERLAY": str(overlay),
        "PACKAGE_PREFIX": prefix,
        "DDS_PROFILE": file["DDS_PROFILE"].replace("/opt/sensr/install/sensr_bridge", prefix),
        "HOSTS_FILE": str(hosts),
        "BRIDGE_PARAMS": str(FOLDER.parent / "sensr_bridge.yaml"),
        "RECORDER_PARAMS": str(FOLDER.parent / "sensr_recorder.yaml"),
    }
    variables = {"STATE": str(environment.folder), "LOGS": str(environment.folder)}
    processes = []

    def start(unit, **more):
        own = [word.split("=", 1) for line in values(unit, "Environment") for word in shlex.split(line)]
        given = {name: expanded(text, variables) for name, text in own} | file | more
        command = expanded(value(unit, "ExecStart"), variables | given)
        # There need be no ROS 2 in /opt/ros; the test has sourced another.
        command = command.replace(f"/opt/ros/{given['ROS_DISTRO']}/setup.bash", "/dev/null")
        folder = environment.folder / "sensr_bridge"
        folder.mkdir(exist_ok=True)
        inherited = fastdds_environment.without_transport_choice(environment.env)
        given["PATH"] = f"{STANDIN_PATH}:{inherited['PATH']}"
        words = ["env", "-C", str(folder), *shlex.split(command)]
        processes.append(Process(unit.partition("@")[0], words, inherited | given, environment.folder))
        return processes[-1]

    yield start
    for process in processes:
        if process.alive:
            # Before it has a handler, a signal ends it, or is lost in a background job.
            wait_until(lambda pid=process.pid: expects_interrupt(pid), process.log_tail)
            process.send_signal(signal.SIGINT)
            process.wait(90.0)
        process.end()


def test_systemd_accepts_the_units():
    require("systemd-analyze", "verify", "--help")
    command = ["systemd-analyze", "verify", "--man=no", *(str(FOLDER / unit) for unit in UNITS)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout + answer.stderr) == (0, "")


def test_the_units_are_hardened():
    units = [str(FOLDER / unit) for unit in UNITS]
    command = ("systemd-analyze", "security", "--offline=true", "--no-pager")
    require(*command, *units)
    for unit in units:
        answer = subprocess.run(
            [*command, f"--threshold={EXPOSURE}", unit], capture_output=True, text=True, check=False
        )
        assert answer.returncode == 0, answer.stdout


def test_systemd_creates_the_user(tmp_path):
    require("systemd-sysusers", "--version")
    (tmp_path / "etc").mkdir()
    users = ["systemd-sysusers", f"--root={tmp_path}", str(FOLDER / "sensr_bridge.sysusers.conf")]
    subprocess.run(users, check=True, capture_output=True)
    names = {line.split(":")[0] for line in (tmp_path / "etc" / "passwd").read_text().splitlines()}
    assert {value(unit, "User") for unit in UNITS} == names


def test_bridge_and_recorder_share_what_the_middleware_needs():
    """Fast DDS passes messages through files of one user in one /dev/shm."""
    for name in ("User", "Group", "EnvironmentFile", "PrivateDevices"):
        assert values(UNITS[0], name) == values(UNITS[1], name)
    for unit in UNITS:
        settings = dict(assignments(unit))
        assert not settings.keys() & {"PrivateUsers", "PrivateNetwork", "PrivateIPC", "RemoveIPC", "DynamicUser"}
        assert not settings.keys() & {"TemporaryFileSystem", "InaccessiblePaths", "RootDirectory", "RootImage"}
        assert "AF_NETLINK" in settings["RestrictAddressFamilies"].split()


def test_the_bridge_stops_before_its_recorder():
    """Units stop in the reverse order of their start."""
    assert "sensr_recorder@%i.service" in value(UNITS[0], "After").split()
    assert "sensr_bridge" not in value(UNITS[1], "After")


def test_the_recorder_has_the_time_that_it_may_take():
    # src/ros/recorder_node.rs: the process ends by itself after 75 s.
    assert int(value(UNITS[1], "TimeoutStopSec")) > 75
    assert value(UNITS[1], "KillMode") == "mixed", "SIGTERM must not reach the stock recorder"


def test_only_an_invalid_configuration_ends_the_restarts():
    for unit in UNITS:
        assert value(unit, "Restart") == "on-failure" and value(unit, "StartLimitIntervalSec") == "0"
        assert value(unit, "RestartPreventExitStatus") == "2"


def test_the_units_run_installed_executables():
    for unit in UNITS:
        [path] = re.findall(r"\$\{PACKAGE_PREFIX\}/(\S+)", value(unit, "ExecStart"))
        assert os.access(Path(get_package_prefix("sensr_bridge"), path), os.X_OK)


def test_the_variables_of_the_units_have_a_value():
    given = re.findall(r"^# ?(\w+)=|^(\w+)=", (FOLDER / "environment").read_text(), re.MULTILINE)
    documented = {name for pair in given for name in pair if name}
    for unit in UNITS:
        own = {word.split("=", 1)[0] for line in values(unit, "Environment") for word in shlex.split(line)}
        used = {*re.findall(r"\$\$?\{?(\w+)", value(unit, "ExecStart"))}
        assert used <= documented
        assert used - own <= {"ROS_DISTRO", "OVERLAY", "PACKAGE_PREFIX", "DDS_PROFILE"}


def test_the_services_become_ready_and_record_their_site(environment, service, service_manager):
    sim = environment.sim("--points", "100", "--types", "raw")
    (environment.folder / "hosts.yaml").write_text(
        f"sites: {{{SITE}: {{address: 127.0.0.1, points_port: {sim.points_port}, output_port: {sim.output_port}}}}}"
    )
    clouds = environment.observer().subscribe(f"/{SITE}/points/raw", PointCloud2)
    recorder, bridge = service(UNITS[1]), service(UNITS[0])
    service_manager.wait_for("READY=1", 2)
    clouds.wait(3)
    for process in (bridge, recorder):
        # systemd takes notifications of the main process only, so the shell has made way for it.
        assert os.readlink(f"/proc/{process.pid}/exe").endswith(f"/{process.name}")
    assert variables_of(bridge)[PROFILE_VARIABLE] == str(FOLDER.parent / "fastdds_shm.xml")
    assert PROFILE_VARIABLE not in variables_of(recorder)
    assert variables_of(recorder)["SOURCED_OVERLAY"] == "1"
    bags = environment.folder / "sensr_bridge" / "bags"
    recorder.wait_until(lambda: bags_in(bags) and bags_in(bags)[0].splits(), recorder.log_tail)
    for process in (bridge, recorder):
        process.send_signal(signal.SIGTERM)
        assert process.wait(90.0) == 0, process.log_tail()
    [bag] = bags_in(bags)
    assert bag.mark["state"] == "closed" and bag.mark["namespace"] == f"/{SITE}"


def variables_of(process):
    words = Path(f"/proc/{process.pid}/environ").read_bytes().decode().split("\0")
    return dict(word.split("=", 1) for word in words if word)


def test_a_bridge_without_a_profile_has_no_variable_for_it(environment, service):
    (environment.folder / "hosts.yaml").write_text(f"sites: {{{SITE}: 127.0.0.1}}")
    bridge = service(UNITS[0], DDS_PROFILE="")
    bridge.wait_until(lambda: os.readlink(f"/proc/{bridge.pid}/exe").endswith("/sensr_bridge"), bridge.log_tail)
    assert PROFILE_VARIABLE not in variables_of(bridge)
