"""confluent-kafka's serializers for Avro, JSON Schema and Protobuf, through the registry and the broker; its client of the registry."""

import json

import pytest
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.schema_registry import (
    ConfigCompatibilityLevel,
    Metadata,
    MetadataProperties,
    Schema,
    SchemaReference,
    SchemaRegistryClient,
    SchemaRegistryError,
    ServerConfig,
    dual_schema_id_deserializer,
    header_schema_id_serializer,
    prefix_schema_id_serializer,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory, timestamp_pb2

WAIT_S = 20
ORDERS = [{"id": 1, "customer": {"name": "Iași"}, "items": ["a", "b"]}, {"id": 2**40, "customer": {"name": ""}, "items": []}]

CUSTOMER_AVRO = {"type": "record", "name": "Customer", "namespace": "shop", "fields": [{"name": "name", "type": "string"}]}
ORDER_AVRO = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "customer", "type": "shop.Customer"},
        {"name": "items", "type": {"type": "array", "items": "string"}},
    ],
}
CUSTOMER_JSON = {"$id": "customer.json", "title": "Customer", "type": "object", "properties": {"name": {"type": "string"}}}
ORDER_JSON = {
    "$id": "order.json",
    "title": "Order",
    "type": "object",
    "properties": {"id": {"type": "integer"}, "customer": {"$ref": "customer.json"}, "items": {"type": "array", "items": {"type": "string"}}},
    "required": ["id"],
}


