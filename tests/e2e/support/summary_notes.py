"""Notes for the end of a test run, such as measured figures and the reasons of skipped tests."""

#: Lines of the section "figures" in pytest's terminal summary.
LINES: list[str] = []


def add_note(line: str) -> None:
    """Adds a line to the summary."""
    LINES.append(line)
