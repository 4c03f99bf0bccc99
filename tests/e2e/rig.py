"""What a test is made of: a domain, and everything started in it, ended again with it."""

import functools
import itertools
import os
import sys
from contextlib import ExitStack
from pathlib import Path

from ledger import Statistics
from parameters import Parameters
from ports import Domain, Port
from processes import Bridge, Process, Sim
from ros import Observer
from server import Server

RECORDER = Path(__file__).parents[2] / "scripts" / "lib" / "record_bag.py"

#: Those not yet closed, for showing their logs when a test fails.
LIVE = []


class Rig:
    """Use as a context manager. Whatever is made here lives until its end."""

    def __init__(self, folder):
        self.folder = folder
        self.domain = Domain()
        self.env = os.environ | {"ROS_DOMAIN_ID": str(self.domain.id), "ROS_LOG_DIR": str(folder)}
        self.processes = []
        self._statistics = []
        self._names = itertools.count(1)
        self._closing = ExitStack()
        self._closing.callback(self.domain.close)

    def __enter__(self):
        LIVE.append(self)
        return self

    def __exit__(self, *_):
        # Where things are ended the last made first, each whatever happens to the others.
        try:
            self._closing.close()
        finally:
            LIVE.remove(self)
        for statistics in self._statistics:
            statistics.require_balance()
            statistics.require_bounded_memory()

    def _keep(self, process):
        self.processes.append(process)
        self._closing.callback(process.end)
        return process

    def _name(self, kind):
        return f"{kind}-{next(self._names)}"

    def port(self, address="127.0.0.1", number=0):
        port = Port(address, number)
        self._closing.callback(port.close)
        return port

    def server(self, port=None, tls=None):
        """A scripted server, on a port of its own unless told otherwise."""
        server = Server(port or self.port(), tls)
        self._closing.callback(server.close)
        return server

    @functools.cached_property
    def unserved_port(self):
        """A port on which nothing ever listens."""
        return self.port().number

    def bridge(self, points_port=None, parameters=None, output_port=None, **options):
        """The node under test. See `processes.Bridge` for the options.

        A link that is not spoken of leads to where nobody is, so that tests never meet.
        """
        parameters = dict(parameters or {})
        for name, port in (("points_port", points_port), ("output_port", output_port)):
            if port is not None:
                parameters[name] = port
        if not options.get("args"):
            # Only what is not given.
            names = {"points_port", "output_port"} - parameters.keys()
            options["fallback"] = dict.fromkeys(names, self.unserved_port)
        return self._keep(Bridge(self._name("bridge"), self.env, self.folder, parameters, **options))

    def sim(self, *args, **options):
        """The simulator; returns when it listens. See `processes.Sim` for the options."""
        return self._keep(Sim(self._name("sim"), self.env, self.folder, *args, **options))

    def script(self, name, path, *args):
        """A Python program."""
        argv = [sys.executable, str(path), *map(str, args)]
        return self._keep(Process(self._name(name), argv, self.env, self.folder))

    def recorder(self, *args):
        """The package's own bag recorder."""
        return self.script("recorder", RECORDER, *args)

    def observer(self, **options):
        observer = Observer(self.domain.id, **options)
        self._closing.callback(observer.close)
        return observer

    def statistics(self, observer, topic="statistics"):
        """The bridge's statistics. That every one balances and that memory is below its bound is checked at the end of the rig."""
        statistics = Statistics(observer, topic)
        self._statistics.append(statistics)
        return statistics

    def parameters(self, observer, node="sensr_bridge"):
        return Parameters(observer, node)
