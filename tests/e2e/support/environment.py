"""Test environment: a ROS domain and everything started in it, stopped again at the end of the test."""

import functools
import itertools
import os
import sys
from contextlib import ExitStack
from pathlib import Path

from support import REPOSITORY
from support.monitor import Monitor
from support.parameter_client import ParameterClient
from support.ports import Domain, Port
from support.processes import Bridge, Process, Sim, executable
from support.recorder import Recorder, RecordingReader
from support.ros_observer import Observer
from support.scripted_server import ScriptedServer
from support.standin_site import StandinSite
from support.statistics_reader import StatisticsReader
from support.terminal import TerminalProcess

#: Stand-in for the stock recorder.
STANDIN = REPOSITORY / "scripts" / "lib" / "record_bag.py"
#: The folder of the package `support`.
TESTS = Path(__file__).resolve().parents[1]

#: Environments in use, so that a failed test can show their logs.
LIVE: list["Environment"] = []


class Environment:
    """Context manager that owns processes, servers, ports and observers of a test and closes them in reverse order.

    On exit every statistics message must balance and every memory figure must be below its bound.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.domain = Domain()
        self.env = os.environ | {"ROS_DOMAIN_ID": str(self.domain.id), "ROS_LOG_DIR": str(folder)}
        self.processes: list[Process] = []
        self._statistics: list[StatisticsReader] = []
        self._names = itertools.count(1)
        self._closing = ExitStack()
        self._closing.callback(self.domain.close)

    def __enter__(self):
        LIVE.append(self)
        return self

    def __exit__(self, *_):
        # The stack closes everything, even if closing one thing fails.
        try:
            self._closing.close()
        finally:
            LIVE.remove(self)
        for statistics in self._statistics:
            statistics.require_balance()
            statistics.require_bounded_memory()

    def _add_process(self, process):
        self.processes.append(process)
        self._closing.callback(process.end)
        return process

    def _next_name(self, kind):
        return f"{kind}-{next(self._names)}"

    def port(self, address: str = "127.0.0.1", number: int = 0) -> Port:
        """Reserves a TCP port; 0 picks a free one."""
        port = Port(address, number)
        self._closing.callback(port.close)
        return port

    def server(self, port: Port | None = None, tls=None) -> ScriptedServer:
        """Starts a scripted server, by default on a port of its own."""
        server = ScriptedServer(port or self.port(), tls)
        self._closing.callback(server.close)
        return server

    @functools.cached_property
    def unserved_port(self) -> int:
        """A port that refuses every connection."""
        return self.port().number

    def bridge(self, points_port=None, parameters=None, output_port=None, **options) -> Bridge:
        """Starts the node under test. `options` are those of `processes.Bridge`.

        A link without a given port connects to `unserved_port`, so that tests never reach each other's servers.
        """
        parameters = dict(parameters or {})
        for name, port in (("points_port", points_port), ("output_port", output_port)):
            if port is not None:
                parameters[name] = port
        if not options.get("args"):
            names = {"points_port", "output_port"} - parameters.keys()
            options["fallback"] = dict.fromkeys(names, self.unserved_port)
        return self._add_process(Bridge(self._next_name("bridge"), self.env, self.folder, parameters, **options))

    def sim(self, *args, **options) -> Sim:
        """Starts the simulator and waits until it listens. `options` are those of `processes.Sim`."""
        return self._add_process(Sim(self._next_name("sim"), self.env, self.folder, *args, **options))

    def python(self, name: str, *args, variables=None) -> Process:
        """Starts Python with these arguments and environment variables; it can import `support`."""
        argv = [sys.executable, *map(str, args)]
        path = os.pathsep.join(filter(None, [str(TESTS), self.env.get("PYTHONPATH")]))
        env = self.env | {"PYTHONPATH": path} | (variables or {})
        return self._add_process(Process(self._next_name(name), argv, env, self.folder))

    def bag_recorder(self, *args, variables=None) -> Process:
        """Starts the stand-in for the stock recorder, with the stock recorder's arguments."""
        return self.python("bag_recorder", STANDIN, *args, variables=variables)

    def recorder(self, output_dir: Path | None = None, parameters=None, **options) -> Recorder:
        """Starts sensr_recorder, by default with the stand-in. `options` are those of `recorder.Recorder`."""
        output_dir = self.folder / "bags" if output_dir is None else output_dir
        name = self._next_name("recorder")
        return self._add_process(Recorder(name, self.env, self.folder, output_dir, parameters, **options))

    def monitor(self, *args, **options) -> Monitor:
        """Starts sensr_monitor with its own arguments. `options` are those of `monitor.Monitor`."""
        return self._add_process(Monitor(self._next_name("monitor"), self.env, self.folder, *args, **options))

    def terminal(self, *argv, variables=None, **options) -> TerminalProcess:
        """Starts a program in a terminal. `options` are those of `terminal.TerminalProcess`."""
        name = self._next_name("terminal")
        env = self.env | {"LC_ALL": "C.UTF-8"} | (variables or {})
        return self._add_process(TerminalProcess(name, list(map(str, argv)), env, self.folder, **options))

    def monitor_in_terminal(self, *args, **options) -> TerminalProcess:
        """Starts sensr_monitor with its view. `options` are those of `terminal`."""
        return self.terminal(executable("sensr_monitor"), *args, **options)

    def standin_site(self, namespace: str) -> StandinSite:
        """Starts a stand-in for a bridge and its recorder."""
        site = StandinSite(self, namespace)
        self._closing.callback(site.close)
        return site

    def recording(self, observer: Observer, recorder: Recorder) -> RecordingReader:
        """Subscribes to the status of a recorder."""
        return RecordingReader(observer, recorder, recorder.namespace)

    def subscriber(self, topic: str) -> Process:
        """Starts a subscriber in a process of its own, which a test can suspend."""
        return self.python("subscriber", "-m", "support.subscriber_process", topic)

    def observer(self, **options) -> Observer:
        """Starts an rclpy node in the domain. `options` are those of `ros_observer.Observer`."""
        observer = Observer(self.domain.id, **options)
        self._closing.callback(observer.close)
        return observer

    def statistics(self, observer: Observer, topic: str = "statistics") -> StatisticsReader:
        """Subscribes to a bridge's statistics; they are checked when the environment closes."""
        statistics = StatisticsReader(observer, topic)
        self._statistics.append(statistics)
        return statistics

    def parameters(self, observer: Observer, node: str = "sensr_bridge") -> ParameterClient:
        """Returns a client of a node's parameter services."""
        return ParameterClient(observer, node)
