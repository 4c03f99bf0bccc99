"""An rcl that breaks on demand: see broken_rcl.c."""

import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("broken_rcl.c")
#: A return code that r2r has no name for. It panics.
UNHEARD_OF = 4711


class BrokenRcl:
    """The compiled library that stands before rcl."""

    UNHEARD_OF = UNHEARD_OF

    def __init__(self, folder):
        self._library = folder / "broken_rcl.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", self._library, SOURCE, "-ldl"], check=True)

    def environment(self, trigger, **how):
        """Variables for whom it is to break as soon as the file `trigger` exists."""
        variables = {f"SENSR_TEST_{name.upper()}": str(value) for name, value in how.items()}
        return {"LD_PRELOAD": str(self._library), "SENSR_TEST_TRIGGER": str(trigger)} | variables
