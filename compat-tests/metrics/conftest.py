"""A broker with its HTTP listener, for all tests of a module."""

import urllib.error
import urllib.request

import pytest

from harness.broker import Barnabas
from harness.wire import free_port

ANSWER_S = 20


class Http:
    """Asks a broker's HTTP listener."""

    def __init__(self, broker, port):
        self.broker = broker
        self.bootstrap = broker.bootstrap
        self.port = port

    def get(self, path, **headers):
        """Status, content type and text."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
                return answer.status, answer.headers["content-type"], answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.headers["content-type"], refused.read().decode()


@pytest.fixture(scope="module")
def http(tmp_path_factory):
    port = free_port()
    broker = Barnabas(tmp_path_factory.mktemp("http"), {"barnabas.http.listener": f"127.0.0.1:{port}"})
    try:
        broker.start()
        yield Http(broker, port)
    finally:
        broker.close()
