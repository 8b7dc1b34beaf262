"""A share of a core for one process at a time, as Lambda gives it to a function with little memory."""

import contextlib
import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
# The kernel hands shares out anew every 20 ms.
PERIOD = 20_000
# Lambda gives a whole core at this many megabytes, and less in proportion.
CORE_MEGABYTES = 1769


def core_share(megabytes):
    return megabytes / CORE_MEGABYTES


class Quota:
    """A cgroup of ours, of version 2 or 1, without a limit at first."""

    def __init__(self):
        name = f"email-verification-bench-{os.getpid()}"
        if (CGROUPS / "cgroup.controllers").exists():
            self.is_v2, self.folder = True, CGROUPS / name
        else:
            self.is_v2, self.folder = False, CGROUPS / "cpu" / name
        self.folder.mkdir()
        try:
            self.lift()
        except OSError:
            self.remove()
            raise

    @classmethod
    def open(cls):
        """The cgroup, or none where the machine allows none."""
        with contextlib.suppress(OSError):
            return cls()
        return None

    def join(self):
        """Puts the process that calls this under it."""
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def limit(self, share):
        microseconds = int(PERIOD * share)
        if self.is_v2:
            (self.folder / "cpu.max").write_text(f"{microseconds} {PERIOD}")
        else:
            (self.folder / "cpu.cfs_period_us").write_text(str(PERIOD))
            (self.folder / "cpu.cfs_quota_us").write_text(str(microseconds))

    def lift(self):
        if self.is_v2:
            (self.folder / "cpu.max").write_text(f"max {PERIOD}")
        else:
            (self.folder / "cpu.cfs_quota_us").write_text("-1")

    def remove(self):
        self.folder.rmdir()
