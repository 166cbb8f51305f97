"""scripts/within ends a command that hangs, with everything below it, and says what was running."""

import subprocess
import sys
import time
import unittest
from pathlib import Path

WITHIN = Path(__file__).resolve().parent.parent / "within"
SLEEP = f"{sys.executable} -c 'import time; time.sleep(600)'"


def within(seconds, *command):
    began = time.monotonic()
    done = subprocess.run([WITHIN, str(seconds), *command], capture_output=True, text=True, timeout=60)
    return done, time.monotonic() - began


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Within(unittest.TestCase):
    def test_a_command_that_hangs(self):
        # One in a session of its own, and one that has lost its parent besides.
        script = f"setsid {SLEEP} & echo $!; (setsid {SLEEP} & echo $!); wait"
        done, seconds = within(1, "bash", "-c", script)
        self.assertEqual(done.returncode, 124)
        self.assertLess(seconds, 10)
        self.assertIn("not done after 1 s; running were", done.stderr)
        self.assertEqual(done.stderr.count("import time; time.sleep(600)\n"), 2, done.stderr)
        pids = done.stdout.split()
        self.assertEqual(len(pids), 2)
        self.assertEqual([pid for pid in pids if alive(pid)], [])

    def test_one_that_does_not_let_itself_be_told(self):
        done, seconds = within(0.2, "bash", "-c", "trap '' TERM; sleep 600 & while :; do wait; done")
        self.assertEqual(done.returncode, 124)
        self.assertLess(seconds, 20)

    def test_the_codes_of_commands_that_end(self):
        for code, script in ((0, "true"), (3, "exit 3"), (137, "kill -9 $$")):
            self.assertEqual(within(30, "sh", "-c", script)[0].returncode, code)

    def test_being_told_to_end_reaches_all(self):
        process = subprocess.Popen([WITHIN, "60", "bash", "-c", f"setsid {SLEEP} & echo $!; wait"], stdout=subprocess.PIPE, text=True)
        pid = process.stdout.readline().strip()
        process.terminate()
        self.assertEqual(process.wait(30), 143)
        process.stdout.close()
        self.assertFalse(alive(pid))
