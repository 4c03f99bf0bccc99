"""Late subscribers receive the latest state at once."""

import pytest

from support import outputs
from support.polling import wait_until
from support.topic_table import LATCHED_DEPTH
from support.two_links import TwoLinks

KEEP = {
    "zones": lambda message: [zone.id for zone in message.zones],
    "health": lambda message: (message.master, message.is_event),
    "server_status": lambda message: message.learning_progress,
    "markers/zones": lambda message: {marker.ns for marker in message.markers},
}
LATCHED = ("zones", "health", "server_status")


def test_a_late_subscriber_receives_the_latest_state(environment):
    links = TwoLinks(environment)
    for number in (1, 2, 3):
        links.output.send(outputs.message(outputs.zones(number), outputs.health("SLOWDOWN"), outputs.status(0.25)))
    links.output.send(outputs.message(outputs.zones(4, 5), outputs.health("OK", as_event=True), outputs.status(0.75)))
    for topic in LATCHED:
        # Latched messages are published without a subscriber.
        account = links.statistics.wait_for_received(4, topic)
        assert (account.published, account.unsubscribed) == (4, 0), topic
    late = {topic: links.subscribe(topic, KEEP[topic]) for topic in LATCHED}
    expected = {"zones": [4, 5], "health": (1, True), "server_status": 0.75}
    for topic, inbox in late.items():
        # All kept messages, the latest last.
        assert inbox.wait(LATCHED_DEPTH)[-1] == expected[topic], topic
        assert inbox.count == LATCHED_DEPTH, topic

    # One more of each, for old and new subscribers.
    links.output.send(outputs.message(outputs.zones(6), outputs.health("INTERNAL_ERROR"), outputs.status(0.5)))
    expected = {"zones": [6], "health": (4, False), "server_status": 0.5}
    for topic, inbox in late.items():
        assert inbox.wait(LATCHED_DEPTH + 1)[-1] == expected[topic], topic
        assert links.subscribe(topic, KEEP[topic]).wait(LATCHED_DEPTH)[-1] == expected[topic], topic


@pytest.mark.parametrize("as_events", [False, True])
def test_two_healths_of_one_message_arrive_in_order(environment, as_events):
    """A message may hold the health of the stream and another one as an event."""
    keep = {"health": lambda message: (message.sequence, message.is_event, message.master)}
    links = TwoLinks(environment, "health", keep=keep)
    count = 50
    for number in range(count):
        if as_events:
            links.output.send(outputs.message(outputs.health("OK"), outputs.health("SLOWDOWN", as_event=True)))
        else:
            for master in ("OK", "SLOWDOWN"):
                links.output.send(outputs.message(outputs.health(master)))
        links["health"].wait(2 * number + 2)
    received = links["health"].wait(2 * count)
    assert received == [(number, as_events and number % 2 == 1, 1 + 2 * (number % 2)) for number in range(2 * count)]


def test_late_subscribers_do_not_receive_deleted_zones(environment):
    """The same holds for their markers, which had no subscriber when the zones were deleted."""
    links = TwoLinks(environment)
    first = links.subscribe("markers/zones", KEEP["markers/zones"])
    links.observer.wait_for_match(first)
    links.output.send(outputs.message(outputs.zones(1)))
    first.wait(1)
    links.observer.node.destroy_subscription(first.subscription)
    links.output.send(outputs.message(outputs.zones()))
    links.statistics.wait_for_received(2, "markers/zones")
    assert links.subscribe("zones", KEEP["zones"]).wait(2)[-1] == []
    drawn = set()

    def show(message):
        for marker in message.markers:
            if marker.action == marker.DELETEALL:
                drawn.clear()
            elif marker.action == marker.DELETE:
                drawn.discard((marker.ns, marker.id))
            else:
                drawn.add((marker.ns, marker.id))

    links.subscribe("markers/zones", show).wait(2)
    assert not drawn


