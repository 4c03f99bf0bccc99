"""Events are never lost: not in bursts, not beside a stalled subscriber of clouds, not beside dropped objects."""

import signal
import time

import pytest

from support import outputs
from support.polling import wait_until
from support.statistics_reader import link_of
from support.summary_notes import add_note
from support.topic_table import TOPICS
from support.two_links import TwoLinks

MIB = 1 << 20

#: Identity of an event by topic.
KEEP = {
    "events/zone": lambda event: (event.sequence, event.object_id),
    "events/losing": lambda event: (event.sequence, event.object_id),
    "events/recalibration": lambda event: (event.sequence, int(event.topic)),
}
MAKE = {
    "events/zone": outputs.zone_events,
    "events/losing": outputs.losing_events,
    "events/recalibration": lambda *ids: outputs.recalibrations(*map(str, ids)),
}


def require_all(links, topic, count):
    """Requires all events in order, without a gap in their sequence numbers, and the same counts in the ledger."""
    events = links[topic].wait(count)
    assert events == [(number, number) for number in range(count)]
    account = links.settled_account(topic)
    assert (account.received, account.published) == (count, count)


def test_a_thousand_events_in_a_second_beside_clouds_and_a_stalled_subscriber(environment):
    count, points = 1000, 131_072
    sim = environment.sim("--scene", "street", "--types", "raw", "--points", points, "--rate", 10)
    subscriber = environment.subscriber("/points/raw")
    bounds = {"points_port": sim.points_port, "queue_max_bytes": 16 * MIB, "max_message_bytes": 8 * MIB}
    server, observer = environment.server(), environment.observer()
    statistics = environment.statistics(observer)
    known = TOPICS["events/zone"]
    events = observer.subscribe("events/zone", known.kind, known.subscription_qos(), keep=KEEP["events/zone"])
    environment.bridge(parameters=bounds, output_port=server.port)
    observer.wait_for_match(statistics.inbox, events)
    subscriber.wait_for_output("^3$", stream="stdout")
    subscriber.send_signal(signal.SIGSTOP)
    stalled = statistics.wait_for_next()

    client = server.client()
    begun = time.monotonic()
    for number in range(count):
        client.send(outputs.message(outputs.zone_events(number)))
    sending = time.monotonic() - begun
    assert events.wait(count) == [(number, number) for number in range(count)]
    arriving = time.monotonic() - begun
    account = statistics.wait_for_received(count, "events/zone")
    assert (account.received, account.published) == (count, count)
    # Clouds were received meanwhile.
    statistics.wait_for_link(lambda link: link.frames > link_of(stalled).frames, "clouds")
    add_note(
        f"events: {count} sent in {sending:.2f} s beside clouds of {points} points at 10 Hz and a stalled subscriber: "
        f"all there after {arriving:.2f} s, in order, none missing"
    )


def test_a_thousand_events_reach_a_subscriber_that_was_suspended(environment):
    count = 1000
    links = TwoLinks(environment)
    subscriber = environment.subscriber("/events/zone")

    def arrives():
        links.output.send(outputs.message(outputs.zone_events(0)))
        return subscriber.stdout

    wait_until(arrives, "a first event")
    links.statistics.wait_until_settled()
    first = links.settled_account("events/zone").received
    subscriber.wait_for_output(rf"^\d+ {first - 1}\n", stream="stdout")
    subscriber.send_signal(signal.SIGSTOP)
    for number in range(count):
        links.output.send(outputs.message(outputs.zone_events(number)))
    account = links.statistics.wait_for_received(first + count, "events/zone")
    subscriber.send_signal(signal.SIGCONT)
    subscriber.wait_for_output(rf"^\d+ {first + count - 1}\n", stream="stdout")
    sequences = [int(line.split()[1]) for line in subscriber.stdout.splitlines()]
    assert sequences == list(range(sequences[0], first + count))
    assert (account.published + account.unsubscribed, account.dropped) == (first + count, 0)


@pytest.mark.parametrize("topic", MAKE)
def test_any_number_of_events_in_a_message(environment, topic):
    links = TwoLinks(environment, topic, keep=KEEP)
    sent = 0
    for size in (1, 10, 1000, 1, 0, 100):
        links.output.send(outputs.message(MAKE[topic](*range(sent, sent + size))))
        sent += size
    require_all(links, topic, sent)


def test_each_topic_of_a_message_has_its_own_sequence(environment):
    links = TwoLinks(environment, *MAKE, keep=KEEP)
    sizes = dict(zip(MAKE, (300, 20, 1), strict=True))
    for time_over in range(10):
        parts = [make(*next_ids(time_over, sizes[topic])) for topic, make in MAKE.items()]
        links.output.send(outputs.message(*parts, outputs.health(), outputs.objects(1)))
    for topic, size in sizes.items():
        require_all(links, topic, 10 * size)


def next_ids(time_over, size):
    return range(time_over * size, (time_over + 1) * size)


def test_no_event_is_lost_while_objects_are_dropped(environment):
    """Some messages do not fit into the queue of objects at all, others only alone."""
    bound = MIB
    keep = KEEP | {"objects": lambda message: [one.id for one in message.objects]}
    bounds = {"queue_max_bytes": bound, "max_message_bytes": bound}
    links = TwoLinks(environment, "events/zone", "objects", "points/objects", parameters=bounds, keep=keep)
    client = links.output
    sent = 0
    for number in range(60):
        # Just within the limit for a message, and over it in memory.
        size = bound - 500 if number % 6 == 5 else bound // 3
        objects = outputs.objects(number, points=bytes(12 * (size // 12)), intensities=b"")
        events = outputs.zone_events(*range(sent, sent + 5))
        client.send(outputs.message(objects, events))
        sent += 5
    require_all(links, "events/zone", sent)
    objects = links.settled_account("objects")
    assert objects.received == 60 == objects.published + objects.dropped
    assert objects.dropped >= 10, "the large ones do not fit"
    assert [ids for ids in list(links["objects"].messages) if ids[0] % 6 == 5] == []
    assert all(link_of(message, "output").queued_bytes <= bound for message in links.statistics.messages)
    add_note(
        f"events beside dropped objects: {sent} of {sent} arrived, {objects.dropped} of 60 objects messages dropped"
    )


def test_events_without_a_subscriber_are_counted(environment):
    """The ledger counts them as unsubscribed, and the sequence numbers of a late subscriber show the gap."""
    links = TwoLinks(environment)
    links.output.send(outputs.message(outputs.zone_events(*range(7))))
    before = links.statistics.wait_for_received(7, "events/zone")
    assert (before.published, before.unsubscribed) == (0, 7)
    late = links.subscribe("events/zone", KEEP["events/zone"])
    links.observer.wait_for_match(late)
    links.output.send(outputs.message(outputs.zone_events(7)))
    assert late.wait(1) == [(7, 7)]
