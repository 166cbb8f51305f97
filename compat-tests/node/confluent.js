// The scenario with @confluentinc/kafka-javascript (librdkafka). Usage: confluent.js BOOTSTRAP before|after
// Its admin client has no calls for settings and partitions.
'use strict';

const { KafkaJS } = require('@confluentinc/kafka-javascript');
const { FIRST_TIMESTAMP, PARTITIONS, STEP_MS } = require('./workload');
const { batches, check, checkSeen, count, expected, fails, half, main, wanted, within } = require('./workload');

const topic = 'node-confluent-scenario';
const groupId = 'node-confluent-group';
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
// It gives an empty key or value as null.
const EXPECTED = expected(CODECS).map((records) =>
  records.map((record) => (record.key?.length === 0 ? { ...record, key: null, value: null } : record)),
);

const connect = (bootstrap) => new KafkaJS.Kafka({ kafkaJS: { brokers: [bootstrap], logLevel: KafkaJS.logLevel.ERROR } });

function toWire(record) {
  const headers = {};
  for (const [key, value] of record.headers) headers[key] = key in headers ? [headers[key], value].flat() : value;
  return { ...record, timestamp: String(record.timestamp), headers };
}

function fromWire(partition, message) {
  const headers = Object.entries(message.headers ?? {}).flatMap(([key, value]) => [value].flat().map((one) => [key, one]));
  return { partition, timestamp: Number(message.timestamp), key: message.key, value: message.value, headers };
}

async function produce(kafka, { codec, records }, idempotent) {
  const producer = kafka.producer({ kafkaJS: { compression: codec, idempotent, acks: -1 } });
  await producer.connect();
  // one send each: a report names the partition only once when they are sent together
  const placed = await Promise.all(records.map((record) => producer.send({ topic, messages: [toWire(record)] })));
  await producer.disconnect();
  console.log('ok produced with', codec);
  return placed.map(([{ partition, baseOffset }]) => [partition, Number(baseOffset)]);
}

// Reads until as many records were seen as are wanted; start(consumer) may seek once partitions are assigned.
async function read(kafka, what, wantedCount, { start, id = groupId } = {}) {
  const consumer = kafka.consumer({
    kafkaJS: { groupId: id, fromBeginning: true, autoCommit: false, sessionTimeout: 6000, heartbeatInterval: 500 },
  });
  await consumer.connect();
  await consumer.subscribe({ topic });
  const seen = {};
  let left = wantedCount;
  const all = new Promise((resolve, reject) => {
    consumer
      .run({
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
    if (start) start(consumer);
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
  const topics = [{ topic, numPartitions: PARTITIONS, replicationFactor: 1, configEntries: [{ name: 'retention.ms', value: '-1' }] }];
  check('create topic', await admin.createTopics({ topics }), true);
  check('create an existing topic', await admin.createTopics({ topics }), false);
  for (const [index, batch] of batches(CODECS).entries()) await produce(kafka, batch, index % 2 === 1);

  const want = wanted(EXPECTED, false);
  const { seen, consumer } = await read(kafka, 'read by group', count(want));
  checkSeen('read by group', seen, want);
  await consumer.commitOffsets(EXPECTED.map((records, partition) => ({ topic, partition, offset: String(half(records)), metadata: 'half' })));
  const { groups } = await admin.describeGroups([groupId]);
  check('group', [groups[0].state, groups[0].members.length], [KafkaJS.ConsumerGroupStates.STABLE, 1]);
  await consumer.disconnect();
  await admin.disconnect();
}

async function after(bootstrap) {
  const kafka = connect(bootstrap);
  const admin = kafka.admin();
  await admin.connect();
  const late = { partition: 0, timestamp: FIRST_TIMESTAMP + 1e6, key: Buffer.from('late'), value: Buffer.from('after'), headers: [] };
  const end = EXPECTED[0].length;
  check('offset after the restart', await produce(kafka, { codec: 'zstd', records: [late] }, true), [[0, end]]);
  const want = wanted(EXPECTED, true);
  want[0][end] = late;
  const resumed = await read(kafka, 'resume from the commit', count(want));
  checkSeen('resume from the commit', resumed.seen, want);
  const kept = await resumed.consumer.committed(EXPECTED.map((_, partition) => ({ topic, partition })), 10000);
  check('committed', kept.map(({ offset, metadata }) => [offset, metadata]), EXPECTED.map((records) => [String(half(records)), 'half']));
  await resumed.consumer.disconnect();

  const found = await admin.fetchTopicOffsetsByTimestamp(topic, EXPECTED[2][2].timestamp - STEP_MS / 2);
  check('offsets by time', found.sort((a, b) => a.partition - b.partition).map(({ offset }) => offset), ['3', '3', '2']);
  const ends = await admin.fetchTopicOffsets(topic);
  check('low and high', ends.filter((p) => p.partition === 0).map(({ low, high }) => [low, high]), [['0', String(end + 1)]]);
  // From the committed half, except partition 2, which is sought back to the offset that the timestamp gave.
  const sought = wanted(EXPECTED, true);
  sought[0][end] = late;
  EXPECTED[2].forEach((record, offset) => {
    if (offset >= 2) sought[2][offset] = record;
  });
  const start = (consumer) => consumer.seek({ topic, partition: 2, offset: found[2].offset });
  const again = await read(kafka, 'seek to a timestamp', count(sought), { start });
  checkSeen('seek to a timestamp', again.seen, sought);
  await again.consumer.disconnect();
  await administer(kafka, admin);
  await admin.disconnect();
}

async function administer(kafka, admin) {
  check('list topics', (await admin.listTopics()).includes(topic), true);
  const [{ partitions }] = await admin.fetchTopicMetadata({ topics: [topic] });
  check('partitions', partitions.length, PARTITIONS);
  const unknown = () => admin.fetchTopicMetadata({ topics: ['no-such-topic'] });
  await fails('an unknown topic', unknown, (error) => error.type === 'ERR_UNKNOWN_TOPIC_OR_PART');
  const [offsets] = await admin.fetchOffsets({ groupId, topics: [topic] });
  const kept = offsets.partitions.map(({ partition, offset }) => [partition, offset]).sort();
  check('offsets of the group', kept, EXPECTED.map((records, partition) => [partition, String(half(records))]));
  check('list groups', (await admin.listGroups()).groups.some((group) => group.groupId === groupId), true);
  await admin.deleteGroups([groupId]);
  const twice = () => admin.deleteGroups([groupId]);
  await fails('delete a group that is gone', twice, (error) => error.groups[0].error.type === 'ERR_GROUP_ID_NOT_FOUND');
  await admin.deleteTopics({ topics: [topic] });
  await fails('delete an unknown topic', () => admin.deleteTopics({ topics: [topic] }), (error) => /UNKNOWN_TOPIC/.test(error.type));
}

main({ before, after });
