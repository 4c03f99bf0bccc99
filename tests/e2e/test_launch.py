"""The launch file, with the `ros2 launch` and `ros2 bag record` of the machine where it has them."""

import ast
import os
import re
import runpy
import shutil
import signal
from pathlib import Path

import pytest
import yaml
from ament_index_python.packages import get_package_share_directory
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import PointCloud2

import dds_profile
import outputs
import report
from polling import until
from processes import Process
from topics import TOPICS

REPOSITORY = Path(__file__).parents[2]
LAUNCH_FILE = REPOSITORY / "launch" / "bridge.launch.py"
RVIZ_FILE = REPOSITORY / "config" / "sensr.rviz"


#: Published when something unforeseen happens in front of the sensors, which need not be while a test runs.
OCCASIONAL = ("events/losing", "events/recalibration", "/diagnostics")


def constant_of_the_launch_file(name):
    """Read as text, for without `launch` it cannot be imported."""
    for statement in ast.parse(LAUNCH_FILE.read_text()).body:
        if isinstance(statement, ast.Assign) and statement.targets[0].id == name:
            return ast.literal_eval(statement.value)
    raise AssertionError(f"no {name} in {LAUNCH_FILE}")


#: The Fast DDS profile where it is installed.
SHIPPED = str(Path(get_package_share_directory("sensr_bridge"), "config", dds_profile.FILE.name))

#: What is recorded, and how many messages of each the recorder lets wait.
RECORDED = constant_of_the_launch_file("TOPICS")


def absolute(topics, namespace):
    return {topic if topic.startswith("/") else f"{namespace}/{topic}" for topic in topics}


def have(*command):
    """Whether `ros2` knows a verb: its packages can be installed one by one."""
    if not shutil.which("ros2"):
        return False
    return os.spawnlp(os.P_WAIT, "sh", "sh", "-c", f"ros2 {' '.join(command)} --help >/dev/null 2>&1") == 0


def require(verb):
    if not have(*verb.split()):
        report.note(f"SKIPPED, NO ros2 {verb} HERE: the launch file was not run")
        pytest.skip(f"ros2 {verb} is not installed")


@pytest.fixture(scope="module")
def ros2_launch():
    require("launch")


@pytest.fixture(scope="module")
def ros2_bag_record():
    require("bag record")


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


def test_everything_the_bridge_publishes_is_recorded(rig):
    observer = rig.observer()
    rig.bridge(rig.port().number, ros_args=["-r", "__ns:=/site"])
    expected = absolute((topic for topic in RECORDED if not topic.startswith("/")), "/site")
    until(
        lambda: expected <= observer.topics_of("sensr_bridge", "/site"),
        lambda: f"{expected}, published are {observer.topics_of('sensr_bridge', '/site')}",
    )
    assert observer.topics_of("sensr_bridge", "/site") <= absolute(RECORDED, "/site")


def test_the_recorder_asks_for_no_less_than_is_offered():
    latched = constant_of_the_launch_file("LATCHED")
    for name, topic in TOPICS.items():
        # Fast DDS keeps 5000 at most.
        assert RECORDED[name] >= min(topic.depth, 5000), name
        assert topic.latched == (name in latched), name


def test_what_rviz_shows_exists_and_is_offered():
    displays = yaml.safe_load(RVIZ_FILE.read_text())["Visualization Manager"]["Displays"]
    shown = {one["Topic"]["Value"].removeprefix("/"): one["Topic"] for one in displays if "Topic" in one}
    pictures = ("sensor_msgs/msg/PointCloud2", "visualization_msgs/msg/MarkerArray")
    assert shown.keys() == {name for name, topic in TOPICS.items() if topic.type_name in pictures}
    for name, request in shown.items():
        assert request["Durability Policy"] == ("Transient Local" if TOPICS[name].latched else "Volatile"), name


