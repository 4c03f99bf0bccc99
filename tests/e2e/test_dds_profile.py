"""The Fast DDS profiles of the package: more shared memory for the publisher of clouds, and no network."""

import os
import re
from pathlib import Path

import pytest
from rclpy.utilities import get_rmw_implementation_identifier

from support import fastdds_environment, outputs, points_encoder, summary_notes
from support.topic_table import TOPICS

pytestmark = pytest.mark.serial

SEGMENT_BYTES = 64 * 2**20

MESSAGES = 60
POINTS = 131_072
CLOUDS = ("points/raw", "points/ground", "points/background")
EVENTS = {"events/zone": "zone_events", "events/losing": "losing_events"}


@pytest.fixture(autouse=True)
def fast_dds():
    rmw = get_rmw_implementation_identifier()
    if not rmw.startswith("rmw_fastrtps"):
        summary_notes.add_note(f"SKIPPED, {rmw} IS NOT FAST DDS: its profile was not used")
        pytest.skip(f"{rmw} is not Fast DDS")


def largest_segment(process):
    """Returns the size of the largest segment of shared memory that Fast DDS has mapped in a process."""
    sizes = {}
    for line in Path(f"/proc/{process.pid}/maps").read_text().splitlines():
        found = re.match(r"(\w+)-(\w+) .* (/dev/shm/fast(?:rtps|dds)_\w+)$", line)
        if found:
            first, end, segment = found.groups()
            sizes[segment] = sizes.get(segment, 0) + int(end, 16) - int(first, 16)
    return max(sizes.values(), default=0)


def subscribe(observer, topic):
    """Subscribes. The inbox keeps sequence numbers, or of clouds stamp and size."""
    profile = TOPICS[topic].subscription_qos()
    if topic in CLOUDS:
        return observer.subscribe_clouds(topic, lambda cloud: (cloud.stamp_ns, cloud.width, len(cloud.data)), profile)
    return observer.subscribe(topic, TOPICS[topic].kind, profile, keep=lambda event: event.sequence)


def room_for(segments):
    """Skips the test where the shared memory is too small, as in many containers."""
    shared = os.statvfs("/dev/shm")
    if shared.f_bavail * shared.f_frsize < segments * 1.1 * SEGMENT_BYTES:
        summary_notes.add_note("SKIPPED, NOT ENOUGH ROOM IN /dev/shm: the Fast DDS profile was not used")
        pytest.skip("not enough room in /dev/shm")


def test_without_the_profile_there_is_little_shared_memory(environment):
    environment.env = fastdds_environment.without_transport_choice(environment.env)
    bridge = environment.bridge()
    environment.statistics(environment.observer()).wait_for_next()
    assert largest_segment(bridge) < SEGMENT_BYTES


def greet(server, subscriber):
    """Sends zone events until one has arrived, so that bridge and subscriber have discovered each other.

    Returns how many were sent.
    """
    count = 0

    def has_arrived():
        nonlocal count
        count += 1
        server.client().send(outputs.message(outputs.zone_events(1)))
        return subscriber.stdout

    subscriber.wait_until(has_arrived, "a first event")
    return count


