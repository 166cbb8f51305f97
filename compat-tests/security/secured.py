"""A broker with a listener in the open, for the fixture, and one for each test's protocol."""

from harness.broker import ApacheKafka, Barnabas, new_broker
from harness.wire import free_port


def pem_server(pki, name="server"):
    """The settings of a listener's key and trust, in PEM files."""
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": pki.path(f"{name}.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": pki.path("ca.crt"),
    }


class Secured:
    """`listener` is its address for clients; `settings` are the listener's, with or without its prefix."""

    def __init__(self, folder, settings, listener="SSL"):
        self.name = listener
        self.port = free_port()
        self.broker = new_broker(folder, {})
        plain = f"PLAINTEXT://127.0.0.1:{self.broker.port}"
        secured = f"{listener}://127.0.0.1:{self.port}"
        if isinstance(self.broker, Barnabas):
            self.broker.settings.update({"listeners": f"{plain},{secured}", "advertised.listeners": f"{plain},{secured}"})
            self.broker.settings.update(settings)
        else:
            given = self.broker.settings
            given["listeners"] += f",{secured}"
            given["advertised.listeners"] += f",{secured}"
            given["listener.security.protocol.map"] += f",{listener}:{listener}"
            given.update(settings)
            assert isinstance(self.broker, ApacheKafka)
            from harness import apache_kafka

            apache_kafka.write(folder, given)

    @property
    def bootstrap(self):
        return f"127.0.0.1:{self.port}"

    @property
    def prefix(self):
        return f"listener.name.{self.name.lower()}."

    def __enter__(self):
        self.broker.start()
        return self

    def __exit__(self, *_):
        self.broker.close()
