"""Measurements of a run."""

import csv
import math
from dataclasses import dataclass, field

from bench.processes import Usage


@dataclass
class Sent:
    """A frame of the measured part."""

    before_ns: int
    after_ns: int
    points: int


@dataclass
class Result:
    """Measured values of a run."""

    bridge: str
    bridges: int
    seconds: float
    usage: Usage
    #: Of the bridge, over the measured part.
    resident: list[tuple[float, int, int]]
    sent: int = 0
    received: int = 0
    duplicates: int = 0
    wrong_size: int = 0
    invalid: int = 0
    #: Messages that arrived of all topics in the measured part.
    messages: int = 0
    sending_seconds: float = 0.0
    arriving_seconds: float = 0.0
    #: From the last byte handed to the socket, sorted, ms.
    latency_ms: list[float] = field(default_factory=list)
    #: From the first byte, sorted, ms.
    first_byte_ms: list[float] = field(default_factory=list)

    @property
    def lost(self):
        return self.sent - self.received

    @property
    def cpu_percent(self):
        """Share of one core."""
        return 100 * self.usage.cpu_seconds / self.seconds

    def per_cloud(self, value):
        return value / self.sent if self.sent else None

    @property
    def cpu_ms(self):
        return self.per_cloud(1e3 * self.usage.cpu_seconds)

    @property
    def resident_mb(self):
        """Resident memory at the beginning and the end, and its highest value."""
        values = [total / 1e6 for _, total, _ in self.resident]
        return values[0], values[-1], max(values)

    def as_json(self):
        start, end, highest = self.resident_mb
        return {
            "bridge": self.bridge,
            "bridges": self.bridges,
            "seconds": self.seconds,
            "sent": self.sent,
            "received": self.received,
            "lost": self.lost,
            "duplicates": self.duplicates,
            "messages": self.messages,
            "cpu_percent": self.cpu_percent,
            "cpu_ms_per_cloud": self.cpu_ms,
            "user_ms_per_cloud": self.per_cloud(1e3 * self.usage.user_seconds),
            "system_ms_per_cloud": self.per_cloud(1e3 * self.usage.system_seconds),
            "page_faults_per_cloud": self.per_cloud(self.usage.page_faults),
            "waits_per_cloud": self.per_cloud(self.usage.waits),
            "rss_start_mb": start,
            "rss_end_mb": end,
            "rss_max_mb": highest,
            "latency_ms": percentiles(self.latency_ms),
            "first_byte_ms": percentiles(self.first_byte_ms),
            "read_per_s": self.sent / self.sending_seconds if self.sending_seconds else None,
            "delivered_per_s": self.received / self.arriving_seconds if self.arriving_seconds else None,
        }


def percentile(values, share):
    """Returns the smallest of the sorted values that `share` of them do not exceed. None without values."""
    return values[max(0, math.ceil(share * len(values)) - 1)] if values else None


def percentiles(values):
    return {"p50": percentile(values, 0.5), "p99": percentile(values, 0.99), "max": percentile(values, 1.0)}


def match_arrivals(result, sent, rows):
    """Enters latency, duplicates and sizes. The topics are in the order of the connections."""
    arrived = {}
    for row in rows:
        key = row["topic"], row["number"]
        if (frame := sent.get(key)) is None:
            continue
        if key in arrived:
            result.duplicates += 1
            continue
        arrived[key] = row["arrival_ns"]
        result.wrong_size += row["points"] != frame.points
    result.received = len(arrived)
    result.latency_ms = sorted((ns - sent[key].after_ns) / 1e6 for key, ns in arrived.items())
    result.first_byte_ms = sorted((ns - sent[key].before_ns) / 1e6 for key, ns in arrived.items())
    if arrived:
        begin_ns = min(frame.before_ns for frame in sent.values())
        result.arriving_seconds = (max(arrived.values()) - begin_ns) / 1e9


def read_table(path):
    """Reads a CSV of whole numbers. A row that is still being written is left out."""
    text = path.read_text()
    lines = text[: text.rfind("\n") + 1].splitlines()
    return [{name: int(value) for name, value in row.items()} for row in csv.DictReader(lines)]
