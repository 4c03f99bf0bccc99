"""Events of the first seconds are held for a recorder that was started together with the bridge."""

import signal

import pytest

from support import outputs
from support.polling import wait_until
from support.statistics_reader import topic_of
from support.topic_table import LATCHED_DEPTH, TOPICS

#: Far longer than the discovery of a subscriber takes.
HOLD = {"startup_hold": 20.0}
COUNT = 37


class HoldFixture:
    """A bridge that received events and zones before they had a subscriber."""

    def __init__(self, environment, hold):
        self.observer = environment.observer()
        self.statistics = environment.statistics(self.observer)
        server = environment.server()
        self.bridge = environment.bridge(parameters=hold, output_port=server.port)
        self.client = server.client()
        for number in range(COUNT):
            self.client.send(outputs.message(outputs.zone_events(number), outputs.zones(number)))

    def account(self, topic):
        return topic_of(self.statistics.wait_for_next(), topic)

    def subscribe(self, topic):
        known = TOPICS[topic]
        return self.observer.subscribe(
            topic, known.kind, known.subscription_qos(), keep=lambda message: message.sequence
        )


def test_a_subscriber_of_the_first_seconds_receives_all_events(environment):
    started = HoldFixture(environment, HOLD)
    waiting = started.statistics.wait_until(
        lambda message: topic_of(message, "zones").received == COUNT, "all events received"
    )
    for topic in ("events/zone", "zones"):
        account = topic_of(waiting, topic)
        assert (account.received, account.queued, account.published) == (COUNT, COUNT, 0), topic
    # The subscriber of a topic releases the messages of this topic only.
    events = started.subscribe("events/zone")
    assert events.wait(COUNT) == list(range(COUNT))
    assert started.account("zones").queued == COUNT
    # More events arrive while others are held.
    started.client.send(outputs.message(outputs.zone_events(COUNT)))
    assert events.wait(COUNT + 1) == list(range(COUNT + 1))
    zones = started.subscribe("zones")
    # Of latched messages the middleware keeps the latest only.
    wait_until(lambda: zones.count and zones.messages[-1] == COUNT - 1, "the latest zones")
    assert started.account("zones").published == COUNT
    account = started.account("events/zone")
    assert (account.published, account.unsubscribed, account.dropped) == (COUNT + 1, 0, 0)


def test_messages_are_held_no_longer_than_startup_hold(environment):
    started = HoldFixture(environment, {"startup_hold": 0.5})
    account = started.statistics.wait_for_received(COUNT, "events/zone")
    assert (account.published, account.unsubscribed) == (0, COUNT)
    # Latched topics are published without a subscriber.
    assert started.statistics.wait_for_received(COUNT, "zones").published == COUNT
    assert started.subscribe("zones").wait(LATCHED_DEPTH) == list(range(COUNT - LATCHED_DEPTH, COUNT))


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_held_messages_are_accounted_for_when_the_node_stops(environment, signal_number):
    started = HoldFixture(environment, HOLD)
    started.statistics.wait_until(lambda message: topic_of(message, "zones").queued == COUNT, "all waiting")
    started.bridge.send_signal(signal_number)
    assert started.bridge.wait() == 0, started.bridge.log_tail()
    assert f"events/zone: received {COUNT} = published 0 + thinned 0 + unsubscribed {COUNT}" in started.bridge.log
    assert f"zones: received {COUNT} = published {COUNT}" in started.bridge.log
