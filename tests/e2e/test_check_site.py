"""sensr_check against sites: the verdict and the cure for each fault of a server."""

import contextlib
import re
import subprocess
import time

import pytest
import yaml
from websockets.exceptions import ConnectionClosed

from support import output_encoder
from support.check import Check, faults, verdicts
from support.points_encoder import cloud, numbered_cloud, result
from support.processes import executable

SCENE = ("--points", 2000, "--rate", 20)
#: Time to listen, seconds: long enough for a rate, and health comes with the first messages.
LISTEN = ("--listen", 1)
LINK_SUBJECTS = {
    "host name",
    "point port",
    "point websocket",
    "output port",
    "output websocket",
    "point stream",
    "output stream",
}


@pytest.fixture
def sim(environment):
    return environment.sim(*SCENE)


def check(environment, *args, ports=None, **options):
    """Starts a check without what only a recording needs. `ports` is a simulator."""
    if ports:
        options = {"points_port": ports.points_port, "output_port": ports.output_port} | options
    return Check(environment, "--no-record", *LISTEN, *args, **options)


def test_a_healthy_site_passes_with_its_rates(environment, sim):
    found = check(environment, ports=sim).of_sites()
    assert faults(found) == {}
    assert found.keys() == {
        *LINK_SUBJECTS,
        "server state",
        "node state",
        "sensor state",
        "server clock",
        "other bridge",
    }
    pattern = r"first frame after [\d.]+ s, ([\d.]+) frames/s, [\d.]+ MB/s; raw [\d.]+/s of 2000 points"
    rate = float(re.match(pattern, found["point stream"]["message"])[1])
    assert 5 < rate < 40, "the simulator sends 20"
    assert "objects" in found["output stream"]["message"]


