"""Cost by points per cloud and by clouds per second, as CSV and plot."""

import csv
import sys
from dataclasses import dataclass

import matplotlib

from bench.cases import FLOOR, NODE, floor, node
from bench.processes import RunError
from bench.report import Summary
from bench.run import Load, Run

matplotlib.use("Agg")
from matplotlib import pyplot as plt

#: Points of a cloud, at 10 Hz.
POINTS = (1_000, 4_000, 16_000, 65_536, 131_072, 262_144, 524_288, 1_000_000, 2_000_000)
#: Clouds per second of 10,000 points.
RATES = (1, 10, 50, 100, 200, 500, 1_000)
RATE_POINTS = 10_000
ROUNDS = 3
#: For --quick.
QUICK_POINTS = (1_000, 131_072)
QUICK_RATES = (100,)


@dataclass
class Sample:
    """A point of the curves."""

    bridge: str
    points: int
    rate: float
    values: Summary

    def row(self):
        values = self.values
        return [
            self.bridge,
            self.points,
            f"{self.rate:g}",
            f"{values.cpu_ms.median:.4f}",
            f"{values.cpu_ms.lowest:.4f}",
            f"{values.cpu_ms.highest:.4f}",
            f"{values.first_byte['p50']:.3f}",
            f"{values.first_byte['p99']:.3f}",
            f"{values.delivered_per_s.median:.1f}",
            values.lost,
        ]


HEAD = [
    "bridge",
    "points",
    "rate_hz",
    "cpu_ms_per_cloud",
    "cpu_ms_lowest",
    "cpu_ms_highest",
    "first_byte_p50_ms",
    "first_byte_p99_ms",
    "delivered_per_s",
    "lost",
]


def measure(given, points, rate):
    """Measures floor and bridge in turn. Returns a sample of each."""
    # Of the largest clouds a few are enough, and many would not fit in memory.
    load = Load(
        seconds=given.seconds,
        points=(points,),
        rate=rate,
        warmup=given.warmup,
        warmup_rate=min(rate, 10.0),
        frames=2,
    )
    results = {FLOOR: [], NODE: []}
    for _ in range(given.rounds or ROUNDS):
        for bridge in (floor(), node(command=given.bridge)):
            with Run(load, bridge, given.profiles, startup=given.startup) as run:
                results[bridge.name].append(run.measure())
    return [Sample(name, points, rate, Summary.of(rounds)) for name, rounds in results.items()]


def draw(by_points, by_rate, path):
    figure, axes = plt.subplots(2, 2, figsize=(11, 7.5))
    for column, (samples, axis) in enumerate(((by_points, "points"), (by_rate, "rate"))):
        for name, color in ((NODE, "C0"), (FLOOR, "C7")):
            own = [sample for sample in samples if sample.bridge == name]
            x = [getattr(sample, axis) for sample in own]
            cpu = [sample.values.cpu_ms for sample in own]
            axes[0, column].plot(x, [value.median for value in cpu], "o-", color=color, label=name)
            low, high = [value.lowest for value in cpu], [value.highest for value in cpu]
            axes[0, column].fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)
            for quantile, style in (("p50", "o-"), ("p99", "^:")):
                latency = [sample.values.first_byte[quantile] for sample in own]
                axes[1, column].plot(x, latency, style, color=color, label=f"{name}, {quantile}")
    axes[0, 0].set_title("10 clouds per second")
    axes[0, 1].set_title(f"clouds of {RATE_POINTS:,} points")
    for row, label in enumerate(("CPU per cloud in ms", "latency from the first byte in ms")):
        for column, unit in enumerate(("points per cloud", "clouds per second")):
            axes[row, column].set(xscale="log", yscale="log", xlabel=unit, ylabel=label)
            axes[row, column].grid(alpha=0.3, which="both")
            axes[row, column].legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def run(given):
    """Measures, writes performance_growth.csv and .png, and returns the exit code."""
    by_points, by_rate = [], []
    try:
        for points in QUICK_POINTS if given.quick else POINTS:
            by_points += measure(given, points, 10.0)
            print(by_points[-1].row(), flush=True)
        for rate in QUICK_RATES if given.quick else RATES:
            by_rate += measure(given, RATE_POINTS, float(rate))
            print(by_rate[-1].row(), flush=True)
    except RunError as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    given.output.mkdir(parents=True, exist_ok=True)
    with (given.output / "performance_growth.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEAD)
        writer.writerows(sample.row() for sample in by_points + by_rate)
    draw(by_points, by_rate, given.output / "performance_growth.png")
    return 0
