"""Whoever comes late gets the latest state at once."""

import pytest

import outputs
from pair import Pair
from polling import until
from topics import LATCHED_DEPTH

KEEP = {
    "zones": lambda message: [zone.id for zone in message.zones],
    "health": lambda message: (message.master, message.is_event),
    "server_status": lambda message: message.learning_progress,
    "markers/zones": lambda message: {marker.ns for marker in message.markers},
}
LATCHED = ("zones", "health", "server_status")


def test_a_late_subscriber_gets_the_latest_state(rig):
    pair = Pair(rig)
    for number in (1, 2, 3):
        pair.output.send(outputs.message(outputs.zones(number), outputs.health("SLOWDOWN"), outputs.status(0.25)))
    pair.output.send(outputs.message(outputs.zones(4, 5), outputs.health("OK", as_event=True), outputs.status(0.75)))
    for topic in LATCHED:
        # Kept for those to come: published although nobody subscribes.
        account = pair.statistics.until_received(4, topic)
        assert (account.published, account.unsubscribed) == (4, 0), topic
    late = {topic: pair.subscribe(topic, KEEP[topic]) for topic in LATCHED}
    expected = {"zones": [4, 5], "health": (1, True), "server_status": 0.75}
    for topic, inbox in late.items():
        # All that are kept, the latest last.
        assert inbox.wait(LATCHED_DEPTH)[-1] == expected[topic], topic
        assert inbox.count == LATCHED_DEPTH, topic

    # One more of each, for those who were there and those who come now.
    pair.output.send(outputs.message(outputs.zones(6), outputs.health("INTERNAL_ERROR"), outputs.status(0.5)))
    expected = {"zones": [6], "health": (4, False), "server_status": 0.5}
    for topic, inbox in late.items():
        assert inbox.wait(LATCHED_DEPTH + 1)[-1] == expected[topic], topic
        assert pair.subscribe(topic, KEEP[topic]).wait(LATCHED_DEPTH)[-1] == expected[topic], topic


@pytest.mark.parametrize("as_events", [False, True])
def test_a_burst_of_two_arrives_whole_and_numbered(rig, as_events):
    """A message may hold the health of the stream and one that is an event."""
    keep = {"health": lambda message: (message.sequence, message.is_event, message.master)}
    pair = Pair(rig, "health", keep=keep)
    count = 50
    for number in range(count):
        if as_events:
            pair.output.send(outputs.message(outputs.health("OK"), outputs.health("SLOWDOWN", as_event=True)))
        else:
            for master in ("OK", "SLOWDOWN"):
                pair.output.send(outputs.message(outputs.health(master)))
        pair["health"].wait(2 * number + 2)
    said = pair["health"].wait(2 * count)
    assert said == [(number, as_events and number % 2 == 1, 1 + 2 * (number % 2)) for number in range(2 * count)]


def test_zones_that_are_deleted_are_gone_for_late_subscribers(rig):
    """Pictures too, although nobody looked when the zones were deleted."""
    pair = Pair(rig)
    first = pair.subscribe("markers/zones", KEEP["markers/zones"])
    pair.observer.wait_for_match(first)
    pair.output.send(outputs.message(outputs.zones(1)))
    first.wait(1)
    pair.observer.node.destroy_subscription(first.subscription)
    pair.output.send(outputs.message(outputs.zones()))
    pair.statistics.until_received(2, "markers/zones")
    assert pair.subscribe("zones", KEEP["zones"]).wait(2)[-1] == []
    drawn = set()

    def show(message):
        for marker in message.markers:
            if marker.action == marker.DELETEALL:
                drawn.clear()
            elif marker.action == marker.DELETE:
                drawn.discard((marker.ns, marker.id))
            else:
                drawn.add((marker.ns, marker.id))

    pair.subscribe("markers/zones", show).wait(2)
    assert not drawn


def test_the_state_outlives_the_link(rig):
    pair = Pair(rig)
    pair.output.send(outputs.message(outputs.zones(1)))
    pair.statistics.until_received(1, "zones")
    pair.output.abort()
    pair.statistics.until_link(lambda link: link.disconnects == 1, "the end of the link", "output")
    assert pair.subscribe("zones", KEEP["zones"]).wait(1) == [[1]]


