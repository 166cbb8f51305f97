"""A Kafka Streams application under exactly_once_v2 while its instances and the broker are killed (-9) in turn.

Whatever happens, a reader of committed records finds the copy of each input once, and the counts are those of the input; when all
is over no transaction is open in any partition. $ROUNDS asks for more kills than the few of an ordinary run.
"""

import os
import sys
import time
from collections import Counter
from pathlib import Path

from harness import program, topics
from harness.deadline import Deadline
from harness.paths import java_classpath

SETTINGS = {
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
}
HERE = Path(__file__).resolve().parent
TOPIC = "numbers"
ROUNDS = int(os.environ.get("ROUNDS", "3"))
RECORDS_BETWEEN = 1500
RATE = 500
DEADLINE_S = 180
LIMIT_S = 420 + 60 * ROUNDS


def application(broker, name, folder):
    flags = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    state = folder / f"{name}-state"
    command = ["java", *flags, "-cp", java_classpath(), "compat.Counts", broker.bootstrap, TOPIC, str(state)]
    return program.Running(name, command, folder)


def eventually(condition, what):
    """Until it is True; anything else says why it is not yet."""
    deadline = Deadline(what, DEADLINE_S)
    while (value := condition()) is not True:
        time.sleep(deadline.left(0.5, seen=value))


def test_every_record_counts_once(broker, tmp_path):
    for topic in (TOPIC, f"{TOPIC}-copies", f"{TOPIC}-counts"):
        program.run([sys.executable, "../orders/create_topic.py", broker.bootstrap, topic, "3"], cwd=HERE)
    load = [sys.executable, "../crash/load.py", broker.bootstrap, TOPIC, "produce", str(RATE)]
    feed = program.Running("feed", load, tmp_path, cwd=HERE)
    running = {}
    try:
        for name in ("one", "two"):
            running[name] = application(broker, name, tmp_path)
        for kill in range(ROUNDS):
            wanted = len(feed.lines()) + RECORDS_BETWEEN
            feed.wait_for(lambda lines: len(lines) >= wanted, f"{wanted} records of input")
            copied = len(topics.read(broker.bootstrap, f"{TOPIC}-copies"))
            eventually(lambda: len(topics.read(broker.bootstrap, f"{TOPIC}-copies")) > copied, "copies go on")
            name = ("one", "two")[kill % 2]
            running[name].kill()
            broker.restart(hard=True)
            running[name] = application(broker, name, tmp_path)
        feed.kill()
        numbers = topics.read(broker.bootstrap, TOPIC)

        def missing():
            copies = topics.read(broker.bootstrap, f"{TOPIC}-copies")
            return len(copies) >= len(numbers) or f"{len(copies)} of {len(numbers)} copies"

        eventually(missing, "every record is copied")
        expected = Counter(value[0] for _, value in numbers)

        def counted():
            counts = dict(topics.read(broker.bootstrap, f"{TOPIC}-counts"))
            return {letter: int(count) for letter, count in counts.items()} == expected or counts

        eventually(counted, f"the counts are {dict(expected)}")
    finally:
        for each in (feed, *running.values()):
            each.kill()
    assert Counter(topics.read(broker.bootstrap, f"{TOPIC}-copies")) == Counter(numbers)
    counts = topics.read(broker.bootstrap, f"{TOPIC}-counts")
    for letter in expected:
        of_letter = [int(count) for key, count in counts if key == letter]
        assert of_letter == sorted(set(of_letter)), f"a count of {letter} came twice, or went back"
    eventually(lambda: topics.open_transactions(broker.bootstrap) == [] or topics.open_transactions(broker.bootstrap), "no transaction is open")
