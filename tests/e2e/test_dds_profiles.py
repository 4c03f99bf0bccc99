"""The comparison of the DDS profiles, scripts/dds_profiles: that it measures, not what it measures."""

import json
import sys

import pytest
from rclpy.utilities import get_rmw_implementation_identifier

from support import REPOSITORY, fastdds_environment, summary_notes
from support.processes import Process, executable

SCRIPT = REPOSITORY / "scripts" / "lib" / "dds_profiles.py"
STANDIN = REPOSITORY / "scripts" / "lib" / "standin"
#: 20 clouds of warm-up, 10 at constant rate and 20 with a burst.
SHORT = ("--points", "1000", "--seconds", "1", "--soak-seconds", "2")


@pytest.fixture(autouse=True)
def fast_dds():
    rmw = get_rmw_implementation_identifier()
    if not rmw.startswith("rmw_fastrtps"):
        summary_notes.add_note(f"SKIPPED, {rmw} IS NOT FAST DDS: its profiles were not compared")
        pytest.skip(f"{rmw} is not Fast DDS")


def compare(environment, *args, prefix=None):
    """Runs the comparison with the stand-in for the stock recorder, and returns the process."""
    variables = fastdds_environment.without_transport_choice(environment.env)
    variables["PATH"] = f"{STANDIN}:{variables['PATH']}"
    if prefix:
        variables["SENSR_BRIDGE_PREFIX"] = str(prefix)
    argv = [sys.executable, str(SCRIPT), "--bags", str(environment.folder), *args]
    process = Process("compare", argv, variables, environment.folder)
    environment.processes.append(process)
    process.wait(120.0)
    return process


def test_each_cloud_of_a_run_is_accounted_for(environment):
    file = environment.folder / "results.json"
    process = compare(environment, *SHORT, "--profiles", "machine", "--json", str(file))
    assert process.exit_code == 0, process.log_tail()
    results = json.loads(file.read_text())
    assert list(results) == ["machine"]
    [run] = results["machine"]
    assert run["published"] + run["dropped"] == 50
    assert 0 < run["arrived"] <= run["published"]
    assert run["recorded"] + run["missing_in_bag"] == run["published"]
    # The subscriber may have been discovered after the first cloud.
    assert run["lost"] + run["lost_in_bursts"] + run["arrived"] <= run["published"]
    measured = ("cpu_ms_per_cloud", "latency_p50_ms", "latency_p99_ms", "bridge_mib", "recorder_mib")
    assert all(run[name] > 0 for name in measured), run
    assert run["bridge_peak_mib"] >= run["bridge_mib"] and run["recorder_peak_mib"] >= run["recorder_mib"]
    assert "| CPU of the bridge per cloud, ms |" in process.stdout


def test_a_run_without_a_result_is_reported(environment):
    prefix = environment.folder / "prefix"
    bin_folder = prefix / "lib" / "sensr_bridge"
    bin_folder.mkdir(parents=True)
    for name in ("sensr_sim", "sensr_recorder"):
        (bin_folder / name).symlink_to(executable(name))
    bridge = bin_folder / "sensr_bridge"
    bridge.write_text("#!/bin/sh\necho broken on purpose >&2\nexit 3\n")
    bridge.chmod(0o755)
    process = compare(environment, *SHORT, "--profiles", "none", prefix=prefix)
    assert process.exit_code == 1, process.log_tail()
    assert "sensr_bridge ended with code 3: broken on purpose" in process.stderr


def test_an_unknown_profile_is_refused(environment):
    process = compare(environment, "--profiles", "none,fast")
    assert process.exit_code == 2
    assert "fast is none of none, network, machine" in process.stderr
