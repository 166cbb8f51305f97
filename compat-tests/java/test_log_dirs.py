"""Apache Kafka's tools on a broker with two log directories: deleting records, moving a partition while it is written."""

import json
import shutil
import tempfile
from pathlib import Path

import pytest

from harness import program
from harness.deadline import until
from harness.java_tools import TOOLS, java, refused, tool

ROOT = Path(tempfile.mkdtemp(prefix="log-dirs-"))
FIRST, SECOND = str(ROOT / "first"), str(ROOT / "second")
SETTINGS = {"log.dirs": f"{FIRST},{SECOND}", "log.segment.delete.delay.ms": "0"}
TOPIC = "moving"
RECORDS = 60_000


@pytest.fixture(scope="module", autouse=True)
def folders():
    yield
    shutil.rmtree(ROOT)


def create(broker, topic, *configs):
    flags = [flag for config in configs for flag in ("--config", config)]
    tool(broker, TOOLS + "TopicCommand", "--create", "--topic", topic, "--partitions", "1", *flags)


def produce(broker, topic, records, size=100):
    flags = ["--topic", topic, "--num-records", str(records), "--record-size", str(size), "--throughput", "-1"]
    properties = [f"bootstrap.servers={broker.bootstrap}", "acks=all"]
    return program.run(java(TOOLS + "ProducerPerformance", *flags, "--command-property", *properties), 120)


def offsets(broker, topic, time_name):
    out = tool(broker, TOOLS + "GetOffsetShell", "--topic", topic, "--time", time_name)
    return int(out.strip().split(":")[2])


def log_dirs(broker, topic):
    """The rows of the topic's partition: folder, and whether it is the copy on its way."""
    out = tool(broker, TOOLS + "LogDirsCommand", "--describe", "--topic-list", topic)
    described = json.loads(out.strip().splitlines()[-1])["brokers"][0]["logDirs"]
    assert {one["logDir"] for one in described} == {FIRST, SECOND}
    assert all(one["error"] is None for one in described)
    return [(one["logDir"], row["isFuture"]) for one in described for row in one["partitions"]]


def delete_records(broker, tmp_path, rows):
    file = tmp_path / "offsets.json"
    partitions = [{"topic": topic, "partition": partition, "offset": offset} for topic, partition, offset in rows]
    file.write_text(json.dumps({"partitions": partitions, "version": 1}))
    return tool(broker, TOOLS + "DeleteRecordsCommand", "--offset-json-file", str(file))


def test_records_are_deleted_by_the_tool(broker, tmp_path):
    create(broker, "short")
    create(broker, "compacted", "cleanup.policy=compact")
    produce(broker, "short", 10)
    out = delete_records(broker, tmp_path, [("short", 0, 4)])
    assert "partition: short-0\tlow_watermark: 4" in out
    assert offsets(broker, "short", "earliest") == 4
    out = delete_records(broker, tmp_path, [("short", 0, 11), ("compacted", 0, 0)])
    assert "OffsetOutOfRange" in out and "PolicyViolation" in out
    assert "low_watermark: 10" in delete_records(broker, tmp_path, [("short", 0, -1)])
    assert offsets(broker, "short", "earliest") == 10


def move(broker, tmp_path, folder, *flags):
    file = tmp_path / "move.json"
    partitions = [{"topic": TOPIC, "partition": 0, "replicas": [1], "log_dirs": [folder]}]
    file.write_text(json.dumps({"version": 1, "partitions": partitions}))
    command = TOOLS + "reassign.ReassignPartitionsCommand"
    return tool(broker, command, "--reassignment-json-file", str(file), *flags)


def test_a_partition_moves_while_it_is_written(broker, tmp_path):
    create(broker, TOPIC, "segment.bytes=1048576")
    produce(broker, TOPIC, RECORDS)
    [(begin, future)] = log_dirs(broker, TOPIC)
    assert not future
    target = FIRST if begin == SECOND else SECOND
    flags = ["--topic", TOPIC, "--num-records", str(RECORDS), "--record-size", "100", "--throughput", "20000"]
    properties = [f"bootstrap.servers={broker.bootstrap}", "acks=all"]
    with program.Running("producer", java(TOOLS + "ProducerPerformance", *flags, "--command-property", *properties), tmp_path) as producer:
        assert "Successfully started moving log directory" in move(broker, tmp_path, target, "--execute")
        until("arrival of the partition", lambda: log_dirs(broker, TOPIC) == [(target, False)], 60)
        assert producer.process.wait(60) == 0
    assert "is complete" in move(broker, tmp_path, target, "--verify") or "successfully" in move(broker, tmp_path, target, "--verify")
    assert offsets(broker, TOPIC, "latest") == 2 * RECORDS
    consumer = ["--topic", TOPIC, "--num-records", str(2 * RECORDS), "--timeout", "30000", "--bootstrap-server", broker.bootstrap]
    out = program.run(java(TOOLS + "ConsumerPerformance", *consumer), 90)
    assert f" {2 * RECORDS}," in out
    assert not (Path(begin) / f"{TOPIC}-0").exists() and (Path(target) / f"{TOPIC}-0").exists()
    broker.restart()
    assert log_dirs(broker, TOPIC) == [(target, False)]
    assert offsets(broker, TOPIC, "latest") == 2 * RECORDS


def test_a_move_to_a_folder_that_is_none_is_refused(broker, tmp_path):
    file = tmp_path / "move.json"
    partitions = [{"topic": TOPIC, "partition": 0, "replicas": [1], "log_dirs": ["/no/such/folder"]}]
    file.write_text(json.dumps({"version": 1, "partitions": partitions}))
    command = TOOLS + "reassign.ReassignPartitionsCommand"
    assert "LogDirNotFound" in refused(broker, command, "--reassignment-json-file", str(file), "--execute", "--timeout", "2000")
