"""CreateTopics, DeleteTopics, CreatePartitions, DescribeTopicPartitions: every error and the good cases."""

import uuid

from scenarios import scenario

MADE_UP = uuid.UUID("11111111-2222-3333-4444-555555555555")


def create(s, *topics, validate=False, version=None, timeout=10_000, note=""):
    return s.call("CreateTopics", {"Topics": list(topics), "TimeoutMs": timeout, "ValidateOnly": validate}, version,
                  note=note)


def new(name, partitions=1, replication=1, configs=(), assignments=()):
    return {
        "Name": name, "NumPartitions": partitions, "ReplicationFactor": replication,
        "Configs": [{"Name": k, "Value": v} for k, v in configs],
        "Assignments": [{"PartitionIndex": p, "BrokerIds": brokers} for p, brokers in assignments],
    }


@scenario("CreateTopics")
def create_topics(s):
    one = s.name("one")
    create(s, new(one), note="good")
    create(s, new(one), note="exists")
    create(s, new(one), validate=True, note="exists, validated only")
    create(s, new(s.name("validated")), validate=True, note="validated only")
    create(s, new(s.name("three"), 3), new(s.name("defaults"), -1, -1), note="two good ones")
    create(s, note="none")
    for name in ("", ".", "..", "a/b", "ä", "x" * 250, "with space", "a\tb", "__cluster_metadata"):
        create(s, new(name), note="bad name")
        create(s, new(name), validate=True, note="bad name, validated only")
    for partitions, replication in ((0, 1), (-2, 1), (-1, 1), (1, 0), (1, -2), (1, -1), (1, 2), (1, 32767), (-5, -5),
                                    (0, 0)):
        create(s, new(s.name(f"n{partitions}r{replication}"), partitions, replication), note="counts")
    create(s, new(s.name("twice")), new(s.name("twice")), note="duplicate")
    create(s, new(s.name("twice")), new(s.name("good")), new(s.name("twice")), new("a b"), note="duplicate among others")
    s.topic("col.lide")
    create(s, new(s.name("col_lide")), note="collides")
    create(s, new(s.name("timeout")), timeout=0, validate=True, note="timeout 0")
    create(s, new(s.name("timeout")), timeout=-1, validate=True, note="timeout -1")


@scenario("CreateTopics")
def create_topics_with_assignments(s):
    cases = {
        "good": (-1, -1, [(0, [1]), (1, [1])]),
        "counts": (1, 1, [(0, [1])]),
        "partitions": (1, -1, [(0, [1])]),
        "replication": (-1, 1, [(0, [1])]),
        "unknown": (-1, -1, [(0, [2])]),
        "negative": (-1, -1, [(0, [-1])]),
        "empty": (-1, -1, [(0, [])]),
        "gap": (-1, -1, [(0, [1]), (2, [1])]),
        "from1": (-1, -1, [(1, [1])]),
        "minus": (-1, -1, [(-1, [1])]),
        "same": (-1, -1, [(0, [1]), (0, [1])]),
        "twice": (-1, -1, [(0, [1, 1])]),
        "uneven": (-1, -1, [(0, [1]), (1, [1, 2])]),
        "order": (-1, -1, [(1, [1]), (0, [1])]),
    }
    for suffix, (partitions, replication, assignments) in cases.items():
        create(s, new(s.name(suffix), partitions, replication, assignments=assignments), note=suffix)


@scenario("CreateTopics")
def create_topics_with_configs(s):
    cases = {
        "good": [("retention.ms", "1000"), ("cleanup.policy", "compact")],
        "list": [("cleanup.policy", "compact,delete")],
        "spaces": [("cleanup.policy", " compact , delete ")],
        "emptylist": [("cleanup.policy", "")],
        "unknownpolicy": [("cleanup.policy", "shred")],
        "unknown": [("no.such.config", "1")],
        "null": [("retention.ms", None)],
        "nonumber": [("retention.ms", "soon")],
        "emptynumber": [("retention.ms", "")],
        "blank": [("retention.ms", " 5 ")],
        "low": [("retention.ms", "-2")],
        "big": [("segment.bytes", "99999999999")],
        "small": [("segment.bytes", "1")],
        "bool": [("preallocate", "maybe")],
        "boolcase": [("preallocate", "TRUE")],
        "type": [("compression.type", "rar")],
        "typecase": [("compression.type", "GZIP")],
        "time": [("message.timestamp.type", "Never")],
        "level": [("compression.gzip.level", "0")],
        "zstd": [("compression.zstd.level", "99")],
        "ratio": [("min.cleanable.dirty.ratio", "1.5")],
        "twice": [("retention.ms", "1"), ("retention.ms", "2")],
        "order": [("min.compaction.lag.ms", "10"), ("max.compaction.lag.ms", "5")],
        "local": [("local.retention.ms", "10"), ("retention.ms", "5")],
        "remote": [("remote.storage.enable", "true")],
        "name": [("", "1")],
        "throttled": [("leader.replication.throttled.replicas", "0:1,1:1")],
        "badthrottled": [("leader.replication.throttled.replicas", "0-1")],
        "isr": [("min.insync.replicas", "0")],
        "isrbig": [("min.insync.replicas", "3")],
        "version": [("message.format.version", "2.0")],
        "index": [("index.interval.bytes", "-1")],
        "unclean": [("unclean.leader.election.enable", "true")],
    }
    for suffix, configs in cases.items():
        create(s, new(s.name(suffix), configs=configs), note=suffix)
    create(s, new(s.name("shown"), configs=[("retention.ms", "77")]), validate=True, note="shown, validated only")


