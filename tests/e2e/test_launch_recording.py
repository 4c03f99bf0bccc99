"""Recordings that the launch file starts, with the stock recorder or its stand-in."""

import os
import re
import signal
import time
from pathlib import Path

import pytest
import yaml
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import PointCloud2

from support import launched as launches
from support import outputs, summary_notes
from support.launched import SHUTDOWN_TIMEOUT
from support.polling import wait_until
from support.processes import processes_with_argument
from support.recorder import bags_in
from support.topic_table import recorded_in_namespace

#: Published at events in front of the sensors, which may not happen during a test.
OCCASIONAL = ("events/losing", "events/recalibration", "origin", "/diagnostics")


#: Seconds after which a launch kills a process by default.
KILLED_BY_DEFAULT = 12.0


def absolute(topics, namespace):
    return {topic if topic.startswith("/") else f"{namespace}/{topic}" for topic in topics}


@pytest.fixture(params=["stock", "stand-in"])
def any_recorder(request, environment, ros2_launch):
    """Both recorders: the stock one where it is installed, and the stand-in everywhere."""
    if request.param == "stand-in":
        launches.use_stand_in(environment)
    else:
        launches.require("bag record")


@pytest.fixture
def record(environment, launch):
    """Starts a launch with a recorder whose disk may be as full as it likes, and waits until it records."""
    params_file = environment.folder / "recorder.yaml"
    parameters = {"min_free_percent": 0.0, "restart.initial_delay": 0.2}
    params_file.write_text(yaml.safe_dump({"/**": {"ros__parameters": parameters}}))
    bags = environment.folder / "bags"

    def start(*args, **parameters):
        launched = launch(
            *("host:=127.0.0.1", "record:=true", f"bag_dir:={bags}", "bag_min_free:=0"),
            *(f"recorder_params_file:={params_file}", *args),
            points_port=environment.unserved_port,
            output_port=environment.unserved_port,
            **parameters,
        )
        launched.wait_until(lambda: bags_in(bags) and bags_in(bags)[-1].splits(), launched.log_tail)
        return launched

    return start


def stock_recorders(environment):
    """Returns the stand-ins that record into the folder of the test."""
    return processes_with_argument(
        lambda word: word.endswith(b"record_bag.py"), lambda word: word.startswith(bytes(environment.folder))
    )


def is_complete(bag):
    """Returns whether a bag was closed in order: all of its splits have an index."""
    return bag.mark["state"] == "closed" and (bag.folder / "metadata.yaml").stat().st_size > 0


@pytest.mark.usefixtures("any_recorder")
def test_ctrl_c_ends_the_bridge_and_then_the_recorder_with_a_complete_bag(environment, record):
    """Ctrl-C reaches all processes of the terminal at once."""
    launched = record()
    os.killpg(launched.pid, signal.SIGINT)
    assert launched.wait(SHUTDOWN_TIMEOUT) == 0, launched.log_tail()
    [bag] = bags_in(environment.folder / "bags")
    assert is_complete(bag)
    assert "escalating" not in launched.log
    ends = re.findall(r"\[(sensr_\w+)-\d+\]: process has finished cleanly", launched.log)
    assert ends == ["sensr_bridge", "sensr_recorder"], launched.log
    assert (launched.started("sensr_bridge"), launched.started("sensr_recorder")) == (1, 1), "a restart at the end"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.usefixtures("any_recorder")
def test_bridge_and_recorder_end_in_order_when_the_launch_is_terminated(environment, record, number):
    launched = record()
    pids = [*launched.pids("sensr_bridge"), *launched.pids("sensr_recorder")]
    assert len(pids) == 2
    launched.send_signal(number)
    launched.wait()
    wait_until(
        lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), launched.log_tail, timeout=SHUTDOWN_TIMEOUT
    )
    [bag] = bags_in(environment.folder / "bags")
    assert is_complete(bag)


@pytest.mark.usefixtures("ros2_launch")
def test_a_recorder_that_needs_long_for_its_index_is_not_killed(environment, record):
    """By default a launch sends SIGTERM after 5 s and SIGKILL after 5 s more. The stand-in does not end by itself."""
    launches.use_stand_in(environment)
    environment.env["RECORD_BAG_HANG_AT_END"] = "1"
    launched = record()
    [recorder] = launched.processes("sensr_recorder")
    [child] = stock_recorders(environment)
    launched.interrupt()
    began = time.monotonic()
    launched.wait_until(lambda: time.monotonic() - began > KILLED_BY_DEFAULT, launched.log_tail, timeout=30.0)
    assert recorder.is_alive and Path(f"/proc/{child}").exists(), launched.log_tail()
    os.kill(child, signal.SIGKILL)
    assert launched.wait(SHUTDOWN_TIMEOUT) == 0, launched.log_tail()
    assert "escalating" not in launched.log, launched.log_tail()


@pytest.mark.usefixtures("any_recorder")
def test_a_killed_recorder_is_started_again_and_the_bridge_goes_on(environment, record):
    launched = record()
    [pid] = launched.pids("sensr_recorder")
    os.kill(pid, signal.SIGKILL)
    launched.wait_until(lambda: len(bags_in(environment.folder / "bags")) == 2, launched.log_tail)
    assert (launched.started("sensr_bridge"), launched.started("sensr_recorder")) == (1, 2)


