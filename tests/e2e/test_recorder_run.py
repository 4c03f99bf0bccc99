"""A recording from its start to its end: bags, splits, accounts, status, diagnostics, services."""

import itertools
import json
import os
import re
import signal
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.serialization import deserialize_message
from rosbags.rosbag2 import Reader
from sensr_bridge.msg import BridgeStatistics, LinkStatistics, RecordingStatus, SystemHealth, ZoneArray
from std_srvs.srv import Trigger

from support import ros_observer
from support.environment import Environment
from support.polling import wait_until
from support.recorder import (
    BAG_NAME,
    PAUSED,
    RECORDING,
    STOPPING,
    bags_in,
    counts_of,
    kinds,
    ledger_topics,
    messages_in,
    require_stock,
)
from support.summary_notes import add_note
from support.topic_table import DERIVED, TOPICS, recorded_in_namespace

SITE = "/site"
NODE = f"{SITE}/sensr_recorder"
#: Latched topics that every split holds, so that it can be read alone.
REPEATED = [f"{SITE}/zones", f"{SITE}/health", f"{SITE}/server_status", "/tf_static"]


def stamp_ns(stamp):
    return stamp.sec * 10**9 + stamp.nanosec


@dataclass
class Run:
    """Recordings and statuses of one run of a recorder."""

    folder: object = None
    statuses: list = field(default_factory=list)
    diagnostics: list = field(default_factory=list)
    recorder_log: str = ""
    bridge_log: str = ""
    status: object = None
    split_response: object = None
    began: object = None

    @property
    def bags(self):
        return bags_in(self.folder)

    @property
    def splits(self):
        return [split for bag in self.bags for split in bag.splits()]

    @property
    def accounts(self):
        return [account for bag in self.bags for account in bag.accounts()]

    def published(self):
        """Returns what the bridge published by topic, from its final report."""
        pairs = re.findall(r" ([\w/]+): received \d+ = published (\d+)", self.bridge_log)
        return {f"{SITE}/{topic}": int(count) for topic, count in pairs}


def perform(environment, stock):
    """Records two bags, the first with a split by request, and stops bridge and recorder at the same time.

    The server sends while the recorder is subscribed, so that nothing may be missing.
    """
    run = Run(folder=environment.folder / "bags", began=datetime.now())
    observer = environment.observer()
    diagnostics = observer.subscribe("/diagnostics", DiagnosticArray, ros_observer.qos())
    points, output = environment.port(), environment.port()
    recorder = environment.recorder(namespace=SITE, stock=stock)
    recording = environment.recording(observer, recorder)
    ros_args = ["-r", f"__ns:={SITE}"]
    bridge = environment.bridge(points.number, {"parent_frame": "map"}, output_port=output.number, ros_args=ros_args)

    def send(count):
        scene = ("--scene", "street", "--points", 5000, "--rate", 10, "--count", count)
        return environment.sim(*scene, points_port=points.number, output_port=output.number)

    recorder.wait_until_subscribed(*ledger_topics(SITE))
    recording.wait_for_state(RECORDING)
    sim = send(80)
    before = recording.latest.splits_opened + 2

    def has_settled(status):
        """The latched messages have been repeated in the newest split."""
        return status.splits_opened >= before and stamp_ns(status.header.stamp) > stamp_ns(status.split_since) + 10**9

    before = recording.wait_until(has_settled, "a split of one second").splits_opened
    run.split_response = observer.call(Trigger, f"{NODE}/split", Trigger.Request())
    recording.wait_for_splits(before + 1)
    sim.wait_until_done()
    recording.wait_for_splits(recording.latest.splits_opened + 1)
    # A late subscriber receives the latest status, and the figures are complete.
    late = environment.recording(environment.observer(name="late"), recorder)
    run.status = late.wait_until(lambda status: status.last_split and status.time_left.sec, "accounts in the status")

    observer.call(Trigger, f"{NODE}/pause", Trigger.Request())
    recording.wait_for_state(PAUSED)
    # The stock recorder has closed the bag.
    recording.wait_until(lambda status: status.recorder_pid == 0 and not status.split, "the end of the first bag")
    observer.call(Trigger, f"{NODE}/resume", Trigger.Request())
    recorder.wait_until_subscribed(*ledger_topics(SITE), times=2)
    recording.wait_for_state(RECORDING)
    sim = send(60)
    recording.wait_for_splits(recording.latest.splits_opened + 2)
    sim.wait_until_done()

    for process in (bridge, recorder):
        process.send_signal(signal.SIGINT)
    assert bridge.wait() == 0, bridge.log_tail()
    assert recorder.wait() == 0, recorder.log_tail()
    recorder.require_no_children()
    run.statuses = recording.messages
    run.diagnostics = list(diagnostics.messages)
    run.recorder_log, run.bridge_log = recorder.log, bridge.log
    return run


