"""Dead letters, share groups and the log cleaner in the console, compared with what consumers, Kafka's settings and the log say."""

import time
import urllib.parse

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from console.queue import GROUP, LETTERS, SETTINGS, TASKS, fill
from harness import http as listener
from harness.deadline import until

COMPACTED = "compacted"
WAIT_S = 20


@pytest.fixture(scope="module")
def http(tmp_path_factory):
    started = listener.started(tmp_path_factory.mktemp("letters"), SETTINGS)
    yield started
    started.broker.close()


@pytest.fixture(scope="module")
def queue(http):
    """A group that has given up two of three tasks, and holds a fourth."""
    worker = fill(http.bootstrap, AdminClient({"bootstrap.servers": http.bootstrap}))
    yield http
    worker.close()


def read(http, topic, count):
    consumer = Consumer({"bootstrap.servers": http.bootstrap, "group.id": f"readers-{time.time()}", "isolation.level": "read_committed"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    records = consumer.consume(count, WAIT_S)
    consumer.close()
    return records


def asked(http, path, change=None):
    status, answer = http.console(path, change)
    assert status == 200, (path, answer)
    return answer


def test_dead_letters_are_what_a_consumer_reads(queue):
    records = until("the dead letters", lambda: (found := read(queue, LETTERS, 2)) and len(found) == 2 and found, WAIT_S)
    assert asked(queue, "letters") == {"topics": [{"name": LETTERS, "partitions": 1, "held": 2}]}
    found = asked(queue, f"letters/of?topic={LETTERS}&from=earliest")
    assert [letter["value"]["text"] for letter in found["records"]] == [record.value().decode() for record in records]
    for letter, record in zip(found["records"], records, strict=True):
        said = {name.removeprefix("__dlq.errors."): value.decode() for name, value in record.headers()}
        told = letter["letter"]
        assert {**told, "partition": str(told["partition"]), "offset": str(told["offset"])} == {
            "topic": said["topic"], "partition": said["partition"], "offset": said["offset"], "group": said["group"],
            "deliveries": said["delivery.count"], "message": said["message"],
        }  # fmt: skip
        assert letter["back"] is False
    assert asked(queue, f"letters/of?topic={LETTERS}&from=earliest&group=others")["records"] == []


def test_a_share_group_tells_who_holds_what(queue):
    group = asked(queue, f"group?id={GROUP}")
    assert group.get("deadLetters") == LETTERS, group
    (partition,) = group["inFlight"]
    (run,) = [run for run in partition["runs"] if run["state"] == "Acquired"]
    assert (run["first"], run["last"], run["deliveries"]) == (3, 3, 1) and run["endsIn"] > 0
    metrics = queue.get("/metrics")[2]
    assert f'barnabas_share_records{{group="{GROUP}",topic="{TASKS}",partition="0",state="acquired"}} 1\n' in metrics
    assert f'barnabas_share_backlog{{group="{GROUP}",topic="{TASKS}",partition="0"}} ' in metrics
    (member,) = group["members"]
    assert (member["id"], member["client"]) == (run["member"], "one")


def test_a_redrive_is_shown_before_it_is_done_and_done_once(queue):
    what = {"topic": LETTERS, "groups": [GROUP], "most": 1}
    one = [{"group": GROUP, "from": TASKS, "to": TASKS, "count": 1}]
    for _ in range(2):
        assert asked(queue, "letters/redrive", what) == {"applied": False, "back": one, "gone": 0, "left": 0}
    assert asked(queue, "letters/redrive", {**what, "apply": True})["back"] == one
    found = asked(queue, f"letters/of?topic={LETTERS}&from=earliest")
    assert [letter["back"] for letter in found["records"]] == [True, False]
    assert asked(queue, "letters/redrive", {**what, "most": 10, "apply": True})["back"] == one
    assert asked(queue, "letters/redrive", {**what, "most": 10, "apply": True})["back"] == []
    records = read(queue, TASKS, 6)
    assert [record.value() for record in records[4:]] == [b"rejected", b"never"]
    assert {tuple(record.headers()) for record in records[4:]} == {(("from", b"here"),)}
    for refused in ({"topic": "nothing"}, {"topic": LETTERS, "to": "nothing"}):
        status, answer = queue.console("letters/redrive", refused)
        assert (status, answer["error"]["name"]) == (404, "UnknownTopicOrPartitionException")


def test_a_condition_chooses_records(queue):
    for where, values in (("\"from\" = 'here' AND key LIKE 'k%'", {"done", "rejected", "never"}), ("key IS NULL", {"held"})):
        found = asked(queue, f"messages?topic={TASKS}&from=earliest&where={urllib.parse.quote(where)}")
        assert {record["value"]["text"] for record in found["records"]} == values
    status, refused = queue.console(f"messages?topic={TASKS}&where=key+LIKE")
    assert status == 400 and "character" in refused["error"]["message"]


def test_the_cleaner_tells_what_it_has_done(http):
    admin = AdminClient({"bootstrap.servers": http.bootstrap})
    config = {"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01", "segment.bytes": "1048576"}
    admin.create_topics([NewTopic(COMPACTED, 1, 1, config=config)])[COMPACTED].result(WAIT_S)
    producer = Producer({"bootstrap.servers": http.bootstrap})

    def cleaned():
        for number in range(10):
            producer.produce(COMPACTED, str(number), key="same")
        assert producer.flush(WAIT_S) == 0
        found = asked(http, "cleaner")
        log = next(log for log in found["logs"] if log["topic"] == COMPACTED)
        return log["last"] and log["last"]["writtenRecords"] < log["last"]["readRecords"] and (found, log)

    found, log = until("a cleaning", cleaned, WAIT_S)
    assert found["node"] == 1 and found["enabled"] and found["threads"] == 1
    assert 0 < log["cleanTo"] <= log["end"] and log["state"] in ("clean", "due", "in progress")
    metrics = http.get("/metrics")[2]
    assert 'kafka_log_logcleanermanager_uncleanable_partitions_count{logdirectory="' in metrics
    assert "kafka_log_logcleaner_max_clean_time_secs" in metrics
    folders = asked(http, "dirs")["brokers"]
    said = admin.describe_cluster().result(WAIT_S)
    assert [broker["id"] for broker in folders] == [node.id for node in said.nodes]
    assert folders[0]["moves"] == [] and folders[0]["dirs"][0]["error"] is None
