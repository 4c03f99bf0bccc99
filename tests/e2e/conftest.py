"""End-to-end tests: the built node, real sockets, real DDS, and an rclpy node that subscribes.

Run them with `scripts/test`, or after `colcon build` and `. scripts/env.sh` with `pytest tests/e2e`.
"""

import os

import pytest

from support import REPOSITORY, summary_notes

#: Recorded scans that are not part of the repository.
SCANS = REPOSITORY.parent / "shared" / "data"

if not os.environ.get("SENSR_BRIDGE_PREFIX"):
    pytest.exit("The package is not built or not sourced: colcon build && . scripts/env.sh", returncode=2)

# DDS traffic stays on this machine. Before Iron the setting had another name.
if os.environ.get("ROS_DISTRO") == "humble":
    os.environ["ROS_LOCALHOST_ONLY"] = "1"
else:
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
for variable in ("ROS_STATIC_PEERS", "RCUTILS_CONSOLE_OUTPUT_FORMAT", "RCUTILS_LOGGING_USE_STDOUT"):
    os.environ.pop(variable, None)

# After the settings above, because rclpy reads them when it is imported.
from support import launched  # noqa: E402
from support.broken_rcl import BrokenRcl  # noqa: E402
from support.environment import LIVE, Environment  # noqa: E402
from support.notify_socket import NotifySocket  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line(
        "markers",
        "serial: measures CPU time, memory, rates or delays, or needs all cores: run without other tests at the "
        "same time (scripts/test runs these after the others)",
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    # Not every run has pytest-xdist.
    from support.distribution import Distribution  # noqa: PLC0415

    return Distribution(config, log)


@pytest.fixture
def environment(tmp_path):
    """A ROS domain for one test, and the processes started in it."""
    with Environment(tmp_path) as made:
        yield made


@pytest.fixture
def service_manager(environment):
    """A service manager for the processes that the environment starts."""
    notified = NotifySocket(environment)
    yield notified
    notified.close()


@pytest.fixture(scope="module")
def shared_environment(tmp_path_factory):
    """An environment for all tests of a file."""
    with Environment(tmp_path_factory.mktemp("environment")) as made:
        yield made


@pytest.fixture(scope="session")
def broken_rcl(tmp_path_factory):
    """An rcl that fails on demand."""
    return BrokenRcl(tmp_path_factory.mktemp("broken_rcl"))


@pytest.fixture(scope="session")
def scans():
    """The recorded scans, in the order in which the simulator replays them."""
    files = sorted(SCANS.glob("*.pcd"))
    if not files:
        summary_notes.add_note(f"SKIPPED, NO RECORDED SCANS: {SCANS} is missing or empty")
        pytest.skip(f"no recorded scans in {SCANS}")
    return files


@pytest.fixture(scope="session")
def ros2_launch():
    """Skips the test where `ros2 launch` is not installed."""
    launched.require("launch")


@pytest.fixture(scope="session")
def ros2_bag_record():
    """Skips the test where the stock recorder is not installed."""
    launched.require("bag record")


@pytest.fixture
def launch(environment, ros2_launch):
    """Starts launches, which end with the test."""
    launches = []

    def start(*args, **options):
        launches.append(launched.Launch(environment, *args, **options))
        return launches[-1]

    yield start
    for one in launches:
        if one.alive:
            one.interrupt()
            one.wait(launched.SHUTDOWN_TIMEOUT)
        left = one.end_processes()
        one.end()
        assert not left, f"{one.name} left processes running: {left}"


@pytest.fixture
def stand_in_for_rviz(environment):
    """Replaces rviz2 by a program that does nothing."""
    launched.use_stand_in_for_rviz(environment)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Adds the logs of all running processes to the report of a failure."""
    report = yield
    if report.failed:
        for environment in LIVE:
            for process in environment.processes:
                report.sections.append((f"log of {process.name}", process.log_tail()))
    return report


def pytest_sessionfinish(session):
    """Hands the notes of a pytest-xdist worker to the process that prints the summary."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["notes"] = summary_notes.LINES


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Collects the notes of a pytest-xdist worker that has finished."""
    summary_notes.LINES.extend(getattr(node, "workeroutput", {}).get("notes", ()))


def pytest_terminal_summary(terminalreporter):
    if summary_notes.LINES:
        terminalreporter.section("figures")
        for line in summary_notes.LINES:
            terminalreporter.write_line(line)
