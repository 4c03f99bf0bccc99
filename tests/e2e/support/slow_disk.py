"""A disk that is slow for one process: the kernel limits the rate of its writes by a control group."""

import contextlib
import os
import uuid
from pathlib import Path

import pytest

from support import summary_notes
from support.polling import wait_until


def _skip(reason: str):
    summary_notes.add_note(f"SKIPPED, NO SLOW DISK: {reason}")
    pytest.skip(reason)


def _whole_disk(folder: Path) -> str:
    """Returns the numbers of the disk with a folder, as in `8:0`. Limits are for disks, not for their partitions."""
    device = folder.stat().st_dev
    sys_folder = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    if not sys_folder.exists():
        _skip(f"{folder} is not on a block device")
    sys_folder = sys_folder.resolve()
    if (sys_folder / "partition").exists():
        sys_folder = sys_folder.parent
    return (sys_folder / "dev").read_text().strip()


def _control_group() -> tuple[Path, str]:
    """Creates a control group. Returns its folder and the name of the file with its limit, empty in version 2."""
    name = f"sensr_check_{uuid.uuid4().hex}"
    try:
        for line in Path("/proc/mounts").read_text().splitlines():
            _, mount, kind, options, *_ = line.split()
            if kind == "cgroup" and "blkio" in options.split(","):
                group, limit = Path(mount) / name, "blkio.throttle.write_bps_device"
            elif kind == "cgroup2" and "io" in (Path(mount) / "cgroup.subtree_control").read_text().split():
                group, limit = Path(mount) / name, "io.max"
            else:
                continue
            group.mkdir()
            if (group / limit).exists():
                return group, limit
            group.rmdir()
    except OSError as problem:
        _skip(f"no control group for disks can be made: {problem}")
    return _skip("no control groups for disks")


def _is_removed(group: Path) -> bool:
    try:
        group.rmdir()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def slow_disk(folder: Path, bytes_per_second: int):
    """Yields the prefix of a command that writes to the disk of a folder at this rate. Skips where that is impossible.

    The writes of version 1 are limited when the process itself waits for them, as fdatasync(2) does.
    """
    disk = _whole_disk(folder)
    group, limit = _control_group()
    try:
        value = f"wbps={bytes_per_second}" if limit == "io.max" else bytes_per_second
        try:
            (group / limit).write_text(f"{disk} {value}\n")
        except OSError as problem:
            _skip(f"the kernel does not limit {disk}: {problem}")
        yield ["sh", "-ec", f'echo $$ > {group}/cgroup.procs; exec "$@"', "sh"]
    finally:
        wait_until(lambda: _is_removed(group), "the end of all processes in the control group")
