// The shop of the order story (kafkajs): takes orders as an idempotent producer.
// Usage: shop.js BOOTSTRAP TOPIC FIRST COUNT. Writes "placed PARTITION OFFSET KEY VALUE" for each order, in one line each.
'use strict';

const { Kafka, logLevel, Partitioners } = require('kafkajs');
const { limitProgram } = require('./workload');

const CUSTOMERS = 7;

async function main(bootstrap, topic, first, count) {
  const kafka = new Kafka({ brokers: [bootstrap], clientId: 'shop', logLevel: logLevel.ERROR });
  const producer = kafka.producer({ idempotent: true, createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  for (let number = first; number < first + count; number += 1) {
    const key = `customer-${number % CUSTOMERS}`;
    const value = `order-${number}`;
    const [{ partition, baseOffset }] = await producer.send({ topic, acks: -1, messages: [{ key, value }] });
    console.log('placed', partition, baseOffset, key, value);
  }
  await producer.disconnect();
}

limitProgram();
const [bootstrap, topic, first, count] = process.argv.slice(2);
main(bootstrap, topic, Number(first), Number(count)).catch((error) => {
  console.error(error);
  process.exit(1);
});
