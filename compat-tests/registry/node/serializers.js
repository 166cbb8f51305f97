// serializers.js URL: Confluent's client for Node and that of kafkajs write and read each other's Avro and JSON.
const assert = require("node:assert");
const confluent = require("@confluentinc/schemaregistry");
const { SchemaRegistry, SchemaType } = require("@kafkajs/confluent-schema-registry");

const url = process.argv[2];
const ORDER = { id: 7, customer: { name: "Iași" }, items: ["a"] };
const AVRO = JSON.stringify({
  type: "record", name: "Order", namespace: "shop",
  fields: [{ name: "id", type: "int" }, { name: "customer", type: { type: "record", name: "Customer", fields: [{ name: "name", type: "string" }] } },
    { name: "items", type: { type: "array", items: "string" } }],
});
const JSON_SCHEMA = JSON.stringify({ title: "Order", type: "object", properties: { id: { type: "integer" }, items: { type: "array" } }, required: ["id"] });

const main = async () => {
  const client = confluent.SchemaRegistryClient.newClient({ baseURLs: [url], cacheCapacity: 100 });
  const kafkajs = new SchemaRegistry({ host: url });

  // Confluent's: register, serialize with what is registered, read again; by GUID in a header too.
  for (const [name, schemaType, schema, Serializer, Deserializer] of [
    ["avro", "AVRO", AVRO, confluent.AvroSerializer, confluent.AvroDeserializer],
    ["json", "JSON", JSON_SCHEMA, confluent.JsonSerializer, confluent.JsonDeserializer],
  ]) {
    const topic = `node-${name}`;
    const id = await client.register(`${topic}-value`, { schemaType, schema });
    assert.equal(await client.getId(`${topic}-value`, { schemaType, schema }), id);
    const latest = await client.getLatestSchemaMetadata(`${topic}-value`);
    assert.equal(latest.id, id);
    assert.ok(latest.guid);
    assert.equal((await client.getByGuid(latest.guid)).schema, schema);
    const serializer = new Serializer(client, confluent.SerdeType.VALUE, { useLatestVersion: true });
    const bytes = await serializer.serialize(topic, ORDER);
    const deserializer = new Deserializer(confluent.SchemaRegistryClient.newClient({ baseURLs: [url] }), confluent.SerdeType.VALUE, {});
    const plain = (value) => JSON.parse(JSON.stringify(value));
    assert.deepEqual(plain(await deserializer.deserialize(topic, bytes)), ORDER);
    assert.deepEqual(plain(await kafkajs.decode(bytes)), ORDER);
    assert.deepEqual(await client.getAllVersions(`${topic}-value`), [1]);
    assert.equal(await client.testSubjectCompatibility(`${topic}-value`, { schemaType, schema }), true);
    assert.equal(await client.getCompatibility(`${topic}-value`).catch((error) => error.errorCode), 40408);
    assert.equal(await client.updateCompatibility(`${topic}-value`, confluent.Compatibility.FULL), "FULL");
    assert.equal(await client.getDefaultCompatibility(), "BACKWARD");
  }

  // kafkajs': the same, of its own.
  const { id } = await kafkajs.register({ type: SchemaType.AVRO, schema: AVRO }, { subject: "kafkajs-value" });
  assert.equal(await kafkajs.getLatestSchemaId("kafkajs-value"), id);
  assert.equal(await kafkajs.getRegistryId("kafkajs-value", 1), id);
  const encoded = await kafkajs.encode(id, ORDER);
  assert.deepEqual(JSON.parse(JSON.stringify(await new SchemaRegistry({ host: url }).decode(encoded))), ORDER);
  const proto = 'syntax = "proto3"; package shop; message Order { int32 id = 1; repeated string items = 2; }';
  const { id: protoId } = await kafkajs.register({ type: SchemaType.PROTOBUF, schema: proto }, { subject: "kafkajs-proto-value" });
  assert.equal((await kafkajs.decode(await kafkajs.encode(protoId, { id: 3, items: ["x"] }))).id, 3);
  const { id: jsonId } = await kafkajs.register({ type: SchemaType.JSON, schema: JSON_SCHEMA }, { subject: "kafkajs-json-value" });
  assert.equal((await kafkajs.decode(await kafkajs.encode(jsonId, { id: 4 }))).id, 4);
  await client.deleteSubject("kafkajs-value");
  await client.deleteSubject("kafkajs-value", true);
  assert.ok(!(await client.getAllSubjects()).includes("kafkajs-value"));
};

main().then(() => console.log("ok"), (error) => { console.error(error); process.exit(1); });
