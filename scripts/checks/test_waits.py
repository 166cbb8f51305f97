"""No wait in compat-tests, nor in the scripts that run tests, is without a deadline."""

import unittest
from pathlib import Path

from checks.waits import endless_waits, python_files

REPOSITORY = Path(__file__).resolve().parent.parent.parent

ENDLESS = {
    "subprocess.run(['x'], check=True)": "subprocess.run",
    "process.wait()": "wait()",
    "process.communicate()": "communicate()",
    "process.communicate(text)": "communicate",
    "thread.join()": "join()",
    "future.result()": "result()",
    "queue.get()": "get()",
    "producer.flush()": "flush()",
    "consumer.consume(500)": "consume",
    "socket.create_connection(address)": "create_connection",
    "while True:\n    x = 1": "while True",
    "while left_over:\n    time.sleep(1)": "sleep",
    "while not done:\n    consumer.poll(1)": "poll",
}
ENDING = [
    "subprocess.run(['x'], timeout=5)",
    "process.wait(5)",
    "process.communicate(text, timeout=5)",
    "', '.join(words)",
    "table.get(key)",
    "process.poll()",
    "while time.monotonic() < deadline:\n    time.sleep(1)",
    "while True:\n    time.sleep(wait.left(1))",
    "while count >= 128:\n    count >>= 7",
    "faulthandler.dump_traceback_later(60, exit=True)\nwhile True:\n    consumer.poll(1)",
]


class Waits(unittest.TestCase):
    def test_endless_ones_are_found(self):
        for source, what in ENDLESS.items():
            with self.subTest(source):
                [(_, wrong)] = endless_waits(source)
                self.assertIn(what, wrong)

    def test_others_are_not(self):
        for source in ENDING:
            with self.subTest(source):
                self.assertEqual(endless_waits(source), [])

    def test_there_are_none(self):
        files = [*python_files(REPOSITORY / "compat-tests"), REPOSITORY / "scripts" / "within"]
        self.assertGreater(len(files), 50)
        found = [
            f"{path.relative_to(REPOSITORY)}:{line}: {wrong}" for path in files for line, wrong in endless_waits(path.read_text())
        ]
        self.assertEqual(found, [], "\n" + "\n".join(found))