def test_findings_are_lines_with_a_total_and_no_colors_in_a_pipe(environment, sim):
    ports = ["-p", f"points_port:={sim.points_port}", "-p", f"output_port:={environment.unserved_port}"]
    command = [executable("sensr_check"), "--no-record", *map(str, LISTEN), "--ros-args", *ports]
    done = subprocess.run(command, env=environment.env, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 2, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "this machine" and "site localhost" in lines
    index = next(i for i, line in enumerate(lines) if line.startswith("  FAIL  output port: "))
    assert lines[index + 1].startswith("        cure: nc -vz localhost ")
    assert re.fullmatch(r"\d+ passed, \d+ warnings?, \d+ failures?", lines[-1])
    assert "\x1b" not in done.stdout


def test_a_closed_port_fails_and_the_other_stream_is_examined(environment, sim):
    found = check(environment, points_port=environment.unserved_port, output_port=sim.output_port).of_sites()
    assert faults(found) == {"point port": "FAIL"}
    assert "refused" in found["point port"]["message"]
    assert "start SENSR" in found["point port"]["cure"] and "points_port" in found["point port"]["cure"]
    assert found["output stream"]["verdict"] == "PASS"


def test_swapped_ports_are_named(environment, sim):
    found = check(environment, points_port=sim.output_port, output_port=sim.points_port).of_sites()
    for stream in ("point stream", "output stream"):
        assert found[stream]["verdict"] == "FAIL"
        assert "swapped" in found[stream]["message"]
        assert found[stream]["cure"] == f"set points_port to {sim.points_port} and output_port to {sim.output_port}"


def test_a_name_without_an_address_fails_with_a_command(environment, sim):
    found = check(environment, ports=sim, host="no-such-machine.invalid").of_sites()
    assert faults(found) == {"host name": "FAIL"}
    assert found["host name"]["cure"].startswith("getent hosts no-such-machine.invalid")
    assert found.keys() == {"host name", "other bridge"}


def test_a_server_that_sends_nothing_fails(environment):
    points, output = environment.server(), environment.server()
    found = check(environment, points_port=points.port, output_port=output.port).of_sites()
    assert faults(found) == {"point stream": "FAIL", "output stream": "FAIL"}
    assert "no frame received" in found["point stream"]["message"]
    assert "switched on" in found["point stream"]["cure"]


def run_with_frames(environment, act, **parameters):
    """Checks a server with which `act` does something until the check leaves. Returns the finding about its clouds."""
    points = environment.server()
    running = check(environment, points_port=points.port, output_port=environment.unserved_port, **parameters)
    client = points.client()
    with contextlib.suppress(ConnectionClosed):
        while running.alive:
            act(client)
            time.sleep(0.05)  # The rate of the server, nothing is awaited.
    return running.of_sites()["point stream"]


def test_frames_of_another_service_fail(environment):
    found = run_with_frames(environment, lambda client: client.send(b"\xff" * 20))
    assert found["verdict"] == "FAIL" and "none of which is a message of SENSR" in found["message"]
    assert found["cure"] == "set points_port to the port of SENSR's point stream"


def test_clouds_without_points_are_a_warning(environment):
    found = run_with_frames(environment, lambda client: client.send(result(cloud(b""))))
    assert found["verdict"] == "WARN" and "frames without points" in found["message"]


def test_a_server_that_is_too_fast_for_the_network_is_named(environment):
    found = run_with_frames(environment, lambda client: client.close(1011, "Writing buffer is full"))
    assert found["verdict"] == "FAIL" and "the server dropped data" in found["message"]
    assert "iperf3" in found["cure"]


def test_a_message_over_the_limit_fails_with_the_parameter(environment):
    frame = numbered_cloud(1, points=100_000)
    found = run_with_frames(
        environment, lambda client: client.send_too_much(frame), parameters={"max_message_bytes": 1_000_000}
    )
    assert found["verdict"] == "FAIL" and "is over max_message_bytes" in found["message"]
    assert re.match(r"--ros-args -p max_message_bytes:=1\d{6} ", found["cure"])


def now():
    at = time.time_ns()
    return {"seconds": at // 10**9, "nanos": at % 10**9}


def run_with_health(environment, health, offset_seconds=0):
    """Checks a server that sends clouds, and this health with each message, until the check leaves. Returns the
    findings."""
    points, output = environment.server(), environment.server()
    running = check(environment, points_port=points.port, output_port=output.port)
    point_client, output_client = points.client(), output.client()
    with contextlib.suppress(ConnectionClosed):
        while running.alive:
            point_client.send(numbered_cloud(1))
            at = now()
            at["seconds"] += offset_seconds
            message = {"timestamp": at, "stream": {"has_objects": True, "objects": [], "health": health}}
            output_client.send(output_encoder.output(message))
            time.sleep(0.05)  # The rate of the server, nothing is awaited.
    return running.of_sites()


def health(**sensors):
    return {"master": 1, "nodes": {"yard": {"status": 1, "sensors": sensors, "edges": {}}}}


def test_a_dead_sensor_is_a_warning_that_names_it(environment):
    found = run_with_health(environment, health(front=1, rear=0))
    assert faults(found) == {"sensor state": "WARN"}
    assert found["sensor state"]["message"] == "node yard sensor rear is DEAD"
    assert "power and network cable" in found["sensor state"]["cure"]


def test_no_living_sensor_is_a_failure(environment):
    found = run_with_health(environment, health(front=0, rear=2))
    assert faults(found) == {"sensor state": "FAIL"}


def test_another_clock_is_a_warning(environment):
    found = run_with_health(environment, health(front=1), offset_seconds=90)
    assert faults(found) == {"server clock": "WARN"}
    assert re.search(r"server's clock is (89|90|91) s ahead of this machine's", found["server clock"]["message"])
    assert "timedatectl" in found["server clock"]["cure"]


class TlsSite:
    """A simulator with TLS."""

    def __init__(self, environment, *args):
        self.environment = environment
        folder = environment.folder / "tls"
        self.sim = environment.sim(*SCENE, "--tls", folder, *args)
        self.ca_file = folder / "sensr-ca.crt"

    def check(self, **parameters):
        tls = {"tls.enabled": True, "tls.ca_file": str(self.ca_file)} | parameters
        return check(self.environment, ports=self.sim, parameters=tls).of_sites()


def require_tls_fault(found, message, cure, verdict="FAIL"):
    assert faults(found) == {"point tls": verdict, "output tls": verdict}
    for subject in ("point tls", "output tls"):
        assert re.search(message, found[subject]["message"]), found[subject]
        assert re.search(cure, found[subject]["cure"]), found[subject]


def test_a_valid_certificate_is_shown_with_its_names_and_end(environment):
    found = TlsSite(environment).check()
    assert faults(found) == {}
    shown = found["point tls"]["message"]
    assert re.search(r"for localhost, 127\.0\.0\.1.*, signed by CN=.*, valid until \d{4}-\d\d-.*days\)", shown), shown


def test_an_expired_certificate_fails(environment):
    found = TlsSite(environment, "--tls-expired").check()
    require_tls_fault(found, r"expired \(\d{4}-", "openssl s_client -connect 127.0.0.1:.*renew it")


def test_another_authority_fails(environment):
    other = environment.folder / "other"
    environment.sim("--tls", other)
    found = TlsSite(environment).check(**{"tls.ca_file": str(other / "sensr-ca.crt")})
    require_tls_fault(found, "the server's certificate is (not )?signed by", r"openssl s_client .*sensr-ca\.crt")


def test_another_name_fails_and_is_a_warning_without_verification(environment):
    site = TlsSite(environment, "--tls-name", "sensr.vendor.example")
    require_tls_fault(site.check(), "not for 127.0.0.1, but for sensr.vendor.example", "set tls.server_name")
    found = site.check(**{"tls.verify_name": False})
    require_tls_fault(found, "not verified", "set tls.server_name to sensr.vendor.example", verdict="WARN")
    assert faults(site.check(**{"tls.server_name": "sensr.vendor.example"})) == {}


def test_a_missing_authority_fails_and_the_ports_are_examined(environment):
    found = TlsSite(environment).check(**{"tls.ca_file": "/nonexistent/sensr-ca.crt"})
    require_tls_fault(found, "cannot read tls.ca_file /nonexistent", "openssl x509 -in '/nonexistent/sensr-ca.crt'")
    assert {found["point port"]["verdict"], found["output port"]["verdict"]} == {"PASS"}


def test_a_plain_server_on_tls_fails(environment, sim):
    ca_file = environment.folder / "other" / "sensr-ca.crt"
    environment.sim("--tls", ca_file.parent)
    tls = {"tls.enabled": True, "tls.ca_file": str(ca_file)}
    found = check(environment, ports=sim, parameters=tls).of_sites()
    require_tls_fault(found, "TLS", r"tls.enabled:=false")


def test_a_server_with_tls_fails_without(environment):
    found = check(environment, ports=TlsSite(environment).sim).of_sites()
    assert faults(found) == {"point websocket": "FAIL", "output websocket": "FAIL"}
    assert "the server speaks TLS here" in found["point websocket"]["message"]
    assert "tls.enabled:=true" in found["point websocket"]["cure"]


def test_a_running_bridge_of_the_same_names_fails(environment, sim):
    bridge = environment.bridge(sim.points_port, output_port=sim.output_port)
    statistics = environment.statistics(environment.observer())
    statistics.wait_for_next()
    found = check(environment, ports=sim).of_sites()
    assert faults(found) == {"other bridge": "FAIL"}
    assert "/sensr_bridge" in found["other bridge"]["message"]
    assert "ros2 topic info --verbose /statistics" in found["other bridge"]["cure"]
    elsewhere = check(environment, ports=sim, ros_args=["-r", "__ns:=/elsewhere"]).of_sites()
    assert faults(elsewhere) == {}
    bridge.require_alive()


def test_a_running_recorder_of_the_same_names_fails(environment, sim):
    recorder = environment.recorder()
    recorder.wait_until_subscribed("/diagnostics")
    ports = {"points_port": sim.points_port, "output_port": sim.output_port}
    found = Check(environment, *LISTEN, "--output-dir", environment.folder / "bags", **ports).of_sites()
    assert faults(found) == {"other recorder": "FAIL"}
    assert "/sensr_recorder" in found["other recorder"]["message"]


def test_all_sites_of_a_hosts_file_are_examined_although_one_is_lost(environment, sim):
    here = {"address": "127.0.0.1", "points_port": sim.points_port, "output_port": sim.output_port}
    sites = {"harbour": here, "pier": here | {"address": "no-such-machine.invalid"}}
    hosts_file = environment.folder / "hosts.yaml"
    hosts_file.write_text(yaml.safe_dump({"sites": sites}))
    findings = check(environment, "--all-sites", "--hosts-file", hosts_file).findings()
    of = {
        site: {one["subject"]: one for one in findings if one.get("site") == site and one["verdict"] != "PASS"}
        for site in sites
    }
    assert verdicts(of["harbour"]) == {}
    assert verdicts(of["pier"]) == {"host name": "FAIL"}
    subjects = [one["subject"] for one in findings if one.get("site") == "harbour"]
    assert {*subjects} >= LINK_SUBJECTS
    [alone] = {
        one["site"]
        for one in check(environment, "--site", "harbour", "--hosts-file", hosts_file).findings()
        if "site" in one
    }
    assert alone == "harbour"


def test_wrong_arguments_exit_with_2_and_a_line(environment):
    for words in (["--unknown"], ["--site", "a", "--all-sites"], ["--listen", "0"], ["--import", "old.yaml"]):
        done = subprocess.run(
            [executable("sensr_check"), *words],
            env=environment.env,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 2 and done.stderr.startswith("error: "), (words, done)
        assert done.stdout == ""


def test_help_describes_every_option_and_the_exit_codes(environment):
    done = subprocess.run(
        [executable("sensr_check"), "--help"],
        env=environment.env,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    for word in ("--site", "--all-sites", "--fix-print", "--import", "--listen", "Exit code: 0", "PASS, WARN or FAIL"):
        assert word in done.stdout, word
