"""`sensr_check --import`: an old configuration becomes one that starts bridges."""

import json
import re
import shutil
import subprocess

import pytest
import yaml
from sensor_msgs.msg import PointCloud2

from support import launched as launches
from support.check import PASSED, WARNED
from support.processes import Process, executable
from support.recorder import STANDIN_PATH, bags_in

FILES = ["hosts.yaml", "launch.sh", "sensr_bridge.yaml", "sensr_recorder.yaml"]
#: Two hosts, tabs, comments and names in Korean, and keys that nothing has.
OLD = """\
# 센서 기록기 설정 (항구)
hosts:
\tharbour:\t# 항구
\t\tip: 127.0.0.1
\t\toutput_port: {harbour_output}
\t\tpoints_port: {harbour_points}
\t부두:\t# 이름이 한글인 현장
\t\tip: 127.0.0.1
\t\toutput_port: {pier_output}
\t\tpoints_port: {pier_points}
\t\toperator: 홍길동
recording:
\tpointcloud_interval: 0.1
\toutput_data_interval: 0.2\t# 초
\tduration: 600
\toutput_directory: {bags}
logging:
\tlevel: WARNING
\tformat: "%(message)s"
memory_limit_gb: 10
auto_restart:
\tminutes: 30
"""
NOT_CARRIED_OVER = ["operator", "format", "memory_limit_gb", "minutes"]


@pytest.fixture
def sims(environment):
    return [environment.sim("--points", "100", "--types", "raw", "--rate", "20") for _ in range(2)]


@pytest.fixture
def old_text(environment, sims):
    harbour, pier = sims
    return OLD.format(
        harbour_output=harbour.output_port,
        harbour_points=harbour.points_port,
        pier_output=pier.output_port,
        pier_points=pier.points_port,
        bags=environment.folder / "bags",
    )


def convert(environment, content, *arguments):
    """Imports an old file with that content. Returns the finished process and the folder of the new files."""
    source = environment.folder / "config.yaml"
    source.write_bytes(content)
    folder = environment.folder / "new"
    argv = [executable("sensr_check"), "--import", str(source), "--output", str(folder), *arguments]
    return subprocess.run(argv, check=False, env=environment.env, capture_output=True, text=True, timeout=60), folder


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949"])
def test_every_value_is_carried_over_or_named(environment, old_text, encoding):
    result, folder = convert(environment, old_text.replace("\n", "\r\n").encode(encoding))
    assert result.returncode == WARNED, result.stderr
    assert sorted(path.name for path in folder.iterdir()) == FILES
    lost = result.stdout.split("NOT carried over:\n")[1].split("Written:")[0]
    keys = re.findall(r"^  (\S+) \(line \d+\)", lost, re.MULTILINE)
    assert [key.rsplit(".", 1)[-1] for key in keys] == NOT_CARRIED_OVER
    values = yaml.safe_load(old_text.replace("\t#", " #").replace("\t", "  "))
    sites = yaml.safe_load((folder / "hosts.yaml").read_text())["sites"]
    for site, old in zip(sites.values(), values["hosts"].values(), strict=True):
        assert site["address"] == old["ip"]
        assert {key: site[key] for key in ("output_port", "points_port")} == {
            key: old[key] for key in ("output_port", "points_port")
        }
    bridge = yaml.safe_load((folder / "sensr_bridge.yaml").read_text())["/**"]["ros__parameters"]
    assert bridge == {"pointcloud_interval": 0.1, "output_data_interval": 0.2}
    recorder = yaml.safe_load((folder / "sensr_recorder.yaml").read_text())["/**"]["ros__parameters"]
    assert recorder == {"split_duration": 600.0, "output_dir": str(environment.folder / "bags")}


def test_other_files_are_overwritten_only_by_force(environment, old_text):
    convert(environment, old_text.encode())
    result, folder = convert(environment, old_text.encode())
    assert result.returncode == WARNED, "the same content again"
    own = folder / "sensr_bridge.yaml"
    own.write_text("mine")
    result, _ = convert(environment, old_text.encode())
    assert result.returncode == 2
    assert str(own) in result.stderr and "--force" in result.stderr
    assert own.read_text() == "mine"
    result, _ = convert(environment, old_text.encode(), "--force")
    assert result.returncode == WARNED
    assert own.read_text() != "mine"


def test_a_file_that_is_no_yaml_is_refused_with_the_line(environment):
    result, folder = convert(environment, b"a: 1\nb: [\n")
    assert result.returncode == 2
    assert "line" in result.stderr
    assert not folder.exists()


