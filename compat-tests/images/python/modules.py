"""Testcontainers' modules for Python, with another image and nothing else changed: `modules.py IMAGE MODULE`."""

import sys

import confluent_kafka
from testcontainers.kafka import KafkaContainer, RedpandaContainer

MODULES = {
    "kafka": lambda image: KafkaContainer(image),
    "kafka-kraft": lambda image: KafkaContainer(image).with_kraft(),
    "redpanda": lambda image: RedpandaContainer(image),
}

with MODULES[sys.argv[2]](sys.argv[1]) as container:
    bootstrap = container.get_bootstrap_server()
    producer = confluent_kafka.Producer({"bootstrap.servers": bootstrap, "message.timeout.ms": 20_000})
    errors = []
    producer.produce("greetings", b"hello", callback=lambda error, _: errors.append(error))
    producer.flush(25)
    assert errors == [None], errors
    consumer = confluent_kafka.Consumer({"bootstrap.servers": bootstrap, "group.id": "readers", "auto.offset.reset": "earliest"})
    consumer.subscribe(["greetings"])
    message = consumer.poll(30)
    assert message is not None and message.value() == b"hello", message and message.error()
    consumer.close()
print("ok")
