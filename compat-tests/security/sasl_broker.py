"""A broker with a listener for SASL beside the plain one: barnabas, or Apache Kafka when BROKER=kafka. Their settings are the same."""

from harness import apache_kafka
from harness.broker import ApacheKafka, new_broker
from harness.wire import free_port

MODULES = "org.apache.kafka.common.security"
PLAIN = f'{MODULES}.plain.PlainLoginModule required username="admin" password="admin-secret" user_alice="alice-secret" user_bob="bob-secret";'
SCRAM = f"{MODULES}.scram.ScramLoginModule required;"
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
JAAS = {
    "listener.name.sasl.plain.sasl.jaas.config": PLAIN,
    "listener.name.sasl.scram-sha-256.sasl.jaas.config": SCRAM,
    "listener.name.sasl.scram-sha-512.sasl.jaas.config": SCRAM,
}


def sasl_broker(folder, settings=None, make=new_broker):
    """A broker whose listener SASL is at `sasl_port`, not started; `make` says of which kind."""
    more = {"sasl.enabled.mechanisms": ",".join(MECHANISMS), **JAAS, **(settings or {})}
    broker = make(folder, more)
    broker.sasl_port = free_port()
    while broker.sasl_port == broker.port:
        broker.sasl_port = free_port()
    broker.sasl_bootstrap = f"127.0.0.1:{broker.sasl_port}"
    plain = f"PLAINTEXT://{broker.bootstrap}"
    for name in ("listeners", "advertised.listeners"):
        broker.settings[name] = f"{broker.settings.get(name, plain)},SASL://{broker.sasl_bootstrap}"
    protocols = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT"
    broker.settings["listener.security.protocol.map"] = protocols
    if isinstance(broker, ApacheKafka):
        apache_kafka.write(folder, broker.settings)
    return broker
