"""Reports to systemd: ready, alive, the state of the links, stopping. The test is the service manager."""

import os
import signal
import time

import pytest

from support.notify_socket import WATCHDOG_USEC


def test_a_bridge_with_servers_is_ready_alive_and_stopping(environment, service_manager):
    points, output = environment.server(), environment.server()
    bridge = environment.bridge(points.port, output_port=output.port)
    service_manager.wait_for("READY=1")
    service_manager.wait_for("WATCHDOG=1", 3)
    service_manager.wait_for_status(
        f"points: connected to ws://127.0.0.1:{points.port}/", f"output: connected to ws://127.0.0.1:{output.port}/"
    )
    output.close()
    service_manager.wait_for_status("points: connected", "output: retrying")
    bridge.send_signal(signal.SIGTERM)
    assert bridge.wait() == 0
    service_manager.wait_for("STOPPING=1")
    # Once each, and nothing follows the end.
    assert (service_manager.count("READY=1"), service_manager.count("STOPPING=1")) == (1, 1)
    assert service_manager.notifications[-1] == ["STOPPING=1"]


def test_a_bridge_that_waits_for_its_servers_is_ready_and_alive(environment, service_manager):
    environment.bridge()
    service_manager.wait_for("READY=1")
    service_manager.wait_for_status("points: retrying", "output: retrying", "refused")
    alive = service_manager.count("WATCHDOG=1")
    service_manager.wait_for("WATCHDOG=1", alive + 3)


def test_a_stopped_process_gives_no_sign_of_life(environment, service_manager):
    bridge = environment.bridge()
    service_manager.wait_for("WATCHDOG=1")
    bridge.send_signal(signal.SIGSTOP)
    bridge.wait_until(lambda: is_stopped(bridge.pid), "a stopped process")
    alive = service_manager.count("WATCHDOG=1")
    # As many looks as would have seen several signs of life; at most one was under way.
    for _ in range(10):
        time.sleep(WATCHDOG_USEC / 1e6 / 4)
        assert service_manager.count("WATCHDOG=1") <= alive + 1
    bridge.send_signal(signal.SIGCONT)
    service_manager.wait_for("WATCHDOG=1", alive + 3)


def is_stopped(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "T"


def test_without_a_watchdog_only_the_state_is_told(environment, service_manager):
    del environment.env["WATCHDOG_USEC"]
    bridge = environment.bridge()
    service_manager.wait_for("READY=1")
    bridge.send_signal(signal.SIGINT)
    assert bridge.wait() == 0
    service_manager.wait_for("STOPPING=1")
    assert service_manager.count("WATCHDOG=1") == 0


@pytest.mark.parametrize("path", ["/nonexistent/notify", ""])
def test_a_missing_service_manager_does_no_harm(environment, path):
    environment.env |= {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": str(WATCHDOG_USEC), "WATCHDOG_PID": str(os.getpid())}
    observer = environment.observer()
    statistics = environment.statistics(observer)
    bridge = environment.bridge()
    statistics.inbox.wait(3)
    if path:
        bridge.wait_for_output("the service manager cannot be notified")
