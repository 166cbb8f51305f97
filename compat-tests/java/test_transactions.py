"""Transactions of the Java client, and the tools for them: kafka-transactions.sh and the dump of the transaction log."""

import re

import pytest

from harness import program
from harness.paths import java_classpath

# Timed out transactions are looked for every second.
SETTINGS = {"transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000"}
COMMAND = "org.apache.kafka.tools.TransactionsCommand"


def java(name, *arguments, timeout_s=90):
    flags = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"]
    return program.run(["java", *flags, "-cp", java_classpath(), name, *arguments], timeout_s)


@pytest.mark.parametrize("part", ["outcomes", "fencing", "timeout", "offsets"])
def test_java_client(broker, part):
    """The program checks every value itself."""
    java("compat.Transactions", broker.bootstrap, f"transactions-{part}", part)


@pytest.mark.parametrize("level", ["1", "0"])
def test_older_transaction_versions(broker, level):
    """The client speaks as the finalized transaction.version says (KIP-890)."""
    feature = ["org.apache.kafka.tools.FeatureCommand", "--bootstrap-server", broker.bootstrap]
    java(*feature, "downgrade", "--feature", f"transaction.version={level}")
    try:
        for part in ("outcomes", "fencing"):
            java("compat.Transactions", broker.bootstrap, f"transactions-{part}-{level}", part)
    finally:
        java(*feature, "upgrade", "--feature", "transaction.version=2")


def transactions(broker, *arguments):
    """Rows of a tool's table, as dicts."""
    lines = java(COMMAND, "--bootstrap-server", broker.bootstrap, *arguments).splitlines()
    header = lines[0].split("\t") if "\t" in lines[0] else re.split(r"\s{2,}|\s+", lines[0].strip())
    rows = [re.split(r"\t|\s+", line.strip()) for line in lines[1:] if line.strip()]
    return [dict(zip((name.strip() for name in header), row)) for row in rows]


def test_tools_describe_and_abort_a_hanging_transaction(broker):
    """A producer died; its transaction outlives it, and an administrator ends it in the partition."""
    topic = "transactions-hang"
    java("compat.Transactions", broker.bootstrap, topic, "hang")
    transactional_id = f"{topic}-hanging"
    listed = {row["TransactionalId"]: row for row in transactions(broker, "list")}
    assert listed[transactional_id]["TransactionState"] == "Ongoing"
    (described,) = transactions(broker, "describe", "--transactional-id", transactional_id)
    assert described["TransactionState"] == "Ongoing" and described["TopicPartitions"] == f"{topic}-0"
    (producer,) = transactions(broker, "describe-producers", "--topic", topic, "--partition", "0")
    assert producer["ProducerId"] == described["ProducerId"]
    start = producer["CurrentTransactionStartOffset"]
    assert start != "None"
    java(COMMAND, "--bootstrap-server", broker.bootstrap, "abort", "--topic", topic, "--partition", "0", "--start-offset", start)
    (producer,) = transactions(broker, "describe-producers", "--topic", topic, "--partition", "0")
    assert producer["CurrentTransactionStartOffset"] == "None"
    hanging = java(COMMAND, "--bootstrap-server", broker.bootstrap, "find-hanging", "--topic", topic)
    assert "hanging" not in hanging


def test_dump_decodes_the_transaction_log(broker):
    """DumpLogSegments reads what the coordinator keeps. The last test: it looks at the files of the stopped broker."""
    java("compat.Transactions", broker.bootstrap, "transactions-dumped", "hang")
    broker.stop()
    logs = sorted(broker.folder.rglob("__transaction_state-*/*.log"))
    files = ",".join(str(log) for log in logs if log.stat().st_size > 0)
    dumped = java("org.apache.kafka.tools.DumpLogSegments", "--transaction-log-decoder", "--files", files)
    assert '"transactionalId":"transactions-dumped-hanging"' in dumped
    for state in ("Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort"):
        assert f'"transactionStatus":"{state}"' in dumped, f"no record of state {state}"
    assert '"topic":"transactions-dumped","partitionIds":[0]' in dumped
