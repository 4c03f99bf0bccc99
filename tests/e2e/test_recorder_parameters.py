"""Parameters of sensr_recorder over their services, from files, and from the command line."""

import json
import subprocess

import pytest

from support.environment import Environment
from support.parameter_tables import TYPES, parameters_in, require_description, shipped_file
from support.processes import executable

SHIPPED = shipped_file("sensr_recorder")


class RecorderWithParameters:
    """A recorder with a client of its parameters. Nothing is published that it could record."""

    def __init__(self, environment, parameters=None):
        self.environment = environment
        self.recorder = environment.recorder(parameters=parameters)
        self.observer = environment.observer()
        self.recording = environment.recording(self.observer, self.recorder)
        self.parameters = environment.parameters(self.observer, "sensr_recorder")


@pytest.fixture(scope="module")
def shipped():
    """Parameters in the shipped file and their defaults."""
    return parameters_in(SHIPPED)


@pytest.fixture
def node(environment):
    """A recorder that a test may change."""
    return RecorderWithParameters(environment)


@pytest.fixture(scope="module")
def refusing(tmp_path_factory):
    """A recorder that refuses all changes of the tests."""
    with Environment(tmp_path_factory.mktemp("refusing")) as environment:
        yield RecorderWithParameters(environment)


def test_parameters_are_those_of_the_shipped_file(refusing, shipped):
    assert sorted(refusing.parameters.list().names) == sorted(shipped)
    assert refusing.parameters.types(*shipped) == [TYPES[type(value)] for value in shipped.values()]
    given = refusing.recorder.DEFAULTS | {"output_dir": str(refusing.recorder.output_dir)}
    values = dict(zip(shipped, refusing.parameters.get(*shipped), strict=True))
    assert values == shipped | given


def test_every_parameter_is_described_and_live(refusing, shipped):
    descriptors = refusing.parameters.describe(*shipped)
    for descriptor, (name, value) in zip(descriptors, shipped.items(), strict=True):
        require_description(descriptor, name, value, is_read_only=False)
    constraints = {descriptor.name: descriptor.additional_constraints for descriptor in descriptors}
    assert "zstd_fast" in constraints["storage_preset"]
    assert "commas or blanks" in constraints["topics"]


#: Valid changes: all parameters are live.
GOOD = {
    "split_duration": 30.0,
    "split_size": 1 << 20,
    "keep_splits": 5,
    "keep_bytes": 1 << 30,
    "min_free_bytes": 1 << 20,
    "min_free_percent": 1.0,
    "storage_preset": "zstd_fast",
    "topics": "points/raw, /rosout",
    "exclude": "points/*",
    "max_cache_bytes": 1 << 20,
    "restart.max_delay": 20.0,
    "restart.initial_delay": 2.0,
    "stall_timeout": 5.0,
}


def test_valid_values_are_set(node):
    folder = str(node.environment.folder / "elsewhere")
    changes = GOOD | {"output_dir": folder}
    for name, value in changes.items():
        node.parameters.set({name: value})
    assert node.parameters.get(*changes) == list(changes.values())
    status = node.recording.wait_until(lambda message: message.bag.startswith(folder), "a bag in the other folder")
    assert status.min_free_bytes >= 1 << 20


#: Name, value, and words that the reason must have beside the name.
BAD = [
    ("output_dir", "", ["not empty"]),
    ("output_dir", 7, ["string", "7"]),
    ("output_dir", "~somebody/bags", ["your own home"]),
    ("split_duration", -1.0, ["0.0 to 604800.0", "-1.0"]),
    ("split_duration", 0.5, ["0.0, or 1.0 and more", "0.5"]),
    ("split_size", 1000, ["0, or 1048576 and more", "1000"]),
    ("keep_splits", -1, ["0 to 1000000", "-1"]),
    ("keep_bytes", 1.5, ["integer", "1.5"]),
    ("min_free_bytes", -1, ["0 to", "-1"]),
    ("min_free_percent", 99.0, ["0.0 to 95.0", "99.0"]),
    ("storage_preset", "best", ["none, fastwrite", "best"]),
    ("topics", "points/raw; rm", ["names of topics", "rm"]),
    ("exclude", "9", ["names of topics"]),
    ("max_cache_bytes", 10, ["1048576 to", "10"]),
    ("restart.initial_delay", 10.0, ["restart.max_delay", "10"]),
    ("restart.max_delay", 0.1, ["restart.initial_delay", "0.1"]),
    ("stall_timeout", 0.5, ["1.0 to 3600.0", "0.5"]),
    ("keep_split", 5, ["no parameter", "did you mean keep_splits"]),
    ("frame_id", "sensr", ["no parameter"]),
]


@pytest.mark.parametrize(("name", "value", "words"), BAD, ids=[f"{name}={value!r}" for name, value, _ in BAD])
def test_invalid_values_are_refused_with_the_reason(refusing, name, value, words):
    before = refusing.parameters.get(name)
    reason = refusing.parameters.refusal(name, value)
    for word in words:
        assert word in reason, reason
    assert "\n" not in reason
    assert refusing.parameters.get(name) == before


def test_misspelt_names_are_warned_of_at_the_start(environment):
    recorder = environment.recorder(parameters={"keep_split": 5})
    recorder.wait_for_output("there is no parameter keep_split, did you mean keep_splits\\?")


def test_a_relative_folder_is_resolved_and_logged(environment):
    recorder = environment.recorder(output_dir="bags", wrapper=["env", "-C", str(environment.folder)])
    folder = environment.folder / "bags"
    found = recorder.wait_for_output('output_dir "bags" is relative to the working directory: .*')
    assert str(folder) in found[0]
    recording = environment.recording(environment.observer(), recorder)
    recording.wait_until(lambda message: message.bag.startswith(f"{folder}/"), "a bag below the working directory")


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"storage_preset": "best"}, "storage_preset allows one of none"),
        ({"restart.initial_delay": 50.0}, "restart.initial_delay must be not above restart.max_delay"),
    ],
    ids=["a value that is not allowed", "values that do not fit together"],
)
def test_an_invalid_configuration_exits_with_2(environment, parameters, words):
    recorder = environment.recorder(parameters=parameters)
    assert recorder.wait() == 2
    assert words in recorder.log


def test_the_printed_parameters_are_the_shipped_file(environment):
    printer = environment.recorder(args=["--print-params"])
    assert printer.wait() == 0
    assert printer.stdout == SHIPPED.read_text()


def test_the_resolved_parameters_are_those_of_the_arguments(environment, shipped):
    arguments = ["--ros-args", "--params-file", str(SHIPPED), "-p", "output_dir:='~/bags'", "-p", "keep_splits:=5"]
    printer = environment.recorder(args=["--print-resolved", *arguments])
    assert printer.wait() == 0
    resolved = json.loads(printer.stdout)
    changed = {"output_dir": resolved["output_dir"], "keep_splits": 5}
    assert resolved == shipped | changed
    assert resolved["output_dir"].startswith("/") and resolved["output_dir"].endswith("/bags")


@pytest.mark.parametrize(("flag", "words"), [("--help", "--print-params"), ("--version", "sensr_recorder 0.")])
def test_help_and_version_need_no_ros_graph(flag, words):
    shown = subprocess.run([executable("sensr_recorder"), flag], capture_output=True, text=True, check=True, timeout=60)
    assert words in shown.stdout
