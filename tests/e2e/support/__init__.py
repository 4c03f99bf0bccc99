"""Helpers of the end-to-end tests."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
