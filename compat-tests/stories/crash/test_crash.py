"""kill -9 under produce load with acks=all: nothing acknowledged is missing, and clients go on by themselves."""

import sys
from pathlib import Path

from harness import program

HERE = Path(__file__).resolve().parent
TOPIC = "crash"
KILLS = 3
RECORDS_BETWEEN = 2000


def placed(lines, kind):
    """{(partition, offset): value} of the lines of that kind."""
    orders = (line.split() for line in lines if line.startswith(kind + " "))
    return {(int(partition), int(offset)): value for _, partition, offset, value in orders}


def test_no_acknowledged_record_is_lost(broker, tmp_path):
    program.run([sys.executable, "../orders/create_topic.py", broker.bootstrap, TOPIC, "3"], cwd=HERE)
    command = [sys.executable, "load.py", broker.bootstrap, TOPIC]
    with (
        program.Running("produce", [*command, "produce"], tmp_path, cwd=HERE) as producer,
        program.Running("consume", [*command, "consume"], tmp_path, cwd=HERE) as consumer,
    ):
        for kill in range(KILLS + 1):
            wanted = len(producer.lines()) + RECORDS_BETWEEN
            producer.wait_for(lambda lines: len(lines) >= wanted, f"{wanted} acknowledged records")
            if kill < KILLS:
                broker.restart(hard=True)
        producer.kill()
        lines = producer.lines()
        acked = placed(lines, "acked")
        assert not [line for line in lines if line.startswith("failed")]
        consumer.wait_for(lambda lines: acked.keys() <= placed(lines, "read").keys(), "every acknowledged record", 60)
        read = placed(consumer.lines(), "read")

    assert {at: read[at] for at in acked} == acked
    # an idempotent producer: no record twice, and each partition without a gap up to its last acknowledged record
    assert len(set(read.values())) == len(read)
    for partition in range(3):
        offsets = sorted(offset for at, offset in acked if at == partition)
        assert offsets == list(range(len(offsets))), f"gap in partition {partition}"
