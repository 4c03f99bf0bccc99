"""A change to another server discards the state of the old one: latched messages, markers, clock offset."""

import time

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from std_srvs.srv import SetBool

from support import outputs, ros_observer
from support.point_cloud_reader import number_of
from support.polling import wait_until
from support.statistics_reader import link_of
from support.topic_table import LATCHED_DEPTH, TOPICS
from support.two_links import TwoLinks

SECOND = 10**9
HOUR = 3600 * SECOND

DELETE_ALL = 3
LATCHED = ("zones", "health", "server_status")
#: Contents of a message, and whether they come from SENSR.
KEEP = {
    "zones": lambda message: ([zone.id for zone in message.zones], is_from_sensr(message)),
    "health": lambda message: (message.master, [node.name for node in message.nodes], is_from_sensr(message)),
    "server_status": lambda message: (message.generation, message.learning_progress, is_from_sensr(message)),
    "markers/zones": lambda message: [(marker.action, marker.ns) for marker in message.markers],
    "markers/objects": lambda message: [(marker.action, marker.ns) for marker in message.markers],
}
CLEARED = {
    "zones": ([], False),
    "health": (0, [], False),
    "server_status": (0, 0.0, False),
    "markers/zones": [(DELETE_ALL, "")],
}


def is_from_sensr(message):
    return message.server_stamp.sec > 0


def numbered(topic):
    """Returns the function of `KEEP`, with the sequence number in front for topics that have one."""
    if topic.startswith("markers/"):
        return KEEP[topic]
    return lambda message: (message.sequence, KEEP[topic](message))


def message_for_all_topics(*zones):
    """Encodes a message with contents for every latched topic."""
    health = outputs.health("SLOWDOWN", algo=("OK", {"lidar": "SENSOR_ALIVE"}))
    return outputs.message(outputs.zones(*zones), outputs.objects(1), health, outputs.status(0.25))


def test_latched_messages_and_markers_do_not_outlive_the_server(environment):
    topics = (*LATCHED, "markers/zones", "markers/objects")
    links = TwoLinks(environment, *topics, keep={topic: numbered(topic) for topic in topics})
    diagnostics = links.observer.subscribe("/diagnostics", DiagnosticArray, ros_observer.qos())
    target = environment.server()
    for _ in range(2):
        links.output.send(message_for_all_topics(1, 2))
    for topic in topics:
        links[topic].wait(2)

    def servers_nodes():
        return [one.name for one in diagnostics.messages[-1].status if "algo" in one.name]

    wait_until(lambda: diagnostics.messages and servers_nodes(), "SENSR's node in /diagnostics")

    links.parameters.set({"output_port": target.port})
    # The other server sends nothing yet.
    for topic in LATCHED:
        cleared = [(number, CLEARED[topic]) for number in range(2, 2 + LATCHED_DEPTH)]
        assert links[topic].wait(2 + LATCHED_DEPTH)[2:] == cleared, topic
        late = links.subscribe(topic, KEEP[topic])
        assert late.wait(LATCHED_DEPTH) == [CLEARED[topic]] * LATCHED_DEPTH, topic
    deletions = [CLEARED["markers/zones"]] * LATCHED_DEPTH
    assert links["markers/zones"].wait(2 + LATCHED_DEPTH)[2:] == deletions
    assert links.subscribe("markers/zones", KEEP["markers/zones"]).wait(LATCHED_DEPTH) == deletions
    assert links["markers/objects"].wait(3)[2] == CLEARED["markers/zones"]
    wait_until(lambda: not servers_nodes(), "none of its nodes in /diagnostics")
    for topic in LATCHED:
        account = links.settled_account(topic)
        assert account.received == account.published == 2 + LATCHED_DEPTH

    # The messages of the new server follow.
    target.client().send(message_for_all_topics(3))
    assert links["zones"].wait(3 + LATCHED_DEPTH)[-1] == (2 + LATCHED_DEPTH, ([3], True))
    late = links.subscribe("zones", KEEP["zones"]).wait(LATCHED_DEPTH)
    assert late == [CLEARED["zones"]] * (LATCHED_DEPTH - 1) + [([3], True)]


