"""How long a wait may take, and what it says when that is over."""

import time


class Overdue(AssertionError):
    """What was waited for has not come in time."""


class Deadline:
    """Counts down from the moment it is made. `what` names what is waited for, as in "no answer within 5 s"."""

    def __init__(self, what: str, seconds: float):
        self.what, self.seconds = what, seconds
        self.over_at = time.monotonic() + seconds

    def left(self, at_most: float = float("inf"), seen=None) -> float:
        """The seconds that a wait inside may take, at most `at_most`. Fails when none are left, and shows what was seen."""
        left = self.over_at - time.monotonic()
        if left <= 0:
            raise Overdue(f"no {self.what} within {self.seconds:g} s" + ("" if seen is None else f": {seen}"))
        return min(left, at_most)


def until(what: str, condition, seconds: float, pause_s: float = 0.05):
    """Waits until condition() is true and returns what it returned; the failure shows what it returned last."""
    deadline = Deadline(what, seconds)
    while True:
        value = condition()
        if value:
            return value
        time.sleep(deadline.left(pause_s, seen=value))
