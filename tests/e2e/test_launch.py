"""The launch file, with the `ros2 launch` and `ros2 bag record` of the machine where it has them."""

import ast
import os
import re
import shutil
import signal
from pathlib import Path

import pytest
import yaml
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import PointCloud2

import report
from polling import until
from processes import Process

REPOSITORY = Path(__file__).parents[2]
LAUNCH_FILE = REPOSITORY / "launch" / "bridge.launch.py"
RVIZ_FILE = REPOSITORY / "config" / "sensr.rviz"


def topics_of_the_launch_file():
    """Read as text, for without `launch` it cannot be imported."""
    for statement in ast.parse(LAUNCH_FILE.read_text()).body:
        if isinstance(statement, ast.Assign) and statement.targets[0].id == "TOPICS":
            return ast.literal_eval(statement.value)
    raise AssertionError(f"no TOPICS in {LAUNCH_FILE}")


def have(*command):
    """Whether `ros2` knows a verb: its packages can be installed one by one."""
    if not shutil.which("ros2"):
        return False
    return os.spawnlp(os.P_WAIT, "sh", "sh", "-c", f"ros2 {' '.join(command)} --help >/dev/null 2>&1") == 0


@pytest.fixture(scope="module")
def ros2_launch():
    if not (have("launch") and have("bag", "record")):
        report.note("SKIPPED, NO ros2 launch AND ros2 bag record HERE: the launch file was not run")
        pytest.skip("ros2 launch and ros2 bag record are not installed")


class Launch(Process):
    """`ros2 launch` of the package's launch file against the simulator of the rig."""

    def __init__(self, rig, *args, **parameters):
        self.params_file = rig.folder / "launch.yaml"
        self.params_file.write_text(yaml.safe_dump({"/**": {"ros__parameters": parameters}}))
        command = ["ros2", "launch", "sensr_bridge", "bridge.launch.py", f"params_file:={self.params_file}"]
        super().__init__("launch", [*command, *args], rig.env, rig.folder)

    @property
    def log(self):
        return self.stdout + self.stderr


@pytest.fixture
def launch(rig, ros2_launch):
    launches = []

    def start(*args, **parameters):
        launches.append(Launch(rig, *args, **parameters))
        return launches[-1]

    yield start
    for launched in launches:
        if launched.alive:
            launched.signal(signal.SIGINT)
            launched.wait()
        launched.end()


def test_everything_the_bridge_publishes_is_recorded_and_what_rviz_shows_exists(rig):
    observer = rig.observer()
    rig.bridge(rig.port().number, ros_args=["-r", "__ns:=/site"])
    expected = {f"/site/{topic}" for topic in topics_of_the_launch_file()}
    until(
        lambda: observer.topics_of("sensr_bridge", "/site") == expected,
        lambda: f"{expected}, published are {observer.topics_of('sensr_bridge', '/site')}",
    )
    shown = set(re.findall(r"^\s+Value: /(\S+)$", RVIZ_FILE.read_text(), re.MULTILINE))
    assert shown and shown <= set(topics_of_the_launch_file())


def test_a_recording_under_a_namespace_splits_and_ends_whole(rig, launch):
    sim = rig.sim("--points", "2000")
    bags = rig.folder / "bags"
    observer = rig.observer()
    raw = observer.subscribe("/site/a/points/raw", PointCloud2)
    launched = launch(
        *("namespace:=site/a", "host:=127.0.0.1", "record:=true", f"bag_dir:={bags}", "bag_duration:=2"),
        *("storage_preset:=zstd_fast", "log_level:=debug"),
        points_port=sim.points_port,
    )
    raw.wait(5)
    launched.until(lambda: len(list(bags.glob("*/*.mcap"))) >= 3, launched.tail)
    launched.signal(signal.SIGINT)
    assert launched.wait() == 0, launched.tail()
    assert "ran for" in launched.log, "the final report of the bridge is missing"
    [bag] = bags.iterdir()
    assert bag.name.startswith("site_a_")
    with AnyReader([bag]) as reader:
        counts = {connection.topic: connection.msgcount for connection in reader.connections}
        assert set(counts) == {f"/site/a/{topic}" for topic in topics_of_the_launch_file()}
        assert all(counts.values())
        clouds = [c for c in reader.connections if c.topic == "/site/a/points/raw"]
        for _, _, data in reader.messages(clouds):
            assert reader.deserialize(data, "sensor_msgs/msg/PointCloud2").width == 2000


def test_a_killed_bridge_is_started_again(rig, launch):
    sim = rig.sim("--points", "100", "--types", "raw")
    raw = rig.observer().subscribe("points/raw", PointCloud2)
    launched = launch("host:=127.0.0.1", points_port=sim.points_port)
    raw.wait(3)
    pid = re.search(r"sensr_bridge-\d+\]: process started with pid \[(\d+)\]", launched.log)[1]
    os.kill(int(pid), signal.SIGKILL)
    launched.until(lambda: launched.log.count("process started with pid") >= 2, launched.tail)
    before = raw.count
    until(lambda: raw.count > before + 3, launched.tail)


def test_a_wrong_parameter_ends_the_launch_instead_of_starting_for_ever(launch):
    launched = launch("host:=127.0.0.1", points_port=0)
    launched.wait()
    assert "parameter points_port allows 1 to 65535, got 0" in launched.log
    assert launched.log.count("process started with pid") == 1
