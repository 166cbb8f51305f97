"""The programs of examples/, started by the very lines of their README."""

import os
import sys
from pathlib import Path

import pytest

from harness import program
from harness.paths import REPOSITORY

README = (REPOSITORY / "examples" / "README.md").read_text()
LINES = [line.strip() for line in README.splitlines() if line.startswith("    cd examples/")]
LIMIT_S = 600


def test_there_is_a_line_for_each_example():
    folders = sorted(path.name for path in (REPOSITORY / "examples").iterdir() if path.is_dir())
    assert sorted(line.split()[1].removeprefix("examples/") for line in LINES) == folders


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.split()[1].removeprefix("examples/"))
def test_example(broker, line):
    """Twice: the group goes on where it was."""
    environment = {"BOOTSTRAP": broker.bootstrap, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for first in (0, 3):
        shown = program.run(["bash", "-ec", line], 250, cwd=REPOSITORY, env=environment)
        greetings = [f"Ada says 'Good morning' (offset {first})", f"Grace says 'Ahoy' (offset {first + 1})", f"Linus says 'Moi' (offset {first + 2})"]
        assert [said.strip() for said in shown.splitlines() if " says " in said] == greetings, shown
