"""The build of the messages alone, for machines that read recordings: without Rust and without the executables."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support import REPOSITORY

#: More than the build takes on a slow machine.
PATIENCE_SECONDS = 600

ROUND_TRIP = """
from rclpy.serialization import deserialize_message, serialize_message
from sensr_bridge.msg import Object, ObjectArray
import sensr_bridge

sent = ObjectArray(objects=[Object(id=-7, label=Object.LABEL_CAR)])
assert deserialize_message(serialize_message(sent), ObjectArray) == sent
print(sensr_bridge.__file__)
"""


def folder_without(programs: set[str], folder: Path, copy: Path) -> Path:
    """Returns the folder, or if it has one of the programs a folder with links to everything else in it."""
    if not any((folder / program).exists() for program in programs):
        return folder
    copy.mkdir(parents=True)
    for file in folder.iterdir():
        if file.name not in programs:
            (copy / file.name).symlink_to(file)
    return copy


def environment_without(programs: set[str], home: Path) -> dict[str, str]:
    """Returns the environment without the built package and without the programs."""
    prefix = os.environ["SENSR_BRIDGE_PREFIX"]

    def without_package(value: str) -> str:
        return os.pathsep.join(entry for entry in value.split(os.pathsep) if not entry.startswith(prefix))

    paths = ("PYTHONPATH", "LD_LIBRARY_PATH", "CMAKE_PREFIX_PATH", "AMENT_PREFIX_PATH")
    result = {name: without_package(value) if name in paths else value for name, value in os.environ.items()}
    folders = [Path(entry) for entry in result["PATH"].split(os.pathsep)]
    copies = [home / "path" / str(number) for number in range(len(folders))]
    result["PATH"] = os.pathsep.join(
        str(folder_without(programs, folder, copy)) for folder, copy in zip(folders, copies, strict=True)
    )
    result.pop("CARGO_HOME", None)
    return result | {"HOME": str(home)}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Builds the messages without cargo, and returns the prefix and the environment."""
    folder = tmp_path_factory.mktemp("only_messages")
    environment = environment_without({"cargo", "rustc"}, folder)
    assert shutil.which("cargo", path=environment["PATH"]) is None
    command = ["colcon", "--log-base", str(folder / "log"), "build", "--packages-select", "sensr_bridge"]
    command += ["--build-base", str(folder / "build"), "--install-base", str(folder / "install")]
    command += ["--cmake-args", "-DSENSR_BRIDGE_ONLY_MESSAGES=ON"]
    run = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return folder / "install" / "sensr_bridge", environment


def test_the_messages_are_built_without_cargo_and_usable_in_python(built):
    prefix, environment = built
    [site] = [*prefix.glob("lib/python3*/site-packages"), *prefix.glob("local/lib/python3*/dist-packages")]
    for name, value in (("PYTHONPATH", site), ("LD_LIBRARY_PATH", prefix / "lib"), ("AMENT_PREFIX_PATH", prefix)):
        environment = environment | {name: f"{value}{os.pathsep}{environment.get(name, '')}"}
    run = subprocess.run(
        [sys.executable, "-c", ROUND_TRIP],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert Path(run.stdout.strip()).is_relative_to(prefix)


def test_all_definitions_and_nothing_else_are_installed(built):
    prefix, _ = built
    share = prefix / "share" / "sensr_bridge"
    sources = {file.name for file in (REPOSITORY / "msg").glob("*.msg")}
    assert {file.name for file in (share / "msg").glob("*.msg")} == sources
    assert not (share / "launch").exists()
    assert not (prefix / "lib" / "sensr_bridge").exists()
