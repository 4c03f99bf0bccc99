"""Random faults of the server under a recording, with restarts of bridge and recorder: every message is accounted for.

SENSR_CHAOS_SECONDS sets the duration and SENSR_CHAOS_SEED the order of the faults: see scripts/chaos.
"""

import os
import random
import re
import signal

import pytest

from support.recorder import RECORDING, counts_of, kinds, ledger_topics
from support.statistics_reader import OUTCOMES
from support.summary_notes import add_note
from support.topic_table import TOPICS

SECONDS = float(os.environ.get("SENSR_CHAOS_SECONDS", "20"))
SEED = int(os.environ.get("SENSR_CHAOS_SEED", str(random.randrange(1 << 31))))
RATE_HZ = 20
POINTS = 10_000
STALL_SECONDS = 4.0
#: Topics of which a later subscriber receives the latest messages again, so that more may be recorded than published.
LATCHED = [f"/{topic}" for topic, known in TOPICS.items() if known.latched]


def final_accounts(bridge):
    """Returns the accounts of a bridge that has ended, by topic, from its final report."""
    accounts = {}
    for topic, received, outcomes in re.findall(r" ([\w/]+): received (\d+) = ([^\n]*)", bridge.log):
        account = {name: int(count) for name, count in re.findall(r"(\w+) (\d+)", outcomes)}
        accounts[f"/{topic}"] = account | {"received": int(received)}
    return accounts


@pytest.mark.parametrize("kind", kinds())
def test_every_message_is_recorded_or_counted(environment, kind):
    print(f"seed {SEED}")  # pytest shows it when the test fails
    observer = environment.observer()
    messages = round(SECONDS * RATE_HZ)
    scene = ("--scene", "street", "--points", POINTS, "--rate", RATE_HZ, "--count", messages)
    points, output = environment.port(), environment.port()
    recorder = environment.recorder(stock=kind == "stock")
    recording = environment.recording(observer, recorder)
    timeouts = {"stall_timeout": STALL_SECONDS, "ping_interval": STALL_SECONDS / 4}

    def start_bridge():
        return environment.bridge(points.number, timeouts, output_port=output.number)

    def stop_bridge(bridge):
        bridge.send_signal(signal.SIGINT)
        assert bridge.wait() == 0, bridge.log_tail()

    bridges = [start_bridge()]
    recording.wait_for_state(RECORDING)
    sim = environment.sim(
        *scene,
        *("--chaos", SEED, "--chaos-pause", 0.5, "--free-running"),
        points_port=points.number,
        output_port=output.number,
    )
    first = recording.wait_for_splits(recording.latest.splits_opened + 1)
    # The stock recorder dies; what it held is lost and counted.
    os.kill(recording.latest.recorder_pid, signal.SIGKILL)
    recording.wait_until(
        lambda status: status.recorder_starts > first.recorder_starts and status.state == RECORDING,
        "the recording in the next bag",
    )
    recording.wait_for_splits(recording.latest.splits_opened + 1)
    # The bridge starts again; the recording goes on.
    stop_bridge(bridges[0])
    bridges.append(start_bridge())
    recording.wait_for_splits(recording.latest.splits_opened + 1)
    sim.wait_until_done(timeout=60.0 + 3 * SECONDS)
    stop_bridge(bridges[1])
    recorder.stop()

    totals = {topic: dict.fromkeys((*OUTCOMES, "received"), 0) for topic in ledger_topics()}
    for bridge in bridges:
        recorded = {topic: account for topic, account in final_accounts(bridge).items() if topic in totals}
        for topic, account in recorded.items():
            for name, count in account.items():
                totals[topic][name] += count
    accounts = [account for bag in recorder.bags() for account in bag.accounts()]
    splits = [split for bag in recorder.bags() for split in bag.splits()]
    assert len(accounts) == len(splits) and not any(account["uncertain"] for account in accounts), [
        account["uncertain"] for account in accounts
    ]
    for topic, total in totals.items():
        figures = [account["topics"][topic] for account in accounts if topic in account["topics"]]
        recorded = sum(one["recorded"] for one in figures)
        missing = sum(one["missing"] for one in figures)
        assert recorded == sum(counts_of(split).get(topic, 0) for split in splits), topic
        lost = sum(total[name] for name in OUTCOMES if name != "published")
        assert total["received"] == total["published"] + lost, (topic, total)
        if topic in LATCHED:
            assert recorded + missing >= total["published"], (topic, recorded, missing, total)
        else:
            assert recorded + missing == total["published"], (topic, recorded, missing, total)
    raw = totals["/points/raw"]
    missing = sum(account["topics"]["/points/raw"]["missing"] for account in accounts)
    assert raw["received"] > 0
    add_note(
        f"chaos with recorder ({kind}), seed {SEED}, {SECONDS:g} s: {len(splits)} splits, clouds: "
        f"{raw['received']} received = {raw['published'] - missing} recorded + {missing} missing + "
        + " + ".join(f"{raw[name]} {name}" for name in OUTCOMES if name != "published")
    )


def test_messages_lost_by_the_stock_recorder_are_missing_in_the_account(environment):
    """Exactly those that the recorder loses and reports."""
    messages = 100
    points, output = environment.port(), environment.port()
    recorder = environment.recorder(faults={"LOSE_EVERY": 7})
    recording = environment.recording(environment.observer(), recorder)
    # A depth that keeps every cloud for a recorder that a busy machine slows down.
    bridge = environment.bridge(points.number, {"qos.depth": messages}, output_port=output.number)
    recording.wait_for_state(RECORDING)
    sim = environment.sim(
        *("--scene", "street", "--points", 3000, "--rate", 20, "--count", messages),
        points_port=points.number,
        output_port=output.number,
    )
    sim.wait_until_done()
    reported = recording.wait_until(lambda status: status.reported_lost > 0 and status.missing > 0, "a reported loss")
    bridge.send_signal(signal.SIGINT)
    assert bridge.wait() == 0, bridge.log_tail()
    recorder.stop()
    accounts = [account for bag in recorder.bags() for account in bag.accounts()]
    published = final_accounts(bridge)
    for topic in ledger_topics():
        if topic in LATCHED:
            continue
        # The final report leaves out topics without messages.
        count = published.get(topic, {"published": 0})["published"]
        figures = [account["topics"][topic] for account in accounts if topic in account["topics"]]
        assert sum(one["missing"] for one in figures) == count // 7, topic
        assert sum(one["recorded"] for one in figures) == count - count // 7, topic
    assert published["/points/raw"]["published"] > 80
    assert reported.reported_lost >= reported.missing
