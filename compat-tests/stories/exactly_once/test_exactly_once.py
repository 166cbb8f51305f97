"""A Kafka Streams application under exactly_once_v2 while its instances and the broker are killed (-9) in turn.

Whatever happens, a reader of committed records finds the copy of each input once, and the counts are those of the input; when all
is over no transaction is open in any partition. $ROUNDS asks for more kills than the few of an ordinary run.
"""

import os
import sys
from pathlib import Path

from harness import counts, program

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
LIMIT_S = 420 + 60 * ROUNDS


def test_every_record_counts_once(broker, tmp_path):
    for topic in (TOPIC, f"{TOPIC}-copies", f"{TOPIC}-counts"):
        program.run([sys.executable, "../orders/create_topic.py", broker.bootstrap, topic, "3"], cwd=HERE)
    load = [sys.executable, "../crash/load.py", broker.bootstrap, TOPIC, "produce", str(RATE)]
    feed = program.Running("feed", load, tmp_path, cwd=HERE)
    running = {}
    try:
        for name in ("one", "two"):
            running[name] = counts.application(broker.bootstrap, TOPIC, name, tmp_path)
        for kill in range(ROUNDS):
            wanted = len(feed.lines()) + RECORDS_BETWEEN
            feed.wait_for(lambda lines: len(lines) >= wanted, f"{wanted} records of input")
            counts.wait_for_more(broker.bootstrap, TOPIC, "copies go on")
            name = ("one", "two")[kill % 2]
            running[name].kill()
            broker.restart(hard=True)
            running[name] = counts.application(broker.bootstrap, TOPIC, name, tmp_path)
        feed.kill()
        counts.wait(broker.bootstrap, TOPIC)
    finally:
        for each in (feed, *running.values()):
            each.kill()
    counts.judge(broker.bootstrap, TOPIC)