def test_a_reconnect_changes_nothing(environment):
    links = TwoLinks(environment, *LATCHED)
    links.output.send(message_for_all_topics(1))
    for topic in LATCHED:
        links[topic].wait(1)
    links.parameters.set({"max_message_bytes": 1_000_000})
    links.statistics.wait_for_link(lambda link: link.connects == 2, "the new link", "output")
    links.output.send(message_for_all_topics(2))
    for topic in LATCHED:
        links[topic].wait(2)
        assert (links.settled_account(topic).received, links[topic].count) == (2, 2), topic


def test_a_server_that_sent_no_latched_message_leaves_nothing_to_clear(environment):
    links = TwoLinks(environment, *LATCHED)
    links.output.send(outputs.message(outputs.objects(1)))
    links.statistics.wait_for_received(1, "objects")
    target = environment.server()
    links.parameters.set({"output_port": target.port})
    target.client().send(message_for_all_topics(1))
    for topic in LATCHED:
        links[topic].wait(1)
        assert links.settled_account(topic).received == 1, topic


def test_a_paused_bridge_discards_the_state_of_the_server_too(environment):
    links = TwoLinks(environment, "zones", keep=KEEP)
    links.output.send(outputs.message(outputs.zones(1)))
    links["zones"].wait(1)
    assert links.observer.call(SetBool, "/sensr_bridge/set_enabled", SetBool.Request(data=False)).success
    links.parameters.set({"output_port": environment.unserved_port})
    assert links["zones"].wait(1 + LATCHED_DEPTH)[-1] == CLEARED["zones"]


def test_clouds_are_not_stamped_with_the_clock_of_the_former_server(environment):
    def stamp_and_number(cloud):
        return cloud.stamp_ns, number_of(cloud)

    keep = {"points/raw": stamp_and_number}
    links = TwoLinks(environment, "points/raw", parameters={"stamp_source": "server"}, keep=keep)

    def is_an_hour_ahead():
        links.output.send(outputs.message(outputs.objects(1), at_ns=time.time_ns() + HOUR))
        links.send_cloud(1)
        links.statistics.wait_for_next()
        return any(stamp > time.time_ns() + HOUR // 2 for stamp, _ in list(links["points/raw"].messages))

    wait_until(is_an_hour_ahead, "clouds on the server's clock")
    links.parameters.set({"output_port": environment.unserved_port})
    links.statistics.wait_for_link(lambda link: str(environment.unserved_port) in link.url, "the move", "output")
    links.statistics.wait_until(lambda message: not message.clock.known, "an unknown clock offset")
    links.send_cloud(2)
    wait_until(lambda: any(number == 2 for _, number in links["points/raw"].messages), "the cloud")
    (stamp,) = [stamp for stamp, number in links["points/raw"].messages if number == 2]
    assert stamp <= time.time_ns()


SITES = """
sites:
  yard: {{address: 127.0.0.1, points_port: {yard[0].port}, output_port: {yard[1].port}, frame_id: yard_lidar}}
  pier: {{address: 127.0.0.1, points_port: {pier[0].port}, output_port: {pier[1].port}, frame_id: pier_lidar}}
"""


@pytest.mark.parametrize("change", ["site", "hosts_file"])
def test_another_site_is_another_server(environment, change):
    yard, pier = ([environment.server(), environment.server()] for _ in range(2))
    file = environment.folder / "hosts.yaml"
    file.write_text(SITES.format(yard=yard, pier=pier))
    other = environment.folder / "other.yaml"
    other.write_text(SITES.format(yard=pier, pier=yard))
    observer = environment.observer()
    known = TOPICS["zones"]
    zones = observer.subscribe(
        "zones",
        known.kind,
        known.subscription_qos(),
        keep=lambda message: (message.header.frame_id, KEEP["zones"](message)),
    )
    statistics = environment.statistics(observer)
    environment.bridge(parameters={"hosts_file": str(file), "host": "yard"})
    observer.wait_for_match(zones, statistics.inbox)
    yard[1].client().send(outputs.message(outputs.zones(1)))
    assert zones.wait(1) == [("yard_lidar", ([1], True))]
    new = {"site": {"host": "pier"}, "hosts_file": {"hosts_file": str(other)}}[change]
    environment.parameters(observer).set(new)
    pier[1].client().send(outputs.message(outputs.zones(2)))
    frame = "pier_lidar" if change == "site" else "yard_lidar"
    expected = [(frame, CLEARED["zones"])] * LATCHED_DEPTH + [(frame, ([2], True))]
    assert zones.wait(2 + LATCHED_DEPTH)[1:] == expected
    assert link_of(statistics.wait_for_next(), "output").connects == 2
