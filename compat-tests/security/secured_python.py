"""aiokafka and kafka-python with TLS and SASL. Usage: secured_python.py aiokafka|kafka-python < CASES

CASES is a JSON list; all are tried at once, and what each met ("" is a record there and back) is written as JSON.
"""

import asyncio
import contextvars
import json
import logging
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor

import aiokafka
import kafka
from aiokafka.abc import AbstractTokenProvider as AsynchronousTokens
from kafka.net.sasl.oauth import AbstractTokenProvider as Tokens

TRY_S = 8
case_name = contextvars.ContextVar("case_name")


class Said(logging.Handler):
    """What the clients log: the errors that they raise have no reasons."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []
        logging.getLogger().addHandler(self)

    def emit(self, record):
        self.lines.append((case_name.get(""), record.getMessage()))

    def of(self, name):
        return [line for case, line in self.lines if case == name or f"client_id={name}" in line]


said = Said()


def settings_of(case):
    protocol = ("SASL_" if case.get("mechanism") else "") + ("SSL" if case.get("ca") else "PLAINTEXT")
    settings = {"bootstrap_servers": case["bootstrap"], "security_protocol": protocol, "client_id": case["name"]}
    if case.get("ca"):
        settings["ssl_context"] = ssl.create_default_context(cafile=case["ca"])
        if case.get("certificate"):
            settings["ssl_context"].load_cert_chain(case["certificate"], case["key"])
    if case.get("mechanism"):
        settings["sasl_mechanism"] = case["mechanism"]
    if case.get("user"):
        settings.update({"sasl_plain_username": case["user"], "sasl_plain_password": case["password"]})
    return settings


async def by_aiokafka(case):
    class Given(AsynchronousTokens):
        async def token(self):
            return case["token"]

    settings = settings_of(case)
    if case.get("token"):
        settings["sasl_oauth_token_provider"] = Given()
    producer = aiokafka.AIOKafkaProducer(**settings)
    consumer = aiokafka.AIOKafkaConsumer(**settings)
    try:
        await producer.start()
        placed = await producer.send_and_wait(case["topic"], case["name"].encode(), partition=0)
        await consumer.start()
        partition = aiokafka.TopicPartition(case["topic"], 0)
        consumer.assign([partition])
        consumer.seek(partition, placed.offset)
        return same(case, (await consumer.getone()).value)
    finally:
        await producer.stop()
        await consumer.stop()


def by_kafka_python(case):
    class Given(Tokens):
        def token(self):
            return case["token"]

    settings = {**settings_of(case), "bootstrap_timeout_ms": 2000}
    if case.get("token"):
        settings["sasl_oauth_token_provider"] = Given()
    producer = kafka.KafkaProducer(**settings)
    placed = producer.send(case["topic"], case["name"].encode(), partition=0).get(TRY_S)
    producer.close()
    consumer = kafka.KafkaConsumer(consumer_timeout_ms=TRY_S * 1000, **settings)
    partition = kafka.TopicPartition(case["topic"], 0)
    consumer.assign([partition])
    consumer.seek(partition, placed.offset)
    value = next(consumer).value
    consumer.close()
    return same(case, value)


def same(case, value):
    return "" if value.decode() == case["name"] else f"read {value}"


def failed(case, error):
    return "\n".join([f"{type(error).__name__}: {error}", *said.of(case["name"])])


async def all_by_aiokafka(cases):
    async def one(case):
        case_name.set(case["name"])
        try:
            return await asyncio.wait_for(by_aiokafka(case), TRY_S)
        except Exception as error:  # which one it is differs from release to release
            return failed(case, error)

    return await asyncio.gather(*map(one, cases))


def all_by_kafka_python(cases):
    def one(case):
        try:
            return by_kafka_python(case)
        except Exception as error:
            return failed(case, error)

    with ThreadPoolExecutor(len(cases)) as pool:
        return list(pool.map(one, cases))


def main():
    cases = json.load(sys.stdin)
    met = asyncio.run(all_by_aiokafka(cases)) if sys.argv[1] == "aiokafka" else all_by_kafka_python(cases)
    print(json.dumps({case["name"]: text for case, text in zip(cases, met)}))


main()