def test_pictures_of_zones_come_soon_though_sensr_sends_them_rarely(rig):
    """Made only when subscribed: so they are made anew when somebody comes."""
    pair = Pair(rig)
    pair.output.send(outputs.message(outputs.zones(1, 2), outputs.objects(1)))
    account = pair.statistics.until_received(1, "markers/zones")
    assert (account.published, account.unsubscribed) == (0, 1)
    for viewers in (1, 2):
        late = pair.subscribe("markers/zones", KEEP["markers/zones"])
        pair.observer.wait_for_match(late)

        # Objects come ten times a second; no zones any more.
        def arrives(late=late):
            pair.output.send(outputs.message(outputs.objects(1)))
            return late.count

        until(arrives, f"zones for viewer number {viewers}")
        assert late.messages[0]
    assert pair.account("zones").received == 1


@pytest.mark.parametrize("quiet", [{"output_data_interval": 3600.0}, {"publish.objects": False}], ids=str)
def test_pictures_of_zones_come_soon_though_objects_do_not(rig, quiet):
    pair = Pair(rig, parameters=quiet)
    pair.output.send(outputs.message(outputs.zones(1), outputs.objects(1)))
    pair.statistics.until_received(1, "markers/zones")
    late = pair.subscribe("markers/zones", KEEP["markers/zones"])
    pair.observer.wait_for_match(late)

    def arrives():
        pair.output.send(outputs.message(outputs.objects(1)))
        return late.count

    until(arrives, "zones")


def test_nothing_is_pictured_before_there_are_zones_or_when_switched_off(rig):
    pair = Pair(rig, "markers/zones", "objects", parameters={"publish.markers": False})
    for number in range(3):
        pair.output.send(outputs.message(outputs.zones(1), outputs.objects(1)))
        pair["objects"].wait(number + 1)
    account = pair.account("markers/zones")
    assert (account.received, account.unsubscribed) == (3, 3)
    assert pair["markers/zones"].count == 0


def test_a_scene_without_zones_is_told_from_no_news(rig):
    pair = Pair(rig, "zones", keep=KEEP)
    pair.output.send(outputs.message(outputs.zones(1)))
    pair.output.send(outputs.message(outputs.objects(1)))
    pair["zones"].wait(1)
    pair.output.send(outputs.message(outputs.zones()))
    assert pair["zones"].wait(2) == [[1], []]


class Viewer:
    """Shows markers as rviz does. Lifetimes are never over."""

    def __init__(self, pair):
        self.boxes = set()
        self._inbox = pair.subscribe("markers/objects", self._show)
        pair.observer.wait_for_match(self._inbox)

    @property
    def count(self):
        return self._inbox.count

    def _show(self, message):
        for marker in message.markers:
            if marker.action == marker.DELETEALL:
                self.boxes.clear()
            elif marker.ns == "static box":
                assert marker.action == marker.ADD
                assert (marker.lifetime.sec, marker.lifetime.nanosec) == (0, 0), "for ever"
                self.boxes.add(marker.id)


def test_static_objects_stay_in_the_picture_until_another_list_comes(rig):
    pair = Pair(rig)
    viewer = Viewer(pair)

    def send(*parts):
        pair.output.send(outputs.message(outputs.objects(1), *parts))

    def show(*parts):
        sent = viewer.count + 1
        send(*parts)
        until(lambda: viewer.count == sent, "a picture")
        return viewer.boxes

    assert show() == set()
    assert show(outputs.static_objects(7, 8)) == {7, 8}
    assert show() == {7, 8}
    late = Viewer(pair)

    def arrives():
        send()
        return late.count

    until(arrives, "a picture for who comes late")
    assert late.boxes == {7, 8}
    pair.statistics.until_settled()
    assert show(outputs.static_objects(9)) == {9}
    # What is shown for ever does not outlive its switch.
    pair.parameters.set({"publish.markers": False})
    send()
    until(lambda: not viewer.boxes, "no static objects any more")
    pair.parameters.set({"publish.markers": True})
    send()
    until(lambda: viewer.boxes == {9}, "static objects again")
