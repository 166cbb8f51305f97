"""Every test has a limit. A test over it is named and fails, with the stacks of all threads; what it started is killed.

A test that hangs where Python cannot interrupt it takes the whole run with it, for want of a better way; it is named all the same.
"""

import contextlib
import faulthandler
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from harness import children
from harness.broker import Broker

TEST_S = 300
# What a test that was told to end has left for its fixtures.
GRACE_S = 40

_running = "no test"
_told = sys.__stderr__.fileno()


def prepare() -> None:
    """Called once, while pytest does not capture stderr: what hangs is told there, at once."""
    global _told
    _told = os.dup(sys.__stderr__.fileno())
    children.adopt()
    signal.signal(signal.SIGTERM, lambda *_: _give_up(f"ended from outside in {_running}", 128 + signal.SIGTERM))


def _tell(what: str) -> None:
    os.write(_told, f"\nlimit: {what}\n".encode())
    faulthandler.dump_traceback(_told)
    os.write(_told, "".join(f"  {command}\n" for command in ["running below it:", *children.below().values()]).encode())


def _give_up(what: str, code: int) -> None:
    _tell(what)
    children.end()
    os._exit(code)


@contextlib.contextmanager
def limited(name: str, seconds: float):
    """The test that runs within."""
    global _running
    before = frozenset(children.below())
    what = f"{name} did not end within {seconds:g} s"

    def over(*_):
        _tell(what)
        children.end(spared=before | Broker.running())  # a fixture ends its broker itself
        pytest.fail(what)

    signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    last = threading.Timer(seconds + GRACE_S, _give_up, [f"{what}, nor {GRACE_S:g} s after it was told to", 1])
    last.daemon = True
    last.start()
    # For what does not even let other threads run: nothing is killed then, but it is told where it hangs.
    faulthandler.dump_traceback_later(seconds + 2 * GRACE_S + children.KILL_S, exit=True, file=_told)
    _running = name
    try:
        yield
    finally:
        _running = f"no test, after {name}"
        signal.setitimer(signal.ITIMER_REAL, 0)
        last.cancel()
        faulthandler.cancel_dump_traceback_later()
