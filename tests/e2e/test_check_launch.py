"""`check:=true` of the launch files: the arguments of sensr_check, and what is started after it."""

import pytest
import yaml

from support.launch_modules import bridge_check

OUTPUT = """{"verdict": "FAIL", "passed": 1, "warnings": 1, "failures": 2, "findings": [
    {"subject": "memory", "verdict": "PASS", "message": "enough"},
    {"site": "pier", "subject": "server clock", "verdict": "WARN", "message": "2 s ahead", "cure": "timedatectl"},
    {"site": "pier", "subject": "point port", "verdict": "FAIL", "message": "refused", "cure": "nc"},
    {"site": "harbour", "subject": "host name", "verdict": "FAIL", "message": "unknown", "cure": "getent"}
]}"""


def test_each_fault_is_a_line_with_its_cure():
    result = bridge_check.parse_result(OUTPUT)
    assert result.lines() == [
        "check: WARN  site pier, server clock: 2 s ahead; cure: timedatectl",
        "check: FAIL  site pier, point port: refused; cure: nc",
        "check: FAIL  site harbour, host name: unknown; cure: getent",
        "check: 1 passed, 1 warnings, 2 failures",
    ]


def test_failures_of_one_site_are_no_others():
    result = bridge_check.parse_result(OUTPUT)
    assert result.failures() == ["point port", "host name"]
    assert result.failures("pier") == ["point port"]
    assert result.failures("yard") == []
    everywhere = bridge_check.parse_result('{"findings": [{"subject": "disk", "verdict": "FAIL", "message": "full"}]}')
    assert everywhere.failures("yard") == ["disk"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"findings": [{"verdict": "FAIL"}]}', '{"findings": 1}'])
def test_output_that_is_not_understood_is_an_error(text):
    with pytest.raises(bridge_check.CheckError, match="output of sensr_check"):
        bridge_check.parse_result(text)


def test_a_check_without_a_result_is_an_error(tmp_path):
    script = tmp_path / "check"
    script.write_text("#!/bin/sh\necho 'cannot load the middleware' >&2\nexit 101\n")
    script.chmod(0o755)
    with pytest.raises(bridge_check.CheckError, match="cannot load the middleware"):
        bridge_check.run_check(str(script), [], {})
    with pytest.raises(bridge_check.CheckError, match="cannot run"):
        bridge_check.run_check(str(tmp_path / "missing"), [], {})


def test_parameters_of_the_recorder_are_for_the_recorder_only():
    words = bridge_check.arguments(
        ["-p", "host:='a'"], sites=["x", "y"], recorder_params_file="r.yaml", recorder_parameters={"split_size": "5"}
    )
    assert words[-6:] == [
        "--recorder-params-file=r.yaml",
        "--ros-args",
        "-p",
        "host:='a'",
        "-p",
        "sensr_recorder:split_size:=5",
    ]
    assert {"--site=x", "--site=y"} <= {*words}
    assert "--no-record" in bridge_check.arguments([])


def ports(sim):
    return {"points_port": sim.points_port, "output_port": sim.output_port}


def test_a_bridge_starts_after_a_check_without_failures(environment, launch):
    sim = environment.sim("--points", "100", "--types", "raw")
    launched = launch("host:=127.0.0.1", "check:=true", **ports(sim))
    launched.wait_until(
        lambda: "check: " in launched.log and " 0 failures" in launched.log, launched.log_tail, timeout=90.0
    )
    launched.processes("sensr_bridge")


def test_nothing_starts_after_a_failure_which_is_named(environment, launch):
    sim = environment.sim("--points", "100", "--types", "raw")
    unserved = {"points_port": environment.unserved_port, "output_port": sim.output_port}
    launched = launch("host:=127.0.0.1", "check:=true", **unserved)
    assert launched.wait(90.0) != 0
    assert "nothing was started, sensr_check fails: point port" in launched.log, launched.log_tail()
    assert "check: FAIL  site 127.0.0.1, point port: " in launched.log
    assert "cure: nc -vz 127.0.0.1" in launched.log
    assert launched.started("sensr_bridge") == 0


def test_the_simulator_of_the_same_launch_cannot_be_examined(environment, launch):
    launched = launch("sim:=true", "check:=true")
    assert launched.wait(60.0) != 0
    assert "check: sim starts the simulator only afterwards" in launched.log
    assert launched.started("sensr_sim") == 0


def test_only_sites_without_failures_start(environment, launch):
    sim = environment.sim("--points", "100", "--types", "raw")
    here = {"address": "127.0.0.1", **ports(sim)}
    sites = {"harbour": here, "pier": here | {"points_port": environment.unserved_port}}
    hosts_file = environment.folder / "hosts.yaml"
    hosts_file.write_text(yaml.safe_dump({"sites": sites}))
    launched = launch("sites:=harbour,pier", f"hosts_file:={hosts_file}", "check:=true", file="sites.launch.py")
    [bridge] = launched.processes("sensr_bridge")
    assert "__ns:=/harbour" in bridge.words
    assert "site pier was not started, sensr_check fails: point port" in launched.log
    launched.interrupt()
    assert launched.wait(60.0) != 0
