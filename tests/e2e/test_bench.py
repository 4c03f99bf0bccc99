"""scripts/bench measures correctly. No test here asserts a time."""

import csv
import json

import pytest

from support import REPOSITORY
from support.scripts import run_script

BENCH = REPOSITORY / "build" / "sensr_bridge" / "cargo-target" / "release" / "sensr_bench"
FLOOR_COMMAND = f"{BENCH} floor --host {{host}} --port {{points_port}} --topic {{topic}}"


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """Output and document of a short run of all cases, with the floor as the other bridge too."""
    file = tmp_path_factory.mktemp("bench") / "values.json"
    done = run_script("bench", "--quick", "--json", file, "--peer", FLOOR_COMMAND)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(file.read_text())


def test_every_case_is_measured_or_said_to_be_skipped(quick):
    output, document = quick
    expected = ["rate", "flat_out", "paced", "tls", "small", "many", "objects", "idle"]
    assert list(document["cases"]) == expected
    for name, case in document["cases"].items():
        assert f"## {name}: " in output
        if "skipped" in case:
            assert f"SKIPPED: {case['skipped']}" in output
            continue
        for run in case["runs"]:
            assert run["seconds"] > 0
            assert run["cpu_percent"] > 0
            assert run["rss_max_mb"] >= run["rss_start_mb"] > 0


def test_the_floor_delivers_what_was_sent(quick):
    _, document = quick
    runs = document["cases"]["rate"]["runs"]
    assert [run["bridge"] for run in runs] == ["floor", "sensr_bridge", "peer"]
    for run in runs:
        assert run["sent"] > 0
        assert run["duplicates"] == 0
        # Sizes and numbers are checked by the bench, which would have failed.
        assert 0 < run["received"] <= run["sent"]
        assert run["lost"] == run["sent"] - run["received"]
        assert run["first_byte_ms"]["p50"] <= run["first_byte_ms"]["p99"] <= run["first_byte_ms"]["max"]
    many = document["cases"]["many"]
    for run in many.get("runs", []):
        assert run["bridges"] == 2
        assert 0 < run["received"] <= run["sent"]


def test_objects_arrive_only_where_they_are_wanted(quick):
    _, document = quick
    messages = {run["bridge"]: run["messages"] for run in document["cases"]["objects"]["runs"]}
    assert messages["with objects"] > 0
    assert messages["with objects and markers"] > 0
    assert messages["unwanted"] == 0
    assert messages["rate-limited"] <= 1


def test_every_goal_has_its_value_beside_it(quick):
    output, document = quick
    cases = {name for name, case in document["cases"].items() if "skipped" not in case} - {"idle"}
    assert {goal["case"] for goal in document["goals"]} == cases
    for goal in document["goals"]:
        assert goal["met"] == (goal["value"] <= goal["limit"])
        line = next(line for line in output.splitlines() if line.startswith(f"{goal['case']}: {goal['text']} "))
        assert f"{goal['value']:.2f}" in line
        assert line.endswith("  met" if goal["met"] else "  missed")


@pytest.mark.parametrize(
    ("command", "startup", "reason"),
    [("sh -c 'exec sleep 600'", 5, "no FIRST from sink-0 within 5 s"), ("false", 60, "ended with code 1")],
    ids=["hangs", "ends"],
)
def test_a_bridge_without_clouds_fails(command, startup, reason):
    done = run_script("bench", "--quick", "--case", "rate", "--startup", startup, "--bridge", command)
    assert done.returncode == 1
    assert reason in done.stderr


def test_growth_writes_table_and_plot(tmp_path):
    done = run_script("bench", "--growth", "--quick", "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "performance_growth.csv").open() as file:
        rows = list(csv.DictReader(file))
    measured = [(row["bridge"], int(row["points"]), float(row["rate_hz"])) for row in rows]
    loads = [(1_000, 10.0), (131_072, 10.0), (10_000, 100.0)]
    assert measured == [(bridge, *load) for load in loads for bridge in ("floor", "sensr_bridge")]
    assert all(float(row["cpu_ms_per_cloud"]) > 0 for row in rows)
    assert (tmp_path / "performance_growth.png").stat().st_size > 10_000
