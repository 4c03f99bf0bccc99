"""The launch file, run by `ros2 launch` with `ros2 bag record` where they are installed."""

import os
import runpy
import signal
from pathlib import Path

import pytest
import yaml
from ament_index_python.packages import PackageNotFoundError, get_package_prefix, get_package_share_directory
from sensor_msgs.msg import PointCloud2
from tf2_msgs.msg import TFMessage

from support import REPOSITORY, fastdds_environment, ros_observer, summary_notes
from support import launched as launches
from support.broken_rcl import UNKNOWN_CODE
from support.polling import wait_until
from support.topic_table import TOPICS

RVIZ_FILE = REPOSITORY / "config" / "sensr.rviz"
#: The installed Fast DDS profile.
SHIPPED = str(Path(get_package_share_directory("sensr_bridge"), "config", fastdds_environment.FILE.name))


def test_topics_in_the_rviz_configuration_exist_and_qos_matches():
    displays = yaml.safe_load(RVIZ_FILE.read_text())["Visualization Manager"]["Displays"]
    shown = {one["Topic"]["Value"].removeprefix("/"): one["Topic"] for one in displays if "Topic" in one}
    shown_types = ("sensor_msgs/msg/PointCloud2", "visualization_msgs/msg/MarkerArray")
    assert shown.keys() == {name for name, topic in TOPICS.items() if topic.type_name in shown_types}
    for name, request in shown.items():
        assert request["Durability Policy"] == ("Transient Local" if TOPICS[name].latched else "Volatile"), name


def test_a_killed_bridge_is_started_again(environment, launch):
    sim = environment.sim("--points", "100", "--types", "raw")
    raw = environment.observer().subscribe("points/raw", PointCloud2)
    launched = launch("host:=127.0.0.1", points_port=sim.points_port, output_port=sim.output_port)
    raw.wait(3)
    [pid] = launched.pids("sensr_bridge")
    os.kill(pid, signal.SIGKILL)
    launched.wait_until(lambda: launched.log.count("process started with pid") >= 2, launched.log_tail)
    before = raw.count
    wait_until(lambda: raw.count > before + 3, launched.log_tail)


def test_a_bridge_whose_middleware_fails_is_started_again(environment, launch, broken_rcl):
    """A panic of a thread ends the bridge, and the launch file starts it again."""
    sim = environment.sim("--points", "100", "--types", "raw")
    raw = environment.observer().subscribe("points/raw", PointCloud2)
    trigger = environment.folder / "broken"
    environment.env |= broken_rcl.environment(trigger, thread="sensr-points", publish=UNKNOWN_CODE)
    launched = launch("host:=127.0.0.1", points_port=sim.points_port, output_port=sim.output_port)
    raw.wait(3)
    trigger.touch()
    launched.wait_until(lambda: "the sensr-points thread ended" in launched.log, launched.log_tail)
    trigger.unlink()
    launched.wait_until(lambda: launched.log.count("process started with pid") >= 2, launched.log_tail)
    before = raw.count
    wait_until(lambda: raw.count > before + 3, launched.log_tail)


def test_a_wrong_parameter_ends_the_launch_instead_of_endless_restarts(launch):
    launched = launch("host:=127.0.0.1", points_port=0)
    assert launched.wait() == 1
    assert "points_port" in launched.log and "/sensr_bridge was given up" in launched.log
    assert "Traceback" not in launched.log
    assert launched.started("sensr_bridge") == 1


def test_giving_up_a_bridge_ends_its_simulator(environment, launch):
    ports = {"points_port": environment.unserved_port, "output_port": environment.port().number}
    launched = launch("sim:=true", "host:=nowhere", **ports)
    assert launched.wait() == 1
    assert "host nowhere is neither" in launched.log and "given up" in launched.log
    assert launched.started("sensr_sim") == 1 and "sensr_sim-1]: process has finished cleanly" in launched.log


def test_a_simulator_without_its_port_ends_the_launch(environment, launch):
    """Otherwise the bridge would connect to another server and show it as the simulator."""
    taken = environment.server()
    launched = launch("sim:=true", points_port=taken.port, output_port=environment.port().number)
    assert launched.wait() == 1
    assert "the simulator failed" in launched.log and str(taken.port) in launched.log