def test_a_recording_under_a_namespace_splits_and_ends_whole(rig, launch, ros2_bag_record):
    sim = rig.sim("--points", "2000")
    bags = rig.folder / "bags"
    observer = rig.observer()
    raw = observer.subscribe("/site/a/points/raw", PointCloud2)
    launched = launch(
        *("namespace:=site/a", "host:=127.0.0.1", "record:=true", f"bag_dir:={bags}", "bag_duration:=2"),
        *("storage_preset:=zstd_fast", "log_level:=debug"),
        points_port=sim.points_port,
        output_port=sim.output_port,
        parent_frame="map",
        **{"publish.wire": True},
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
        assert absolute(TOPICS, "/site/a") <= set(counts) <= absolute(RECORDED, "/site/a")
        empty = {topic for topic, count in counts.items() if not count}
        assert empty <= absolute(OCCASIONAL, "/site/a")
        clouds = [c for c in reader.connections if c.topic == "/site/a/points/raw"]
        for _, _, data in reader.messages(clouds):
            assert reader.deserialize(data, "sensor_msgs/msg/PointCloud2").width == 2000


def test_bursts_of_events_are_recorded_whole(rig, launch, ros2_bag_record):
    """The stock recorder of itself keeps the last ten of each."""
    burst, bursts = 1000, 4
    server, bags = rig.server(), rig.folder / "bags"
    launched = launch(
        *("host:=127.0.0.1", "record:=true", f"bag_dir:={bags}"),
        points_port=rig.unserved_port,
        output_port=server.port,
    )
    client = server.client()
    launched.until(lambda: "Subscribed to topic '/events/zone'" in launched.log, launched.tail)
    statistics = rig.statistics(rig.observer())
    for number in range(bursts):
        client.send(outputs.message(outputs.zone_events(*range(burst))))
        statistics.until_received(burst * (number + 1), "events/zone")
    launched.signal(signal.SIGINT)
    assert launched.wait() == 0, launched.tail()
    [bag] = bags.iterdir()
    with AnyReader([bag]) as reader:
        [events] = [c for c in reader.connections if c.topic == "/events/zone"]
        numbers = [reader.deserialize(data, c.msgtype).sequence for c, _, data in reader.messages([events])]
    report.note(f"ros2 bag record: {len(numbers)} of {burst * bursts} events in bursts of {burst}")
    # The first may have been sent before bridge and recorder had found each other.
    assert numbers == list(range(numbers[0], burst * bursts)) and numbers[0] <= burst


def test_a_killed_bridge_is_started_again(rig, launch):
    sim = rig.sim("--points", "100", "--types", "raw")
    raw = rig.observer().subscribe("points/raw", PointCloud2)
    launched = launch("host:=127.0.0.1", points_port=sim.points_port, output_port=sim.output_port)
    raw.wait(3)
    pid = re.search(r"sensr_bridge-\d+\]: process started with pid \[(\d+)\]", launched.log)[1]
    os.kill(int(pid), signal.SIGKILL)
    launched.until(lambda: launched.log.count("process started with pid") >= 2, launched.tail)
    before = raw.count
    until(lambda: raw.count > before + 3, launched.tail)


def test_a_bridge_whose_middleware_breaks_is_started_again(rig, launch, broken_rcl):
    """A panic of one of its threads ends it, and the launch file starts it again: nobody has to come."""
    sim = rig.sim("--points", "100", "--types", "raw")
    raw = rig.observer().subscribe("points/raw", PointCloud2)
    trigger = rig.folder / "broken"
    rig.env |= broken_rcl.environment(trigger, thread="pub-points", publish=broken_rcl.UNHEARD_OF)
    launched = launch("host:=127.0.0.1", points_port=sim.points_port, output_port=sim.output_port)
    raw.wait(3)
    trigger.touch()
    launched.until(lambda: "the pub-points thread ended" in launched.log, launched.tail)
    trigger.unlink()
    launched.until(lambda: launched.log.count("process started with pid") >= 2, launched.tail)
    before = raw.count
    until(lambda: raw.count > before + 3, launched.tail)


def test_a_wrong_parameter_ends_the_launch_instead_of_starting_for_ever(launch):
    launched = launch("host:=127.0.0.1", points_port=0)
    launched.wait()
    assert "parameter points_port allows 1 to 65535, got 0" in launched.log
    assert launched.log.count("process started with pid") == 1


def profiles(launched, *names):
    """For each of the processes of these names: what its environment tells Fast DDS of profiles."""

    def pids():
        return [re.search(rf"\[{name}-\d+\]: process started with pid \[(\d+)\]", launched.log) for name in names]

    launched.until(lambda: all(pids()), launched.tail)
    for pid in pids():
        words = Path(f"/proc/{pid[1]}/environ").read_bytes().decode().split("\0")
        environment = dict(word.split("=", 1) for word in words if "=" in word)
        yield {name: value for name, value in environment.items() if name in dds_profile.VARIABLES}


@pytest.mark.parametrize(
    ("environment", "args", "expected"),
    [
        # Where ROS_LOCALHOST_ONLY keeps the tests to this machine no profile is right: it would undo that.
        pytest.param({}, (), None if os.environ.get("ROS_LOCALHOST_ONLY") == "1" else SHIPPED, id="default"),
        pytest.param({}, ("dds_profile:=none",), None, id="none"),
        pytest.param({}, ("dds_profile:=own.xml",), "own.xml", id="given"),
        pytest.param({dds_profile.VARIABLE: "own.xml"}, (), "own.xml", id="environment"),
        pytest.param(
            {dds_profile.VARIABLE: "own.xml"}, (f"dds_profile:={SHIPPED}",), SHIPPED, id="given over environment"
        ),
        pytest.param({"FASTDDS_BUILTIN_TRANSPORTS": "UDPv4"}, (), None, id="other transports"),
    ],
)
def test_the_dds_profile_is_the_bridges_alone(rig, launch, ros2_bag_record, environment, args, expected):
    own = rig.folder / "own.xml"
    own.write_text(dds_profile.FILE.read_text())

    def in_place(text):
        return text.replace("own.xml", str(own))

    given = {name: in_place(value) for name, value in environment.items()}
    rig.env = dds_profile.absent_from(rig.env) | given
    launched = launch(
        *("host:=127.0.0.1", "record:=true", f"bag_dir:={rig.folder / 'bags'}", *map(in_place, args)),
        points_port=rig.unserved_port,
        output_port=rig.unserved_port,
    )
    bridge, recorder = profiles(launched, "sensr_bridge", "recorder")
    assert bridge == ({dds_profile.VARIABLE: in_place(expected)} if expected else {})
    assert recorder == {name: path for name, path in given.items() if name in dds_profile.VARIABLES}
    assert "XMLPARSER" not in launched.log


def test_a_dds_profile_that_is_not_there_is_said_to_be_missing(rig, launch):
    missing = rig.folder / "missing.xml"
    launched = launch(f"dds_profile:={missing}")
    assert launched.wait() != 0
    assert f"dds_profile: there is no file {missing}" in launched.log
    assert "process started with pid" not in launched.log


def test_other_middleware_gets_no_dds_profile(ros2_launch, monkeypatch):
    monkeypatch.setenv("RMW_IMPLEMENTATION", "rmw_cyclonedds_cpp")
    launch_file = runpy.run_path(str(LAUNCH_FILE))
    assert launch_file["dds_environment"]({"dds_profile": SHIPPED}.get) == {}
