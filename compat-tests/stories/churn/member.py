"""A member of the churn: reads, and commits what it has read. Prints what happens with the machine's monotonic time.

    member.py BOOTSTRAP TOPIC GROUP PROTOCOL

PROTOCOL is classic (cooperative-sticky) or consumer. SIGTERM lets it leave as one should.
"""

import faulthandler
import signal
import sys
import time

from confluent_kafka import Consumer

bootstrap, topic, group, protocol = sys.argv[1:]
stopping = False
# Whoever still runs then has been forgotten.
faulthandler.dump_traceback_later(900, exit=True)


def stop(*_):
    global stopping
    stopping = True


def say(*words):
    print(time.monotonic_ns(), *words, flush=True)


def numbers(partitions):
    return sorted(p.partition for p in partitions)


def assigned(consumer, partitions):
    consumer.incremental_assign(partitions)
    say("assigned", *numbers(partitions))


def revoked(consumer, partitions):
    say("revoked", *numbers(partitions))
    consumer.incremental_unassign(partitions)


def lost(consumer, partitions):
    say("lost", *numbers(partitions))
    consumer.incremental_unassign(partitions)


signal.signal(signal.SIGTERM, stop)
settings = {
    "bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False,
}
if protocol == "consumer":
    settings["group.protocol"] = "consumer"
else:
    settings |= {"partition.assignment.strategy": "cooperative-sticky", "session.timeout.ms": 6000, "heartbeat.interval.ms": 500}
consumer = Consumer(settings)
consumer.subscribe([topic], on_assign=assigned, on_revoke=revoked, on_lost=lost)
say("started", protocol)
while not stopping:
    records = consumer.consume(50, timeout=0.2)
    for record in records:
        if record.error():
            say("error", record.error().name())
        else:
            say("record", record.partition(), record.offset(), record.value().decode())
    if records:
        try:
            consumer.commit(asynchronous=False)
        except Exception as error:  # noqa: BLE001 — a member that was fenced reads on from where the group is
            say("refused", type(error).__name__)
consumer.close()
say("closed")
