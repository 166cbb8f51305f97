"""What the console is told, compared with what Admin clients and consumers say; whom it is not told."""

import json

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

from harness import http as listener

TOPIC = "shown"
HOSTILE = b'<script>document.title="owned"</script>'
VALUES = (HOSTILE, b"\xff\x00", b'{"a": {"b": 1}}', None)
WAIT_S = 20


@pytest.fixture(scope="module")
def http(tmp_path_factory):
    started = listener.started(tmp_path_factory.mktemp("console"))
    yield started
    started.broker.close()


@pytest.fixture(scope="module")
def admin(http):
    return AdminClient({"bootstrap.servers": http.bootstrap})


@pytest.fixture(scope="module")
def shown(http, admin):
    """A topic with records, of which a group has read one."""
    settings = {"bootstrap.servers": http.bootstrap}
    admin.create_topics([NewTopic(TOPIC, 2, 1, config={"retention.ms": "3600000"})])[TOPIC].result(WAIT_S)
    producer = Producer({**settings, "compression.type": "zstd"})
    for at, value in enumerate(VALUES):
        producer.produce(TOPIC, value, key=f"k{at}", partition=1, headers=[("h", b"v")], timestamp=1000 + at)
    assert producer.flush(WAIT_S) == 0
    consumer = Consumer({**settings, "group.id": "lookers", "enable.auto.commit": False})
    consumer.commit(offsets=[TopicPartition(TOPIC, 1, 1)], asynchronous=False)
    consumer.close()
    return http


def test_topics_are_those_of_admin(shown, admin):
    known = admin.list_topics(timeout=WAIT_S).topics
    status, found = shown.console("topics")
    assert status == 200
    assert {row[0]: row[1] for row in found["topics"]} == {name: len(one.partitions) for name, one in known.items()}
    status, found = shown.console(f"topic?name={TOPIC}")
    assert [(at["start"], at["end"], at["leader"]) for at in found["partitions"]] == [(0, 0, 1), (0, 4, 1)]
    assert found["partitions"][1]["bytes"] > 0
    resource = ConfigResource(ConfigResource.Type.TOPIC, TOPIC)
    said = admin.describe_configs([resource])[resource].result(WAIT_S)
    told = {one["name"]: one for one in found["configs"]}
    assert {name: entry["value"] for name, entry in told.items()} == {name: entry.value for name, entry in said.items()}
    retention = told["retention.ms"]
    assert retention["source"] == "DYNAMIC_TOPIC_CONFIG" and "default: 604800000" in retention["about"]
    status, refused = shown.console("topic?name=nothing")
    assert status == 404 and refused["error"]["name"] == "UnknownTopicOrPartitionException"


def registered(http, subject, schema, kind):
    body = json.dumps({"schema": schema, "schemaType": kind}).encode()
    status, _, text = http.ask(f"/subjects/{subject}/versions", body, Content_Type="application/json")
    assert status == 200, text
    return json.loads(text)["id"].to_bytes(4, "big")


def test_records_are_decoded_by_their_schemas(http):
    """In the form of Confluent's serializers; what does not fit says why."""
    avro = registered(http, "a", '{"type":"record","name":"r","fields":[{"name":"n","type":"long"},{"name":"s","type":["null","string"]}]}', "AVRO")
    proto = registered(http, "p", 'syntax = "proto3"; message M { int32 n = 1; repeated string s = 2; }', "PROTOBUF")
    plain = registered(http, "j", '{"type":"object"}', "JSON")
    unknown = (99).to_bytes(4, "big")
    values = [
        (b"\0" + avro + b"\x54\x02\x06abc", {"type": "AVRO", "text": '{"n":42,"s":"abc"}', "cut": False}),
        (b"\0" + proto + b"\0\x08\x07\x12\x01x\x12\x01y", {"type": "PROTOBUF", "text": '{"n":7,"s":["x","y"]}', "cut": False}),
        (b"\0" + plain + b'{"a": 1}', {"type": "JSON", "text": '{"a": 1}', "cut": False}),
        (b"\0" + avro + b"\x54\x02\x7f", {"error": "a length is negative"}),
        (b"\0" + unknown + b"x", {"error": "there is no schema 99"}),
        (b"plain", None),
    ]
    producer = Producer({"bootstrap.servers": http.bootstrap})
    for value, _ in values:
        producer.produce("decoded", value, key=values[0][0])
    assert producer.flush(WAIT_S) == 0
    records = http.console("messages?topic=decoded&from=earliest")[1]["records"]
    assert [record["value"].get("decoded") for record in records] == [decoded for _, decoded in values]
    assert {record["key"]["decoded"]["text"] for record in records} == {'{"n":42,"s":"abc"}'}


