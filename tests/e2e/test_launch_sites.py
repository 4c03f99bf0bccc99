"""sites.launch.py, run by `ros2 launch` where it is installed. The stock recorder is replaced by its stand-in."""

import re

import pytest
import yaml
from sensor_msgs.msg import PointCloud2

from support import REPOSITORY
from support import launched as launches
from support.launched import SHUTDOWN_TIMEOUT
from support.recorder import bags_in

pytestmark = pytest.mark.usefixtures("ros2_launch")


@pytest.fixture
def hosts_file(environment):
    """A hosts file with the sites harbour and pier, each with a simulator of its own."""
    sites = {}
    for name in ("harbour", "pier"):
        sim = environment.sim("--points", "100", "--types", "raw")
        ports = {"points_port": sim.points_port, "output_port": sim.output_port}
        sites[name] = {"address": "127.0.0.1", "frame_id": f"{name}_sensr", **ports}
    path = environment.folder / "hosts.yaml"
    path.write_text(yaml.safe_dump({"sites": sites}))
    return path


@pytest.fixture
def start(environment, launch, hosts_file):
    def start_sites(sites, *args):
        return launch(f"sites:={sites}", f"hosts_file:={hosts_file}", *args, file="sites.launch.py")

    return start_sites


def bags_of(environment, site):
    return [bag for bag in bags_in(environment.folder / "bags") if bag.name.startswith(f"{site}_")]


def test_each_site_is_bridged_and_recorded_in_its_namespace(environment, start):
    launches.use_stand_in(environment)
    observer = environment.observer()
    frames = {
        site: observer.subscribe(f"/{site}/points/raw", PointCloud2, keep=lambda cloud: cloud.header.frame_id)
        for site in ("harbour", "pier")
    }
    launched = start(
        "harbour,pier",
        *("record:=true", f"bag_dir:={environment.folder / 'bags'}", "bag_duration:=60", "bag_min_free:=0"),
        "log_level:=warn",
    )
    for site, clouds in frames.items():
        assert clouds.wait(3)[0] == f"{site}_sensr"
    for executable in ("sensr_bridge", "sensr_recorder"):
        started = launched.processes(executable, 2)
        words = [word for process in started for word in process.words]
        assert {"__ns:=/harbour", "__ns:=/pier"} <= {*words}
        assert {f"harbour.{executable}:=warn", f"pier.{executable}:=warn"} <= {*words}
        if executable == "sensr_recorder":
            assert words.count("split_duration:=60.0") == 2
    launched.wait_until(
        lambda: all(bag and bag[0].splits() for bag in (bags_of(environment, site) for site in frames)),
        launched.log_tail,
    )
    launched.interrupt()
    assert launched.wait(SHUTDOWN_TIMEOUT) == 0, launched.log_tail()
    for site in frames:
        [bag] = bags_of(environment, site)
        assert bag.mark["state"] == "closed" and bag.mark["namespace"] == f"/{site}"


def test_the_documented_example_keeps_two_bridges_apart(environment, launch):
    """The parent launch file of docs/operation.md, with addresses and a folder of this machine."""
    [example] = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "operation.md").read_text(), re.DOTALL)
    launches.use_stand_in(environment)
    bags = environment.folder / "bags"
    file = environment.folder / "two_bridges.launch.py"
    for there, here in {"192.0.2.10": "127.0.0.1", "192.0.2.11": "127.0.0.2", "/data/gate": str(bags)}.items():
        assert example.count(there) == 1
        example = example.replace(there, here)
    file.write_text(example)
    ports = {"points_port": environment.unserved_port, "output_port": environment.unserved_port}
    launched = launch(file=file, **ports)
    gate, yard = (process.words for process in launched.processes("sensr_bridge", 2))
    assert {"__ns:=/gate", "host:='127.0.0.1'", "gate.sensr_bridge:=info"} <= {*gate}
    assert {"__ns:=/yard", "host:='127.0.0.2'", "yard.sensr_bridge:=warn"} <= {*yard}
    [recorder] = launched.processes("sensr_recorder")
    assert {"__ns:=/gate", f"output_dir:='{bags}'", "keep_splits:=100"} <= {*recorder.words}


