"""CPU time of a node without work. Unlike wall time it does not grow on a busy machine."""

import re
import time

import pytest

from support.summary_notes import add_note

# They need next to nothing of the machine, so they run beside one other serial test (support/distribution.py).
pytestmark = pytest.mark.serial

WINDOW_SECONDS = 10.0
#: The best window counts, because cache misses caused by other processes cost CPU time too.
WINDOWS = 6
POINTS = 131_072


def share_of_a_core(process, limit):
    """Returns CPU time over wall time, of the best of several windows."""
    best = None
    for _ in range(WINDOWS):
        begun, cpu = time.monotonic(), process.cpu_seconds()
        # A window of time, not a wait for something.
        time.sleep(WINDOW_SECONDS)
        process.require_alive()
        share = (process.cpu_seconds() - cpu) / (time.monotonic() - begun)
        best = share if best is None else min(best, share)
        if best < limit:
            break
    return best


@pytest.mark.parametrize(("with_output", "limit"), [(False, 0.02), (True, 0.03)], ids=["points", "both links"])
def test_connected_at_full_rate_without_a_subscriber(environment, with_output, limit):
    sim = environment.sim("--scene", "street", "--points", POINTS, "--types", "raw", "--rate", 10)
    output_port = sim.output_port if with_output else environment.unserved_port
    bridge = environment.bridge(sim.points_port, {"host": "127.0.0.1"}, output_port=output_port, defaults=False)
    for port in [sim.points_port, sim.output_port][: 1 + with_output]:
        bridge.wait_for_output(f"connected to .*:{port}/")
    share = share_of_a_core(bridge, limit)
    data = f"{POINTS} points{' and objects' if with_output else ''} at 10 Hz"
    add_note(f"idle cost: {share:.2%} of a core connected, {data}, no subscriber (limit {limit:.0%})")
    bridge.end()
    account = re.search(r"points/raw: received (\d+) = published (\d+) .* unsubscribed (\d+)", bridge.log)
    received, published, unsubscribed = map(int, account.groups())
    assert received >= 5 * WINDOW_SECONDS and (published, unsubscribed) == (0, received)
    assert share < limit


def test_not_connected(environment):
    bridge = environment.bridge(environment.port().number, {"host": "127.0.0.1"}, defaults=False)
    bridge.wait_for_output("next attempt in")
    share = share_of_a_core(bridge, 0.01)
    add_note(f"idle cost: {share:.2%} of a core not connected (limit 1 %)")
    assert share < 0.01


def test_a_recorder_without_a_bridge(environment):
    recorder = environment.recorder()
    recorder.wait_for_output("the stock recorder .* records to")
    share = share_of_a_core(recorder, 0.02)
    add_note(f"idle cost: {share:.2%} of a core of sensr_recorder without a bridge (limit 2 %)")
    assert share < 0.02