def test_the_simulator_listens_on_the_ports_of_the_bridge(environment, launch):
    raw = environment.observer().subscribe("points/raw", PointCloud2)
    launched = launch("sim:=1", points_port=environment.port().number, output_port=environment.port().number)
    launched.wait_until(lambda: raw.count > 3, launched.log_tail)


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("namespace:=site-1", "namespace: letters, digits and underscores, not beginning with a digit"),
        ("params_file:=/no/such/file", "params_file: there is no file /no/such/file"),
        ("params_file:=/", "params_file: / is a folder"),
        ("hosts_file:=/", "hosts_file: / is a folder"),
        ("bag_dir:=/proc/bags", "bag_dir: cannot write to /proc/bags"),
        ("bag_duration:=0.5", "bag_duration: whole seconds"),
        ("bag_size:=1XB", "bag_size: bytes up to"),
        ("bag_keep:=all", "bag_keep: a whole number"),
        ("bag_min_free:=much", "bag_min_free: bytes up to"),
        ("recorder_params_file:=/no/such/file", "recorder_params_file: there is no file /no/such/file"),
        ("record:=maybe", "record: true or false, got maybe"),
    ],
)
def test_nothing_starts_with_an_invalid_argument(launch, argument, reason):
    launched = launch("sim:=true", *(["record:=True"] if "bag" in argument else []), argument)
    assert launched.wait() == 1
    [line] = [line for line in launched.log.splitlines() if "bridge.launch.py: " in line]
    assert reason in line and "Traceback" not in launched.log
    assert "process started with pid" not in launched.log


def test_a_tilde_in_a_path_is_the_home_directory(environment, launch):
    server = environment.server()
    environment.env["HOME"] = str(environment.folder)
    parameters = {"points_port": environment.unserved_port, "output_port": server.port}
    (environment.folder / "mine.yaml").write_text(yaml.safe_dump({"/**": {"ros__parameters": parameters}}))
    launch("params_file:=~/mine.yaml", "host:=127.0.0.1")
    server.client()


def test_parameters_do_not_go_through_a_temporary_file(environment, launch):
    launched = launch("host:=127.0.0.1", points_port=environment.unserved_port, output_port=environment.unserved_port)
    [words] = [process.words for process in launched.processes("sensr_bridge")]
    files = [words[i + 1] for i, word in enumerate(words) if word == "--params-file"]
    assert files == [str(launched.params_file)]


#: Names that are numbers, booleans or null in YAML.
AMBIGUOUS = ["08", "2e1", "N", "101", "true", "null", "0x1F", "1_000", "~", "it's", "1.5.2"]


def test_a_site_name_may_look_like_another_yaml_type(environment, launch):
    server = environment.server()
    hosts = environment.folder / "hosts.yaml"
    addressed = {name: {"address": "127.0.0.1", "frame_id": f"frame{i}"} for i, name in enumerate(AMBIGUOUS)}
    hosts.write_text(yaml.safe_dump({"sites": addressed}))
    bridges = [{"host": name, "namespace": f"site{i}", "hosts_file": str(hosts)} for i, name in enumerate(AMBIGUOUS)]
    launched = launch(includes=bridges, points_port=environment.unserved_port, output_port=server.port)
    for _ in AMBIGUOUS:
        server.client()
    assert "given up" not in launched.log
    launched.interrupt()
    assert launched.wait() == 0, launched.log_tail()


def test_two_includes_neither_inherit_from_nor_end_each_other(environment, launch):
    sim = environment.sim("--points", "100", "--types", "raw")
    raw = environment.observer().subscribe("/one/points/raw", PointCloud2)
    first = {"host": "127.0.0.1", "namespace": "one", "log_level": "debug"}
    # The second include must not inherit the arguments of the first, nor end with it.
    launched = launch(includes=[first, {"host": "nowhere"}], points_port=sim.points_port, output_port=sim.output_port)
    launched.wait_until(lambda: "/sensr_bridge was given up" in launched.log, launched.log_tail)
    assert "/one/sensr_bridge was given up" not in launched.log
    before = raw.count
    launched.wait_until(lambda: raw.count > before + 3, launched.log_tail)
    [words] = [process.words for process in launched.processes("sensr_bridge") if process.is_alive]
    assert "__ns:=/one" in words
    assert "--log-level sensr_bridge:=info" in launched.log
    launched.interrupt()
    assert launched.wait() == 1, "one bridge was given up"


