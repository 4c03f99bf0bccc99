"""Parameter files and `-p`: the bridge applies the same values as an rclcpp node and reports what it ignores."""

import os
import subprocess

import pytest
import yaml

from support import REPOSITORY
from support.processes import executable
from support.rcl_reference import parameters_at_start

DEFAULTS = {
    "frame_id": "sensr",
    "parent_frame": "",
    "stall_timeout": 10.0,
    "publish.ground": True,
    "tls.verify_name": True,
    "tls.server_name": "",
    "qos.depth": 5,
}


def section(name, parameters):
    return f"{name}:\n  ros__parameters: {{{parameters}}}\n"


class P(str):
    """Argument of `-p`."""


class Remap(str):
    """Argument of `-r`."""


ANY = section("/**", "frame_id: any, stall_timeout: 20.0")
OWN = section("/sensr_bridge", "frame_id: own")
SITE = Remap("__ns:=/site")

#: Sources in the order of the command line (files by their text, and arguments), and intended differences from rclcpp.
CASES = {
    "any name": ([ANY], {}),
    "one star": ([section('"/*"', "frame_id: a")], {}),
    "one star is one name": ([SITE, section('"/*"', "frame_id: a")], {}),
    "any namespace": ([SITE, section("/**/sensr_bridge", "frame_id: a")], {}),
    "any namespace or none": ([section("/**/sensr_bridge", "frame_id: a")], {}),
    "any namespace of one level": ([SITE, section("/*/sensr_bridge", "frame_id: a")], {}),
    "any namespace of one level, two": ([Remap("__ns:=/a/b"), section("/*/sensr_bridge", "frame_id: a")], {}),
    "any node of a namespace": ([SITE, section("/site/*", "frame_id: a")], {}),
    "nested names": ([SITE, "site:\n  sensr_bridge:\n    ros__parameters: {frame_id: a}\n"], {}),
    "bare name": ([section("sensr_bridge", "frame_id: a")], {}),
    "bare name in a namespace": ([SITE, section("sensr_bridge", "frame_id: a")], {}),
    "another name": ([Remap("__node:=pier"), section("/pier", "frame_id: a"), OWN], {}),
    "own section behind any": ([ANY + OWN], {}),
    "any behind own section": ([OWN + ANY], {}),
    "two files": ([ANY, OWN, ANY], {}),
    "-p behind a file": ([ANY, P("frame_id:=p")], {}),
    "-p behind own section": ([OWN, P("frame_id:=p")], {}),
    "-p behind any and own section": ([ANY + OWN, P("frame_id:=p")], {}),
    "-p before a file": ([P("frame_id:=p"), ANY], {}),
    "two -p": ([P("frame_id:=p"), P("frame_id:=q")], {}),
    "-p for this node": ([ANY + OWN, P("sensr_bridge:frame_id:=p")], {}),
    "-p for another node": ([P("other:frame_id:=p")], {}),
    "a section twice": ([ANY + section("/**", "frame_id: b")], {}),
    "nested parameters": ([section("/**", "tls: {verify_name: off, server_name: a.example}, publish.ground: no")], {}),
    "two documents": ([f"---\n{ANY}---\n{OWN}"], {}),
    "byte order mark and CRLF": (["\ufeff---\n" + ANY.replace("\n", "\r\n")], {}),
    "numbers": ([section("/**", "stall_timeout: 1e2, qos.depth: 0x10")], {}),
    "numbers in base 8": ([section("/**", "stall_timeout: .75e2, qos.depth: 017")], {}),
    "quotes": ([section("/**", "frame_id: '08', parent_frame: \"가\"")], {}),
    "tag": ([section("/**", "frame_id: !!str 101")], {}),
    # rcl keeps a value of each type and prefers the integer.
    "another type later": ([section("/**", "stall_timeout: 20"), P("stall_timeout:=7.5")], {"stall_timeout": 7.5}),
    # A string is taken as it is written.
    "texts like numbers": ([P("frame_id:=08"), P("parent_frame:=N")], {"frame_id": "08", "parent_frame": "N"}),
    "texts like numbers in a file": (
        [section("/**", "frame_id: 2e1, parent_frame: 101")],
        {"frame_id": "2e1", "parent_frame": "101"},
    ),
}


