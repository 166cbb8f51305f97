// The scenario with kafkajs. Usage: kafkajs.js BOOTSTRAP before|after
'use strict';

const { ConfigResourceTypes, Kafka, logLevel, Partitioners } = require('kafkajs');
const types = require('./codecs');
const { FIRST_TIMESTAMP, PARTITIONS, STEP_MS } = require('./workload');
const { batches, check, checkSeen, count, expected, fails, half, main, wanted, within } = require('./workload');

const topic = 'kafkajs-scenario';
const groupId = 'kafkajs-group';
const CODECS = Object.keys(types);
const EXPECTED = expected(CODECS);

const connect = (bootstrap) => new Kafka({ brokers: [bootstrap], clientId: 'compat', logLevel: logLevel.ERROR });

// kafkajs takes and gives headers as an object, an array for a key that is there twice.
function headersOf(record) {
  const headers = {};
  for (const [key, value] of record.headers) headers[key] = key in headers ? [headers[key], value].flat() : value;
  return headers;
}

function fromWire(partition, message) {
  const headers = Object.entries(message.headers ?? {}).flatMap(([key, value]) => [value].flat().map((one) => [key, one]));
  return { partition, timestamp: Number(message.timestamp), key: message.key, value: message.value, headers };
}

async function produce(kafka, { codec, records }, idempotent) {
  const producer = kafka.producer({ idempotent, createPartitioner: Partitioners.DefaultPartitioner, allowAutoTopicCreation: false });
  await producer.connect();
  const messages = records.map((record) => ({
    ...record,
    timestamp: String(record.timestamp),
    headers: headersOf(record),
  }));
  const placed = await producer.send({ topic, messages, compression: types[codec], acks: -1 });
  await producer.disconnect();
  console.log('ok produced with', codec);
  return placed.map(({ partition, baseOffset }) => [partition, Number(baseOffset)]);
}

// Reads until as many records were seen as are wanted; start(consumer) may seek.
async function read(kafka, what, wantedCount, start = () => {}, id = groupId) {
  const consumer = kafka.consumer({ groupId: id, sessionTimeout: 6000, heartbeatInterval: 500, maxWaitTimeInMs: 200 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const seen = {};
  let left = wantedCount;
  const all = new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    consumer
      .run({
        autoCommit: false,
        eachMessage: async ({ partition, message }) => {
          if (left === 0) return;
          seen[partition] ??= {};
          if (message.offset in seen[partition]) reject(new Error(`WRONG ${what}: ${partition}/${message.offset} twice`));
          seen[partition][message.offset] = fromWire(partition, message);
          left -= 1;
          if (left === 0) resolve();
        },
      })
      .catch(reject);
    start(consumer);
  });
  await within(what, all).catch((error) => {
    error.message += `, ${left} records missing`;
    throw error;
  });
  return { seen, consumer };
}

async function before(bootstrap) {
  const kafka = connect(bootstrap);
  const admin = kafka.admin();
  await admin.connect();
  const topics = [{ topic, numPartitions: PARTITIONS, configEntries: [{ name: 'retention.ms', value: '-1' }] }];
  check('create topic', await admin.createTopics({ topics, waitForLeaders: true }), true);
  check('create an existing topic', await admin.createTopics({ topics }), false);

  for (const [index, batch] of batches(CODECS).entries()) await produce(kafka, batch, index % 2 === 1);
  const want = wanted(EXPECTED, false);
  const { seen, consumer } = await read(kafka, 'read by group', count(want));
  checkSeen('read by group', seen, want);
  const offsets = EXPECTED.map((records, partition) => ({ topic, partition, offset: String(half(records)), metadata: 'half' }));
  await consumer.commitOffsets(offsets);
  const { groups } = await admin.describeGroups([groupId]);
  check('group', [groups[0].state, groups[0].members.length, groups[0].protocol], ['Stable', 1, 'RoundRobinAssigner']);
  await consumer.disconnect();
  await admin.disconnect();
}

