"""A test that hangs is ended and named, and what it started with it."""

import os
import re
import subprocess
import sys
from pathlib import Path

from harness import children
from harness.deadline import until
from harness.paths import REPOSITORY, SUITE

HANGING = '''
import ctypes, os, subprocess, sys, threading

LIMIT_S = float(os.environ.get("HANGING_S", "0.5"))


def start_one():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    print("started", process.pid, file=sys.__stderr__, flush=True)


def test_in_python():
    start_one()
    threading.Event().wait()


def test_where_python_cannot_interrupt():
    start_one()
    mutex = ctypes.create_string_buffer(64)
    for _ in range(2):
        ctypes.CDLL(None).pthread_mutex_lock(mutex)


def test_after_it():
    pass
'''


def run(folder: Path, *arguments, before=(), env=None) -> tuple[int, str]:
    """Runs pytest with this suite's conftest on the hanging tests; its exit code and everything it wrote."""
    (folder / "test_hanging.py").write_text(HANGING)
    (folder / "conftest.py").write_text(f'''
import sys
sys.path.insert(0, {str(SUITE)!r})
from harness import limit
limit.GRACE_S = 0.5
from conftest_of_the_suite import *
''')
    (folder / "conftest_of_the_suite.py").write_text((SUITE / "conftest.py").read_text())
    command = [*before, sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-s", "test_hanging.py", *arguments]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
                          env={**os.environ, **(env or {})})
    return done.returncode, done.stdout


def gone(shown: str) -> bool:
    """Whatever lost its parent has become a child of this process."""
    pids = set(map(int, re.findall(r"started (\d+)", shown)))
    return bool(pids) and not pids & children.below().keys()


def test_it_fails_and_the_next_one_runs(tmp_path):
    code, shown = run(tmp_path, "-k", "in_python or after_it")
    assert code == 1 and "1 failed, 1 passed" in shown, shown
    assert "limit: test_hanging.py::test_in_python did not end within 0.5 s" in shown, shown
    assert "threading.py" in shown and "time.sleep(600)" in shown, f"neither stacks nor processes: {shown}"
    until("end of what the test started", lambda: gone(shown), 10)


def test_one_that_cannot_be_interrupted_ends_the_run(tmp_path):
    code, shown = run(tmp_path, "-k", "cannot_interrupt")
    assert code == 1, shown
    assert "test_where_python_cannot_interrupt did not end within 0.5 s, nor 0.5 s after it was told to" in shown, shown
    until("end of what the test started", lambda: gone(shown), 10)


def test_a_step_of_scripts_test_that_hangs_names_its_test(tmp_path):
    within = [str(REPOSITORY / "scripts" / "within"), "4"]
    code, shown = run(tmp_path, "-k", "in_python", before=within, env={"HANGING_S": "60"})
    assert code == 124 and "not done after 4 s; running were" in shown, shown
    assert "limit: ended from outside in test_hanging.py::test_in_python" in shown, shown
    until("end of what the test started", lambda: gone(shown), 10)
