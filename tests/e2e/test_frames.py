"""The coordinate frame of all messages, and its transform to a parent frame."""

from tf2_msgs.msg import TFMessage

from support import outputs, points_encoder, ros_observer
from support.polling import wait_until
from support.two_links import TwoLinks

FRAME = {"points/raw": lambda cloud: cloud.frame_id, "points/objects": lambda cloud: cloud.frame_id}
#: Topics with coordinates, and topics without.
PLACED = ("objects", "zones", "events/zone", "events/losing", "events/recalibration", "server_status")
PICTURES = ("markers/objects", "markers/zones")
NOWHERE = ("health", "wire")


def keep():
    made = FRAME | {topic: lambda message: message.header.frame_id for topic in (*PLACED, *NOWHERE)}
    return made | {topic: lambda message: {one.header.frame_id for one in message.markers} for topic in PICTURES}


def publish_on_all_topics(links):
    """Sends contents for every topic. Returns the coordinate frame of the published messages by topic."""
    before = {topic: inbox.count for topic, inbox in links.inboxes.items()}
    links.points.send(points_encoder.numbered_cloud(1))
    links["points/raw"].wait(before["points/raw"] + 1)
    links.output.send(
        outputs.message(
            *(outputs.objects(1), outputs.zones(1), outputs.health(), outputs.status(0.5)),
            *(outputs.zone_events(1), outputs.losing_events(1), outputs.recalibrations("a")),
        )
    )
    return {topic: inbox.wait(before[topic] + 1)[-1] for topic, inbox in links.inboxes.items()}


def test_every_message_has_the_frame_and_changes_it_live(environment):
    topics = (*FRAME, *PLACED, *PICTURES, *NOWHERE)
    links = TwoLinks(environment, *topics, parameters={"publish.wire": True}, keep=keep())
    for frame in ("sensr", "site/lidar", "ünï/cöde", "a"):
        links.parameters.set({"frame_id": frame})
        frames = publish_on_all_topics(links)
        for topic in (*FRAME, *PLACED):
            assert frames[topic] == frame, topic
        for topic in PICTURES:
            # Markers of earlier arrays may be deleted in the frame in which they were shown.
            assert frames[topic] >= {frame}, topic
        for topic in NOWHERE:
            assert frames[topic] == "", topic


def transforms(observer):
    """Subscribes to the transforms. The inbox has a list for each message."""
    return observer.subscribe(
        "/tf_static", TFMessage, ros_observer.qos(latched=True), keep=lambda message: message.transforms
    )


def require_identity(transform, parent, child):
    assert (transform.header.frame_id, transform.child_frame_id) == (parent, child)
    move, turn = transform.transform.translation, transform.transform.rotation
    assert (move.x, move.y, move.z) == (0.0, 0.0, 0.0)
    assert (turn.x, turn.y, turn.z, turn.w) == (0.0, 0.0, 0.0, 1.0)
    assert transform.header.stamp.sec > 0


def last(inbox, count):
    (transform,) = inbox.wait(count)[-1]
    return transform


def test_without_a_parent_there_is_no_transform(environment):
    links = TwoLinks(environment, "points/raw")
    inbox = transforms(links.observer)
    links.observer.wait_for_match(inbox)
    links.send_cloud(1)
    links["points/raw"].wait(1)
    links.statistics.wait_for_next()
    assert inbox.count == 0


def test_a_parent_gets_an_identity_transform_live_and_for_late_subscribers(environment):
    links = TwoLinks(environment, parameters={"parent_frame": "map"})
    early = transforms(links.observer)
    require_identity(last(early, 1), "map", "sensr")
    for number, (change, parent, child) in enumerate(
        (
            ({"parent_frame": "earth"}, "earth", "sensr"),
            ({"frame_id": "lidar"}, "earth", "lidar"),
            ({"parent_frame": ""}, None, None),
            ({"parent_frame": "map"}, "map", "lidar"),
        ),
        2,
    ):
        links.parameters.set(change)
        for inbox, count in ((early, number), (transforms(links.observer), 1)):
            if parent:
                require_identity(last(inbox, count), parent, child)
            else:
                # Late subscribers must not receive the outdated transform.
                assert inbox.wait(count)[-1] == []
    links.parameters.set({"pointcloud_interval": 0.5})
    links.statistics.wait_for_next()
    assert early.count == 5, "only published when it is another"


def test_a_frame_is_not_its_own_parent(environment):
    links = TwoLinks(environment, parameters={"parent_frame": "map"})
    for name, value in (("parent_frame", "sensr"), ("frame_id", "map")):
        reason = links.parameters.refusal(name, value)
        assert "parent_frame" in reason and "frame_id" in reason, reason
    for frame in ("/map", "two words"):
        assert "parent_frame" in links.parameters.refusal("parent_frame", frame)
    assert links.parameters.get("frame_id", "parent_frame") == ["sensr", "map"]
    both = links.parameters.try_set_together({"frame_id": "map", "parent_frame": "sensr"})
    assert both.successful, both.reason

    at_start = environment.bridge(parameters={"frame_id": "map", "parent_frame": "map"})
    assert at_start.wait() == 2
    assert "parent_frame" in at_start.log


HOSTS = """
sites:
  yard: {{address: 127.0.0.1, points_port: {yard[0].port}, output_port: {yard[1].port}, frame_id: yard_lidar,
          parent_frame: map}}
  pier: {{address: 127.0.0.1, output_port: {pier[1].port}}}
"""


def test_a_site_has_ports_and_frames_of_its_own(environment):
    yard, pier = ((environment.server(), environment.server()) for _ in range(2))
    file = environment.folder / "hosts.yaml"
    file.write_text(HOSTS.format(yard=yard, pier=pier))
    observer = environment.observer()
    clouds = observer.subscribe_clouds(keep=lambda cloud: cloud.frame_id)
    ties = transforms(observer)
    parameters = environment.parameters(observer)
    given = {"hosts_file": str(file), "host": "yard", "frame_id": "general", "parent_frame": "world"}
    environment.bridge(pier[0].port, given)
    observer.wait_for_match(clouds, ties)

    for number, (site, frame, parent) in enumerate(
        (("yard", "yard_lidar", "map"), ("pier", "general", "world"), ("yard", "yard_lidar", "map")), 1
    ):
        parameters.set({"host": site})
        servers = {"yard": yard, "pier": pier}[site]
        connections = 1 + number // 3
        servers[1].client(connections)
        servers[0].client(connections).send(points_encoder.numbered_cloud(number))
        assert clouds.wait(number)[-1] == frame
        require_identity(last(ties, number), parent, frame)
        # Values of the site take precedence; the parameters themselves do not change.
        assert parameters.get("frame_id", "parent_frame") == ["general", "world"]


def test_a_site_with_equal_frames_is_refused(environment):
    file = environment.folder / "hosts.yaml"
    file.write_text("sites: {yard: {address: 127.0.0.1, frame_id: map}}")
    links = TwoLinks(environment, "points/raw", parameters={"hosts_file": str(file), "parent_frame": "map"})
    reason = links.parameters.refusal("host", "yard")
    assert "parent_frame" in reason and "map" in reason
    links.send_cloud(1)
    wait_until(lambda: links["points/raw"].count, "a cloud on the unchanged link")