def order_messages():
    """Classes of two files, of which one imports the other and a well-known one."""
    field = descriptor_pb2.FieldDescriptorProto
    customer = descriptor_pb2.FileDescriptorProto(name="shop/customer.proto", package="shop", syntax="proto3")
    customer.message_type.add(name="Customer").field.add(name="name", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    order = descriptor_pb2.FileDescriptorProto(name="shop/order.proto", package="shop", syntax="proto3")
    order.dependency.extend(["shop/customer.proto", "google/protobuf/timestamp.proto"])
    message = order.message_type.add(name="Order")
    message.field.add(name="id", number=1, type=field.TYPE_INT64, label=field.LABEL_OPTIONAL)
    message.field.add(name="customer", number=2, type=field.TYPE_MESSAGE, type_name=".shop.Customer", label=field.LABEL_OPTIONAL)
    message.field.add(name="items", number=3, type=field.TYPE_STRING, label=field.LABEL_REPEATED)
    message.field.add(name="at", number=4, type=field.TYPE_MESSAGE, type_name=".google.protobuf.Timestamp", label=field.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    for file in (timestamp_pb2.DESCRIPTOR.serialized_pb, customer.SerializeToString(), order.SerializeToString()):
        pool.AddSerializedFile(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.Order"))


@pytest.fixture(scope="module")
def registry(http):
    return SchemaRegistryClient({"url": f"http://127.0.0.1:{http.port}"})


def avro(registry, settings):
    registry.register_schema("customers", Schema(json.dumps(CUSTOMER_AVRO), "AVRO"))
    schema = Schema(json.dumps(ORDER_AVRO), "AVRO", [SchemaReference("shop.Customer", "customers", 1)])
    return AvroSerializer(registry, schema, conf=settings), AvroDeserializer(registry), ORDERS


def json_schema(registry, settings):
    registry.register_schema("customers-json", Schema(json.dumps(CUSTOMER_JSON), "JSON"))
    schema = Schema(json.dumps(ORDER_JSON), "JSON", [SchemaReference("customer.json", "customers-json", 1)])
    serializer = JSONSerializer(schema, registry, conf=settings)
    return serializer, JSONDeserializer(None, schema_registry_client=registry), ORDERS


def protobuf(registry, settings):
    kind = order_messages()
    orders = [kind(id=order["id"], customer=order["customer"], items=order["items"]) for order in ORDERS]
    settings = {**settings, "use.deprecated.format": False}
    deserializer = ProtobufDeserializer(kind, {"use.deprecated.format": False}, registry)
    return ProtobufSerializer(kind, registry, conf=settings), deserializer, orders


def plain(order):
    """Messages are of classes of their own."""
    return order if isinstance(order, dict) else json_format.MessageToDict(order)


@pytest.mark.parametrize("how", [prefix_schema_id_serializer, header_schema_id_serializer], ids=["id", "guid"])
@pytest.mark.parametrize("language", [avro, json_schema, protobuf])
def test_records_come_back_as_they_went(http, registry, language, how):
    """By the number before the value, and by the GUID in a header; schemas refer to others."""
    topic = f"{language.__name__}-{how.__name__}"
    serializer, _, orders = language(registry, {"schema.id.serializer": how})
    producer = Producer({"bootstrap.servers": http.bootstrap})
    for order in orders:
        headers = []
        value = serializer(order, SerializationContext(topic, MessageField.VALUE, headers))
        producer.produce(topic, value, headers=headers)
    assert producer.flush(WAIT_S) == 0
    consumer = Consumer({"bootstrap.servers": http.bootstrap, "group.id": topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    records = consumer.consume(len(orders), WAIT_S)
    consumer.close()
    # A client that has seen no schema yet.
    fresh = SchemaRegistryClient({"url": f"http://127.0.0.1:{http.port}"})
    _, deserializer, _ = language(fresh, {})
    found = [deserializer(record.value(), SerializationContext(topic, MessageField.VALUE, record.headers() or [])) for record in records]
    assert [plain(order) for order in found] == [plain(order) for order in orders]
    assert all(bool(record.headers()) == (how is header_schema_id_serializer) for record in records)
    assert registry.get_latest_version(f"{topic}-value").schema.references


def refused(code):
    return pytest.raises(SchemaRegistryError, match=str(code))


def test_the_client_gets_what_it_asks_for(http, registry):
    """Each call of the client, in the life of a subject."""
    one = Schema('{"type":"record","name":"r","fields":[{"name":"a","type":"int"}]}', "AVRO")
    two = Schema('{"type":"record","name":"r","fields":[{"name":"a","type":"int"},{"name":"b","type":["null","int"],"default":null}]}', "AVRO")
    bad = Schema('{"type":"record","name":"r","fields":[{"name":"c","type":"int"}]}', "AVRO")
    first = registry.register_schema_full_response("life", one)
    assert (first.version, first.schema.schema_str) == (1, one.schema_str) and first.guid
    assert registry.get_schema_by_guid(first.guid).schema_str == one.schema_str
    second = registry.register_schema("life", two)
    assert registry.get_versions("life") == [1, 2] and "life" in registry.get_subjects()
    assert registry.lookup_schema("life", two).schema_id == second
    assert registry.get_schema_versions(second)[0].version == 2 and registry.get_subjects_by_schema_id(second) == ["life"]
    assert registry.get_latest_version("life").version == 2 and registry.get_version("life", 1).schema_id == first.schema_id
    assert registry.test_compatibility("life", one) and not registry.test_compatibility("life", bad)
    assert not registry.test_compatibility_all_versions("life", bad)
    with refused(409):
        registry.register_schema("life", bad)
    assert registry.set_config("life", ServerConfig(compatibility=ConfigCompatibilityLevel.NONE))["compatibility"] == "NONE"
    assert registry.get_compatibility("life") == "NONE" == registry.get_config("life").compatibility_level.value
    third = registry.register_schema("life", bad)
    assert third not in (first.schema_id, second)
    assert registry.update_mode("life", "READONLY") == "READONLY" and registry.get_mode("life") == "READONLY"
    with refused(42205):
        registry.register_schema("life", Schema('"int"', "AVRO"))
    assert registry.delete_mode("life") == "READONLY"
    assert registry.get_global_mode() == "READWRITE" and registry.get_contexts() == ["."]
    assert {"AVRO", "JSON", "PROTOBUF"} == set(registry.get_schema_types())
    assert registry.delete_version("life", 3) == 3 and registry.get_versions("life") == [1, 2]
    assert registry.delete_version("life", 3, permanent=True) == 3
    assert registry.delete_subject("life") == [1, 2] and "life" not in registry.get_subjects()
    assert registry.delete_subject("life", permanent=True) == [1, 2]
    with refused(404):
        SchemaRegistryClient({"url": f"http://127.0.0.1:{http.port}"}).get_latest_version("life")


def test_metadata_and_rules_come_back(registry):
    """They are kept and told; a version is found by its metadata."""
    schema = Schema('"string"', "AVRO", metadata=Metadata(tags=None, properties=MetadataProperties({"major": "1"}), sensitive=None))
    registry.register_schema("described", schema)
    found = registry.get_latest_with_metadata("described", {"major": "1"})
    assert found.schema.metadata.properties.properties == {"major": "1"}