def test_arguments_of_the_command_line_apply_to_all_includes(environment, launch):
    ports = {"points_port": environment.unserved_port, "output_port": environment.unserved_port}
    sites = [{"host": "127.0.0.1", "namespace": "one"}, {"host": "127.0.0.1", "namespace": "two"}]
    launched = launch("log_level:=warn", includes=sites, **ports)
    levels = [word for process in launched.processes("sensr_bridge", 2) for word in process.words if ":=warn" in word]
    assert sorted(levels) == ["one.sensr_bridge:=warn", "two.sensr_bridge:=warn"]


def test_an_include_that_cannot_start_leaves_the_others_alone(environment, launch):
    sim = environment.sim("--points", "100", "--types", "raw")
    raw = environment.observer().subscribe("/one/points/raw", PointCloud2)
    sites = [{"host": "127.0.0.1", "namespace": "one"}, {"host": "127.0.0.1", "namespace": "site-2"}]
    launched = launch(includes=sites, points_port=sim.points_port, output_port=sim.output_port)
    launched.wait_until(lambda: "namespace: letters" in launched.log and raw.count > 3, launched.log_tail)
    launched.interrupt()
    assert launched.wait() == 1
    assert launched.started("sensr_bridge") == 1


def test_a_namespace_pushed_by_the_including_file_applies_to_the_bridge(environment, launch):
    ports = {"points_port": environment.unserved_port, "output_port": environment.unserved_port}
    launched = launch(includes=[{"host": "127.0.0.1", "namespace": "a"}], pushed="site", **ports)
    [words] = [process.words for process in launched.processes("sensr_bridge")]
    assert "__ns:=/site/a" in words and "site.a.sensr_bridge:=info" in words


def niceness(process):
    return int((process.folder / "stat").read_text().rpartition(")")[2].split()[16])


@pytest.mark.parametrize(("name_filter", "expected"), [((), 7), (("launch-prefix-filter:=sensr_sim",), 0)])
def test_a_prefix_of_the_command_line_applies_to_the_bridge(environment, launch, name_filter, expected):
    ports = {"points_port": environment.unserved_port, "output_port": environment.unserved_port}
    launched = launch("host:=127.0.0.1", "launch-prefix:=nice -n 7", *name_filter, **ports)
    [bridge] = launched.processes("sensr_bridge")
    own = niceness(launches.Launched(os.getpid()))
    wait_until(lambda: (bridge.folder / "exe").readlink().name == "sensr_bridge", launched.log_tail)
    assert niceness(bridge) == min(own + expected, 19)


def test_a_misspelt_argument_is_reported(environment, launch):
    ports = {"points_port": environment.unserved_port, "output_port": environment.unserved_port}
    launched = launch("host:=127.0.0.1", "recrod:=true", **ports)
    # `ros2 launch` does not end processes that are just being started.
    launched.processes("sensr_bridge")
    assert "recrod: bridge.launch.py has no such argument, did you mean record?" in launched.log


@pytest.mark.usefixtures("stand_in_for_rviz")
def test_rviz_follows_the_site_of_the_bridge(environment, launch):
    hosts = environment.folder / "hosts.yaml"
    hosts.write_text("sites: {pier: {address: 127.0.0.1, frame_id: pier_sensr, parent_frame: map}}")
    launched = launch(
        *("rviz:=true", "host:=pier", f"hosts_file:={hosts}", "namespace:=a"),
        points_port=environment.unserved_port,
        output_port=environment.unserved_port,
        **{"qos.reliability": "best_effort"},
    )
    [(config, words)] = launches.rviz_of(launched)
    manager = config["Visualization Manager"]
    assert manager["Global Options"]["Fixed Frame"] == "pier_sensr"
    shown = {one["Topic"]["Value"]: one["Topic"]["Reliability Policy"] for one in manager["Displays"] if "Topic" in one}
    assert shown["/a/points_raw"] == "Best Effort" and shown["/a/markers/zones"] == "Reliable"
    assert "/a/points_raw:=/a/points/raw" in words
    # The bridge publishes a transform.
    assert launched.started("static_transform_publisher") == 0


@pytest.mark.usefixtures("stand_in_for_rviz")
def test_giving_up_a_bridge_ends_rviz(launch):
    launched = launch("rviz:=true", "host:=nowhere")
    assert launched.wait() == 1
    assert launched.started("rviz2") == 1