def ros_args(environment, sources):
    words = []
    for index, source in enumerate(sources):
        if isinstance(source, P):
            words += ["-p", str(source)]
        elif isinstance(source, Remap):
            words += ["-r", str(source)]
        else:
            path = environment.folder / f"{index}.yaml"
            path.write_text(source, newline="")
            words += ["--params-file", str(path)]
    return words


def start(environment, *words):
    """Starts a bridge with these ROS arguments only."""
    ports = (f"{name}:={environment.unserved_port}" for name in ("points_port", "output_port"))
    return environment.bridge(
        args=["--ros-args", *words, *(word for port in ports for word in ("-p", port))], defaults=False
    )


@pytest.mark.parametrize(("sources", "differs"), CASES.values(), ids=CASES.keys())
def test_the_applied_parameters_are_those_of_rclcpp(environment, sources, differs):
    words = ros_args(environment, sources)
    given, node = parameters_at_start(environment.domain.id, "sensr_bridge", words)
    assert given.keys() <= DEFAULTS.keys() | {"use_sim_time", "start_type_description_service"}, given
    expected = DEFAULTS | {name: value for name, value in given.items() if name in DEFAULTS} | differs
    start(environment, *words)
    values = environment.parameters(environment.observer(), node).get(*DEFAULTS)
    assert dict(zip(DEFAULTS, values, strict=True)) == expected
    for name in differs:
        assert given[name] != differs[name], f"{name} is as in rclcpp by now"


def test_ignored_sections_are_reported(environment):
    file = ANY + OWN + section("/sensr_brigde", "frame_id: x") + section("/camera", "rate: 5")
    path = environment.folder / "1.yaml"
    bridge = start(
        environment,
        *ros_args(environment, [P("pointcloud_intervall:=1.0"), file, P("frame_id:=p"), P("other:host:=x")]),
    )
    bridge.wait_for_output("next attempt in")
    warnings = [
        line for line in bridge.log.splitlines() if ("WARN" in line and str(environment.folder) in line) or "-p" in line
    ]
    for words in (
        ["pointcloud_intervall", "did you mean pointcloud_interval?"],
        ["-p frame_id:=p has no effect", f"{path}, line 4", "/sensr_bridge"],
        [f"{path}, line 6", "/sensr_brigde is another node"],
        ["-p other:host:=x", "it is for /other"],
    ):
        assert any(all(word in line for word in words) for line in warnings), (words, warnings)


UTF16 = "/**:\n  ros__parameters: {host: a}\n".encode("utf-16")

