"""End-to-end tests: the built node, real sockets, real DDS, and rclpy on the other side.

Run them with `scripts/test`, or after `colcon build` and `. scripts/env.sh` with `pytest tests/e2e`.
"""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
#: Recorded scans that are not part of the repository.
SCANS = REPOSITORY.parent / "shared" / "data"

if not os.environ.get("SENSR_BRIDGE_PREFIX"):
    pytest.exit("The package is not built or not sourced: colcon build && . scripts/env.sh", returncode=2)

# Nothing leaves this machine. Before Iron the setting had another name.
if os.environ.get("ROS_DISTRO") == "humble":
    os.environ["ROS_LOCALHOST_ONLY"] = "1"
else:
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
for variable in ("ROS_STATIC_PEERS", "RCUTILS_CONSOLE_OUTPUT_FORMAT", "RCUTILS_LOGGING_USE_STDOUT"):
    os.environ.pop(variable, None)

import report  # noqa: E402 - rclpy reads the environment
import rig as rigs  # noqa: E402
from broken_rcl import BrokenRcl  # noqa: E402


@pytest.fixture
def rig(tmp_path):
    """A domain of this test's own, and what is started in it."""
    with rigs.Rig(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared_rig(tmp_path_factory):
    """A rig for all tests of a file."""
    with rigs.Rig(tmp_path_factory.mktemp("rig")) as made:
        yield made


@pytest.fixture(scope="session")
def broken_rcl(tmp_path_factory):
    """An rcl that breaks on demand."""
    return BrokenRcl(tmp_path_factory.mktemp("broken_rcl"))


@pytest.fixture(scope="session")
def scans():
    """The recorded scans, in the order in which the simulator replays them."""
    files = sorted(SCANS.glob("*.pcd"))
    if not files:
        report.note(f"SKIPPED, NO RECORDED SCANS: {SCANS} is missing or empty")
        pytest.skip(f"no recorded scans in {SCANS}")
    return files


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Adds the logs of what still runs to the report of a failure."""
    made = yield
    if made.failed:
        for live in rigs.LIVE:
            for process in live.processes:
                made.sections.append((f"log of {process.name}", process.tail()))
    return made


def pytest_terminal_summary(terminalreporter):
    if report.LINES:
        terminalreporter.section("figures")
        for line in report.LINES:
            terminalreporter.write_line(line)
