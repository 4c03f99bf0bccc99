"""Several runs and several sites in one output folder, and starts that cannot succeed."""

import os
import signal
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from mcap.exceptions import McapError
from std_srvs.srv import Trigger

from support.polling import wait_until
from support.recorder import RECORDING, RETRYING, Bag, bags_in, counts_of
from support.summary_notes import add_note


def start_bridge(environment, namespace="/", points=3000):
    """Starts a server and a bridge that publishes all the time."""
    sim = environment.sim("--scene", "street", "--points", points, "--rate", 10)
    return environment.bridge(sim.points_port, output_port=sim.output_port, ros_args=["-r", f"__ns:={namespace}"])


def state_of(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_cut_bag_of_an_earlier_run_is_repaired(environment):
    """As after a power cut: neither the recorder nor the stock recorder could close anything."""
    observer = environment.observer()
    start_bridge(environment, points=20_000)
    first = environment.recorder()
    recording = environment.recording(observer, first)
    status = recording.wait_for_splits(2)
    bag = Bag(Path(status.bag))
    # The recorder must not react to the death of its child.
    first.send_signal(signal.SIGSTOP)
    wait_until(lambda: state_of(first.pid) == "T", "the stop of the recorder")
    wait_until(lambda: bag.splits()[-1].stat().st_size > 500_000, "an open split with messages")
    os.kill(status.recorder_pid, signal.SIGKILL)
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    complete, *_, cut = bag.splits()
    before = complete.stat().st_mtime_ns, complete.read_bytes()
    with pytest.raises(McapError):
        counts_of(cut)
    assert bag.mark["state"] == "open" and not (bag.folder / "metadata.yaml").exists()

    since = time.monotonic()
    second = environment.recorder()
    second_recording = environment.recording(observer, second)
    second_recording.wait_for_state(RECORDING)
    second.wait_until(lambda: bag.mark["state"] == "closed", "the repair of the bag")
    add_note(f"recorder: cut bag repaired {time.monotonic() - since:.1f} s after the next start")
    assert counts_of(cut)["/points/raw"] > 0
    assert (complete.stat().st_mtime_ns, complete.read_bytes()) == before
    assert (bag.folder / "metadata.yaml").stat().st_size > 0
    assert cut.name in second.log, second.log_tail()
    second.stop()
    names = [one.name for one in bags_in(second.output_dir)]
    assert len(names) == 2 and names[0] == bag.name


def test_the_death_of_the_recorder_ends_its_stock_recorder(environment):
    start_bridge(environment)
    recorder = environment.recorder()
    recording = environment.recording(environment.observer(), recorder)
    status = recording.wait_for_state(RECORDING)
    recorder.send_signal(signal.SIGKILL)
    assert recorder.wait() == -signal.SIGKILL
    recorder.require_no_children()
    # It was asked to end, and could complete its bag.
    bag = Bag(Path(status.bag))
    assert all(counts_of(split) for split in bag.splits()) and (bag.folder / "metadata.yaml").exists()


def test_a_name_that_exists_takes_the_next_number(environment):
    """As with a clock that says the same second twice."""
    folder = environment.folder / "bags"
    now = datetime.now()
    taken = [f"sensr_{now + timedelta(seconds=second):%Y%m%d_%H%M%S}" for second in range(120)]
    for name in taken:
        (folder / name).mkdir(parents=True)
        (folder / name / "kept.txt").write_text("kept\n")
    start_bridge(environment)
    recorder = environment.recorder()
    recording = environment.recording(environment.observer(), recorder)
    status = recording.wait_for_state(RECORDING)
    name = Path(status.bag).name
    assert name.endswith("_2") and name.removesuffix("_2") in taken
    recorder.stop()
    assert all([path.name for path in (folder / name).iterdir()] == ["kept.txt"] for name in taken)


def test_two_sites_share_a_folder_and_leave_each_other_alone(environment):
    sites = ("/north", "/south")
    # One keeps everything, the other one hardly anything.
    keep = {"/north": 0, "/south": 1}
    observer = environment.observer()
    recorders, recordings = {}, {}
    for site in sites:
        start_bridge(environment, site)
        parameters = {"split_duration": 1.0, "keep_splits": keep[site]}
        recorders[site] = environment.recorder(parameters=parameters, namespace=site)
        recordings[site] = environment.recording(observer, recorders[site])
    for site in sites:
        recordings[site].wait_for_splits(6)
    opened = {site: recordings[site].latest.splits_opened for site in sites}
    for site in sites:
        recorders[site].stop()
    bags = {site: [bag for bag in recorders[site].bags() if bag.mark["namespace"] == site] for site in sites}
    for site, other in (sites, sites[::-1]):
        (bag,) = bags[site]
        assert bag.name.startswith(f"{site[1:]}_")
        splits = bag.splits()
        # The last one may have been opened just before the stop.
        assert sum(counts_of(split).get(f"{site}/points/raw", 0) for split in splits) > 0
        for split in splits:
            topics = counts_of(split)
            assert not [topic for topic in topics if topic.startswith(f"{other}/")], (split.name, topics)
    assert len(bags["/north"][0].splits()) >= opened["/north"]
    assert len(bags["/south"][0].splits()) <= 2


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"split_duration": -1.0}, "split_duration"),
        ({"storage_preset": "fast"}, "storage_preset"),
        ({"output_dir": ""}, "output_dir"),
    ],
    ids=str,
)
def test_an_invalid_configuration_exits_with_2(environment, parameters, words):
    recorder = environment.recorder(parameters=parameters)
    assert recorder.wait() == 2, recorder.log_tail()
    assert words in recorder.log