def test_records_are_shown_as_what_they_are(shown):
    status, found = shown.console(f"messages?topic={TOPIC}&partition=1&from=earliest")
    assert status == 200 and found["bounds"] == [[1, 0, 4]] and found["complete"]
    assert [record["value"] for record in found["records"]] == [
        {"text": HOSTILE.decode(), "bytes": len(HOSTILE)},
        {"hex": "ff00", "bytes": 2},
        {"text": '{"a": {"b": 1}}', "bytes": 15},
        None,
    ]
    assert found["records"][0]["headers"] == [["h", {"text": "v", "bytes": 1}]]
    for query, offsets in (
        ("from=last&count=1", [3]),
        ("from=offset&at=2", [2, 3]),
        ("from=timestamp&at=1001", [1, 2, 3]),
        ("from=earliest&key=k2", [2]),
        ("from=earliest&field=a.b=1", [2]),
        ("from=earliest&value=script", [0]),
        ("from=earliest&header=h=x", []),
    ):
        status, found = shown.console(f"messages?topic={TOPIC}&{query}")
        assert (status, [record["offset"] for record in found["records"]]) == (200, offsets), query
    status, first = shown.console(f"messages?topic={TOPIC}&from=earliest&count=3")
    status, rest = shown.console(f"messages?topic={TOPIC}&from=earliest&next={first['next']}")
    assert [record["offset"] for record in rest["records"]] == [3]
    assert shown.console(f"messages?topic={TOPIC}&partition=9")[0] == 404
    assert shown.console(f"messages?topic={TOPIC}&from=offset&at=x")[0] == 400


def test_groups_have_their_lag(shown, admin):
    status, found = shown.console("groups")
    said = admin.list_consumer_groups().result(WAIT_S)
    assert [group["id"] for group in found["groups"]] == sorted(group.group_id for group in said.valid)
    status, group = shown.console("group?id=lookers")
    assert [(at["partition"], at["committed"], at["lag"]) for at in group["offsets"]] == [(1, 1, 3)]
    status, overview = shown.console("overview")
    assert status == 200 and overview["problems"] == [] and [node["id"] for node in overview["nodes"]] == [1]


