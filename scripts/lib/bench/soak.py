"""Runs a bridge for a long time and checks that neither its memory nor its latency changes.

Clouds of mixed sizes come at the highest sustainable rate, in bursts, with reconnects in between. The exit code is 0
only if the memory of the bridge (and of the simulator) moves less than the limit after the warm-up, if the latency does
not drift, and if the ledger balances in every statistics message.
"""

import argparse
import csv
import itertools
import json
import math
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib

from bench import setting
from bench.cases import node
from bench.flatness import fit_drift, movement, window_medians
from bench.processes import RunError
from bench.result import percentile, read_table
from bench.run import Load, Run
from bench.soak_sources import BenchServer, Simulator

matplotlib.use("Agg")
from matplotlib import pyplot as plt

SIZES = (1_000, 10_000, 65_536, 131_072, 500_000)
#: Share of the rate that the bridge reaches flat out which it sustains beside bursts.
SUSTAINED_SHARE = 0.6
SAMPLE_SECONDS = 1.0
SHORT_SAMPLE_SECONDS = 0.1
#: Time after the last cloud for what is still on its way.
DRAIN_SECONDS = 1.0
STALL_SECONDS = 60.0
#: Rows of the table.
ROWS = 400
HEAD = ("second", "bridge_rss_mb", "of_it_shared_mb", "server_rss_mb", "clouds", "latency_p50_ms", "latency_p99_ms")


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clouds", type=int, default=200_000, help="clouds to send [default: %(default)s]")
    parser.add_argument(
        "--source",
        choices=("bench", "sim"),
        default="bench",
        help="server: that of the bench, or the simulator, whose memory is then judged too [default: %(default)s]",
    )
    parser.add_argument("--rate", type=float, help="clouds per second [default: 0.6 of what is measured at first]")
    parser.add_argument(
        "--sizes",
        type=lambda text: tuple(int(word) for word in text.split(",")),
        default=SIZES,
        help=f"points of successive clouds [default: {','.join(map(str, SIZES))}]",
    )
    parser.add_argument("--burst", type=int, default=8, help="clouds without a pause [default: %(default)s]")
    parser.add_argument("--reconnects", type=int, default=20, help="reconnects and faults [default: %(default)s]")
    parser.add_argument("--warmup", type=float, default=0.2, help="share of the time left out [default: %(default)s]")
    parser.add_argument("--limit", type=float, default=1.0, help="MB that the memory may move [default: %(default)s]")
    parser.add_argument("--drift", type=float, help="ms that the latency may rise [default: a tenth of it]")
    parser.add_argument("--startup", type=float, default=60.0, help="longest time to start [default: %(default)s]")
    parser.add_argument("--bridge", metavar="COMMAND", help="another bridge, with the placeholders of scripts/bench")
    parser.add_argument(
        "--dds-profile", metavar="PROFILE", help="as of the launch file: machine, network, none or a file"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("log/soak"), help="folder for results [default: %(default)s]"
    )
    given = parser.parse_args()
    try:
        given.profiles = setting.Profiles(given.dds_profile)
    except ValueError as problem:
        parser.error(f"--dds-profile: {problem}")
    return given


@dataclass
class Recording:
    """Observations of a soak."""

    #: Second, resident bytes of the bridge, shared ones among them, resident bytes of the server.
    memory: list
    #: Seconds of the arrivals, and latency in ms.
    arrivals: list
    latencies: list
    ledger: list
    received: int
    server: str
    is_server_judged: bool


class Progress:
    """Notices a soak that does not go on."""

    def __init__(self):
        self._latest = None
        self._since = time.monotonic()

    def require(self, size):
        """Raises RunError if the table of the arrivals has had this size for long."""
        now = time.monotonic()
        if size != self._latest:
            self._latest, self._since = size, now
        elif now - self._since > STALL_SECONDS:
            raise RunError(f"no cloud has arrived for {STALL_SECONDS:g} s")


