// Writes three greetings, reads them as a member of a group, and prints them.
'use strict';

const { Kafka, logLevel, Partitioners } = require('kafkajs');

const topic = 'greetings-node';
const greetings = { Ada: 'Good morning', Grace: 'Ahoy', Linus: 'Moi' };

async function main() {
  const kafka = new Kafka({ brokers: [process.env.BOOTSTRAP ?? 'localhost:9092'], logLevel: logLevel.NOTHING });

  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const messages = Object.entries(greetings).map(([key, value]) => ({ key, value }));
  await producer.send({ topic, messages });
  await producer.disconnect();

  const consumer = kafka.consumer({ groupId: 'readers-node' });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error('not all greetings came within 30 s')), 30_000).unref();
    let left = messages.length;
    consumer.run({
      eachMessage: async ({ message }) => {
        console.log(`${message.key} says '${message.value}' (offset ${message.offset})`);
        if (--left === 0) resolve();
      },
    });
  });
  await consumer.disconnect(); // the group remembers what was read
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
