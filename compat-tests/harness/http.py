"""A broker with its HTTP listener, and how it is asked."""

import json
import urllib.error
import urllib.request

from harness.broker import Barnabas
from harness.wire import free_port

ANSWER_S = 20


class Http:
    """Asks a broker's HTTP listener."""

    def __init__(self, broker, port):
        self.broker = broker
        self.bootstrap = broker.bootstrap
        self.port = port

    def ask(self, path, data=None, **headers):
        """Status, content type and text; a POST where there is something to send."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=data, headers=named)
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
                return answer.status, answer.headers["content-type"], answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.headers["content-type"], refused.read().decode()

    def get(self, path, **headers):
        """Status, content type and text."""
        return self.ask(path, **headers)

    def console(self, path, change=None, **headers):
        """Status and JSON of the console's API; `change` is what to change."""
        data = None if change is None else json.dumps(change).encode()
        if data is not None:
            headers = {"X_Barnabas_Console": "1", **headers}
        status, kind, text = self.ask(f"/console/api/{path}", data, **headers)
        assert kind.startswith("application/json"), (kind, text)
        return status, json.loads(text)


def started(folder, settings=None):
    """A broker that has been started, with its HTTP listener on a free port."""
    port = free_port()
    broker = Barnabas(folder, {"barnabas.http.listener": f"127.0.0.1:{port}", **(settings or {})})
    try:
        broker.start()
    except BaseException:
        broker.close()
        raise
    return Http(broker, port)
