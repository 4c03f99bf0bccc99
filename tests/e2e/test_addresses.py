"""Names that lead elsewhere all of a sudden, and IPv6."""

import socket
import sys
from pathlib import Path

import pytest

import report
import wire
from cdr import number_of
from ledger import CONNECTED
from namespaces import unshare

OWN_HOSTS = Path(__file__).with_name("own_hosts.py")


def test_a_name_that_leads_elsewhere_is_followed(rig):
    """Its machine got another address: no hand on a keyboard."""
    port = rig.port()
    old, new = rig.server(port), rig.server(rig.port("127.0.0.2", port.number))
    names = rig.folder / "hosts"
    names.write_text("127.0.0.1 sensr.example\n")
    observer = rig.observer()
    clouds = observer.clouds(keep=number_of)
    statistics = rig.statistics(observer)
    rig.bridge(
        port.number,
        {"host": "sensr.example"},
        wrapper=[*unshare("mount"), sys.executable, str(OWN_HOSTS), str(names)],
    )
    observer.wait_for_match(clouds, statistics.inbox)
    old.client().send(wire.numbered(1))
    clouds.wait(1)
    # In place, for it is the file and not its name that is mounted.
    names.write_text("127.0.0.2 sensr.example\n")
    old.client().abort()
    new.client().send(wire.numbered(2))
    clouds.wait(2)
    assert len(old.clients) == 1
    # A name that is gone for a while is asked for again.
    names.write_text("")
    new.client().abort()
    statistics.until_link(lambda link: "cannot resolve sensr.example" in link.last_error, "what is wrong")
    names.write_text("127.0.0.1 sensr.example\n")
    old.client(2).send(wire.numbered(3))
    clouds.wait(3)


def test_ipv6(rig):
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError as problem:
        report.note(f"SKIPPED, NO IPv6 ON THIS MACHINE: {problem}")
        pytest.skip("no IPv6 here")
    sim = rig.sim("--bind", "::1", "--points", 2000)
    observer = rig.observer()
    clouds = observer.clouds(keep=lambda cloud: cloud.width)
    statistics = rig.statistics(observer)
    rig.bridge(sim.points_port, {"host": "::1"}, output_port=sim.output_port)
    observer.wait_for_match(clouds)
    clouds.wait(3)
    for name in ("points", "output"):
        link = statistics.until_state(CONNECTED, name)
        assert link.url == f"ws://[::1]:{getattr(sim, name + '_port')}/"
