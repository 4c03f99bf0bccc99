"""Judgement of a soak: movement of the memory and drift of the latency."""

import statistics
from dataclasses import dataclass

import numpy as np

#: Windows of the time after the warm-up, whose medians are compared.
WINDOWS = 20
#: Windows that a line is fitted to.
LATENCY_WINDOWS = 40
#: A drift below this share of the latency, or this many ms, is none.
DRIFT_SHARE = 0.1
DRIFT_MS = 0.1
#: A drift is one only if it exceeds the error of the fit as often.
STANDARD_ERRORS = 3.0


def window_medians(times, values, windows):
    """Returns middle and median of each window of time that has values."""
    times, values = np.asarray(times, dtype=float), np.asarray(values, dtype=float)
    edges = np.linspace(times.min(), times.max(), windows + 1)
    index = np.clip(np.searchsorted(edges, times, side="right") - 1, 0, windows - 1)
    filled = [window for window in range(windows) if np.any(index == window)]
    middles = [(edges[window] + edges[window + 1]) / 2 for window in filled]
    return middles, [float(np.median(values[index == window])) for window in filled]


def movement(times, values):
    """Returns the distance between the lowest and the highest median of the windows."""
    _, medians = window_medians(times, values, WINDOWS)
    return max(medians) - min(medians)


@dataclass
class Drift:
    """Line through the medians of the latency."""

    #: Rise over the whole time, ms.
    rise_ms: float
    #: Standard error of the rise, ms.
    error_ms: float
    mean_ms: float
    #: Allowed rise, if it was given.
    allowed_ms: float | None = None

    @property
    def limit_ms(self):
        if self.allowed_ms is not None:
            return self.allowed_ms
        return max(DRIFT_MS, DRIFT_SHARE * self.mean_ms, STANDARD_ERRORS * self.error_ms)

    @property
    def is_flat(self):
        return self.rise_ms <= self.limit_ms


def fit_drift(times, latencies_ms, allowed_ms=None):
    """Fits a line to the medians of the windows."""
    x, y = window_medians(times, latencies_ms, LATENCY_WINDOWS)
    if len(x) < 3:
        return Drift(0.0, 0.0, statistics.fmean(y), allowed_ms)
    slope, offset = np.polyfit(x, y, 1)
    residuals = np.asarray(y) - (slope * np.asarray(x) + offset)
    span = x[-1] - x[0]
    variance = float(np.sum(residuals**2)) / (len(x) - 2)
    error = (variance / float(np.sum((np.asarray(x) - np.mean(x)) ** 2))) ** 0.5
    return Drift(float(slope * span), error * span, statistics.fmean(y), allowed_ms)