def sustainable_rate(given, bridge):
    """Measures how many clouds arrive when they are sent as fast as the bridge reads, and returns what is sustained."""
    load = Load(seconds=5.0, points=given.sizes, rate=0.0, frames=2)
    with Run(load, bridge, given.profiles, startup=given.startup) as run:
        result = run.measure()
    reached = result.received / result.arriving_seconds
    print(f"flat out {reached:.0f} clouds/s arrive, {result.lost} of {result.sent} are lost", flush=True)
    return SUSTAINED_SHARE * reached


def record(given, bridge, rate):
    """Runs the soak."""
    load = Load(
        seconds=given.clouds / rate,
        points=given.sizes,
        rate=rate,
        count=given.clouds,
        burst=given.burst,
        reconnect_every=math.ceil(given.clouds / (given.reconnects + 1)) if given.reconnects else None,
        frames=2,
    )
    if given.source == "sim":
        load = replace(load, burst=1)
    with Run(load, bridge, given.profiles, startup=given.startup) as run:
        server = BenchServer(run) if given.source == "bench" else Simulator(run, given.reconnects)
        ((sink, _, table),) = run.start_sinks()
        ledger = run.start_subscriber(
            "ledger", [sys.executable, "-m", "bench.ledger", f"{run.namespaces()[0]}/statistics"]
        )
        (process,) = run.start_bridges(server.ports[:1], server.ports[1])
        sink.wait_for("FIRST", given.startup, 1, [server.process, process])
        server.begin(process)
        begun, begun_ns = time.monotonic(), time.monotonic_ns()
        memory, progress = [], Progress()
        interval = SAMPLE_SECONDS if load.seconds > 100 * SAMPLE_SECONDS else SHORT_SAMPLE_SECONDS
        while not server.has_ended():
            for one in (process, server.process, sink):
                one.require_alive()
            second = time.monotonic() - begun
            progress.require(table.stat().st_size)
            memory.append((second, *process.resident_bytes(), server.process.resident_bytes()[0]))
            server.continue_faults()
            time.sleep(interval)
        time.sleep(DRAIN_SECONDS)
        process.require_alive()
        sink.interrupt()
        sink.wait_for("DONE ", given.startup)
        rows = [row for row in read_table(table) if row["points"] and row["arrival_ns"] >= begun_ns]
        if not rows:
            raise RunError("no cloud arrived in the measured part")
        arrivals_ns, latencies = server.latencies(rows)
        return Recording(
            memory=memory,
            arrivals=[(ns - begun_ns) / 1e9 for ns in arrivals_ns],
            latencies=latencies,
            ledger=[json.loads(line) for line in ledger.lines_with("LEDGER ")],
            received=len(arrivals_ns),
            server=server.name,
            is_server_judged=server.is_judged,
        )


def judge(recording, given):
    """Prints the figures, and returns what is not flat."""
    problems = []
    begin = recording.memory[-1][0] * given.warmup
    memory = [row for row in recording.memory if row[0] >= begin]
    columns = {"bridge": 1, recording.server: 3} if recording.is_server_judged else {"bridge": 1}
    for name, column in columns.items():
        values = [row[column] / 1e6 for row in memory]
        moved = movement([row[0] for row in memory], values)
        print(f"{name}: RSS {min(values):.1f} to {max(values):.1f} MB after the warm-up, moved {moved:.2f} MB")
        if moved >= given.limit:
            problems.append(f"the memory of {name} moved by {moved:.2f} MB, {given.limit:g} are allowed")
    late = [index for index, second in enumerate(recording.arrivals) if second >= begin]
    if late:
        drift = fit_drift([recording.arrivals[i] for i in late], [recording.latencies[i] for i in late], given.drift)
        print(
            f"latency: {drift.mean_ms:.2f} ms, line fit {drift.rise_ms:+.3f} ms over the time "
            f"(standard error {drift.error_ms:.3f}, allowed {drift.limit_ms:.3f})"
        )
        if not drift.is_flat:
            problems.append(f"the latency rose by {drift.rise_ms:.3f} ms, {drift.limit_ms:.3f} are allowed")
    else:
        problems.append("no cloud with a known latency arrived after the warm-up")
    unbalanced = [message for message in recording.ledger if message["unbalanced"]]
    print(f"ledger: {len(recording.ledger)} statistics messages, {len(unbalanced)} do not balance")
    if not recording.ledger:
        problems.append("the bridge published no statistics")
    else:
        print(f"at the end: {recording.ledger[-1]}")
    if unbalanced:
        problems.append(f"the ledger does not balance: {unbalanced[0]}")
    return problems


