"""Client programs: run to their end, or left running and ended by process group."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

KILL_S = 10
# A JVM writes its threads and goes on.
LAST_WORDS_S = 2


def run(command: list[str], timeout_s: float = 120, cwd: Path | None = None, stdin: str | None = None, env=None) -> str:
    """Runs a program to its end and returns what it wrote to stdout. Fails with all its output when its code is not 0."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, "PYTHONFAULTHANDLER": "1", **(env or {})},
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        out, err = process.communicate(stdin, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        out, err = _last_words(process, sys.executable in map(str, command))
        raise AssertionError(f"not done after {timeout_s} s: {_shown(command)}\n{out}\n{err}") from None
    except BaseException:  # the test has come to its limit
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(KILL_S)
        raise
    assert process.returncode == 0, f"exit code {process.returncode}: {_shown(command)}\n{out}\n{err}"
    return out


def _last_words(process: subprocess.Popen, is_python: bool) -> tuple[str, str]:
    """Ends a program that hangs; Java, Go and Python programs tell first where all their threads are."""
    os.killpg(process.pid, signal.SIGABRT if is_python else signal.SIGQUIT)
    try:
        return process.communicate(timeout=LAST_WORDS_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate(timeout=KILL_S)


def _shown(command: list[str]) -> str:
    return " ".join(word if len(word) < 200 else word[:60] + "…" for word in map(str, command))


class Running:
    """A program that runs beside the test, its output in files. Use as a context manager."""

    def __init__(self, name: str, command: list[str], folder: Path, cwd: Path | None = None):
        self.name = name
        self.output = folder / f"{name}.out"
        self.errors = folder / f"{name}.err"
        with self.output.open("wb") as output, self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                start_new_session=True,
            )

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_) -> None:
        self.kill()

    def lines(self) -> list[str]:
        """The whole lines it has written so far."""
        return self.output.read_text(errors="replace").split("\n")[:-1]

    def kill(self) -> None:
        """Ends it at once (SIGKILL), with whatever it started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(KILL_S)

    def wait_for(self, condition, what: str, timeout_s: float = 60):
        """Waits until condition(lines) is true and returns its value; fails when the program ends or the time is over."""
        deadline = time.monotonic() + timeout_s
        while True:
            ended = self.process.poll()
            value = condition(self.lines())
            if value:
                return value
            if ended is None and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            shown = "\n".join([*self.lines()[-40:], *self.errors.read_text(errors="replace").splitlines()[-40:]])
            assert ended is None, f"{self.name} ended with {ended} before {what}\n{shown}"
            raise AssertionError(f"{self.name}: no {what} within {timeout_s} s\n{shown}")