def test_the_result_passes_the_examination_of_files(environment, old_text):
    _, folder = convert(environment, old_text.encode())
    argv = [executable("sensr_check"), "--json", "--all-sites", "--listen", "1"]
    argv += ["--hosts-file", folder / "hosts.yaml", "--params-file", folder / "sensr_bridge.yaml"]
    argv += ["--recorder-params-file", folder / "sensr_recorder.yaml"]
    result = subprocess.run(
        [*map(str, argv)], check=False, env=environment.env, capture_output=True, text=True, timeout=120
    )
    findings = json.loads(result.stdout)["findings"]
    verdicts = {one["subject"]: one["verdict"] for one in findings}
    for subject in ("hosts file", "bridge parameters", "recorder parameters"):
        assert verdicts[subject] == "PASS", findings
    streams = [one["site"] for one in findings if one["subject"] == "point stream" and one["verdict"] == "PASS"]
    assert sorted(streams) == ["harbour", "site"]


def test_a_value_that_is_all_carried_over_leaves_no_warning(environment):
    result, _ = convert(environment, b"host: 192.0.2.1\n")
    assert result.returncode == PASSED, result.stdout


def test_a_broken_hosts_file_is_named_with_all_of_its_mistakes(environment):
    hosts = environment.folder / "hosts.yaml"
    hosts.write_text("sites:\n  a: {address: 'http://x', output_port: 0}\n  b: {adress: 192.0.2.1}\n")
    argv = [executable("sensr_check"), "--json", "--no-record", "--hosts-file", str(hosts), "--all-sites"]
    result = subprocess.run(argv, check=False, env=environment.env, capture_output=True, text=True, timeout=120)
    assert result.returncode == 2
    failures = [one for one in json.loads(result.stdout)["findings"] if one["verdict"] == "FAIL"]
    messages = [one["message"] for one in failures if one["subject"] == "hosts file"]
    assert len(messages) == 4, messages
    for message, words in zip(
        messages, ["sites.a.address", "sites.a.output_port", "no key adress", "no `address:`"], strict=True
    ):
        assert words in message
        assert "at line" in message
    assert all(str(hosts) in one["cure"] for one in failures if one["subject"] == "hosts file")


class LaunchCommand(launches.Launch):
    """The imported launch command. Its `ros2 bag` is the stand-in for the stock recorder."""

    def __init__(self, environment, command):
        wrapper = environment.folder / "path" / "ros2"
        wrapper.parent.mkdir()
        launch, bag = shutil.which("ros2"), STANDIN_PATH / "ros2"
        wrapper.write_text(f'#!/bin/sh\n[ "$1" = launch ] && exec {launch} "$@"\nexec {bag} "$@"\n')
        wrapper.chmod(0o755)
        env = environment.env | {"PATH": f"{wrapper.parent}:{environment.env['PATH']}"}
        Process.__init__(self, "launch", [str(command)], env, environment.folder)


@pytest.fixture
def start_command(environment, ros2_launch):
    launches.use_stand_in(environment)
    started = []

    def start(command):
        started.append(LaunchCommand(environment, command))
        return started[-1]

    yield start
    for one in started:
        if one.alive:
            one.interrupt()
            one.wait(launches.SHUTDOWN_TIMEOUT)
        left = one.end_processes()
        one.end()
        assert not left, f"{one.name} left processes running: {left}"


def test_the_launch_command_starts_bridges_and_recorders(environment, old_text, start_command):
    _, folder = convert(environment, old_text.encode())
    observer = environment.observer()
    clouds = [observer.subscribe(f"/{site}/points/raw", PointCloud2) for site in ("harbour", "site")]
    launched = start_command(folder / "launch.sh")
    for received in clouds:
        received.wait(3)
    for name in ("sensr_bridge", "sensr_recorder"):
        words = [word for process in launched.processes(name, 2) for word in process.words]
        assert {"__ns:=/harbour", "__ns:=/site"} <= {*words}
        assert {f"harbour.{name}:=warn", f"site.{name}:=warn"} <= {*words}
    bags = environment.folder / "bags"
    launched.wait_until(
        lambda: all(any(bag.splits()) for bag in bags_in(bags)) and len(bags_in(bags)) == 2, launched.log_tail
    )
    launched.interrupt()
    assert launched.wait(launches.SHUTDOWN_TIMEOUT) == 0, launched.log_tail()
