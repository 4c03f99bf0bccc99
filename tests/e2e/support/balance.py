"""Comparison of the simulator's count of what it sent with the bridge's count of what it received, to the frame."""

from support.polling import wait_until
from support.statistics_reader import StatisticsReader, link_of, topic_of

#: Topics by the simulator's names for their contents.
CLOUDS = {"raw": "points/raw", "ground": "points/ground", "background": "points/background"}
CONTENTS = {
    "streams": "objects",
    "zone_events": "events/zone",
    "losing_events": "events/losing",
    "recalibration_events": "events/recalibration",
}


def require_balanced(sent: dict, statistics: StatisticsReader):
    """Waits until the bridge has processed everything that the simulator's final report `sent` lists.

    Returns the bridge's statistics.
    """
    for link in ("points", "output"):
        account = sent[link]
        assert account["offered"] == account["delivered"] + account["cut"], (link, account)

    def differences():
        message = statistics.messages and statistics.latest
        if not message:
            return ["no statistics yet"]
        return list(_differences(sent, message))

    wait_until(lambda: not differences(), lambda: f"the same counts on both sides: {differences()}")
    message = statistics.wait_until_settled()
    assert not differences()
    return message


def _differences(sent, message):
    for name in ("points", "output"):
        account, link = sent[name], link_of(message, name)
        yield from _compare(f"{name} frames", link.frames, account["delivered"] + account["injected"])
        yield from _compare(f"{name} text", link.text_frames, account["injected_text"])
        yield from _compare(f"{name} oversized", link.oversized_frames, account["oversized"])
    for contents, topics in ((sent["delivered_clouds"], CLOUDS), (sent["delivered_contents"], CONTENTS)):
        for name, topic in topics.items():
            yield from _compare(topic, topic_of(message, topic).received, contents[name])


def _compare(what, received, expected):
    if received != expected:
        yield f"{what}: received {received}, sent {expected}"