@pytest.fixture(scope="module", params=kinds())
def run(request, tmp_path_factory):
    with Environment(tmp_path_factory.mktemp("run")) as environment:
        yield perform(environment, request.param == "stock")


def test_bags_are_named_for_site_and_time(run):
    names = [bag.name for bag in run.bags]
    matches = [BAG_NAME.fullmatch(name) for name in names]
    assert len(names) == 2 and names[1] == f"{names[0]}_2"
    assert all(match["site"] == "site" for match in matches)
    started = datetime.strptime(names[0], "site_%Y%m%d_%H%M%S")
    assert abs(started - run.began) < timedelta(minutes=2)


def test_each_bag_is_marked(run):
    for bag in run.bags:
        mark = bag.mark
        assert mark["namespace"] == SITE and mark["state"] == "closed", mark
        assert mark["version"] == run.statuses[-1].version
        text = json.dumps(mark)
        (started,) = re.findall(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[^\"]*", text)
        started = datetime.fromisoformat(started.replace("Z", "+00:00"))
        assert abs(started - datetime.now(timezone.utc)) < timedelta(minutes=10)


def test_splits_are_numbered_from_0_and_none_is_missing(run):
    for bag in run.bags:
        names = [split.name for split in bag.splits()]
        assert names == [f"{bag.name}_{number}.mcap" for number in range(len(names))]
    assert len(run.bags[0].splits()) >= 4 and len(run.bags[1].splits()) >= 2
    # The first of them may have been opened before the subscription to the status existed.
    assert run.statuses[-1].splits_opened == len(run.splits)


def test_topics_of_the_bridge_are_recorded_and_no_others(run):
    found = {topic for split in run.splits for topic in counts_of(split)}
    expected = recorded_in_namespace(SITE) | {"/rosout"}
    assert found >= expected
    assert found <= expected | {f"{SITE}/recording"}, found - expected


def test_every_split_has_an_account_and_nothing_is_missing(run):
    accounts = run.accounts
    assert len(accounts) == len(run.splits)
    for split, account in zip(run.splits, accounts, strict=True):
        assert account["split"] == split.name
        counts = counts_of(split)
        for topic, figures in account["topics"].items():
            assert figures["recorded"] == counts.get(topic, 0), (split.name, topic)
            # Other nodes publish some topics too, and the bridge does not count them.
            assert figures["missing"] == (0 if topic in ledger_topics(SITE) else None), (split.name, topic, figures)
        assert account["missing"] == 0 and account["settled"], account
        if account["uncertain"] is not None:
            # The bridge reports on the server during the pause, too.
            assert split.name.endswith("_2_0.mcap") and "began" in account["uncertain"], account
        assert (account["bag"], account["namespace"]) == (split.parent.name, SITE)
        assert account["recorded"] == sum(counts.values()) and account["bytes"] == split.stat().st_size


def test_the_splits_hold_what_the_bridge_published(run):
    published = run.published()
    recorded = dict.fromkeys(ledger_topics(SITE), 0)
    for split in run.splits:
        for topic, count in counts_of(split).items():
            if topic in recorded:
                recorded[topic] += count
    latched = {f"{SITE}/{name}" for name in ("zones", "health", "server_status", "markers/zones")}
    for topic, count in recorded.items():
        if topic in latched:
            # A recorder that comes later receives the latest ones, too.
            assert count >= 1
        else:
            assert count == published[topic], topic
    assert recorded[f"{SITE}/points/raw"] > 50
    add_note(
        f"recorder: {len(run.splits)} splits hold all {recorded[f'{SITE}/points/raw']} clouds that the bridge published"
    )


def test_every_split_opens_alone(run):
    for split in run.splits:
        counts = counts_of(split)
        if counts[f"{SITE}/points/raw"] < 5:
            # Closed by the request or the end, before the messages were repeated.
            continue
        for topic in REPEATED:
            assert counts.get(topic), (split.name, topic)


def test_repeated_messages_are_marked(run):
    """Same contents with a new stamp, at most once per split."""
    for topic, kind in ((f"{SITE}/zones", ZoneArray), (f"{SITE}/health", SystemHealth)):
        data = [data for split in run.splits for _, data in messages_in(split, topic)]
        messages = [deserialize_message(one, kind) for one in data]
        # A recorder that subscribes again receives the latest ones again.
        repeated = {stamp_ns(message.header.stamp): message for message in messages if message.repeated}
        assert 3 <= len(repeated) <= len(run.splits), topic
        originals = {message.sequence for message in messages if not message.repeated}
        assert {message.sequence for message in repeated.values()} <= originals


def test_bags_open_as_a_whole(run):
    for bag in run.bags:
        assert (bag.folder / "metadata.yaml").stat().st_size > 0
        with Reader(bag.folder) as reader:
            total = reader.message_count
        assert total == sum(sum(counts_of(split).values()) for split in bag.splits())


def test_the_status_comes_once_per_second(run):
    stamps = [status.header.stamp.sec + status.header.stamp.nanosec / 1e9 for status in run.statuses]
    gaps = [later - earlier for earlier, later in itertools.pairwise(stamps)]
    assert len(gaps) > 8
    # A new state may be published at once.
    assert sorted(gaps)[len(gaps) // 2] < 1.5, gaps


def test_the_status_tells_everything(run):
    status, bag = run.status, run.bags[0]
    assert status.state == RECORDING
    assert status.bag == str(bag.folder)
    assert status.split in [split.name for split in bag.splits()]
    assert status.reason == ""
    assert 0 < status.closed_splits < len(run.splits) and status.closed_bytes > 0
    assert status.deleted_splits == status.deleted_bytes == 0
    assert status.bytes_per_second > 0
    disk = os.statvfs(run.folder)
    assert status.disk_size_bytes == disk.f_blocks * disk.f_frsize
    assert 0 < status.disk_free_bytes <= status.disk_size_bytes
    assert status.min_free_bytes < 64 << 20
    assert status.time_left.sec > 0
    assert status.recorder_rss_bytes > 1 << 20 and status.recorder_pid > 1
    assert status.recorder_starts == 1 and status.last_failure == ""
    assert status.reported_lost == 0 and status.missing == 0
    # A split grows by chunks.
    assert max(status.split_bytes for status in run.statuses) > 0
    assert status.split_since.sec > status.state_since.sec - 60
    assert status.uptime.sec > 5
    topics = {topic.topic: topic for topic in status.topics}
    assert set(TOPICS) - DERIVED - {"wire"} <= topics.keys()
    raw = topics["points/raw"]
    assert raw.recorded > 0 and raw.missing == raw.last_split_missing == 0
    raw_topics = [topic for status in run.statuses for topic in status.topics if topic.topic == "points/raw"]
    assert all(topic.recorded >= topic.last_split_recorded for topic in raw_topics)
    assert max(topic.last_split_recorded for topic in raw_topics) > 0


def test_the_status_follows_the_recording(run):
    states = [status.state for status in run.statuses]
    changes = [state for state, before in zip(states, [None, *states], strict=False) if state != before]
    assert changes[-1] == STOPPING
    assert changes.index(PAUSED) < len(changes) - 1 - changes[::-1].index(RECORDING)
    paused = next(status for status in run.statuses if status.state == PAUSED)
    assert "resume" in paused.reason
    assert RecordingStatus.STATE_RETRYING not in states


def statuses_of(run):
    """Returns the diagnostic statuses of the recorder, in order."""
    return [status for message in run.diagnostics for status in message.status if status.name.startswith(f"{NODE}: ")]


def test_the_diagnostics_are_ok_while_recording(run):
    statuses = statuses_of(run)
    assert statuses
    levels = {status.name: set() for status in statuses}
    for status in statuses:
        levels[status.name].add(status.level)
        assert status.message and status.values
    assert all(DiagnosticStatus.OK in found for found in levels.values()), levels
    # Latched messages that a recorder has not received when its first split closes come with the next one.
    early = levels.pop(f"{NODE}: recorded messages")
    assert all(DiagnosticStatus.ERROR not in found for found in levels.values()), levels
    assert statuses[-1].level != DiagnosticStatus.ERROR and DiagnosticStatus.OK in early


def test_a_split_is_made_on_request(run):
    assert run.split_response.success, run.split_response.message


def test_the_bridge_stops_first(run):
    """Everything that it publishes until its end is recorded, its last statistics included."""
    *_, last = (data for split in run.splits for _, data in messages_in(split, f"{SITE}/statistics"))
    links = deserialize_message(last, BridgeStatistics).links
    assert {link.state for link in links} == {LinkStatistics.STATE_STOPPED}


def test_the_recorder_ignores_a_second_signal(environment):
    environment.bridge(environment.server().port)
    recorder = environment.recorder()
    recording = environment.recording(environment.observer(), recorder)
    recording.wait_for_state(RECORDING)
    began = time.monotonic()
    recorder.send_signal(signal.SIGINT)
    wait_until(lambda: "SIGINT" in recorder.log, recorder.log_tail)
    recorder.send_signal(signal.SIGINT)
    assert recorder.wait() == 0, recorder.log_tail()
    recorder.require_no_children()
    (bag,) = recorder.bags()
    assert bag.mark["state"] == "closed" and all(counts_of(split) for split in bag.splits())
    add_note(f"recorder: ends {time.monotonic() - began:.1f} s after SIGINT while the bridge goes on")


def test_the_stock_recorder_is_installed():
    """Otherwise the other tests of the recorder have run with its stand-in only."""
    require_stock()
