"""What security costs the server: TLS 1.3 beside the open, handshakes, idle connections, requests under many ACLs.

Run by `scripts/bench security`, with the Python of compat-tests/setup. Writes target/bench/security.json and prints a table.
Clients are slower than the server here; all figures are the server's CPU and memory, which that doesn't touch.

    --kinds barnabas,kafka    which
    --only NAME,…             some of: bytes handshakes idle acls
    --scale X                 X times as many bytes, handshakes, connections and requests
"""

import argparse
import json
import os
import resource
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(REPOSITORY / part) for part in ("compat-tests/security", "compat-tests", "scripts")]

from confluent_kafka.admin import (  # noqa: E402
    AclBinding, AclOperation, AclPermissionType, AdminClient, NewTopic, ResourcePatternType, ResourceType,
)

from certificates import Pki  # noqa: E402
from clients import librdkafka  # noqa: E402
from harness.deadline import until  # noqa: E402
from principals import authorized  # noqa: E402
from secured import Secured, pem_server  # noqa: E402
from security.sasl_wire import METADATA, Connection  # noqa: E402

LOAD = Path(__file__).parent / "librdkafka_load.py"
LOAD_S = 120
# So long a row may take, and all of them, times the scale where that is above 1; what is not done by then is named as failed.
ROW_S = {"bytes": 90, "handshakes": 30, "idle": 60, "acls": 40}
ALL_S = 190
BEGAN = time.monotonic()
RECORD_BYTES, BATCH_BYTES = 1000, 64 << 10
RECORDS = 600_000
HANDSHAKES, AT_A_TIME = 1500, 4
CONNECTIONS = 5000
ACLS, REQUESTS = 10_000, 6000


