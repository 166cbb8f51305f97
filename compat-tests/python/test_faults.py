"""Faults on request (docs/FAULTS.md), seen by librdkafka: each provokes what it is meant to provoke, and the log stays right."""

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from harness.deadline import until

SETTINGS = {
    "group.initial.rebalance.delay.ms": "0",
    "group.consumer.min.heartbeat.interval.ms": "300",
    "group.consumer.heartbeat.interval.ms": "300",
}
TIMEOUT_S = 30


@pytest.fixture(scope="module")
def admin(broker):
    """An administrator."""
    return AdminClient({"bootstrap.servers": broker.bootstrap})


def set_rules(admin, rules):
    """Has the broker heed these rules alone."""
    kind = AlterConfigOpType.SET if rules else AlterConfigOpType.DELETE
    entry = ConfigEntry("barnabas.faults", rules, incremental_operation=kind)
    resource = ConfigResource(ResourceType.BROKER, "1", incremental_configs=[entry])
    admin.incremental_alter_configs([resource])[resource].result(TIMEOUT_S)


@pytest.fixture
def faults(admin):
    """Sets rules, for a test."""
    yield lambda rules: set_rules(admin, rules)
    set_rules(admin, "")


@pytest.fixture
def topic(request, admin):
    """A topic of one partition, named after the test."""
    name = request.node.name
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(TIMEOUT_S)
    return name


def producer(broker, **settings):
    return Producer({"bootstrap.servers": broker.bootstrap, "linger.ms": 0, **settings})


def write(client, topic, values):
    """Writes one record after the other, and returns the errors."""
    errors = []
    for value in values:
        client.produce(topic, str(value), on_delivery=lambda error, _: errors.append(error))
        assert client.flush(TIMEOUT_S) == 0
    return [error for error in errors if error is not None]


def read(broker, topic):
    """All values of the topic's partition."""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "reader", "enable.auto.commit": False})
    try:
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), TIMEOUT_S)
        consumer.assign([TopicPartition(topic, 0, 0)])
        messages = consumer.consume(end, TIMEOUT_S) if end else []
        return [int(message.value()) for message in messages]
    finally:
        consumer.close()


@pytest.mark.parametrize(
    "rule",
    [
        "produce first=3 error=NOT_LEADER_OR_FOLLOWER",
        "produce every=2 error=NOT_ENOUGH_REPLICAS",
        "produce nth=2 close=before",
        "produce nth=2 close=after",
        "produce nth=2 drop",
        "produce share=40% delay=1ms..30ms",
    ],
)
def test_an_idempotent_producer_writes_each_record_once(broker, faults, admin, rule):
    name = "once-" + rule.translate(str.maketrans(" =%._", "-----"))
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(TIMEOUT_S)
    faults(f"seed=3; {rule} topic={name}")
    client = producer(broker, **{"enable.idempotence": True, "socket.timeout.ms": 1000, "retry.backoff.ms": 10})
    assert write(client, name, range(6)) == []
    faults("")
    assert read(broker, name) == [*range(6)]


def test_without_idempotence_a_lost_answer_makes_a_duplicate(broker, faults, topic):
    """The bug of an application that retries by itself: it is found here, and by no broker that works."""
    faults(f"produce topic={topic} nth=2 close=after")
    client = producer(broker, **{"enable.idempotence": False, "retry.backoff.ms": 10})
    assert write(client, topic, range(3)) == []
    assert read(broker, topic) == [0, 1, 1, 2]


def test_an_error_that_may_not_be_retried_reaches_the_application(broker, faults, topic):
    faults(f"produce topic={topic} nth=1 error=MESSAGE_TOO_LARGE")
    errors = write(producer(broker), topic, range(2))
    assert [error.code() for error in errors] == [KafkaError.MSG_SIZE_TOO_LARGE]
    assert read(broker, topic) == [1]


def test_a_request_is_held_until_the_rules_change(broker, faults, topic):
    delivered = []
    faults(f"produce topic={topic} hold")
    client = producer(broker)
    client.produce(topic, "0", on_delivery=lambda error, _: delivered.append(error))
    assert client.flush(1) == 1 and delivered == []
    faults("")
    assert client.flush(TIMEOUT_S) == 0 and delivered == [None]
    assert read(broker, topic) == [0]


def test_a_client_is_told_to_pause(broker, faults, topic):
    pauses = []
    faults("produce client=throttled throttle=300ms")
    settings = {"client.id": "throttled", "throttle_cb": lambda event: pauses.append(event.throttle_time)}
    assert write(producer(broker, **settings), topic, range(2)) == []
    assert pauses and max(pauses) == pytest.approx(0.3)


def test_a_producer_is_fenced(broker, faults, topic):
    client = producer(broker, **{"transactional.id": topic})
    client.init_transactions(TIMEOUT_S)
    client.begin_transaction()
    client.produce(topic, "0")
    client.commit_transaction(TIMEOUT_S)
    faults(f"end-txn transactional-id={topic} fence")
    client.begin_transaction()
    client.produce(topic, "1")
    with pytest.raises(KafkaException) as fenced:
        client.commit_transaction(TIMEOUT_S)
    assert fenced.value.args[0].fatal()


@pytest.mark.parametrize("protocol, rule", [("classic", "heartbeat"), ("consumer", "consumer-group-heartbeat")])
def test_a_member_loses_its_session_and_comes_back(broker, faults, admin, protocol, rule):
    name = f"session-{protocol}"
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(TIMEOUT_S)
    seen = []
    settings = {"bootstrap.servers": broker.bootstrap, "group.id": name, "group.protocol": protocol}
    if protocol == "classic":
        settings["heartbeat.interval.ms"] = 100
    consumer = Consumer(settings)
    consumer.subscribe(
        [name],
        on_assign=lambda _, partitions: seen.append("assigned"),
        on_revoke=lambda _, partitions: seen.append("taken"),
        on_lost=lambda _, partitions: seen.append("lost"),
    )

    def polled(wanted):
        consumer.poll(0.05)
        return seen == wanted

    until("the first assignment", lambda: polled(["assigned"]), TIMEOUT_S)
    faults(f"{rule} group={name} first=1 expire")
    until("the way back into the group", lambda: polled(["assigned", "lost", "assigned"]), TIMEOUT_S)
    consumer.close()


@pytest.mark.parametrize(
    "rule, why",
    [
        ("produce", "it does nothing"),
        ("fetch group=g drop", "group= is not possible for Fetch"),
        ("heartbeat error=NOPE", "there is no such error"),
    ],
)
def test_an_impossible_rule_is_refused(admin, rule, why):
    with pytest.raises(KafkaException) as refused:
        set_rules(admin, rule)
    error = refused.value.args[0]
    assert error.code() == KafkaError.INVALID_CONFIG and why in error.str()
