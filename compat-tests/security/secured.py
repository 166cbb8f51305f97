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
    """`listener` is its address for clients; `settings` are the listener's, with or without its prefix. `others` are more
    listeners with their protocols."""

    def __init__(self, folder, settings, listener="SSL", others=None):
        self.name = listener
        protocols = {listener: listener, **(others or {})}
        self.broker = new_broker(folder, {})
        self.ports = {name: free_port() for name in protocols}
        self.port = self.ports[listener]
        plain = f"PLAINTEXT://127.0.0.1:{self.broker.port}"
        secured = ",".join(f"{name}://{self.at(name)}" for name in protocols)
        mapped = ",".join(f"{name}:{protocol}" for name, protocol in protocols.items())
        if isinstance(self.broker, Barnabas):
            self.broker.settings.update({"listeners": f"{plain},{secured}", "advertised.listeners": f"{plain},{secured}"})
            if others:
                self.broker.settings["listener.security.protocol.map"] = f"PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,{mapped}"
            self.broker.settings.update(settings)
        else:
            given = self.broker.settings
            given["listeners"] += f",{secured}"
            given["advertised.listeners"] += f",{secured}"
            given["listener.security.protocol.map"] += f",{mapped}"
            given.update(settings)
            assert isinstance(self.broker, ApacheKafka)
            from harness import apache_kafka

            apache_kafka.write(folder, given)

    @property
    def bootstrap(self):
        return self.at(self.name)

    def at(self, listener):
        return f"127.0.0.1:{self.ports[listener]}"

    @property
    def prefix(self):
        return f"listener.name.{self.name.lower()}."

    def __enter__(self):
        self.broker.start()
        return self

    def __exit__(self, *_):
        self.broker.close()
