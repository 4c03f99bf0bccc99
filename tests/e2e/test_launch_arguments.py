"""Arguments of the launch file, and its use of the bridge's output, without `launch` and rviz2."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml
from sensor_msgs.msg import PointCloud2

from support.launch_modules import CONFIG, bridge_arguments, bridge_view
from support.processes import assignments, executable

ARGUMENTS = bridge_arguments.all_arguments(CONFIG, {})
DEFAULTS = {argument.name: argument.default for argument in ARGUMENTS}
RVIZ = yaml.safe_load((CONFIG / "sensr.rviz").read_text())


def parse(**given):
    return bridge_arguments.parse_arguments(ARGUMENTS, DEFAULTS | given)


def refusal(**given):
    with pytest.raises(bridge_arguments.ArgumentError) as refused:
        parse(**given)
    reason = str(refused.value)
    assert "\n" not in reason
    return reason


def test_the_defaults_are_accepted():
    options = parse()
    assert not (options.record or options.rviz or options.sim)
    assert options.log_level == "info"
    assert options.params_file == CONFIG / "sensr_bridge.yaml"
    assert options.recorder_params_file == CONFIG / "sensr_recorder.yaml"
    assert bridge_arguments.recorder_parameters(options) == {}, "the file of the recorder decides"


@pytest.mark.parametrize("word", ["true", "True", "TRUE", " true ", "1", "yes", "on"])
def test_a_switch_is_on_in_every_spelling(word, tmp_path):
    options = parse(record=word, rviz=word, sim=word, bag_dir=str(tmp_path / "bags"))
    assert options.record and options.rviz and options.sim


@pytest.mark.parametrize("word", ["false", "False", "0", "no", "off"])
def test_a_switch_is_off_in_every_spelling(word):
    options = parse(record=word, rviz=word, sim=word)
    assert not (options.record or options.rviz or options.sim)


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("600.0", 600), ("1e3", 1000), ("60", 60)])
def test_whole_seconds_are_accepted_in_every_spelling(text, number):
    assert parse(bag_duration=text).bag_duration == number


@pytest.mark.parametrize("text", ["0.5", "-1", "ten", "604801", "nan", "inf", "1e30", "10 s"])
def test_other_durations_are_refused_with_the_name_of_the_argument(text):
    assert refusal(bag_duration=text).startswith("bag_duration: whole seconds")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1048576", 1 << 20),
        ("500MB", 500_000_000),
        ("500 mb", 500_000_000),
        ("2GiB", 2 << 30),
        ("1.5Gi", 3 << 29),
        ("4g", 4_000_000_000),
        ("1TB", 10**12),
        ("2e9", 2_000_000_000),
        ("2000000 B", 2_000_000),
    ],
)
def test_sizes_are_accepted_with_and_without_units(text, size):
    options = parse(bag_size=text, bag_min_free=text)
    assert (options.bag_size, options.bag_min_free) == (size, size)


@pytest.mark.parametrize("text", ["-1", "big", "5 XB", "1e", "1.2.3MB", "nan", "inf", "2000TiB", "MB", "1 G B"])
@pytest.mark.parametrize("argument", ["bag_size", "bag_min_free"])
def test_other_sizes_are_refused_with_the_name_of_the_argument(argument, text):
    assert refusal(**{argument: text}).startswith(f"{argument}: bytes up to ")


def test_a_split_of_a_few_bytes_is_refused():
    assert refusal(bag_size="2").startswith("bag_size: 0 (unlimited) or at least 1048576 bytes, got 2")
    assert parse(bag_min_free="2").bag_min_free == 2


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("100", 100), ("1e3", 1000)])
def test_a_number_of_splits_is_accepted(text, number):
    assert parse(bag_keep=text).bag_keep == number


@pytest.mark.parametrize("text", ["-1", "0.5", "all", "1000001", "nan"])
def test_other_numbers_of_splits_are_refused_with_the_name_of_the_argument(text):
    assert refusal(bag_keep=text).startswith("bag_keep: a whole number")


def test_arguments_become_parameters_of_the_recorder_with_its_types_and_ranges(tmp_path):
    options = parse(
        bag_dir=str(tmp_path),
        bag_duration="60",
        bag_size="1GB",
        bag_keep="7",
        bag_min_free="5GB",
        storage_preset="none",
    )
    parameters = bridge_arguments.recorder_parameters(options)
    shipped = yaml.safe_load((CONFIG / "sensr_recorder.yaml").read_text())["/**"]["ros__parameters"]
    assert {name: type(value) for name, value in parameters.items()} == {
        name: type(shipped[name]) for name in parameters
    }
    assert parameters == {
        "output_dir": str(tmp_path),
        "split_duration": 60.0,
        "split_size": 10**9,
        "keep_splits": 7,
        "min_free_bytes": 5 * 10**9,
        "storage_preset": "none",
    }


@pytest.mark.parametrize(
    ("argument", "parameter", "limit"),
    [
        ("bag_duration", "split_duration", bridge_arguments.LONGEST_SPLIT),
        ("bag_size", "split_size", bridge_arguments.LARGEST_SIZE),
        ("bag_size", "split_size", bridge_arguments.SMALLEST_SPLIT),
        ("bag_keep", "keep_splits", bridge_arguments.MOST_SPLITS),
        ("bag_min_free", "min_free_bytes", bridge_arguments.LARGEST_SIZE),
    ],
)
def test_the_recorder_accepts_the_limits_of_the_arguments(argument, parameter, limit):
    value = bridge_arguments.recorder_parameters(parse(**{argument: str(limit)}))[parameter]
    assert resolved(program="sensr_recorder", **{parameter: value})[parameter] == limit


@pytest.mark.parametrize("text", ["", "site", "/site", "site/a", "/site_1/b/", "_x"])
def test_ros_namespaces_are_accepted(text):
    assert parse(namespace=text).namespace.strip("/") == text.strip("/")


@pytest.mark.parametrize("text", ["site-1", "1site", "a b", "a//b", "a/1", "ü", "a.b", "~", "x" * 201, "a\nb"])
def test_other_namespaces_are_refused_with_the_name_of_the_argument(text):
    assert refusal(namespace=text).startswith("namespace: ")


@pytest.mark.parametrize(
    ("argument", "word"),
    [("record", "maybe"), ("rviz", ""), ("sim", "2"), ("storage_preset", "zip"), ("log_level", "loud")],
)
def test_unknown_choices_are_refused_with_the_name_of_the_argument(argument, word):
    reason = refusal(**{argument: word})
    assert reason.startswith(f"{argument}: ") and "got " in reason


def test_choices_may_be_in_any_case():
    options = parse(log_level="WARN", storage_preset="ZSTD_fast", dds_profile="None")
    assert (options.log_level, options.storage_preset, options.dds_profile) == ("warn", "zstd_fast", None)


@pytest.mark.parametrize("argument", ["params_file", "recorder_params_file", "hosts_file", "dds_profile", "bag_dir"])
def test_a_tilde_is_the_home_directory(argument, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.yaml").write_text("")
    assert getattr(parse(**{argument: "~/mine.yaml"}), argument) == tmp_path / "mine.yaml"


@pytest.mark.parametrize("argument", ["params_file", "recorder_params_file", "hosts_file", "dds_profile", "bag_dir"])
def test_an_unknown_home_directory_is_refused_with_the_name_of_the_argument(argument):
    assert refusal(**{argument: "~no such user/x"}).startswith(f"{argument}: ")


@pytest.mark.parametrize("argument", ["params_file", "recorder_params_file", "hosts_file", "dds_profile"])
def test_a_folder_in_place_of_a_file_is_refused(argument, tmp_path):
    assert refusal(**{argument: str(tmp_path)}) == f"{argument}: {tmp_path} is a folder, not a file"


@pytest.mark.parametrize("argument", ["params_file", "recorder_params_file", "dds_profile"])
def test_a_missing_file_is_refused_with_the_name_of_the_argument(argument, tmp_path):
    missing = tmp_path / "missing"
    assert refusal(**{argument: str(missing)}) == f"{argument}: there is no file {missing}"


def test_a_hosts_file_may_be_missing(tmp_path):
    """Its network share may be mounted later; the bridge waits for it."""
    later = tmp_path / "later.yaml"
    assert parse(hosts_file=str(later)).hosts_file == later


def test_symbolic_links_are_not_resolved(tmp_path):
    """They may point to another file when the bridge is started again."""
    target, link = tmp_path / "v1.yaml", tmp_path / "current.yaml"
    target.write_text("")
    link.symlink_to(target)
    assert parse(params_file=str(link)).params_file == link


@pytest.mark.parametrize("folder", ["/proc/bags", "/sys/bags", "{file}", "{file}/bags", "/dev/null"])
def test_a_folder_without_write_permission_is_refused_with_the_name_of_the_argument(folder, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    folder = folder.format(file=file)
    reason = refusal(record="true", bag_dir=folder)
    assert reason.startswith(f"bag_dir: cannot write to {folder}: ") and "Errno" not in reason


def test_no_folder_is_made_when_nothing_is_recorded(tmp_path):
    parse(bag_dir=str(tmp_path / "bags"))
    assert not list(tmp_path.iterdir())


def test_misspelt_arguments_are_found():
    names = ["recrod", "bagdir", "host", "launch-prefix", "robot_description", "rviz2"]
    assert bridge_arguments.find_misspelt(ARGUMENTS, names) == {
        "recrod": "record",
        "bagdir": "bag_dir",
        "rviz2": "rviz",
    }


@pytest.mark.parametrize(
    ("environment", "shipped"),
    [
        ({}, True),
        ({"ROS_DISTRO": "jazzy", "ROS_LOCALHOST_ONLY": "1"}, True),
        ({"ROS_DISTRO": "humble", "ROS_LOCALHOST_ONLY": "1"}, False),
        ({"FASTRTPS_DEFAULT_PROFILES_FILE": "own.xml"}, False),
        ({"FASTDDS_BUILTIN_TRANSPORTS": "UDPv4"}, False),
    ],
)
def test_the_profile_is_the_default_unless_the_environment_selects_transports(environment, shipped):
    assert bridge_arguments.default_dds_profile(environment) == ("network" if shipped else "none")


@pytest.mark.parametrize(
    ("word", "bridge", "others"),
    [
        ("network", "fastdds_shm.xml", None),
        ("Machine", "fastdds_machine.xml", "fastdds_machine_subscriber.xml"),
        (str(CONFIG / "fastdds_shm.xml"), "fastdds_shm.xml", None),
        (str(CONFIG / "fastdds_machine.xml"), "fastdds_machine.xml", "fastdds_machine_subscriber.xml"),
    ],
)
def test_only_the_profile_of_this_machine_needs_one_for_the_other_nodes(word, bridge, others):
    options = parse(dds_profile=word)
    assert options.dds_profile == CONFIG / bridge
    assert options.subscriber_dds_profile == (CONFIG / others if others else None)


def test_without_a_profile_the_other_nodes_need_none(tmp_path):
    own = tmp_path / "own.xml"
    own.write_text("<profiles/>")
    assert parse(dds_profile="none").subscriber_dds_profile is None
    assert parse(dds_profile=str(own)).subscriber_dds_profile is None


def resolved(*ros_args, program="sensr_bridge", **parameters):
    """Returns the effective parameters that a program prints."""
    command = [executable(program), "--print-resolved", "--ros-args", *ros_args, *assignments(parameters)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(answer.stdout)


def displays(config):
    return config["Visualization Manager"]["Displays"]


def test_rviz_shows_the_frame_of_the_messages_of_the_shipped_example_site(environment):
    """The address of the example does not exist, so the bridge has the same site on this machine."""
    hosts = yaml.safe_load((CONFIG / "hosts.yaml").read_text())
    [site] = [name for name, site in hosts["sites"].items() if "frame_id" in site]
    frame = resolved(host=site)["frame_id"]
    assert frame == hosts["sites"][site]["frame_id"]

    hosts["sites"][site]["address"] = "127.0.0.1"
    here = environment.folder / "hosts.yaml"
    here.write_text(yaml.safe_dump(hosts))
    sim = environment.sim("--points", "100", "--types", "raw")
    raw = environment.observer().subscribe("points/raw", PointCloud2, keep=lambda cloud: cloud.header.frame_id)
    environment.bridge(sim.points_port, {"host": site, "hosts_file": str(here)})
    assert raw.wait(1)[0] == frame

    config, _ = bridge_view.rviz_config(RVIZ, namespace="/", frame=frame, unnamed="y", reliable=True)
    assert config["Visualization Manager"]["Global Options"]["Fixed Frame"] == frame
    assert all(one.get("Reference Frame", "<Fixed Frame>") == "<Fixed Frame>" for one in displays(config))


def test_the_bridge_prints_its_resolved_configuration(tmp_path):
    params, hosts = tmp_path / "params.yaml", tmp_path / "hosts.yaml"
    params.write_text("/a/sensr_bridge: {ros__parameters: {host: pier, qos.reliability: best_effort}}")
    hosts.write_text("sites: {pier: {address: 192.0.2.9, points_port: 6151, parent_frame: map}}")
    ros_args = ["-r", "__ns:=/a", "--params-file", str(params)]
    printed = resolved(*ros_args, hosts_file=str(hosts))
    expected = {
        "host": "192.0.2.9",
        "output_port": 5050,
        "points_port": 6151,
        "frame_id": "sensr",
        "parent_frame": "map",
        "frames_coincide": True,
        "qos.reliability": "best_effort",
    }
    assert {name: printed[name] for name in expected} == expected


@pytest.mark.parametrize("namespace", ["/", "/site/a"])
def test_rviz_shows_the_topics_of_the_namespace(namespace):
    config, remappings = bridge_view.rviz_config(RVIZ, namespace=namespace, frame="x", unnamed="y", reliable=True)
    moved = dict(remappings)
    shown = [one["Topic"]["Value"] for one in displays(config) if "Topic" in one]
    expected = [namespace.rstrip("/") + one["Topic"]["Value"] for one in displays(RVIZ) if "Topic" in one]
    assert [moved.get(topic, topic) for topic in shown] == expected
    # rviz2 would take `raw` for a transport of point_cloud_transport, and warn.
    assert not any(topic.endswith("/raw") for topic in shown)


@pytest.mark.parametrize(("reliable", "policy"), [(True, "Reliable"), (False, "Best Effort")])
def test_rviz_requests_the_offered_reliability(reliable, policy):
    config, _ = bridge_view.rviz_config(RVIZ, namespace="/", frame="x", unnamed="y", reliable=reliable)
    clouds = [one for one in displays(config) if one["Class"] == bridge_view.CLOUDS]
    assert {one["Topic"]["Reliability Policy"] for one in clouds} == {policy}
    markers = [one for one in displays(config) if one["Class"].endswith("MarkerArray")]
    assert {one["Topic"]["Reliability Policy"] for one in markers} == {"Reliable"}


def test_only_one_of_two_coincident_frames_shows_its_name():
    [frames] = [one for one in displays(RVIZ) if one["Class"] == bridge_view.FRAMES]
    assert not frames["Show Names"]
    config, _ = bridge_view.rviz_config(RVIZ, namespace="/", frame="x", unnamed="y", reliable=True)
    [frames] = [one for one in displays(config) if one["Class"] == bridge_view.FRAMES]
    assert frames["Show Names"]
    assert frames["Frames"] == {"All Enabled": True, "x": {"Value": True}, "y": {"Value": False}}


def test_frames_apart_show_both_names():
    config, _ = bridge_view.rviz_config(RVIZ, namespace="/", frame="x", unnamed=None, reliable=True)
    [frames] = [one for one in displays(config) if one["Class"] == bridge_view.FRAMES]
    assert frames["Frames"] == {"All Enabled": True, "x": {"Value": True}}
    assert not resolved("-p", "transform.yaw_deg:=90.0", parent_frame="map")["frames_coincide"]


@pytest.mark.parametrize(("given", "fixed"), [("", "x"), ("map", "map")])
def test_the_fixed_frame_can_be_another(given, fixed):
    fixed_frame = parse(fixed_frame=given).fixed_frame
    config, _ = bridge_view.rviz_config(
        RVIZ, namespace="/", frame="x", unnamed=None, reliable=True, fixed_frame=fixed_frame
    )
    assert config["Visualization Manager"]["Global Options"]["Fixed Frame"] == fixed


@pytest.mark.parametrize("frame", ["/map", "my map"])
def test_a_fixed_frame_that_is_no_frame_is_refused(frame):
    with pytest.raises(bridge_arguments.ArgumentError, match="fixed_frame: a frame has no blanks and no leading slash"):
        parse(fixed_frame=frame)


def test_clouds_share_an_intensity_scale_and_objects_a_label_scale():
    clouds = [one for one in displays(RVIZ) if one["Class"] == bridge_view.CLOUDS]
    assert not any(one["Autocompute Intensity Bounds"] for one in clouds)
    scales = {(one["Channel Name"], one["Min Intensity"], one["Max Intensity"]) for one in clouds}
    assert scales == {("intensity", 0, 100), ("label", 0, 6)}


def test_markers_do_not_lag_behind_the_clouds():
    """An rviz2 slower than the markers would show a deep queue with growing delay."""
    depths = {one["Topic"]["Depth"] for one in displays(RVIZ) if "Topic" in one}
    assert max(depths) <= 5


def test_ros2_launch_completes_to_the_launch_files_only():
    offered = {path.name for path in Path(CONFIG.parent, "launch").iterdir() if path.name.endswith("launch.py")}
    assert offered == {"bridge.launch.py", "replay.launch.py", "sites.launch.py"}
