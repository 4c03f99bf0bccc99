"""Runs the scripts of the repository."""

import subprocess

from support import REPOSITORY

#: More than any of them takes on a slow machine.
PATIENCE_SECONDS = 600


def run_script(name: str, *arguments) -> subprocess.CompletedProcess:
    """Runs a script of `scripts/` to its end, whatever its exit code."""
    command = [REPOSITORY / "scripts" / name, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
