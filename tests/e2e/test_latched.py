"""Whoever comes late gets the latest state at once."""

import pytest

import outputs
from pair import Pair
from polling import until

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
        assert inbox.wait(1) == [expected[topic]], topic

    # One more of each, for those who were there and those who come now.
    pair.output.send(outputs.message(outputs.zones(6), outputs.health("INTERNAL_ERROR"), outputs.status(0.5)))
    expected = {"zones": [6], "health": (4, False), "server_status": 0.5}
    for topic, inbox in late.items():
        assert inbox.wait(2)[1] == expected[topic], topic
        assert pair.subscribe(topic, KEEP[topic]).wait(1) == [expected[topic]], topic


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
