"""How much memory a process has held at most."""

import contextlib
import os

MIB = 1 << 20
GROWTH_MAX = 32 * MIB


def _status(pid: int, name: str) -> int:
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
    raise AssertionError(f"process {pid} has no {name}")


def resident(pid: int) -> int:
    """VmRSS in bytes."""
    return _status(pid, "VmRSS")


def anonymous(pid: int) -> int:
    """What of it is of no file, in bytes."""
    return _status(pid, "RssAnon")


@contextlib.contextmanager
def bounded_growth(pid: int, growth_max: int = GROWTH_MAX):
    """Fails when the process's resident memory has at any moment grown by more than growth_max bytes."""
    with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as clear:
        clear.write("5")  # VmHWM starts anew from VmRSS
    before = resident(pid)
    yield
    assert os.path.exists(f"/proc/{pid}"), "the broker is gone"
    grown = _status(pid, "VmHWM") - before
    assert grown <= growth_max, f"grew by {grown / MIB:.1f} MiB at its peak, from {before / MIB:.1f} MiB"
