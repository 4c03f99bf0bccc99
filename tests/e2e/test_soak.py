"""scripts/soak judges correctly. No test here asserts a time."""

import csv
import random
import sys

import pytest

from support import REPOSITORY
from support.scripts import run_script

LEAKING_BRIDGE = REPOSITORY / "tests" / "e2e" / "support" / "leaking_bridge.py"
#: With a limit of the memory, in MB, and of the latency, in ms, that a soak of seconds keeps on any machine.
SHORT_SOAK = ("--sizes", "1000,5000", "--rate", 50, "--limit", 20, "--drift", 1e6, "--warmup", 0.3)

sys.path.insert(0, str(REPOSITORY / "scripts" / "lib"))
from bench import flatness  # noqa: E402 (needs the path)


@pytest.mark.parametrize("source", ["bench", "sim"])
def test_soak_counts_every_cloud_and_every_statistics_message(source, tmp_path):
    done = run_script("soak", "--source", source, "--clouds", 300, "--reconnects", 2, *SHORT_SOAK, "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "statistics messages, 0 do not balance" in done.stdout
    with (tmp_path / "performance_soak.csv").open() as file:
        rows = list(csv.DictReader(file))
    arrived = sum(int(row["clouds"]) for row in rows)
    # Those on their way at a reconnect are lost, and the simulator sends on while nothing is connected.
    assert 50 < arrived <= 310
    assert f"{arrived} clouds arrived; flat" in done.stdout
    assert all(float(row["bridge_rss_mb"]) > 0 and float(row["server_rss_mb"]) > 0 for row in rows)
    assert (tmp_path / "performance_soak.png").stat().st_size > 10_000


def test_soak_fails_with_a_bridge_that_leaks(tmp_path):
    command = f"{sys.executable} {LEAKING_BRIDGE}"
    done = run_script(
        "soak", "--bridge", command, "--clouds", 300, "--reconnects", 0, *SHORT_SOAK, "--output", tmp_path
    )
    assert done.returncode == 1
    assert "soak: the memory of bridge moved by" in done.stderr
    assert "balance" not in done.stderr


@pytest.mark.parametrize(("rise_ms", "is_flat"), [(0.0, True), (0.05, True), (1.0, False)])
def test_only_a_rise_of_the_latency_beyond_its_noise_is_a_drift(rise_ms, is_flat):
    generator = random.Random(1)
    times = [second / 10 for second in range(20_000)]
    latencies = [2.0 + rise_ms * time / times[-1] + generator.expovariate(2.0) for time in times]
    drift = flatness.fit_drift(times, latencies)
    assert drift.is_flat == is_flat
    assert abs(drift.rise_ms - rise_ms) < 0.2


def test_memory_moves_by_the_distance_of_the_medians():
    times = list(range(2_000))
    flat = [100.0 + (50.0 if second % 100 == 0 else 0.0) for second in times]
    assert flatness.movement(times, flat) == 0.0
    leaking = [100.0 + second / 1_000 for second in times]
    assert 1.8 < flatness.movement(times, leaking) < 2.0
