"""Linux namespaces for commands of a test, where the system allows them."""

import subprocess

import pytest

from support import summary_notes


def unshare_command(*kinds: str) -> list[str]:
    """Returns the prefix of a command that runs in namespaces of its own. Skips the test where that is not allowed."""
    command = ["unshare", "--user", "--map-root-user", *(f"--{kind}" for kind in kinds)]
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as problem:
        summary_notes.add_note(f"SKIPPED, NO NAMESPACES ({', '.join(kinds)}) ON THIS MACHINE")
        pytest.skip(f"no namespaces here: {problem}")
    return command