def test_a_misspelt_site_is_named_and_the_others_run(environment, start):
    raw = environment.observer().subscribe("/harbour/points/raw", PointCloud2)
    launched = start("peir,harbour")
    launched.wait_until(lambda: "/peir/sensr_bridge was given up" in launched.log, launched.log_tail)
    assert "did you mean pier" in launched.log
    before = raw.count
    launched.wait_until(lambda: raw.count > before + 3, launched.log_tail)
    launched.interrupt()
    assert launched.wait() == 1, "one site was given up"


def test_a_site_whose_name_is_no_namespace_is_named_and_the_others_run(environment, start):
    raw = environment.observer().subscribe("/harbour/points/raw", PointCloud2)
    launched = start("pier-7,harbour")
    launched.wait_until(lambda: "namespace: letters" in launched.log and raw.count > 3, launched.log_tail)
    assert "pier-7" in launched.log
    assert launched.started("sensr_bridge") == 1


def test_a_recorder_that_is_given_up_affects_neither_its_bridge_nor_other_sites(environment, start):
    launches.use_stand_in(environment)
    params_file = environment.folder / "recorder.yaml"
    params_file.write_text("/pier/sensr_recorder: {ros__parameters: {split_duration: -1.0}}")
    clouds = {
        site: environment.observer().subscribe(f"/{site}/points/raw", PointCloud2) for site in ("harbour", "pier")
    }
    launched = start(
        "harbour,pier",
        *("record:=true", f"bag_dir:={environment.folder / 'bags'}", "bag_min_free:=0"),
        f"recorder_params_file:={params_file}",
    )
    launched.wait_until(lambda: "/pier/sensr_bridge IS NOT RECORDED" in launched.log, launched.log_tail)
    launched.wait_until(lambda: bags_of(environment, "harbour"), launched.log_tail)
    for inbox in clouds.values():
        inbox.wait(inbox.count + 3)
    assert "/harbour/sensr_bridge IS NOT RECORDED" not in launched.log
    assert launched.started("sensr_bridge") == 2


@pytest.mark.parametrize(
    ("sites", "reason"),
    [
        ("harbour,pier,harbour", "sites: harbour is there more than once"),
        (",", "sites: names of sites in the hosts file"),
    ],
)
def test_nothing_starts_with_invalid_sites(start, sites, reason):
    launched = start(sites)
    assert launched.wait() == 1
    [line] = [line for line in launched.log.splitlines() if "sites.launch.py: " in line]
    assert reason in line and "Traceback" not in launched.log
    assert "process started with pid" not in launched.log


def test_arguments_for_one_bridge_are_reported(start):
    launched = start("harbour", "host:=192.0.2.1", "sim:=true")
    launched.processes("sensr_bridge")
    for name in ("host", "sim"):
        assert f"{name}: has no effect on sites.launch.py" in launched.log
    assert launched.started("sensr_sim") == launched.started("rviz2") == 0


def shown_frames(launched, count):
    """Returns the fixed frame of each started rviz2 by its namespace, after a check of the topics it shows."""
    frames = {}
    for config, words in launches.rviz_of(launched, count):
        [namespace] = [word.removeprefix("__ns:=") for word in words if word.startswith("__ns:=")]
        manager = config["Visualization Manager"]
        topics = [one["Topic"]["Value"] for one in manager["Displays"] if "Topic" in one]
        assert topics and all(topic.startswith(f"{namespace}/") for topic in topics)
        frames[namespace] = manager["Global Options"]["Fixed Frame"]
    return frames


@pytest.mark.usefixtures("stand_in_for_rviz")
def test_each_site_has_an_rviz2_in_its_frame_and_namespace(start):
    launched = start("harbour,pier", "rviz:=true")
    assert shown_frames(launched, 2) == {"/harbour": "harbour_sensr", "/pier": "pier_sensr"}


@pytest.mark.usefixtures("stand_in_for_rviz")
def test_one_site_is_shown_in_the_frame_that_is_given(start):
    launched = start("harbour,pier", "rviz:=pier", "fixed_frame:=map")
    launched.processes("sensr_bridge", 2)
    assert shown_frames(launched, 1) == {"/pier": "map"}


@pytest.mark.usefixtures("stand_in_for_rviz")
def test_nothing_starts_with_a_site_to_show_that_is_not_started(start):
    launched = start("harbour,pier", "rviz:=dock")
    assert launched.wait() == 1
    assert "sites.launch.py: rviz: true, false, or some of the sites harbour, pier; got dock" in launched.log
    assert "process started with pid" not in launched.log