#: The bytes of a file, or an argument, and words of the error line.
REFUSED = {
    "UTF-16": (UTF16, ["is UTF-16, save it as UTF-8"]),
    "Latin-1": ("# Hafen\n# Süd\n".encode("latin-1"), ["line 2 is not UTF-8"]),
    "empty section": (b"/**:\n  ros__parameters:\n  # host: a\n", ["line 2", "no parameters below it"]),
    "no value": (b"/**:\n  ros__parameters:\n    host:\n", ["line 3: host has no value"]),
    "alias": (b"a: &a {ros__parameters: {}}\nb: *a\n", ["line 2", "*"]),
    "type": (b"/**:\n  ros__parameters:\n    qos.depth: abc\n", ["line 3", "qos.depth is an integer", '"abc"']),
    "quoted number": (b"/**: {ros__parameters: {qos.depth: '5'}}\n", ["line 1", "leave out the quotes"]),
    "no value in YAML": (b"/**: {ros__parameters: {parent_frame: ~}}\n", ["parent_frame got ~", "''"]),
    "misspelt": (b"/**:\n  ros_parameters: {host: a}\n  host: a\n", ["line 2", "host", "a misspelling"]),
    "too deep": (b"[" * 100_000, ["line 1"]),
    "too large": (b"#" * (2 << 20), ["larger than"]),
    "no number": (P("qos.depth:=abc"), ["-p qos.depth:=abc", "integer", '"abc"']),
    "no boolean": (P("tls.enabled:=1"), ["tls.enabled is a boolean, got 1"]),
    "no assignment": (P("host"), ["-p host", "write -p NAME:=VALUE"]),
    "assignment of nothing": (P("host:="), ["-p host:=", "''"]),
    "no name": (P("a b:=1"), ["is not a parameter name"]),
    "bracket": (P("host:=[::1"), ["cannot be read", "quotes"]),
    "address in brackets": (P("host:=[::1]"), ["cannot be read", "quotes"]),
    "tab": (b"\t", ["line 1"]),
    "list": (P("host:=[a, b]"), ["host is a string", "a list"]),
}


@pytest.mark.parametrize(("source", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_invalid_parameters_end_with_code_2_and_one_line(environment, source, words):
    path = environment.folder / "file.yaml"
    if isinstance(source, bytes):
        path.write_bytes(source)
        bridge = start(environment, "--params-file", str(path))
        words = [str(path), *words]
    else:
        bridge = start(environment, "-p", str(source))
    assert bridge.wait() == 2
    (line,) = bridge.log.splitlines()
    for word in words:
        assert word in line, line


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_a_source_that_is_no_file_is_refused_at_once(environment, kind):
    path = environment.folder / "parameters"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    bridge = start(environment, "--params-file", str(path))
    assert bridge.wait() == 2
    (line,) = bridge.log.splitlines()
    assert str(path) in line and ("folder" if kind == "folder" else "regular file") in line


@pytest.mark.parametrize("program", ["sensr_bridge", "sensr_sim"])
@pytest.mark.parametrize("before", [[], ["--ros-args", "-p"]], ids=["own", "ROS"])
def test_an_argument_that_is_not_utf8_ends_with_code_2_and_one_line(program, before):
    ended = subprocess.run(
        [executable(program), *before, b"host:=caf\xe9"], capture_output=True, timeout=30.0, check=False
    )
    assert ended.returncode == 2
    (line,) = ended.stderr.decode().splitlines()
    assert "caf" in line or "UTF-8" in line


def test_a_site_name_may_look_like_a_number(environment):
    sites = ["08", "2e1", "N", "101"]
    hosts = environment.folder / "hosts.yaml"
    hosts.write_text("sites:\n" + "".join(f"  '{site}': {{address: 127.0.0.1}}\n" for site in sites))
    for site in sites:
        bridge = start(environment, "-p", f"hosts_file:={hosts}", "-p", f"host:={site}")
        bridge.wait_for_output("next attempt in")
        bridge.end()


def test_a_number_for_a_string_is_refused_with_the_correct_syntax(environment):
    start(environment, "-p", "host:=127.0.0.1")
    reason = environment.parameters(environment.observer()).refusal("host", 101)
    assert "ros2 param set /sensr_bridge host \"'101'\"" in reason


def test_the_shipped_file_is_read_as_rclcpp_reads_it(environment):
    shipped = REPOSITORY / "config" / "sensr_bridge.yaml"
    given, node = parameters_at_start(environment.domain.id, "sensr_bridge", ["--params-file", str(shipped)])
    names = yaml.safe_load(shipped.read_text())["/**"]["ros__parameters"]
    start(environment, "--params-file", str(shipped))
    values = dict(zip(names, environment.parameters(environment.observer(), node).get(*names), strict=True))
    ports = dict.fromkeys(("points_port", "output_port"), environment.unserved_port)
    assert values == {name: given[name] for name in names} | ports