async function after(bootstrap) {
  const kafka = connect(bootstrap);
  const admin = kafka.admin();
  await admin.connect();
  const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [topic] });
  const kept = partitions.map(({ partition, offset, metadata }) => [partition, offset, metadata]).sort();
  check('committed', kept, EXPECTED.map((records, partition) => [partition, String(half(records)), 'half']));

  const late = { partition: 0, timestamp: FIRST_TIMESTAMP + 1e6, key: Buffer.from('late'), value: Buffer.from('after'), headers: [] };
  const end = EXPECTED[0].length;
  check('offset after the restart', await produce(kafka, { codec: 'zstd', records: [late] }, true), [[0, end]]);
  const want = wanted(EXPECTED, true);
  want[0][end] = late;
  const resumed = await read(kafka, 'resume from the commit', count(want));
  checkSeen('resume from the commit', resumed.seen, want);
  await resumed.consumer.disconnect();

  const time = EXPECTED[2][2].timestamp - STEP_MS / 2;
  const found = await admin.fetchTopicOffsetsByTimestamp(topic, time);
  check('offsets by time', found.sort((a, b) => a.partition - b.partition).map(({ offset }) => offset), ['3', '3', '2']);
  const ends = await admin.fetchTopicOffsets(topic);
  check('low and high', ends.filter((p) => p.partition === 0).map(({ low, high }) => [low, high]), [['0', String(end + 1)]]);
  const seekTo = (partition, offset) => (consumer) => {
    for (const other of EXPECTED.keys()) consumer.seek({ topic, partition: other, offset: String(other === 0 ? end + 1 : EXPECTED[other].length) });
    consumer.seek({ topic, partition, offset });
  };
  const sought = await read(kafka, 'seek to an offset', 1, seekTo(0, String(end)), 'kafkajs-seek');
  checkSeen('seek to an offset', sought.seen, { 0: { [end]: late } });
  await sought.consumer.disconnect();
  const back = await read(kafka, 'seek to a timestamp', EXPECTED[2].length - 2, seekTo(2, '2'), 'kafkajs-seek');
  check('seek to a timestamp', back.seen[2][2], EXPECTED[2][2]);
  await back.consumer.disconnect();

  await administer(kafka, admin, bootstrap);
  await admin.disconnect();
}

const isType = (type) => (error) => [error.type, error.cause?.type, error.errors?.[0]?.type].includes(type);

async function administer(kafka, admin, bootstrap) {
  check('list topics', (await admin.listTopics()).includes(topic), true);
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  check('partitions', topics[0].partitions.length, PARTITIONS);
  const cluster = await admin.describeCluster();
  check('brokers', cluster.brokers.map(({ host, port }) => `${host}:${port}`), [bootstrap]);
  check('controller', cluster.controller, cluster.brokers[0].nodeId);

  const resource = { type: ConfigResourceTypes.TOPIC, name: topic };
  const configEntries = [{ name: 'max.message.bytes', value: '2000' }];
  await admin.alterConfigs({ validateOnly: false, resources: [{ ...resource, configEntries }] });
  const { resources } = await admin.describeConfigs({ resources: [{ ...resource, configNames: ['max.message.bytes', 'retention.ms'] }] });
  const values = Object.fromEntries(resources[0].configEntries.map(({ configName, configValue }) => [configName, configValue]));
  check('configs', values, { 'max.message.bytes': '2000', 'retention.ms': '604800000' });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const large = { topic, messages: [{ partition: 0, value: 'z'.repeat(5000) }] };
  await fails('a record too large', () => producer.send(large), isType('MESSAGE_TOO_LARGE'));
  const nowhere = { topic: 'a/b', messages: [{ partition: 0, value: 'z' }] };
  await fails('a bad topic', () => producer.send(nowhere), isType('INVALID_TOPIC_EXCEPTION'));
  await producer.disconnect();

  await admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] });
  const fewer = { topicPartitions: [{ topic, count: 2 }] };
  await fails('fewer partitions', () => admin.createPartitions(fewer), isType('INVALID_PARTITIONS'));
  check('list groups', (await admin.listGroups()).groups.some((group) => group.groupId === groupId), true);
  await admin.deleteGroups([groupId, 'kafkajs-seek']);
  await fails('delete a group that is gone', () => admin.deleteGroups([groupId]), (error) => error.groups[0].error.type === 'GROUP_ID_NOT_FOUND');
  await admin.deleteTopics({ topics: [topic] });
  await fails('delete an unknown topic', () => admin.deleteTopics({ topics: [topic] }), isType('UNKNOWN_TOPIC_OR_PARTITION'));
}

main({ before, after });
