"""The plain Python beside the launch file, which needs neither `launch` nor rviz2."""

import importlib.util
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "launch"
CONFIG = Path(__file__).parents[2] / "config"


def load(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bridge_arguments = load("bridge_arguments")
bridge_recording = load("bridge_recording")
bridge_view = load("bridge_view")
