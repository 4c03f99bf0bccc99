"""Summaries of the runs of a case, and their tables."""

import statistics
from dataclasses import asdict, dataclass

from bench.result import percentiles


@dataclass
class Spread:
    """Median, lowest and highest of the rounds."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values):
        known = [value for value in values if value is not None]
        return cls(statistics.median(known), min(known), max(known)) if known else None

    def __str__(self):
        return f"{self.median:.2f} ({self.lowest:.2f}..{self.highest:.2f})"


@dataclass
class Summary:
    """Values of a bridge over all rounds of a case."""

    cpu_ms: Spread | None
    cpu_percent: Spread
    system_ms: Spread | None
    faults: Spread | None
    waits: Spread | None
    read_per_s: Spread | None
    delivered_per_s: Spread | None
    sent: int
    lost: int
    rss_start_mb: float
    rss_max_mb: float
    #: Highest rise above the start in a round.
    rss_rise_mb: float
    #: Of the messages of all rounds together, from the last byte and from the first, ms.
    latency: dict
    first_byte: dict

    @classmethod
    def of(cls, results):
        resident = [result.resident_mb for result in results]
        return cls(
            cpu_ms=Spread.of([result.cpu_ms for result in results]),
            cpu_percent=Spread.of([result.cpu_percent / result.bridges for result in results]),
            system_ms=Spread.of([result.per_cloud(1e3 * result.usage.system_seconds) for result in results]),
            faults=Spread.of([result.per_cloud(result.usage.page_faults) for result in results]),
            waits=Spread.of([result.per_cloud(result.usage.waits) for result in results]),
            read_per_s=Spread.of([result.as_json()["read_per_s"] for result in results]),
            delivered_per_s=Spread.of([result.as_json()["delivered_per_s"] for result in results]),
            sent=sum(result.sent for result in results),
            lost=sum(result.lost for result in results if result.received),
            rss_start_mb=statistics.median(start for start, _, _ in resident),
            rss_max_mb=max(highest for _, _, highest in resident),
            rss_rise_mb=max(highest - start for start, _, highest in resident),
            latency=percentiles(sorted(value for result in results for value in result.latency_ms)),
            first_byte=percentiles(sorted(value for result in results for value in result.first_byte_ms)),
        )

    def as_json(self):
        return asdict(self)


def _number(value, digits=2):
    return "-" if value is None else f"{value:.{digits}f}"


COLUMNS = {
    "CPU % of a core": lambda values, _: str(values.cpu_percent),
    "CPU ms/cloud": lambda values, _: "-" if values.cpu_ms is None else str(values.cpu_ms),
    "x floor": lambda values, floor: _number(_ratio(values, floor)),
    "system": lambda values, _: _number(values.system_ms and values.system_ms.median),
    "faults": lambda values, _: _number(values.faults and values.faults.median, 1),
    "waits": lambda values, _: _number(values.waits and values.waits.median, 1),
    "p50 ms": lambda values, _: _number(values.latency["p50"]),
    "p99": lambda values, _: _number(values.latency["p99"]),
    "first byte p50": lambda values, _: _number(values.first_byte["p50"]),
    "first byte p99": lambda values, _: _number(values.first_byte["p99"]),
    "read/s": lambda values, _: _number(values.read_per_s and values.read_per_s.median, 1),
    "delivered/s": lambda values, _: _number(values.delivered_per_s and values.delivered_per_s.median, 1),
    "lost": lambda values, _: f"{values.lost} of {values.sent}",
    "RSS MB": lambda values, _: f"{values.rss_start_mb:.0f} -> {values.rss_max_mb:.0f}",
}
#: Where no clouds are counted.
PROCESS_COLUMNS = ("CPU % of a core", "RSS MB")


def _ratio(values, floor):
    if floor is None or floor.cpu_ms is None or values.cpu_ms is None:
        return None
    return values.cpu_ms.median / floor.cpu_ms.median


def format_table(summaries, floor_name, process_only):
    """Returns the lines of a Markdown table with a row for each bridge."""
    names = PROCESS_COLUMNS if process_only else tuple(COLUMNS)
    floor = summaries.get(floor_name)
    rows = [["bridge", *names]]
    for bridge, values in summaries.items():
        rows.append([bridge, *(COLUMNS[name](values, floor) for name in names)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return lines


def format_goals(goals):
    """Returns a line for each goal."""
    width = max(len(f"{goal.case}: {goal.text}") for goal in goals)
    lines = []
    for goal in goals:
        name = f"{goal.case}: {goal.text}".ljust(width)
        verdict = "met" if goal.is_met else "missed"
        lines.append(f"{name}  {goal.value:8.2f}  goal {goal.limit:g} {goal.unit:12}  {verdict}")
    return lines
