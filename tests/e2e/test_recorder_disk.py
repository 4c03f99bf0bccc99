"""Limits of disk space, and disks that take nothing: splits are deleted, the recording pauses and goes on."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from rosbags.rosbag2 import Reader

from support.linux_namespaces import unshare_command
from support.polling import wait_until
from support.recorder import DISK_FULL, RECORDING, RETRYING, Bag, bags_in, counts_of, kinds, messages_in
from support.summary_notes import add_note

MIB = 1 << 20
#: Topics that every split holds, so that it can be read alone.
REPEATED = ("/zones", "/health", "/server_status", "/tf_static")


def start(environment, parameters=None, points=5000, **options):
    """Starts a server, a bridge and a recorder. Returns the recorder and its status."""
    observer = environment.observer()
    sim = environment.sim("--scene", "street", "--points", points, "--rate", 10)
    recorder = environment.recorder(parameters=parameters, **options)
    environment.bridge(sim.points_port, {"parent_frame": "map"}, output_port=sim.output_port)
    return recorder, environment.recording(observer, recorder), observer


def mounted(mount: str) -> list[str]:
    """Returns the prefix of a command that runs in a mount namespace of its own, after these commands."""
    return [*unshare_command("mount"), "sh", "-ec", f'{mount}; exec "$@"', "sh"]


def seen_by(process, path) -> Path:
    """Returns a path that leads to what a process in another mount namespace sees."""
    return Path(f"/proc/{process.pid}/root{path}")


def in_namespace_of(process, *command):
    """Runs a command in the mount namespace of a process."""
    enter = ["nsenter", "--target", str(process.pid), "--user", "--mount", "--preserve-credentials"]
    subprocess.run([*enter, *command], check=True, capture_output=True)


def content_of(folder):
    """Returns size and time of all files in a folder."""
    stats = {path: path.stat() for path in sorted(folder.rglob("*")) if path.is_file()}
    return {path: (stat.st_size, stat.st_mtime_ns) for path, stat in stats.items()}


def put_foreign_files(folder):
    """Puts recordings of others into the output folder. Returns their folders."""
    without_mark = folder / "sensr_20200101_000000"
    other_namespace = folder / "other_20200101_000000"
    for bag in (without_mark, other_namespace):
        bag.mkdir(parents=True)
        for number in range(3):
            (bag / f"{bag.name}_{number}.mcap").write_bytes(b"not ours")
        (bag / "metadata.yaml").write_text("foreign\n")
    mark = {"namespace": "/other", "node": "/other/sensr_recorder", "started": "2020-01-01T00:00:00Z"}
    (other_namespace / "recording.json").write_text(json.dumps(mark | {"version": "0.1.0", "state": "closed"}))
    return without_mark, other_namespace


def test_exactly_the_newest_splits_are_kept(environment):
    folder = environment.folder / "bags"
    foreign = put_foreign_files(folder)
    contents = [content_of(one) for one in foreign]
    recorder, recording, _ = start(environment, {"split_duration": 1.0, "keep_splits": 5})
    status = recording.wait_for_state(RECORDING)
    bag = Bag(Path(status.bag))
    # Files of others in the recorder's own folder.
    notes = bag.folder / "notes.txt"
    other_split = bag.folder / "other_0.mcap"
    notes.write_text("mine\n")
    other_split.write_bytes(b"mine")

    recording.wait_for_splits(21)

    def kept():
        """Returns the splits on the disk if these are the newest closed ones and the open one."""
        status = recording.latest
        splits = bag.splits()
        return splits if splits[-1].name == status.split and len(splits) == 6 else None

    closed = wait_until(kept, lambda: f"five closed splits and an open one, not {bag.splits()}")[:-1]
    numbers = [number_of(split) for split in closed]
    assert numbers == list(range(numbers[0], numbers[0] + 5)) and numbers[-1] >= 19
    assert recording.latest.closed_splits >= 5
    # Before they are deleted, too.
    contents_of_splits = [(split.name, counts_of(split), first_of(split)) for split in closed[1:]]
    recorder.stop()
    for name, counts, (first_zones, last_clouds) in contents_of_splits:
        for topic in REPEATED:
            assert counts.get(topic), f"{name} cannot be read alone: no {topic}"
        assert first_zones <= last_clouds, name

    assert notes.read_text() == "mine\n" and other_split.read_bytes() == b"mine"
    notes.unlink()
    other_split.unlink()
    names = [split.name for split in bag.splits()]
    assert len(names) in {5, 6}
    assert [account["split"] for account in bag.accounts()] == names
    assert len(list(bag.folder.glob("*.account.json"))) == len(names)
    assert [content_of(one) for one in foreign] == contents
    final = recording.latest
    assert final.deleted_splits >= 15 and final.deleted_bytes > 0
    assert recorder.log.count("deleted") >= 15, recorder.log_tail()
    with Reader(bag.folder) as reader:
        assert reader.message_count == sum(sum(counts_of(split).values()) for split in bag.splits())
    add_note(f"recorder: keep_splits 5: the newest five of {final.splits_opened} splits remain, each opens alone")


def number_of(split):
    return int(split.stem.rpartition("_")[2])


def first_of(split):
    """Returns the times of the first zones and the last clouds, or infinity and zero."""
    zones, clouds = messages_in(split, "/zones"), messages_in(split, "/points/raw")
    return (zones[0][0] if zones else float("inf")), (clouds[-1][0] if clouds else 0)


def test_the_limit_of_bytes_is_kept(environment):
    limit = 8 * MIB
    recorder, recording, observer = start(environment, {"split_duration": 1.0, "keep_bytes": limit}, points=20_000)
    recording.wait_until(lambda status: status.deleted_splits >= 3, "deleted splits")
    status = recording.wait_until(lambda status: 0 < status.closed_bytes <= limit, "closed splits within the limit")
    # Changed while it runs.
    environment.parameters(observer, "sensr_recorder").set({"keep_bytes": limit // 4})
    recording.wait_until(lambda status: status.closed_bytes <= limit // 4, "closed splits within the new limit")
    assert recording.latest.state == RECORDING and status.bag == recording.latest.bag
    recorder.stop()


@pytest.mark.parametrize("kind", kinds())
def test_a_full_disk_costs_the_oldest_splits(environment, kind):
    """A disk of 64 MB is a ring buffer for months."""
    folder = environment.folder / "bags"
    folder.mkdir()
    floor = 16 * MIB
    recorder, recording, _ = start(
        environment,
        {"split_duration": 1.0, "min_free_bytes": floor},
        points=40_000,
        wrapper=mounted(f"mount -t tmpfs -o size=64m none {folder}"),
        stock=kind == "stock",
    )
    recording.wait_until(lambda status: status.deleted_splits >= 4, "deleted splits")
    status = recording.wait_until(
        lambda status: status.state == RECORDING and status.disk_free_bytes > floor // 2, "recording with free space"
    )
    assert status.disk_size_bytes == 64 * MIB and status.min_free_bytes == floor
    bags = bags_in(seen_by(recorder, folder))
    assert len(bags) == 1 and len(bags[0].splits()) >= 1
    assert "deleted" in recorder.log
    add_note(
        f"recorder: {kind}: disk of 64 MB: {status.deleted_splits} of {status.splits_opened} splits deleted, "
        f"{status.disk_free_bytes / 1e6:.0f} MB free"
    )


def test_a_disk_filled_by_others_pauses_the_recording(environment):
    folder = environment.folder / "bags"
    folder.mkdir()
    recorder, recording, _ = start(
        environment,
        {"split_duration": 1.0, "min_free_bytes": 24 * MIB},
        wrapper=mounted(f"mount -t tmpfs -o size=64m none {folder}"),
    )
    recording.wait_for_state(RECORDING)
    filler = seen_by(recorder, folder) / "filler"
    since = time.monotonic()
    filler.write_bytes(bytes(44 * MIB))
    recording.seconds_to("disk full, seen", lambda status: status.state == DISK_FULL, since)
    status = recording.latest
    assert status.reason and str(folder) in status.reason, status.reason
    recording.wait_until(lambda status: status.recorder_pid == 0, "the end of the stock recorder")
    assert filler.exists()
    since = time.monotonic()
    filler.unlink()
    recording.seconds_to("room on the disk, recording again", lambda status: status.state == RECORDING, since)
    assert recording.latest.bag != status.bag


def test_a_write_that_fails_is_noticed(environment):
    """The stock recorder takes no notice of it: its split stops to grow. Here files can have 10 MB."""
    recorder, recording, _ = start(
        environment, {"split_duration": 60.0}, points=20_000, faults={"BYTES_PER_FILE": 10 * MIB}
    )
    first = recording.wait_for_state(RECORDING)
    split = Path(first.bag, f"{Path(first.bag).name}_0.mcap")
    wait_until(lambda: split.stat().st_size == 10 * MIB, "a file of the largest size", timeout=60.0)
    since = time.monotonic()
    status = recording.wait_until(lambda status: status.state == RETRYING, "failing writes")
    add_note(f"recorder: failing writes, seen after {time.monotonic() - since:.1f} s")
    assert "does not grow" in status.reason
    recording.seconds_to(
        "failing writes, recording again",
        lambda status: status.state == RECORDING and status.bag == f"{first.bag}_2",
        since,
    )
    recorder.stop()
    assert recording.latest.missing > 0


def test_a_read_only_disk_is_named_and_survived(environment):
    folder = environment.folder / "bags"
    folder.mkdir()
    mount = f"mount --bind {folder} {folder}; mount -o remount,ro,bind {folder}"
    recorder, recording, _ = start(environment, wrapper=mounted(mount))
    status = recording.wait_for_state(RETRYING)
    assert str(folder) in status.reason and "read-only" in status.reason.lower(), status.reason
    assert "read-only" in recorder.log.lower()
    in_namespace_of(recorder, "mount", "-o", "remount,rw,bind", str(folder))
    since = time.monotonic()
    recording.seconds_to("writable disk, recording again", lambda status: status.state == RECORDING, since)
    recorder.stop()


def without_rights_of_root() -> list[str]:
    """Returns the prefix of a command for which the modes of folders hold, also for root."""
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        pytest.skip("no setpriv here")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


def test_a_folder_without_rights_is_named_and_survived(environment):
    folder = environment.folder / "bags"
    folder.mkdir(mode=0o555)
    recorder, recording, _ = start(environment, wrapper=without_rights_of_root())
    status = recording.wait_for_state(RETRYING)
    assert str(folder) in status.reason and "no permission" in status.reason, status.reason
    folder.chmod(0o755)
    since = time.monotonic()
    recording.seconds_to("folder with rights, recording again", lambda status: status.state == RECORDING, since)
    recorder.stop()
