"""The simulator's street scene: its report of what it sent agrees with what the bridge received and published."""

import pytest

from support.statistics_reader import link_of
from support.summary_notes import add_note
from support.topic_table import TOPICS

#: At 10 Hz.
MESSAGES = 150
#: Generation of the interface, and its number in the statistics.
GENERATIONS = {"2.5": 25, "3": 30}

EVENTS = {
    "events/zone": "zone_events",
    "events/losing": "losing_events",
    "events/recalibration": "recalibration_events",
}


@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_ledger_agrees_with_the_report_of_the_simulator(environment, generation):
    points, output = environment.port(), environment.port()
    observer = environment.observer()
    statistics = environment.statistics(observer)
    inboxes = {
        topic: observer.subscribe(topic, TOPICS[topic].kind, TOPICS[topic].subscription_qos())
        for topic in (*EVENTS, "objects", "health", "server_status", "zones")
    }
    environment.bridge(points.number, output_port=output.number)
    observer.wait_for_match(statistics.inbox, *inboxes.values())
    street = ("--scene", "street", "--points", 20_000, "--rate", 10, "--count", MESSAGES, "--generation", generation)
    sent = environment.sim(*street, points_port=points.number, output_port=output.number).wait_until_done()

    for name in ("points", "output"):
        link = statistics.wait_for_link(
            lambda link, name=name: link.frames >= sent[name]["delivered"], "all frames", name
        )
        assert (link.frames, link.bytes) == (sent[name]["delivered"], sent[name]["delivered_bytes"])
        assert (link.undecodable_frames, link.undecodable_parts, link.unknown_cloud_types) == (0, 0, 0)
    statistics.wait_until_settled()
    contents = sent["contents"]
    for topic, name in EVENTS.items():
        account = statistics.topic(topic)
        assert account.received == account.published == contents[name], topic
        events = inboxes[topic].wait(contents[name])
        assert [event.sequence for event in events] == list(range(contents[name]))
    assert contents["zone_events"] > 0 and contents["losing_events"] > 0

    objects = statistics.topic("objects")
    assert (objects.received, objects.published) == (contents["streams"], contents["streams"])
    messages = inboxes["objects"].wait(contents["streams"])
    assert sum(len(message.objects) for message in messages) == contents["objects"]
    for kind in ("raw", "ground", "background"):
        assert statistics.topic(f"points/{kind}").received == sent["clouds"][kind] == MESSAGES
    # Health is sent with events, to every new client, and now and then to all.
    assert statistics.topic("health").received > contents["health_events"]
    for topic in ("zones", "health", "server_status"):
        assert inboxes[topic].wait(1), topic
    assert {message.generation for message in inboxes["server_status"].messages} == {GENERATIONS[generation]}
    assert link_of(statistics.latest).connects == link_of(statistics.latest, "output").connects == 1
    add_note(
        f"street, SENSR {generation}: {contents['objects']} objects in {contents['streams']} messages, "
        + ", ".join(f"{topic} {contents[name]}" for topic, name in EVENTS.items())
        + ": all received and published"
    )