def test_a_recorder_with_an_invalid_configuration_is_given_up_without_the_bridge(environment, launch):
    launches.use_stand_in(environment)
    sim = environment.sim("--points", "100", "--types", "raw")
    raw = environment.observer().subscribe("points/raw", PointCloud2)
    params_file = environment.folder / "recorder.yaml"
    params_file.write_text("/**: {ros__parameters: {split_duration: -1.0}}")
    launched = launch(
        *("host:=127.0.0.1", "record:=true", f"recorder_params_file:={params_file}"),
        *(f"bag_dir:={environment.folder / 'bags'}",),
        points_port=sim.points_port,
        output_port=sim.output_port,
    )
    launched.wait_until(lambda: "/sensr_bridge IS NOT RECORDED" in launched.log, launched.log_tail)
    assert "split_duration" in launched.log
    raw.wait(raw.count + 3)
    launched.interrupt()
    assert launched.wait(SHUTDOWN_TIMEOUT) == 1, "the recorder was given up"
    assert (launched.started("sensr_bridge"), launched.started("sensr_recorder")) == (1, 1)


def test_giving_up_a_bridge_ends_its_recorder(environment, launch):
    launches.use_stand_in(environment)
    launched = launch("host:=nowhere", "record:=true", f"bag_dir:={environment.folder / 'bags'}")
    assert launched.wait(SHUTDOWN_TIMEOUT) == 1
    assert launched.started("sensr_recorder") == 1


def test_arguments_are_parameters_of_the_recorder(environment, launch):
    launches.use_stand_in(environment)
    launched = launch(
        *("host:=127.0.0.1", "namespace:=site", "record:=true", f"bag_dir:={environment.folder / 'bags'}"),
        *("bag_duration:=60", "bag_size:=1GB", "bag_keep:=7", "bag_min_free:=1MiB", "storage_preset:=zstd_fast"),
        points_port=environment.unserved_port,
        output_port=environment.unserved_port,
    )
    [recorder] = launched.processes("sensr_recorder")
    given = dict(word.split(":=", 1) for word in recorder.words if ":=" in word)
    assert {name: given[name].strip("'") for name in ("output_dir", "storage_preset")} == {
        "output_dir": str(environment.folder / "bags"),
        "storage_preset": "zstd_fast",
    }
    numbers = {"split_duration": "60.0", "split_size": "1000000000", "keep_splits": "7", "min_free_bytes": "1048576"}
    assert {name: given[name] for name in numbers} == numbers
    assert (given["__ns"], given["__node"]) == ("/site", "sensr_recorder")


def test_a_recording_under_a_namespace_splits_and_ends_complete(environment, launch, ros2_bag_record):
    sim = environment.sim("--points", "2000")
    bags = environment.folder / "bags"
    observer = environment.observer()
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
    launched.wait_until(lambda: len(list(bags.glob("*/*.mcap"))) >= 3, launched.log_tail)
    launched.interrupt()
    assert launched.wait(SHUTDOWN_TIMEOUT) == 0, launched.log_tail()
    assert "ran for" in launched.log, "the final report of the bridge is missing"
    [bag] = bags_in(bags)
    assert bag.name.startswith("site_a_") and bag.mark["state"] == "closed"
    with AnyReader([bag.folder]) as reader:
        counts = {connection.topic: connection.msgcount for connection in reader.connections}
        expected = recorded_in_namespace("/site/a")
        assert expected <= set(counts) <= expected | {"/site/a/recording", "/rosout"}
        empty = {topic for topic, count in counts.items() if not count}
        assert empty <= absolute(OCCASIONAL, "/site/a")
        clouds = [c for c in reader.connections if c.topic == "/site/a/points/raw"]
        for _, _, data in reader.messages(clouds):
            assert reader.deserialize(data, "sensor_msgs/msg/PointCloud2").width == 2000


def test_bursts_of_events_are_recorded_completely(environment, launch, ros2_bag_record):
    """By default the stock recorder keeps the last ten messages of a topic."""
    burst, bursts = 1000, 4
    server, bags = environment.server(), environment.folder / "bags"
    launched = launch(
        *("host:=127.0.0.1", "record:=true", f"bag_dir:={bags}"),
        points_port=environment.unserved_port,
        output_port=server.port,
    )
    client = server.client()
    launched.wait_until(lambda: "Subscribed to topic '/events/zone'" in launched.log, launched.log_tail)
    statistics = environment.statistics(environment.observer())
    for number in range(bursts):
        client.send(outputs.message(outputs.zone_events(*range(burst))))
        statistics.wait_for_received(burst * (number + 1), "events/zone")
    launched.interrupt()
    assert launched.wait(SHUTDOWN_TIMEOUT) == 0, launched.log_tail()
    [bag] = bags_in(bags)
    with AnyReader([bag.folder]) as reader:
        [events] = [c for c in reader.connections if c.topic == "/events/zone"]
        numbers = [reader.deserialize(data, c.msgtype).sequence for c, _, data in reader.messages([events])]
    summary_notes.add_note(f"ros2 bag record: {len(numbers)} of {burst * bursts} events in bursts of {burst}")
    # The first one may have been sent before bridge and recorder had discovered each other.
    assert numbers == list(range(numbers[0], burst * bursts)) and numbers[0] <= burst