def test_the_state_outlives_the_connection(environment):
    links = TwoLinks(environment)
    links.output.send(outputs.message(outputs.zones(1)))
    links.statistics.wait_for_received(1, "zones")
    links.output.abort()
    links.statistics.wait_for_link(lambda link: link.disconnects == 1, "the end of the link", "output")
    assert links.subscribe("zones", KEEP["zones"]).wait(1) == [[1]]


def test_markers_of_zones_are_published_soon_though_sensr_sends_zones_rarely(environment):
    """Markers are built only while subscribed, and again for a new subscriber."""
    links = TwoLinks(environment)
    links.output.send(outputs.message(outputs.zones(1, 2), outputs.objects(1)))
    account = links.statistics.wait_for_received(1, "markers/zones")
    assert (account.published, account.unsubscribed) == (0, 1)
    for viewers in (1, 2):
        late = links.subscribe("markers/zones", KEEP["markers/zones"])
        links.observer.wait_for_match(late)

        # SENSR goes on sending objects, but no zones.
        def arrives(late=late):
            links.output.send(outputs.message(outputs.objects(1)))
            return late.count

        wait_until(arrives, f"zones for viewer number {viewers}")
        assert late.messages[0]
    assert links.settled_account("zones").received == 1


@pytest.mark.parametrize("quiet", [{"output_data_interval": 3600.0}, {"publish.objects": False}], ids=str)
def test_markers_of_zones_are_published_soon_without_objects(environment, quiet):
    links = TwoLinks(environment, parameters=quiet)
    links.output.send(outputs.message(outputs.zones(1), outputs.objects(1)))
    links.statistics.wait_for_received(1, "markers/zones")
    late = links.subscribe("markers/zones", KEEP["markers/zones"])
    links.observer.wait_for_match(late)

    def arrives():
        links.output.send(outputs.message(outputs.objects(1)))
        return late.count

    wait_until(arrives, "zones")


def test_there_are_no_markers_before_zones_or_when_switched_off(environment):
    links = TwoLinks(environment, "markers/zones", "objects", parameters={"publish.markers": False})
    for number in range(3):
        links.output.send(outputs.message(outputs.zones(1), outputs.objects(1)))
        links["objects"].wait(number + 1)
    account = links.settled_account("markers/zones")
    assert (account.received, account.unsubscribed) == (3, 3)
    assert links["markers/zones"].count == 0


def test_an_empty_list_of_zones_differs_from_no_list(environment):
    links = TwoLinks(environment, "zones", keep=KEEP)
    links.output.send(outputs.message(outputs.zones(1)))
    links.output.send(outputs.message(outputs.objects(1)))
    links["zones"].wait(1)
    links.output.send(outputs.message(outputs.zones()))
    assert links["zones"].wait(2) == [[1], []]


class Viewer:
    """Applies marker arrays as rviz2 does, except that lifetimes never expire."""

    def __init__(self, links):
        self.boxes = set()
        self._inbox = links.subscribe("markers/objects", self._show)
        links.observer.wait_for_match(self._inbox)

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


def test_markers_of_static_objects_stay_until_the_next_list(environment):
    links = TwoLinks(environment)
    viewer = Viewer(links)

    def send(*parts):
        links.output.send(outputs.message(outputs.objects(1), *parts))

    def show(*parts):
        sent = viewer.count + 1
        send(*parts)
        wait_until(lambda: viewer.count == sent, "markers")
        return viewer.boxes

    assert show() == set()
    assert show(outputs.static_objects(7, 8)) == {7, 8}
    assert show() == {7, 8}
    late = Viewer(links)

    def arrives():
        send()
        return late.count

    wait_until(arrives, "markers for a late subscriber")
    assert late.boxes == {7, 8}
    links.statistics.wait_until_settled()
    assert show(outputs.static_objects(9)) == {9}
    # Switching markers off deletes those without a lifetime too.
    links.parameters.set({"publish.markers": False})
    send()
    wait_until(lambda: not viewer.boxes, "no static objects any more")
    links.parameters.set({"publish.markers": True})
    send()
    wait_until(lambda: viewer.boxes == {9}, "static objects again")
