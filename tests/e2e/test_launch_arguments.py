"""What the launch file makes of its arguments and of the bridge's answers, without `launch` and rviz2."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from sensor_msgs.msg import PointCloud2

from support.launch_modules import CONFIG, bridge_arguments, bridge_recording, bridge_view
from support.processes import assignments, executable

ARGUMENTS = bridge_arguments.arguments(CONFIG, {})
DEFAULTS = {argument.name: argument.default for argument in ARGUMENTS}
RVIZ = yaml.safe_load((CONFIG / "sensr.rviz").read_text())


def parse(**given):
    return bridge_arguments.parse(ARGUMENTS, DEFAULTS | given)


def refusal(**given):
    with pytest.raises(bridge_arguments.Refused) as refused:
        parse(**given)
    reason = str(refused.value)
    assert "\n" not in reason
    return reason


def test_the_defaults_are_accepted():
    options = parse()
    assert not (options.record or options.rviz or options.sim)
    assert (options.bag_duration, options.storage_preset, options.log_level) == (600, "none", "info")
    assert options.params_file == CONFIG / "sensr_bridge.yaml"


@pytest.mark.parametrize("word", ["true", "True", "TRUE", " true ", "1", "yes", "on"])
def test_a_switch_is_on_however_it_is_written(word, tmp_path):
    options = parse(record=word, rviz=word, sim=word, bag_dir=str(tmp_path / "bags"))
    assert options.record and options.rviz and options.sim


@pytest.mark.parametrize("word", ["false", "False", "0", "no", "off"])
def test_a_switch_is_off_however_it_is_written(word):
    options = parse(record=word, rviz=word, sim=word)
    assert not (options.record or options.rviz or options.sim)


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("600.0", 600), ("1e3", 1000), ("60", 60)])
def test_whole_seconds_are_taken_as_people_write_them(text, number):
    assert parse(bag_duration=text).bag_duration == number


@pytest.mark.parametrize("text", ["0.5", "-1", "ten", "", "nan", "inf", "1e30", "10 s"])
def test_other_durations_are_refused_by_name(text):
    assert refusal(bag_duration=text).startswith("bag_duration: whole seconds")


@pytest.mark.parametrize("text", ["", "site", "/site", "site/a", "/site_1/b/", "_x"])
def test_ros_namespaces_are_taken(text):
    assert parse(namespace=text).namespace.strip("/") == text.strip("/")


@pytest.mark.parametrize("text", ["site-1", "1site", "a b", "a//b", "a/1", "ü", "a.b", "~", "x" * 201, "a\nb"])
def test_other_namespaces_are_refused_by_name(text):
    assert refusal(namespace=text).startswith("namespace: ")


@pytest.mark.parametrize(
    ("argument", "word"),
    [("record", "maybe"), ("rviz", ""), ("sim", "2"), ("storage_preset", "zip"), ("log_level", "loud")],
)
def test_words_that_are_none_of_the_choices_are_refused_by_name(argument, word):
    reason = refusal(**{argument: word})
    assert reason.startswith(f"{argument}: ") and "got " in reason


def test_words_of_a_choice_may_be_in_any_case():
    options = parse(log_level="WARN", storage_preset="ZSTD_fast", dds_profile="None")
    assert (options.log_level, options.storage_preset, options.dds_profile) == ("warn", "zstd_fast", None)


@pytest.mark.parametrize("argument", ["params_file", "hosts_file", "dds_profile", "bag_dir"])
def test_a_tilde_is_the_home_directory(argument, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.yaml").write_text("")
    assert getattr(parse(**{argument: "~/mine.yaml"}), argument) == tmp_path / "mine.yaml"


@pytest.mark.parametrize("argument", ["params_file", "hosts_file", "dds_profile", "bag_dir"])
def test_a_home_of_nobody_is_refused_by_name(argument):
    assert refusal(**{argument: "~no such user/x"}).startswith(f"{argument}: ")


@pytest.mark.parametrize("argument", ["params_file", "hosts_file", "dds_profile"])
def test_a_folder_is_no_file(argument, tmp_path):
    assert refusal(**{argument: str(tmp_path)}) == f"{argument}: {tmp_path} is a folder, not a file"


@pytest.mark.parametrize("argument", ["params_file", "dds_profile"])
def test_a_file_that_is_not_there_is_refused_by_name(argument, tmp_path):
    missing = tmp_path / "missing"
    assert refusal(**{argument: str(missing)}) == f"{argument}: there is no file {missing}"


def test_a_hosts_file_may_come_later(tmp_path):
    """The share it is on may be mounted later; the bridge waits for it."""
    later = tmp_path / "later.yaml"
    assert parse(hosts_file=str(later)).hosts_file == later


def test_links_stay_links(tmp_path):
    """They may lead to another file by the time the bridge is started again."""
    target, link = tmp_path / "v1.yaml", tmp_path / "current.yaml"
    target.write_text("")
    link.symlink_to(target)
    assert parse(params_file=str(link)).params_file == link


@pytest.mark.parametrize("folder", ["/proc/bags", "/sys/bags", "{file}", "{file}/bags", "/dev/null"])
def test_a_folder_that_cannot_be_written_to_is_refused_by_name(folder, tmp_path):
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
    assert bridge_arguments.misspelt(ARGUMENTS, names) == {"recrod": "record", "bagdir": "bag_dir", "rviz2": "rviz"}


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
def test_the_profile_is_the_default_unless_the_environment_has_chosen(environment, shipped):
    expected = str(CONFIG / "fastdds_shm.xml") if shipped else "none"
    assert bridge_arguments.default_dds_profile(CONFIG, environment) == expected


def resolved(*ros_args, **parameters):
    """What the bridge answers to the launch file."""
    command = [executable("sensr_bridge"), "--print-resolved", "--ros-args", *ros_args, *assignments(parameters)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(answer.stdout)


def displays(config):
    return config["Visualization Manager"]["Displays"]


def test_rviz_shows_the_frame_that_the_messages_of_the_shipped_example_site_have(environment):
    """Its address leads nowhere, so the bridge that publishes has the same site on this machine."""
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

    config, _ = bridge_view.view(RVIZ, namespace="/", frame=frame, unnamed="y", reliable=True)
    assert config["Visualization Manager"]["Global Options"]["Fixed Frame"] == frame
    assert all(one.get("Reference Frame", "<Fixed Frame>") == "<Fixed Frame>" for one in displays(config))


def test_the_bridge_tells_what_its_files_and_its_site_come_to(tmp_path):
    params, hosts = tmp_path / "params.yaml", tmp_path / "hosts.yaml"
    params.write_text("/a/sensr_bridge: {ros__parameters: {host: pier, qos.reliability: best_effort}}")
    hosts.write_text("sites: {pier: {address: 192.0.2.9, points_port: 6151, parent_frame: map}}")
    ros_args = ["-r", "__ns:=/a", "--params-file", str(params)]
    told = resolved(*ros_args, hosts_file=str(hosts))
    expected = {
        "host": "192.0.2.9",
        "output_port": 5050,
        "points_port": 6151,
        "frame_id": "sensr",
        "parent_frame": "map",
        "qos.reliability": "best_effort",
    }
    assert {name: told[name] for name in expected} == expected


@pytest.mark.parametrize("namespace", ["/", "/site/a"])
def test_rviz_shows_the_topics_of_the_namespace(namespace):
    config, remappings = bridge_view.view(RVIZ, namespace=namespace, frame="x", unnamed="y", reliable=True)
    moved = dict(remappings)
    shown = [one["Topic"]["Value"] for one in displays(config) if "Topic" in one]
    expected = [namespace.rstrip("/") + one["Topic"]["Value"] for one in displays(RVIZ) if "Topic" in one]
    assert [moved.get(topic, topic) for topic in shown] == expected
    # rviz2 would take it for a transport of point_cloud_transport, and warn.
    assert not any(topic.endswith("/raw") for topic in shown)


@pytest.mark.parametrize(("reliable", "policy"), [(True, "Reliable"), (False, "Best Effort")])
def test_rviz_asks_for_the_reliability_that_is_offered(reliable, policy):
    config, _ = bridge_view.view(RVIZ, namespace="/", frame="x", unnamed="y", reliable=reliable)
    clouds = [one for one in displays(config) if one["Class"] == bridge_view.CLOUDS]
    assert {one["Topic"]["Reliability Policy"] for one in clouds} == {policy}
    markers = [one for one in displays(config) if one["Class"].endswith("MarkerArray")]
    assert {one["Topic"]["Reliability Policy"] for one in markers} == {"Reliable"}


def test_only_one_of_two_frames_at_the_same_place_is_named():
    [frames] = [one for one in displays(RVIZ) if one["Class"] == bridge_view.FRAMES]
    assert not frames["Show Names"]
    config, _ = bridge_view.view(RVIZ, namespace="/", frame="x", unnamed="y", reliable=True)
    [frames] = [one for one in displays(config) if one["Class"] == bridge_view.FRAMES]
    assert frames["Show Names"]
    assert frames["Frames"] == {"All Enabled": True, "x": {"Value": True}, "y": {"Value": False}}


def test_clouds_have_one_scale_of_intensity_and_objects_one_of_labels():
    clouds = [one for one in displays(RVIZ) if one["Class"] == bridge_view.CLOUDS]
    assert not any(one["Autocompute Intensity Bounds"] for one in clouds)
    scales = {(one["Channel Name"], one["Min Intensity"], one["Max Intensity"]) for one in clouds}
    assert scales == {("intensity", 0, 100), ("label", 0, 6)}


def test_pictures_do_not_lag_behind_the_clouds():
    """A deep queue is played back late by an rviz2 that is slower than the pictures come."""
    depths = {one["Topic"]["Depth"] for one in displays(RVIZ) if "Topic" in one}
    assert max(depths) <= 5


@pytest.mark.parametrize(("namespace", "prefix"), [("/", "/"), ("/site/a", "/site/a/")])
@pytest.mark.parametrize("adaptive", [True, False])
def test_the_recorder_takes_the_topics_of_the_namespace(namespace, prefix, adaptive):
    words = bridge_recording.command(namespace, Path("bag"), Path("qos"), duration=60, preset="none")
    pattern = words[words.index("--regex") + 1]
    names = {name for name in bridge_recording.TOPICS if name.startswith("/")}
    names |= {prefix + name for name in bridge_recording.TOPICS if not name.startswith("/")}
    assert all(re.search(pattern, name) for name in names)
    others = [prefix + "points", prefix + "objects/other", "/other/points/raw", "/other" + prefix + "objects"]
    assert not any(re.search(pattern, name) for name in others)
    asked = bridge_recording.qos(namespace, adaptive)
    left = {name for name in names if name.startswith(prefix + "points/")} - ({*asked} if adaptive else set())
    assert asked.keys() == names - left


def test_the_launch_folder_has_nothing_that_ros2_launch_would_offer_twice():
    offered = [path.name for path in Path(CONFIG.parent, "launch").iterdir() if path.name.endswith("launch.py")]
    assert offered == ["bridge.launch.py"]
