"""The processes below this one: kept together, listed, and ended whatever sessions they have made for themselves."""

import contextlib
import ctypes
import os
import signal
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
KILL_S = 10


def adopt() -> None:
    """From now on a process below this one that loses its parent becomes a child of this one, and is not lost from sight."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _children_by_parent() -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
                if state != "Z":
                    children.setdefault(int(parent), []).append(int(folder.name))
    return children


def below() -> dict[int, str]:
    """The living processes below this one: how each was started, indented below its parent, by its id."""
    children, found = _children_by_parent(), {}

    def add(parent: int, indent: str) -> None:
        for pid in children.get(parent, []):
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
                found[pid] = indent + " ".join(word if len(word) < 100 else word[:60] + "…" for word in words)
            add(pid, indent + "  ")

    add(os.getpid(), "")
    return found


def end(spared=frozenset(), grace_s: float = 0) -> None:
    """Ends all of them but the spared ones: SIGTERM, and SIGKILL for what is still there after the grace."""
    for how, seconds in ((signal.SIGTERM, grace_s), (signal.SIGKILL, KILL_S)):
        deadline = time.monotonic() + seconds
        told = set()
        while time.monotonic() < deadline and (left := below().keys() - spared):
            for pid in left - told:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, how)
            told |= left
            time.sleep(0.02)
