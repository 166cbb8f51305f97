// Clients with TLS and SASL: kafkajs, @confluentinc/kafka-javascript. Usage: secured.js kafkajs|confluent < CASES
// CASES is a JSON list; all are tried at once, and what each met ("" is a record there and back) is written as JSON.
'use strict';

// Each try of librdkafka's holds a thread while it waits.
process.env.UV_THREADPOOL_SIZE = '64';

const { readFileSync } = require('node:fs');
const { Kafka, logLevel, Partitioners } = require('kafkajs');
const { KafkaJS } = require('@confluentinc/kafka-javascript');
const { limitProgram } = require('./workload');

const TRY_MS = 40000;
// librdkafka tries for as long as it is let.
const REFUSED_MS = 7000;

function within(promise, ms = TRY_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('no record')), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// `from` is how the client is told to begin with the first record.
async function thereAndBack(one, producer, consumer, from) {
  try {
    await producer.connect();
    const [{ baseOffset }] = await producer.send({ topic: one.topic, messages: [{ partition: 0, value: one.name }] });
    await consumer.connect();
    await consumer.subscribe({ topic: one.topic, ...from });
    const value = await new Promise((resolve, reject) => {
      const eachMessage = async ({ message }) => {
        if (message.offset === baseOffset) resolve(message.value.toString());
      };
      consumer.run({ eachMessage }).catch(reject);
    });
    return value === one.name ? '' : `read ${value}`;
  } finally {
    await Promise.allSettled([producer.disconnect(), consumer.disconnect()]);
  }
}

async function kafkajs(one) {
  const ssl = one.ca && {
    ca: [readFileSync(one.ca)],
    ...(one.certificate && { cert: readFileSync(one.certificate), key: readFileSync(one.key) }),
  };
  const login = { username: one.user, password: one.password, oauthBearerProvider: async () => ({ value: one.token }) };
  const sasl = one.mechanism && { mechanism: one.mechanism.toLowerCase(), ...login };
  const retry = { retries: 0 };
  const kafka = new Kafka({ brokers: [one.bootstrap], ssl, sasl, retry, logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, retry });
  const consumer = kafka.consumer({ groupId: `kafkajs-${one.name}`, maxWaitTimeInMs: 100, retry: { retries: 20 } });
  return thereAndBack(one, producer, consumer, { fromBeginning: true });
}

async function confluent(one) {
  const said = [];
  const logger = Object.fromEntries(['info', 'error', 'warn', 'debug'].map((level) => [level, (text) => said.push(text)]));
  Object.assign(logger, { namespace: () => logger, setLogLevel: () => {} });
  const kafka = new KafkaJS.Kafka({
    'bootstrap.servers': one.bootstrap,
    'security.protocol': `${one.mechanism ? 'sasl_' : ''}${one.ca ? 'ssl' : 'plaintext'}`,
    ...(one.ca && { 'ssl.ca.location': one.ca }),
    ...(one.certificate && { 'ssl.certificate.location': one.certificate, 'ssl.key.location': one.key }),
    ...(one.mechanism && { 'sasl.mechanism': one.mechanism }),
    ...(one.user && { 'sasl.username': one.user, 'sasl.password': one.password }),
    ...(one.token && {
      oauthbearer_token_refresh_cb: async () => ({ tokenValue: one.token, principal: 'alice', lifetime: Date.now() + 3600000 }),
    }),
    kafkaJS: { logger },
  });
  const group = { 'group.id': `confluent-${one.name}`, 'auto.offset.reset': 'earliest', 'enable.auto.commit': false };
  try {
    return await within(thereAndBack(one, kafka.producer({}), kafka.consumer(group)), REFUSED_MS);
  } catch (error) {
    return [error.message, ...said].join('\n');
  }
}

async function main() {
  limitProgram();
  const tries = { kafkajs, confluent };
  const cases = JSON.parse(readFileSync(0));
  const met = async (one) => [one.name, await within(tries[process.argv[2]](one)).catch((error) => error.message || String(error))];
  console.log(JSON.stringify(Object.fromEntries(await Promise.all(cases.map(met)))));
  process.exit(0);
}

main();
