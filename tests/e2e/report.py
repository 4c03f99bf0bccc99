"""Figures worth seeing even when all is well; shown in the terminal summary."""

LINES = []


def note(line):
    """Adds a line to the summary."""
    LINES.append(line)