def write_results(recording, output):
    """Writes the table and the plot."""
    output.mkdir(parents=True, exist_ok=True)
    bins = min(ROWS, max(2, len(recording.memory)))
    seconds = [row[0] for row in recording.memory]
    columns = [window_medians(seconds, [row[column] for row in recording.memory], bins) for column in (1, 2, 3)]
    middles = columns[0][0]
    edges = [0.0, *((one + other) / 2 for one, other in itertools.pairwise(middles)), float("inf")]
    by_bin = [[] for _ in middles]
    number = 0
    for second, latency in sorted(zip(recording.arrivals, recording.latencies, strict=True)):
        while second >= edges[number + 1]:
            number += 1
        by_bin[number].append(latency)
    rows = []
    for index, middle in enumerate(middles):
        latencies = sorted(by_bin[index])
        values = [column[1][index] / 1e6 for column in columns]
        quantiles = [percentile(latencies, share) for share in (0.5, 0.99)]
        rows.append((middle, *values, len(latencies), *quantiles))
    with (output / "performance_soak.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            [
                "second",
                "bridge_rss_mb",
                "of_it_shared_mb",
                "server_rss_mb",
                "clouds",
                "latency_p50_ms",
                "latency_p99_ms",
            ]
        )
        for row in rows:
            writer.writerow(
                "" if value is None else f"{value:.3f}" if isinstance(value, float) else value for value in row
            )
    draw(rows, recording, output / "performance_soak.png")


def draw(rows, recording, path):
    figure, (memory, latency) = plt.subplots(2, 1, figsize=(9, 6.5), sharex=True)
    minutes = [row[0] / 60 for row in rows]
    memory.plot(minutes, [row[1] for row in rows], label="sensr_bridge")
    memory.plot(minutes, [row[2] for row in rows], label="of it shared memory of DDS", linestyle=":")
    memory.plot(minutes, [row[3] for row in rows], label=recording.server, color="C7")
    memory.set(ylabel="resident memory in MB", ylim=(0, None))
    for column, label in ((5, "p50"), (6, "p99")):
        known = [(minute, row[column]) for minute, row in zip(minutes, rows, strict=True) if row[column] is not None]
        latency.plot(*zip(*known, strict=True), label=label)
    latency.set(xlabel="minutes", ylabel="latency in ms", yscale="log")
    for axes in (memory, latency):
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    memory.set_title(f"{recording.received:,} clouds arrived")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main():
    given = parse_arguments()
    # Links of a second are no reason to wait longer and longer.
    bridge = node("bridge", given.bridge, **{"reconnect.initial_delay": 0.1, "reconnect.max_delay": 1.0})
    try:
        rate = given.rate or sustainable_rate(given, bridge)
        print(f"{given.clouds} clouds at {rate:.0f}/s: {given.clouds / rate / 60:.1f} minutes", flush=True)
        recording = record(given, bridge, rate)
    except RunError as problem:
        print(f"soak: {problem}", file=sys.stderr)
        return 1
    problems = judge(recording, given)
    write_results(recording, given.output)
    for problem in problems:
        print(f"soak: {problem}", file=sys.stderr)
    print(f"{recording.received} clouds arrived; " + ("NOT FLAT" if problems else "flat"))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