@pytest.mark.parametrize(
    "profile",
    [fastdds_environment.FILE, fastdds_environment.LOOPBACK, fastdds_environment.MACHINE],
    ids=lambda path: path.stem,
)
def test_with_the_profile_neither_large_clouds_nor_events_are_lost(environment, profile):
    room_for(2)
    environment.env = fastdds_environment.without_transport_choice(environment.env) | {
        fastdds_environment.VARIABLE: str(profile)
    }
    points, output = environment.port(), environment.port()
    # The Python observer may be delayed for longer than five clouds take.
    greeter = environment.server()
    bridge = environment.bridge(points.number, {"qos.depth": 20}, output_port=greeter.port)
    # The observer runs without the profile: both kinds of processes can communicate, with that of this machine because
    # ROS 2 adds the default transports where it keeps to the machine by itself.
    observer = environment.observer()
    statistics = environment.statistics(observer)
    statistics.wait_for_next()
    # No other process has a segment of this size yet, so it belongs to the bridge.
    assert largest_segment(bridge) >= SEGMENT_BYTES, f"the profile was not taken\n{bridge.log_tail()}"
    assert "XMLPARSER" not in bridge.log, bridge.log_tail()

    # This subscriber has the profile.
    subscriber = environment.subscriber("events/zone")
    inboxes = {topic: subscribe(observer, topic) for topic in (*CLOUDS, *EVENTS)}
    observer.wait_for_match(*inboxes.values())
    greetings = greet(greeter, subscriber)
    environment.parameters(observer).set({"output_port": output.number})
    sent = environment.sim(
        *("--scene", "street", "--points", POINTS, "--count", MESSAGES, "--rate", 10),
        points_port=points.number,
        output_port=output.number,
    ).wait_until_done()

    for topic in CLOUDS:
        account = statistics.wait_for_received(MESSAGES, topic)
        assert (account.received, account.published) == (MESSAGES, MESSAGES), topic
        clouds = inboxes[topic].wait(MESSAGES)
        stamps = [stamp for stamp, _, _ in clouds]
        assert len(clouds) == MESSAGES and stamps == sorted(set(stamps)), topic
        assert all(size == 16 * width for _, width, size in clouds), topic
    assert {width for _, width, _ in inboxes["points/raw"].messages} == {POINTS}
    for topic, name in EVENTS.items():
        count = sent["contents"][name] + (greetings if topic == "events/zone" else 0)
        account = statistics.wait_for_received(count, topic)
        assert (account.received, account.published) == (count, count), topic
        assert inboxes[topic].wait(count) == list(range(count)), topic
    events = sent["contents"]["zone_events"]
    assert events > 0
    last = greetings + events - 1
    subscriber.wait_for_output(rf"^\d+ {last}$", stream="stdout")
    numbers = [int(line.split()[1]) for line in subscriber.stdout.splitlines()]
    assert numbers == list(range(numbers[0], last + 1)) and numbers[0] < greetings
    summary_notes.add_note(
        f"DDS profile: {MESSAGES} of {MESSAGES} clouds on each of {len(CLOUDS)} topics and all {events} zone events, "
        f"{largest_segment(bridge) / 2**20:.0f} MiB of shared memory in the bridge's "
        f"{bridge.memory_bytes('VmHWM') / 2**20:.0f} MiB"
    )


def udp_sockets(process):
    """Returns the local ports of the UDP sockets of a process, in hexadecimal."""
    own = {os.readlink(entry) for entry in Path(f"/proc/{process.pid}/fd").iterdir()}
    ports = []
    for table in ("udp", "udp6"):
        for line in Path(f"/proc/{process.pid}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if f"socket:[{words[9]}]" in own:
                ports.append(words[1].rpartition(":")[2])
    return ports


@pytest.mark.skipif(
    os.environ["ROS_DISTRO"] == "humble", reason="ROS_LOCALHOST_ONLY replaces the transports of a profile"
)
def test_with_the_profile_of_this_machine_the_network_is_not_used(environment):
    """Only nodes with such a profile discover each other, if ROS 2 does not keep to this machine by itself."""
    room_for(1)
    environment.env = fastdds_environment.without_transport_choice(environment.env) | {
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"
    }
    default = environment.env
    server = environment.server()
    environment.env = default | {fastdds_environment.VARIABLE: str(fastdds_environment.MACHINE)}
    bridge = environment.bridge(server.port)
    environment.env = default | {fastdds_environment.VARIABLE: str(fastdds_environment.MACHINE_SUBSCRIBER)}
    subscriber = environment.subscriber("points/raw")
    client = server.client()
    payload = points_encoder.numbered_cloud(1, points=POINTS)

    def has_arrived():
        client.send(payload)
        return subscriber.stdout

    subscriber.wait_until(has_arrived, "a cloud")
    assert udp_sockets(subscriber) == []
    assert largest_segment(bridge) >= SEGMENT_BYTES, f"the profile was not taken\n{bridge.log_tail()}"
    # One socket listens for nodes with another /dev/shm; Fast DDS would have opened four.
    assert len(udp_sockets(bridge)) <= 1, udp_sockets(bridge)
    assert environment.observer().node.get_publishers_info_by_topic("points/raw") == []
