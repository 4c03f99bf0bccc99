"""The plain Python beside the launch file, which needs neither `launch` nor rviz2."""

import importlib.util

from support import REPOSITORY

FOLDER = REPOSITORY / "launch"
CONFIG = REPOSITORY / "config"


def load(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bridge_arguments = load("bridge_arguments")
bridge_recording = load("bridge_recording")
bridge_view = load("bridge_view")
