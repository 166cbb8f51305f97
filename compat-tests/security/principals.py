"""A broker with an authorizer: whoever comes in the open is a super user, whoever logs in has a name."""

from confluent_kafka import Consumer, KafkaError, Producer

from secured import Secured

USERS = ("alice", "bob")
LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"


def authorized(folder, more=None):
    """Its `broker` is where ANONYMOUS may do everything, its `bootstrap` where USERS log in."""
    users = " ".join(f'user_{name}="{name}-secret"' for name in USERS)
    return Secured(folder, {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "inter.broker.listener.name": "PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config": f"{LOGIN} {users};",
        **(more or {}),
    }, listener="SASL_PLAINTEXT")


def login(bootstrap, user):
    """librdkafka's settings for one of the users."""
    return {
        "bootstrap.servers": bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": user,
        "sasl.password": f"{user}-secret",
    }


def produced(settings, topic):
    """The error of a record that is produced, 0 if there is none."""
    producer = Producer({**settings, "message.timeout.ms": 20_000})
    outcome = []
    producer.produce(topic, b"x", on_delivery=lambda error, _: outcome.append(error))
    producer.flush(30)
    assert outcome, "no word of the record"
    return outcome[0].code() if outcome[0] else 0


def consumed(settings, topic, group):
    """The first record's value as a member of a group, or the error."""
    consumer = Consumer({**settings, "group.id": group, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    try:
        for _ in range(60):
            message = consumer.poll(0.5)
            if message is None:
                continue
            error = message.error()
            if error is None:
                return message.value()
            if error.code() != KafkaError._PARTITION_EOF:
                return error.code()
        raise AssertionError("neither a record nor an error")
    finally:
        consumer.close()
