"""An rcl that fails on demand: see broken_rcl.c."""

import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("broken_rcl.c")
#: A return code unknown to r2r, which panics.
UNKNOWN_CODE = 4711


class BrokenRcl:
    """Compiled library that is loaded before rcl and replaces some of its functions."""

    def __init__(self, folder: Path):
        self._library = folder / "broken_rcl.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", self._library, SOURCE, "-ldl"], check=True)

    def environment(self, trigger: Path, **how) -> dict[str, str]:
        """Returns the variables of a process whose rcl fails as soon as the file `trigger` exists.

        `how` names the failure: `publish` and `thread`, or `wait`, as in broken_rcl.c.
        """
        variables = {f"SENSR_TEST_{name.upper()}": str(value) for name, value in how.items()}
        return {"LD_PRELOAD": str(self._library), "SENSR_TEST_TRIGGER": str(trigger)} | variables
