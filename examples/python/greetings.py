"""Writes three greetings, reads them as a member of a group, and prints them."""

import os
import sys

from confluent_kafka import Consumer, Producer

bootstrap = os.environ.get("BOOTSTRAP", "localhost:9092")
topic = "greetings-python"
greetings = {"Ada": "Good morning", "Grace": "Ahoy", "Linus": "Moi"}

producer = Producer({"bootstrap.servers": bootstrap})
for name, greeting in greetings.items():
    producer.produce(topic, key=name, value=greeting)
if producer.flush(30):
    sys.exit(f"not all was delivered to {bootstrap} within 30 s")

consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "readers-python", "auto.offset.reset": "earliest"})
consumer.subscribe([topic])
for _ in greetings:
    message = consumer.poll(30)
    if message is None or message.error():
        sys.exit(f"no greeting: {message.error() if message else 'nothing came within 30 s'}")
    print(f"{message.key().decode()} says '{message.value().decode()}' (offset {message.offset()})")
consumer.close()  # the group remembers what was read
