"""SIGTERM at any time during the first seconds of a bridge, while its server has faults."""

import itertools
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.polling import wait_until
from support.summary_notes import add_note

STARTS = 50
LAST_SECONDS = 2.5
#: The limit is two seconds; a busy machine needs longer.
EXIT_TIMEOUT = 20.0
SCENE = ("--scene", "street", "--points", 20_000, "--rate", 20, "--free-running")


def catches_signals(process):
    """Returns whether the node catches SIGTERM.

    It does not before main(), while its libraries are loaded; there is nothing to clean up then.
    """
    status = Path(f"/proc/{process.pid}/status").read_text()
    (caught,) = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")]
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def test_fifty_stops_at_different_times_exit_with_0(environment):
    sim = environment.sim(*SCENE, "--chaos", 1, "--chaos-pause", 0.2)
    names = itertools.count()

    def stop_after(delay):
        begun = time.monotonic()
        name = f"__node:=stopped_{next(names)}"
        bridge = environment.bridge(
            sim.points_port,
            {"stall_timeout": 2.0, "ping_interval": 0.5},
            output_port=sim.output_port,
            ros_args=["-r", name],
        )
        wait_until(lambda: not bridge.alive or catches_signals(bridge), "main()")
        loaded = time.monotonic() - begun
        time.sleep(delay)
        assert bridge.alive, bridge.log_tail()
        stopped = time.monotonic()
        bridge.send_signal(signal.SIGTERM)
        code = bridge.wait(EXIT_TIMEOUT)
        return code, time.monotonic() - stopped, loaded, bridge

    delays = [LAST_SECONDS * number / (STARTS - 1) for number in range(STARTS)]
    with ThreadPoolExecutor(4) as several:
        stops = list(several.map(stop_after, delays))
    for (code, _, _, bridge), delay in zip(stops, delays, strict=True):
        assert code == 0, f"after {delay:.2f} s: {bridge.log_tail()}"
        assert "SIGTERM: stopping" in bridge.log, bridge.log_tail()
    took = sorted(took for _, took, _, _ in stops)
    loaded = max(loaded for _, _, loaded, _ in stops)
    add_note(
        f"stop sweep: {STARTS} starts, SIGTERM 0 to {LAST_SECONDS} s after main() began: all exit codes 0, within "
        f"{took[0]:.2f} to {took[-1]:.2f} s (median {took[STARTS // 2]:.2f} s); main() at most {loaded:.2f} s after "
        "the start"
    )
