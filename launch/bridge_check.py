"""Pre-flight of the launch files: runs sensr_check with the parameters that bridges and recorders will get.

This module needs neither `launch` nor ROS.
"""

import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# Longest time of a check. It takes some seconds, up to a minute if sites, disks and name servers do not respond.
TIMEOUT = 180.0
# Time to listen to each stream.
LISTEN = 3.0
# Exit codes with which the findings are complete.
EXIT_CODES = (0, 1, 2)


class CheckError(RuntimeError):
    """A check without a result; the message is one line for the operator."""


@dataclass(frozen=True)
class Finding:
    """Finding of sensr_check. `site` is empty for this machine."""

    verdict: str
    subject: str
    message: str
    cure: str = ""
    site: str = ""

    def __str__(self):
        place = f"site {self.site}, " if self.site else ""
        cure = f"; cure: {self.cure}" if self.cure else ""
        return f"check: {self.verdict}  {place}{self.subject}: {self.message}{cure}"


@dataclass(frozen=True)
class Result:
    """All findings of a check."""

    findings: tuple[Finding, ...]

    def lines(self) -> list[str]:
        """Returns a line for each finding that is no PASS, and one with the number of each."""
        count = {verdict: sum(one.verdict == verdict for one in self.findings) for verdict in ("PASS", "WARN", "FAIL")}
        bad = [str(one) for one in self.findings if one.verdict != "PASS"]
        return [*bad, f"check: {count['PASS']} passed, {count['WARN']} warnings, {count['FAIL']} failures"]

    def failures(self, site: str | None = None) -> list[str]:
        """Returns the subjects that failed: all, or those of this machine and of one site."""
        sites = None if site is None else {"", site}
        failed = [one for one in self.findings if one.verdict == "FAIL"]
        return [one.subject for one in failed if sites is None or one.site in sites]


def arguments(
    ros_arguments: Iterable[str],
    *,
    sites: Iterable[str] = (),
    recorder_params_file=None,
    recorder_parameters: Mapping[str, str] | None = None,
) -> list[str]:
    """Returns the arguments of sensr_check.

    `ros_arguments` are those of the bridge; `recorder_params_file` is None without a recording; `recorder_parameters`
    are quoted for YAML.
    """
    words = ["--json", "--listen", str(LISTEN)]
    for site in sites:
        words += [f"--site={site}"]
    if recorder_params_file is None:
        words.append("--no-record")
    else:
        words.append(f"--recorder-params-file={recorder_params_file}")
    words += ["--ros-args", *ros_arguments]
    for name, value in (recorder_parameters or {}).items():
        words += ["-p", f"sensr_recorder:{name}:={value}"]
    return words


def parse_result(text: str) -> Result:
    """Parses the output of sensr_check."""
    try:
        findings = json.loads(text)["findings"]
        return Result(tuple(Finding(**finding) for finding in findings))
    except (ValueError, KeyError, TypeError) as error:
        raise CheckError(f"the output of sensr_check is not understood: {error}") from None


def run_check(executable: str, words: Iterable[str], environment: Mapping[str, str]) -> Result:
    """Runs sensr_check. Raises `CheckError` if it has no result."""
    try:
        ended = subprocess.run(
            [executable, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=dict(environment),
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CheckError(f"sensr_check did not end within {TIMEOUT:.0f} s") from None
    except OSError as error:
        raise CheckError(f"cannot run {executable}: {error.strerror}") from None
    if ended.returncode not in EXIT_CODES or not ended.stdout:
        last = (ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"])[-1]
        raise CheckError(f"sensr_check has no result: {last}")
    return parse_result(ended.stdout)
