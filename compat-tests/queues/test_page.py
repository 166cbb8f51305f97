"""docs/QUEUES.md: all that it shows is run."""

import re
import shlex
import sys

from harness import program
from harness.paths import REPOSITORY, barnabas_binary
from queues.test_queues import SETTINGS as QUEUES

LIMIT_S = 120
# Workers come and go, and a lock of the page is short.
SETTINGS = {
    **QUEUES,
    "group.share.min.record.lock.duration.ms": "1000",
    "group.share.min.heartbeat.interval.ms": "200",
    "group.share.heartbeat.interval.ms": "200",
}


def test_the_page_on_queues_is_true(broker, tmp_path):
    """Its lines and programs, one after the other, as one program."""
    page = (REPOSITORY / "docs" / "QUEUES.md").read_text().replace("localhost:9092", broker.bootstrap)
    script = ["import subprocess"]
    for language, block in re.findall(r"```(sh|python)\n(.*?)```", page, re.DOTALL):
        if language == "python":
            script.append(block)
            continue
        for line in block.strip().splitlines():
            _, *arguments = shlex.split(line)
            script.append(f"subprocess.run({[str(barnabas_binary()), *arguments]!r}, check=True, timeout=30)")
    path = tmp_path / "queues.py"
    path.write_text("\n".join(script))
    shown = program.run([sys.executable, str(path)], 90)
    went = "1 dead letters of group workers from tasks {} to tasks"
    assert [went.format(verb) in shown for verb in ("would go", "went")] == [True, True], shown
    assert shown.count("No dead letter went back") == 1, shown
