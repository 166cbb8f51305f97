"""A client that hangs up in the middle of what it asked for: what was decided is done all the same."""

import socket
import struct

from confluent_kafka import IsolationLevel, Producer

from cluster import judged
from harness import topics, wire
from harness.deadline import until

# No timer comes by that would find what a request has left.
SETTINGS = {"transaction.abort.timed.out.transaction.cleanup.interval.ms": "600000"}


def coordinator_of(cluster, transactional_id):
    """The partition of __transaction_state that a transactional id belongs to, and the node that leads it."""
    states = judged.described(cluster, "__transaction_state")
    java_hash = 0
    for letter in transactional_id:
        java_hash = (31 * java_hash + ord(letter)) & 0xFFFFFFFF
    partition = min(java_hash, 2**32 - java_hash) % len(states)
    return partition, states[partition][0]


def test_a_transaction_is_ended_though_who_commits_it_hangs_up(cluster):
    judged.create(cluster, "left", partitions=1)
    # The first transactional id makes the coordinators' topic.
    Producer({"bootstrap.servers": cluster.bootstrap, "transactional.id": "first"}).init_transactions(judged.REQUEST_S)
    for topic in ("left", "__transaction_state"):
        judged.wait_for_isr(cluster, topic)
    partition, coordinator = coordinator_of(cluster, "leaver")
    log = cluster.nodes[coordinator].data / f"__transaction_state-{partition}" / f"{0:020}.log"
    follower = next(node for node_id, node in cluster.nodes.items() if node_id not in {coordinator, judged.described(cluster, "left")[0][0]})
    who = wire.string("leaver")
    connection = socket.create_connection((cluster.nodes[coordinator].host, cluster.nodes[coordinator].port), wire.ANSWER_S)
    _, error, producer_id, epoch = struct.unpack(">ihqh", wire.ask(connection, 22, 0, who + struct.pack(">i", 600_000)))
    assert error == 0
    producer = who + struct.pack(">qh", producer_id, epoch)
    added = wire.ask(connection, 24, 0, producer + struct.pack(">i", 1) + wire.string("left") + struct.pack(">ii", 1, 0))
    assert struct.unpack(">h", added[-2:]) == (0,)
    size = log.stat().st_size
    follower.pause()
    try:
        wire.send(connection, 26, 0, producer + b"\1")
        until("the end is decided, and not committed", lambda: log.stat().st_size > size, 20, pause_s=0.01)
        wire.hang_up(connection)
    finally:
        follower.resume()
    places = topics.partitions(cluster.bootstrap, ["left"])
    until("the marker is written", lambda: topics.ends(cluster.bootstrap, places, IsolationLevel.READ_UNCOMMITTED) == {("left", 0): 1}, 30, pause_s=0.2)
