"""The schema registry: what it answers, and the records that it leaves in its topic."""

import json

from confluent_kafka import Consumer, TopicPartition

WAIT_S = 20
READ = '{"type":"record","name":"r","fields":[{"name":"a","type":"int"}]}'
MORE = '{"type":"record","name":"r","fields":[{"name":"a","type":"int"},{"name":"b","type":"int"}]}'
KINDS = [
    ("avro", {"schema": READ}),
    ("json", {"schemaType": "JSON", "schema": '{"type":"object"}'}),
    ("proto", {"schemaType": "PROTOBUF", "schema": 'syntax = "proto3"; message M { int32 a = 1; }'}),
]


def post(http, path, body, content_type="application/vnd.schemaregistry.v1+json"):
    status, _, text = http.ask(path, json.dumps(body).encode(), Content_Type=content_type)
    return status, json.loads(text)


def test_schemas_are_kept_in_the_topic(http):
    for number, (name, schema) in enumerate(KINDS, 1):
        assert post(http, f"/subjects/{name}/versions", schema) == (200, {"id": number})
        status, kind, text = http.get(f"/schemas/ids/{number}")
        assert (status, kind) == (200, "application/vnd.schemaregistry.v1+json")
        assert json.loads(text)["schema"] == schema["schema"]
    assert json.loads(http.get("/subjects")[2]) == ["avro", "json", "proto"]
    status, refused = post(http, "/subjects/avro/versions", {"schema": MORE})
    assert (status, refused["error_code"]) == (409, 409)
    assert post(http, "/subjects/avro/versions", {"schema": READ}, "text/plain")[0] == 415

    consumer = Consumer({"bootstrap.servers": http.bootstrap, "group.id": "g"})
    consumer.assign([TopicPartition("_schemas", 0, 0)])
    for number, (name, schema) in enumerate(KINDS, 1):
        record = consumer.poll(WAIT_S)
        assert record.key() == b'{"keytype":"SCHEMA","subject":"%s","version":1,"magic":1}' % name.encode()
        kept = {"subject": name, "version": 1, "id": number, **schema, "deleted": False}
        assert json.loads(record.value()) == kept
    consumer.close()
