"""Linux namespaces, where a test may have them."""

import subprocess

import pytest

from support import summary_notes


def unshare_command(*kinds):
    """The words before a command that is to run in namespaces of its own. Skips where that is not allowed."""
    command = ["unshare", "--user", "--map-root-user", *(f"--{kind}" for kind in kinds)]
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as problem:
        summary_notes.add_note(f"SKIPPED, NO NAMESPACES ({', '.join(kinds)}) ON THIS MACHINE")
        pytest.skip(f"no namespaces here: {problem}")
    return command