@pytest.mark.usefixtures("stand_in_for_rviz")
def test_another_frame_gets_a_transform_for_rviz(environment, launch):
    try:
        program = Path(get_package_prefix("tf2_ros"), "lib", "tf2_ros", "static_transform_publisher")
    except PackageNotFoundError:
        program = None
    if not program or not program.exists():
        summary_notes.add_note("SKIPPED, NO tf2_ros HERE: rviz2 warns of a frame without transforms")
        pytest.skip("tf2_ros has no static_transform_publisher here")
    transforms = environment.observer().subscribe("/tf_static", TFMessage, ros_observer.qos(latched=True))
    launch(
        "rviz:=true", "host:=127.0.0.1", points_port=environment.unserved_port, output_port=environment.unserved_port
    )
    [transform] = transforms.wait(1)[0].transforms
    assert (transform.header.frame_id, transform.child_frame_id) == ("sensr", "sensr_view")


def profiles(launched, *names):
    """Yields for each process of these names the Fast DDS profile variables of its environment."""
    for name in names:
        [process] = launched.processes(name)
        yield {name: value for name, value in process.environment.items() if name in fastdds_environment.VARIABLES}


@pytest.mark.parametrize(
    ("variables", "args", "expected"),
    [
        # With ROS_LOCALHOST_ONLY a profile is wrong: it would undo the restriction to this machine.
        pytest.param({}, (), None if os.environ.get("ROS_LOCALHOST_ONLY") == "1" else SHIPPED, id="default"),
        pytest.param({}, ("dds_profile:=none",), None, id="none"),
        pytest.param({}, ("dds_profile:=network",), SHIPPED, id="network"),
        pytest.param({}, ("dds_profile:=own.xml",), "own.xml", id="given"),
        pytest.param({fastdds_environment.VARIABLE: "own.xml"}, (), "own.xml", id="environment"),
        pytest.param(
            {fastdds_environment.VARIABLE: "own.xml"},
            (f"dds_profile:={SHIPPED}",),
            SHIPPED,
            id="given over environment",
        ),
        pytest.param({"FASTDDS_BUILTIN_TRANSPORTS": "UDPv4"}, (), None, id="other transports"),
    ],
)
def test_only_the_bridge_gets_the_dds_profile(environment, launch, ros2_bag_record, variables, args, expected):
    own = environment.folder / "own.xml"
    own.write_text(fastdds_environment.FILE.read_text())

    def in_place(text):
        return text.replace("own.xml", str(own))

    given = {name: in_place(value) for name, value in variables.items()}
    environment.env = fastdds_environment.without_transport_choice(environment.env) | given
    launched = launch(
        *("host:=127.0.0.1", "record:=true", f"bag_dir:={environment.folder / 'bags'}", *map(in_place, args)),
        points_port=environment.unserved_port,
        output_port=environment.unserved_port,
    )
    bridge, recorder = profiles(launched, "sensr_bridge", "sensr_recorder")
    assert bridge == ({fastdds_environment.VARIABLE: in_place(expected)} if expected else {})
    assert recorder == {name: path for name, path in given.items() if name in fastdds_environment.VARIABLES}
    assert "XMLPARSER" not in launched.log


def test_with_the_profile_of_this_machine_the_recorder_has_that_of_subscribers(environment, launch, ros2_bag_record):
    """Otherwise it would not discover the bridge."""
    environment.env = fastdds_environment.without_transport_choice(environment.env)
    launched = launch(
        *("host:=127.0.0.1", "record:=true", f"bag_dir:={environment.folder / 'bags'}", "dds_profile:=machine"),
        points_port=environment.unserved_port,
        output_port=environment.unserved_port,
    )
    bridge, recorder = profiles(launched, "sensr_bridge", "sensr_recorder")
    config = Path(SHIPPED).parent
    assert bridge == {fastdds_environment.VARIABLE: str(config / fastdds_environment.MACHINE.name)}
    assert recorder == {fastdds_environment.VARIABLE: str(config / fastdds_environment.MACHINE_SUBSCRIBER.name)}
    assert "XMLPARSER" not in launched.log


def test_a_missing_dds_profile_is_reported(environment, launch):
    missing = environment.folder / "missing.xml"
    launched = launch(f"dds_profile:={missing}")
    assert launched.wait() != 0
    assert f"dds_profile: there is no file {missing}" in launched.log
    assert "process started with pid" not in launched.log


def test_other_middleware_gets_no_dds_profile(ros2_launch, monkeypatch):
    monkeypatch.setenv("RMW_IMPLEMENTATION", "rmw_cyclonedds_cpp")
    nodes = runpy.run_path(str(REPOSITORY / "launch" / "bridge_nodes.py"))
    assert nodes["dds_environment"](SHIPPED) == {}