def cpu_seconds(secured):
    """The server's so far; what it does behind a request is waited for."""
    fields = Path(f"/proc/{secured.broker.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(secured):
    status = Path(f"/proc/{secured.broker.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def transferred(secured, pki, scale):
    """CPU seconds for a gigabyte that is produced and read, in the open and over TLS 1.3; the first round warms up."""
    records = int(RECORDS * scale)
    ways = {"open": (secured.broker.bootstrap, {}), "tls": (secured.bootstrap, librdkafka(pki))}
    found = {}
    for part in (0.2, 1):
        for way, (address, settings) in ways.items():
            topic = f"{way}-{part}"
            admin = AdminClient({"bootstrap.servers": secured.broker.bootstrap})
            admin.create_topics([NewTopic(topic, 4)])[topic].result(30)
            for direction in ("produce", "consume"):
                line = [sys.executable, LOAD, direction, address, topic, str(int(records * part)), str(RECORD_BYTES), str(BATCH_BYTES)]
                before = cpu_seconds(secured)
                subprocess.run([*line, json.dumps(settings)], check=True, capture_output=True, timeout=LOAD_S)
                spent = cpu_seconds(secured) - before
                found[f"{direction}_{way}_cpu_s_per_gb"] = spent / (records * part * RECORD_BYTES / 1e9)
    return found


def opened(secured, context):
    """A connection that has shaken hands and been answered a request."""
    plain = socket.create_connection(("127.0.0.1", secured.port), 10)
    # Else the request waits for the server's delayed acknowledgement of the handshake's end: 40 ms each.
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream = context.wrap_socket(plain, server_hostname="localhost")
    stream.sendall(struct.pack(">ihhih", 10, 18, 0, 77, -1))
    head = stream.recv(8)
    if len(head) != 8 or struct.unpack(">ii", head)[1] != 77:
        raise RuntimeError(f"answered {head}")
    return stream


def client_context(pki):
    context = ssl.create_default_context(cafile=pki.path("ca.crt"))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def handshakes(secured, pki, scale):
    """CPU of a handshake with one small request, and how many of them a second of CPU is good for."""
    context, count = client_context(pki), int(HANDSHAKES * scale)

    def shake(_):
        opened(secured, context).close()

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        list(pool.map(shake, range(count)))  # warms up
        before, began = cpu_seconds(secured), time.monotonic()
        list(pool.map(shake, range(count)))
        spent, took = cpu_seconds(secured) - before, time.monotonic() - began
    return {"cpu_ms_each": spent / count * 1000, "per_cpu_second": count / max(spent, 0.01), "per_second_with_these_clients": count / took}


def idle(secured, pki, scale):
    """Resident memory of a connection that has said something once."""
    context, count, held = client_context(pki), int(CONNECTIONS * scale), []

    def hold(number):
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            held.extend(pool.map(lambda _: opened(secured, context), range(number)))

    try:
        hold(100)
        before = resident_bytes(secured)
        hold(count)
        return {"connections": count, "bytes_each": (resident_bytes(secured) - before) / count}
    finally:
        for stream in held:
            stream.close()


def acls(folder, scale):
    """CPU of a Metadata request for one topic by a user who may describe it, without other ACLs and with many."""
    with authorized(folder) as secured:
        admin = AdminClient({"bootstrap.servers": secured.broker.bootstrap})
        admin.create_topics([NewTopic("asked", 1)])["asked"].result(30)

        def allow(names):
            bindings = [
                AclBinding(ResourceType.TOPIC, name, ResourcePatternType.LITERAL, user, "*", AclOperation.DESCRIBE, AclPermissionType.ALLOW)
                for name, user in names
            ]
            for done in admin.create_acls(bindings, request_timeout=60).values():
                done.result(90)

        allow([("asked", "User:alice")])
        found = {"without_us": asked(secured, scale)}
        for start in range(0, ACLS, 1000):
            allow([(f"topic-{number % 500}", f"User:u{number}") for number in range(start, start + 1000)])
        found["with_10000_us"] = asked(secured, scale)
        return found


def asked(secured, scale):
    """Microseconds of the server's CPU for a request."""
    count, body = int(REQUESTS * scale), struct.pack(">i", 1) + struct.pack(">h", 5) + b"asked" + b"\0"
    with Connection(secured.port) as connection:
        connection.plain("alice", "alice-secret")
        until("the right to the topic", lambda: b"asked" in connection.ask(METADATA, 4, body), 30)
        for number in range(2 * count):
            if number == count:
                before = cpu_seconds(secured)
            connection.ask(METADATA, 4, body)
        return (cpu_seconds(secured) - before) / count * 1e6


def overdue(limit_s):
    raise TimeoutError(f"not done within {limit_s:g} s")


def run(kind, only, scale):
    os.environ["BROKER"] = kind
    folder = Path(tempfile.mkdtemp(prefix=f"bench-{kind}-", dir=os.environ.get("BENCH_FOLDER")))
    results = {}

    def note(name, measure, *arguments):
        if only and name not in only:
            return
        left_s = ALL_S * max(scale, 1) - (time.monotonic() - BEGAN)
        limit_s = max(min(ROW_S[name] * max(scale, 1), left_s), 1)
        signal.signal(signal.SIGALRM, lambda *_: overdue(limit_s))
        signal.setitimer(signal.ITIMER_REAL, limit_s)
        try:
            results[name] = measure(*arguments, scale)
        except Exception as error:  # what failed is named in the results
            results[name] = {"failed": f"{type(error).__name__}: {error}"[:300]}
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        shown = {key: round(value, 2) if isinstance(value, float) else value for key, value in results[name].items()}
        print(kind, name, shown, flush=True)

    try:
        pki = Pki(folder / "pki")
        pki.server("server")
        settings = {**pem_server(pki), "log.retention.bytes": str(1 << 30)}
        with Secured(folder / "tls", settings) as secured:
            for name, measure in {"bytes": transferred, "handshakes": handshakes, "idle": idle}.items():
                note(name, measure, secured, pki)
        note("acls", acls, folder / "acls")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", default="barnabas,kafka")
    parser.add_argument("--only", default="")
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    only = set(filter(None, options.only.split(",")))
    path = REPOSITORY / "target" / "bench" / "security.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    results = json.loads(path.read_text()) if path.exists() else {}
    for kind in options.kinds.split(","):
        results.setdefault(kind, {}).update(run(kind, only, options.scale))
        path.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
