"""A share of a core for one process at a time, as Lambda gives it to a function with little memory."""

import contextlib
import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
# Microseconds after which a new share begins. AWS does not say what Lambda's are.
PERIOD = 20_000
# Lambda gives a whole core at this many megabytes, and less in proportion.
CORE_MEGABYTES = 1769


def core_share(megabytes):
    return megabytes / CORE_MEGABYTES


class Quota:
    """A cgroup of ours, of version 2 or 1, whose processes get this share of a core."""

    def __init__(self, share):
        name = f"email-verification-bench-{os.getpid()}"
        is_v2 = (CGROUPS / "cgroup.controllers").exists()
        self.folder = CGROUPS / name if is_v2 else CGROUPS / "cpu" / name
        microseconds = int(PERIOD * share)
        self.folder.mkdir()
        try:
            if is_v2:
                (self.folder / "cpu.max").write_text(f"{microseconds} {PERIOD}")
            else:
                (self.folder / "cpu.cfs_period_us").write_text(str(PERIOD))
                (self.folder / "cpu.cfs_quota_us").write_text(str(microseconds))
        except OSError:
            self.remove()
            raise

    @classmethod
    def open(cls, share):
        """The cgroup, or none where the machine allows none."""
        with contextlib.suppress(OSError):
            return cls(share)
        return None

    def limit(self, pid):
        """Puts a process under it."""
        (self.folder / "cgroup.procs").write_text(str(pid))

    def remove(self):
        self.folder.rmdir()
