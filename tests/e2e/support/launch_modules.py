"""Modules of the launch file that need neither `launch` nor rviz2."""

import importlib.util

from support import REPOSITORY

FOLDER = REPOSITORY / "launch"
CONFIG = REPOSITORY / "config"


def _load_module(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bridge_arguments = _load_module("bridge_arguments")
bridge_check = _load_module("bridge_check")
bridge_sites = _load_module("bridge_sites")
bridge_view = _load_module("bridge_view")
replay_bag = _load_module("replay_bag")
