// Testcontainers' module for Node, with another image and nothing else changed: modules.js IMAGE [kraft]
import { KafkaContainer } from "@testcontainers/kafka";
import { Kafka, logLevel } from "kafkajs";

const module = new KafkaContainer(process.argv[2]);
const container = await (process.argv[3] === "kraft" ? module.withKraft() : module).start();
const kafka = new Kafka({ brokers: [`${container.getHost()}:${container.getMappedPort(9093)}`], logLevel: logLevel.NOTHING });
const producer = kafka.producer();
await producer.connect();
await producer.send({ topic: "greetings", messages: [{ value: "hello" }] });
await producer.disconnect();
const consumer = kafka.consumer({ groupId: "readers" });
await consumer.connect();
await consumer.subscribe({ topic: "greetings", fromBeginning: true });
const value = await new Promise((done) => consumer.run({ eachMessage: async ({ message }) => done(message.value.toString()) }));
await consumer.disconnect();
await container.stop();
if (value !== "hello") throw new Error(value);
console.log("ok");