def test_what_is_changed_is_what_admin_finds(shown, admin):
    def done(path, change):
        status, answer = shown.console(path, change)
        assert status == 200, (path, answer)
        return answer

    def ends():
        return {at["partition"]: (at["start"], at["end"]) for at in shown.console("topic?name=made")[1]["partitions"]}

    done("topics/create", {"name": "made", "partitions": 1, "configs": {"retention.ms": "1000000"}})
    status, refused = shown.console("topics/create", {"name": "made"})
    assert refused["error"]["name"] == "TopicExistsException"
    done("topics/grow", {"name": "made", "partitions": 2})
    done("configs/alter", {"kind": "topic", "name": "made", "set": {"segment.ms": "5000"}, "delete": ["retention.ms"]})
    resource = ConfigResource(ConfigResource.Type.TOPIC, "made")
    said = admin.describe_configs([resource])[resource].result(WAIT_S)
    assert (said["segment.ms"].value, said["retention.ms"].value) == ("5000", "604800000")
    record = {"topic": "made", "partition": 0, "key": {"hex": "00ff"}, "value": "text", "headers": [["h", None]]}
    assert done("produce", {**record, "count": 3})["written"] == [{"offset": 0, "records": 3}]
    consumer = Consumer({"bootstrap.servers": shown.bootstrap, "group.id": "readers", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition("made", 0, 0)])
    read = consumer.consume(3, WAIT_S)
    assert [(one.key(), one.value(), one.headers()) for one in read] == [(b"\0\xff", b"text", [("h", None)])] * 3
    consumer.commit(offsets=[TopicPartition("made", 0, 3)], asynchronous=False)
    consumer.close()
    assert ends() == {0: (0, 3), 1: (0, 0)}
    reset = {"id": "readers", "to": "shift", "at": -2}
    for apply in (False, True):
        preview = done("groups/reset", {**reset, "apply": apply})
        assert preview["offsets"] == [{"topic": "made", "partition": 0, "now": 3, "new": 1, "lag": 2}]
    assert shown.console("group?id=readers")[1]["offsets"][0]["committed"] == 1
    assert done("topics/empty", {"name": "made", "partition": 0, "before": 2})["starts"] == [[0, 2]]
    assert ends()[0] == (2, 3)
    done("groups/delete", {"id": "readers"})
    done("topics/delete", {"name": "made"})
    assert "made" not in admin.list_topics(timeout=WAIT_S).topics
    assert shown.console("topics/delete", {"name": "made"})[0] == 404


def test_transactions_are_shown_and_aborted(shown):
    producer = Producer({"bootstrap.servers": shown.bootstrap, "transactional.id": "payments"})
    producer.init_transactions(WAIT_S)
    producer.begin_transaction()
    producer.produce(TOPIC, b"never", partition=0)
    assert producer.flush(WAIT_S) == 0
    found = shown.console("transactions")[1]
    (one,) = found["transactions"]
    assert (one["id"], one["state"], one["partitions"]) == ("payments", "Ongoing", [[TOPIC, 0]])
    (open_one,) = found["open"]
    assert (open_one["start"], open_one["coordinated"], open_one["hangs"]) == (0, True, False)
    assert shown.console("transactions/fence", {"id": "payments"})[0] == 200
    assert shown.console("transactions")[1]["open"] == []
    committed = shown.console(f"messages?topic={TOPIC}&partition=0&from=earliest&isolation=read_committed")[1]
    assert committed["records"] == [] and committed["complete"]
    apis = {api["api"]: api["count"] for api in shown.console("clients")[1]["apis"]}
    assert apis["Produce"] >= 2 and apis["InitProducerId"] >= 2
    assert shown.console("plots")[1]["step"] == 15000


def test_pages_of_other_sites_are_told_nothing(shown):
    evil = "http://evil.example"
    assert shown.console("topics", Host="evil.example:80")[0] == 403
    assert shown.console("topics", Origin=evil)[0] == 403
    assert shown.console("topics", Sec_Fetch_Site="cross-site")[0] == 403
    change = {"name": "never"}
    for headers in ({"Origin": evil}, {"Sec_Fetch_Site": "cross-site"}, {"Host": "evil.example"}):
        assert shown.console("topics/create", change, **headers)[0] == 403, headers
    assert shown.ask("/console/api/topics/create", b"{\"name\": \"never\"}")[0] == 403
    assert "never" not in [row[0] for row in shown.console("topics")[1]["topics"]]
    assert shown.console("produce", {"topic": TOPIC, "value": "x" * (3 << 20)})[0] == 413
    status, kind, page = shown.get("/console/topic?name=shown")
    assert status == 200 and kind.startswith("text/html") and "/console/assets/app.js" in page
    assert shown.get("/console", Host="evil.example:80")[0] == 403
    assert shown.get("/console/assets/../../Cargo.toml")[0] == 404