@scenario("DeleteTopics")
def delete_topics(s):
    version = s.version("DeleteTopics")

    def delete(*rows, note=""):
        s.call("DeleteTopics", {
            "Topics": [{"Name": n, "TopicId": i} for n, i in rows],
            "TopicNames": [n or "" for n, _ in rows], "TimeoutMs": 10_000}, note=note)
    none = uuid.UUID(int=0)
    a, b, c = s.topic("a"), s.topic("b", 3), s.topic("c")
    delete((a, none), note="good")
    s.gone(a)
    delete((a, none), note="gone")
    delete((s.name("never"), none), note="unknown")
    delete(note="none")
    for name in ("", "a b", "x" * 250):
        delete((name, none), note="bad name")
    delete((b, none), (b, none), note="duplicate")
    delete((s.name("never"), none), (c, none), note="one of two")
    s.gone(c)
    if version >= 6:
        d, e = s.topic("d"), s.topic("e")
        delete((None, s.id(d)), note="by id")
        s.gone(d)
        delete((None, s.id(d)), note="by id, gone")
        delete((None, MADE_UP), note="by unknown id")
        delete((None, none), note="by no id")
        delete((e, s.id(e)), note="by both")
        delete((e, none), (None, s.id(e)), note="by name and by id")
        delete((None, s.id(e)), (None, s.id(e)), note="id twice")
        delete((None, none), (e, none), note="neither, and one good")


@scenario("CreatePartitions")
def create_partitions(s):
    def grow(name, count, assignments=None, validate=False, note=""):
        rows = None if assignments is None else [{"BrokerIds": a} for a in assignments]
        s.call("CreatePartitions", {"Topics": [{"Name": name, "Count": count, "Assignments": rows}],
                                    "TimeoutMs": 10_000, "ValidateOnly": validate}, note=note)
    a = s.topic("a")
    grow(a, 2, validate=True, note="validated only")
    grow(a, 2, note="good")
    s.settle(a, 2)
    grow(a, 2, note="same")
    grow(a, 1, note="fewer")
    for count in (0, -1, -2147483648):
        grow(a, count, note="no count")
    for count in (10_001, 10_002, 10_003, 10_000_000, 2147483647):
        grow(a, count, validate=True, note="far too many")
    grow(s.name("never"), 2, note="unknown")
    grow("", 2, note="empty name")
    grow("a b", 2, note="bad name")
    grow(a, 4, [[1], [1]], note="assigned")
    s.settle(a, 4)
    grow(a, 5, [], note="no assignments")
    grow(a, 5, [[1], [1]], note="too many")
    grow(a, 6, [[1]], note="too few")
    grow(a, 5, [[2]], note="unknown broker")
    grow(a, 5, [[]], note="empty")
    grow(a, 5, [[1, 1]], note="broker twice")
    grow(a, 5, [[1, 2]], note="other replication")
    s.call("CreatePartitions", {"Topics": [], "TimeoutMs": 10_000}, note="none")
    s.call("CreatePartitions", {"Topics": [{"Name": a, "Count": 9, "Assignments": None}] * 2, "TimeoutMs": 10_000},
           note="duplicate")
    s.call("CreatePartitions", {"Topics": [{"Name": a, "Count": 10, "Assignments": None},
                                           {"Name": s.name("never"), "Count": 2, "Assignments": None}],
                                "TimeoutMs": 10_000}, note="one good")
    s.barrier()
    s.call("Metadata", {"Topics": [{"Name": a}], "AllowAutoTopicCreation": False}, note="after")


@scenario("DescribeTopicPartitions", once=True)
def describe_topic_partitions(s):
    a, b = s.topic("a", 3), s.topic("b", 2)

    def ask(names, limit=2000, cursor=None, note=""):
        cursor = cursor and {"TopicName": cursor[0], "PartitionIndex": cursor[1]}
        return s.every("DescribeTopicPartitions", {
            "Topics": [{"Name": n} for n in names], "ResponsePartitionLimit": limit, "Cursor": cursor}, note=note)
    ask([a, b], note="good")
    ask([a, b], cursor=(a, 2147483647), note="behind the last of all")
    ask([a, b], limit=0, cursor=(b, 2147483647), note="behind the last of all, one")
    ask([b, a], note="other order")
    ask([a, a], note="twice")
    ask([a, s.name("never")], note="unknown")
    for name in ("", "a b", "x" * 250):
        ask([name], note="bad name")
        ask([name, a], note="bad name and good")
    for limit in (0, -1, 1, 2, 3, 4, 5, 6):
        ask([a, b], limit, note="limit")
    for cursor in ((a, 0), (a, 1), (a, 2), (a, 3), (a, 99), (b, 0), (b, 1), (b, 2), (s.name("a0"), 0), (s.name("z"), 0),
                   ("", 0)):
        ask([a, b], 2, cursor, note="cursor")
    ask([a, b], 2, (a, -1), note="cursor -1")
    ask([a], 2, (b, 0), note="cursor elsewhere")