def fake_ros2(folder, text):
    """Makes a command `ros2` from a shell script. Returns the folder for PATH."""
    folder.mkdir()
    command = folder / "ros2"
    command.write_text(f"#!/bin/sh\n{text}\n")
    command.chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo \"ros2: error: invalid choice: 'bag'\" >&2; exit 2", "ros2 bag"),
        ("echo 'usage: ros2 bag record [-h] [-o OUTPUT] [-s {sqlite3}] [-e REGEX] [-d MAX_BAG_DURATION]'", "mcap"),
    ],
    ids=["no ros2 bag", "no mcap"],
)
def test_a_missing_stock_recorder_exits_with_2_and_the_cure(environment, script, words):
    path = fake_ros2(environment.folder / "path", script)
    environment.env["PATH"] = os.pathsep.join([str(path), environment.env["PATH"]])
    recorder = environment.recorder(stock=True)
    assert recorder.wait() == 2, recorder.log_tail()
    assert words in recorder.log and "install" in recorder.log.lower(), recorder.log_tail()


def wait_for_clouds(recorder, times):
    """Waits until the stand-in has received clouds, in each of so many bags."""
    line = "Received the first message of '/points/raw'"
    recorder.wait_until(lambda: recorder.log.count(line) >= times, f"clouds in {times} bags")


def test_an_older_stock_recorder_is_split_by_a_new_bag(environment):
    """Humble has neither the service nor the options of later releases."""
    observer = environment.observer()
    start_bridge(environment)
    older = "--node-name --custom-data --storage-config-file --exclude-regex --split-service"
    recorder = environment.recorder(parameters={"split_duration": 60.0}, faults={"WITHOUT": older})
    recording = environment.recording(observer, recorder)
    first = recording.wait_for_state(RECORDING)
    wait_for_clouds(recorder, 1)
    response = observer.call(Trigger, "/sensr_recorder/split", Trigger.Request())
    assert response.success, response.message
    recording.wait_until(lambda status: status.bag == f"{first.bag}_2" and status.state == RECORDING, "the next bag")
    assert recording.latest.state != RETRYING
    wait_for_clouds(recorder, 2)
    recorder.stop()
    # Messages published between the two bags are missing; everything else is in them.
    accounts = [account for bag in recorder.bags() for account in bag.accounts()]
    assert [account["bag"] for account in accounts] == [Path(first.bag).name, f"{Path(first.bag).name}_2"]
    assert all(account["topics"]["/points/raw"]["recorded"] > 0 for account in accounts)
