// Transactions of kafkajs: committed ones are read, aborted ones are not, offsets go with them. Usage: transactions.js BOOTSTRAP run
'use strict';

const { Kafka, logLevel, Partitioners } = require('kafkajs');
const { check, main, within } = require('./workload');

const topic = 'kafkajs-txn';
const groupId = 'kafkajs-txn-group';

async function run(bootstrap) {
  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.ERROR });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] });
  const settings = { idempotent: true, maxInFlightRequests: 1, createPartitioner: Partitioners.DefaultPartitioner };
  const producer = kafka.producer({ ...settings, transactionalId: 'kafkajs-loop' });
  await producer.connect();
  const expected = [];
  for (let number = 0; number < 30; number += 1) {
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ value: String(number) }] });
    await transaction.sendOffsets({ consumerGroupId: groupId, topics: [{ topic, partitions: [{ partition: 0, offset: String(number) }] }] });
    if (number % 3 === 0) {
      await transaction.abort();
    } else {
      await transaction.commit();
      expected.push(String(number));
    }
  }
  await producer.disconnect();
  const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [topic] });
  check('the committed offset', partitions[0].offset, '29');
  await admin.disconnect();

  const consumer = kafka.consumer({ groupId: 'kafkajs-txn-reader', sessionTimeout: 6000, heartbeatInterval: 500, maxWaitTimeInMs: 200 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const seen = [];
  const all = new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    consumer.run({
      eachMessage: async ({ message }) => {
        seen.push(message.value.toString());
        if (seen.length === expected.length) resolve();
      },
    });
  });
  await within('reading what was committed', all);
  await consumer.disconnect();
  check('what is read', JSON.stringify(seen), JSON.stringify(expected));
}

main({ run });
