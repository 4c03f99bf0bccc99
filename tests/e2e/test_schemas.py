"""JSON Schemas of parameter files and hosts file: they accept what the bridge accepts, and refuse typing errors."""

import json

import pytest
import yaml
from jsonschema import Draft202012Validator

from support import REPOSITORY

CONFIG = REPOSITORY / "config"


def validator(name):
    schema = json.loads((CONFIG / "schema" / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def problems(name, text):
    return [error.message for error in validator(name).iter_errors(yaml.safe_load(text))]


@pytest.mark.parametrize("name", ("hosts", "sensr_bridge", "sensr_recorder"))
def test_shipped_files_are_valid(name):
    assert problems(name, (CONFIG / f"{name}.yaml").read_text(encoding="utf-8")) == []


def parameters(line, section="/**"):
    return f"{section}:\n  ros__parameters:\n    {line}\n"


@pytest.mark.parametrize(
    "text",
    (
        parameters("pointcloud_interval: 2"),
        parameters("tls: {enabled: true, ca_file: a.crt}"),
        parameters("use_sim_time: false"),
        parameters("parent_frame: ''"),
        parameters("host: pier", "/pier/sensr_bridge"),
        parameters("host: pier", "sensr_bridge"),
        # Of another node.
        parameters("anything: 1", "/camera"),
    ),
)
def test_valid_parameter_files_are_valid(text):
    assert problems("sensr_bridge", text) == []


@pytest.mark.parametrize(
    ("line", "word"),
    (
        ("pointcloud_intervall: 1.0", "pointcloud_intervall"),
        ("tls: {enable: true}", "enable"),
        ("points_port: 65536", "65536"),
        ("points_port: 5051.5", "5051.5"),
        ("publish.raw: 1", "1"),
        ("stamp_source: sensor", "sensor"),
        ("frame_id: /lidar", "/lidar"),
        ("frame_id: 7", "7"),
        ("origin.latitude_deg: 127.0", "127.0"),
        ("preview.points: 0", "0"),
    ),
)
@pytest.mark.parametrize("section", ("/**", "/pier/sensr_bridge"))
def test_typing_errors_in_parameter_files_are_found(section, line, word):
    [problem] = problems("sensr_bridge", parameters(line, section))
    assert word in problem


def test_the_recorder_has_a_schema_of_its_own():
    assert problems("sensr_recorder", parameters("split_duration: 60.0")) == []
    assert problems("sensr_recorder", parameters("points_port: 5051"))
    assert problems("sensr_recorder", parameters("storage_preset: zstd"))


@pytest.mark.parametrize(
    "site",
    (
        "192.0.2.1",
        "{address: x, points_port: '6051', tls: yes}",
        "{address: x, tls: }",
        "{address: x, tls: {ca_file: ca.crt, verify_name: 'off'}}",
        "{address: x, parent_frame: map, transform: {x_m: 1, yaw_deg: '-90'}}",
        "{address: x, origin: {latitude_deg: 37.5, longitude_deg: 127, heading_deg: 12.5}, earth_frame: earth}",
    ),
)
def test_valid_sites_are_valid(site):
    assert problems("hosts", f"sites: {{a: {site}}}") == []


@pytest.mark.parametrize(
    "text",
    (
        "sites: {a: 10}",
        "site: {a: x}",
        "sites: {a: {adress: x}}",
        "sites: {a: {points_port: 1}}",
        "sites: {a: {address: 'http://x'}}",
        "sites: {a: {address: x, points_port: 0}}",
        "sites: {a: {address: x, frame_id: /map}}",
        "sites: {a: {address: x, tls: sensr-ca.crt}}",
        "sites: {a: {address: x, tls: {cafile: y}}}",
        "sites: {a: {address: x, transform: [1, 2, 3]}}",
        "sites: {a: {address: x, transform: {yaw: 90}}}",
        "sites: {a: {address: x, origin: {latitude_deg: 37.5}}}",
        "sites: {a: {address: x, origin: {latitude_deg: 127, longitude_deg: 37}}}",
    ),
)
def test_typing_errors_in_hosts_files_are_found(text):
    assert problems("hosts", text)
