"""Objects in the messages of other packages: ids, labels, and the names of the labels.

test_fields.py compares every field of these messages with what was sent, as those of all other topics.
"""

import uuid

import pytest

from support import output_encoder
from support.full_message import BICYCLE, CAR, POST, with_objects
from support.ros_observer import qos
from support.two_links import TwoLinks

vision_msgs = pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed")
pytest.importorskip("autoware_perception_msgs.msg", reason="autoware_perception_msgs is not installed")

ODD_IDS = (0, -1, 17, 2**31 - 1, -(2**31))


@pytest.fixture(scope="module")
def links(shared_environment):
    return TwoLinks(shared_environment, "objects/detections", "objects/tracked")


def exchange(links, *objects, **stream):
    """Sends objects, and returns the message of each topic."""
    counts = [links[topic].count for topic in ("objects/detections", "objects/tracked")]
    links.output.send(output_encoder.output(with_objects(*objects, **stream)))
    topics = zip(("objects/detections", "objects/tracked"), counts, strict=True)
    return [links[topic].wait(count + 1)[count] for topic, count in topics]


def ids_of(tracked):
    return [uuid.UUID(bytes=bytes(one.object_id.uuid)) for one in tracked.objects]


def test_every_object_keeps_its_own_id(links):
    objects = [CAR | {"id": number} for number in ODD_IDS]
    detections, tracked = exchange(links, *objects)
    assert [one.id for one in detections.detections] == list(map(str, ODD_IDS))
    ids = ids_of(tracked)
    assert len(set(ids)) == len(ODD_IDS)
    assert {(one.version, one.variant) for one in ids} == {(8, uuid.RFC_4122)}
    assert [int.from_bytes(one.bytes[12:], "big", signed=True) for one in ids] == list(ODD_IDS)
    _, again = exchange(links, *reversed(objects))
    assert ids_of(again) == ids[::-1]


def test_the_separate_list_of_static_objects_is_left_out(links):
    detections, tracked = exchange(links, CAR, BICYCLE, static_objects=[POST])
    assert [one.id for one in detections.detections] == [str(CAR["id"]), str(BICYCLE["id"])]
    assert len(tracked.objects) == 2


def test_an_empty_scene_is_an_empty_message(links):
    detections, tracked = exchange(links)
    assert detections.detections == tracked.objects == []


def test_label_info_is_latched_and_names_the_labels(links):
    late = links.observer.subscribe("objects/label_info", vision_msgs.LabelInfo, qos(latched=True, depth=10))
    [info] = late.wait(1)
    names = {entry.class_id: entry.class_name for entry in info.class_map}
    assert names == dict(enumerate(("none", "car", "pedestrian", "cyclist", "misc", "ground", "gate")))
    detections, _ = exchange(links, CAR, BICYCLE)
    labels = [names[int(one.results[0].hypothesis.class_id)] for one in detections.detections]
    assert labels == ["car", "cyclist"]


def test_a_topic_that_is_switched_off_is_silent_and_counted(links):
    before = links.settled_account("objects/detections")
    links.parameters.set({"publish.detections": False})
    count = links["objects/tracked"].count
    links.output.send(output_encoder.output(with_objects(CAR)))
    links["objects/tracked"].wait(count + 1)
    after = links.settled_account("objects/detections")
    links.parameters.set({"publish.detections": True})
    assert after.unsubscribed == before.unsubscribed + 1
    assert after.published == before.published == links["objects/detections"].count
