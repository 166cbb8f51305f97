"""The schema registry of a cluster: every node takes what is written, and no two of them decide on the same state."""

import json
import os
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from cluster.conftest import started
from harness.cluster import Cluster
from harness.deadline import until
from harness.http import Http
from harness.wire import free_port

WAIT_S = 60
# How many schemas each node gets, some of them also given to the others.
OWN, SHARED = 12, 12
SETTINGS = {"broker.session.timeout.ms": "4000", "broker.heartbeat.interval.ms": "500"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    if os.environ.get("BROKER") == "kafka":
        pytest.skip("Apache Kafka has no schema registry")
    ports = {node: free_port() for node in (1, 2, 3)}
    made = Cluster(
        tmp_path_factory.mktemp("registry"), 3, SETTINGS, of_node=lambda node: {"barnabas.http.listener": f"127.0.0.1:{ports[node]}"}
    )
    made.https = {node: Http(made.nodes[node], port) for node, port in ports.items()}
    yield from started(made)


def schema(name):
    return json.dumps({"type": "record", "name": name, "fields": []}, separators=(",", ":"))


def register(http, name):
    """The id, by whichever answer is the first that is no failure of a node that is down or cut off."""
    body = json.dumps({"schema": schema(name)}).encode()
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            status, _, text = http.ask(f"/subjects/{name}/versions", body, Content_Type="application/json")
        except OSError as error:
            status, text = 0, str(error)
        if status == 200:
            return json.loads(text)["id"]
        assert status in (0, 500, 503) and time.monotonic() < deadline, (status, text)


def leader(cluster, but=None):
    asked = ",".join(node.bootstrap for number, node in cluster.nodes.items() if number != but)
    found = AdminClient({"bootstrap.servers": asked}).list_topics("_schemas", timeout=WAIT_S).topics["_schemas"].partitions
    return found[0].leader if found else -1


def all_at_once(cluster, nodes, prefix):
    """Registers schemas at the nodes, all at the same time; the ids by name."""
    named = [(node, f"{prefix}_{node}x{number}") for node in nodes for number in range(OWN)]
    named += [(node, f"{prefix}_shared{number}") for number in range(SHARED) for node in nodes]
    with ThreadPoolExecutor(3 * len(nodes)) as threads:
        ids = list(threads.map(lambda one: (one[1], register(cluster.https[one[0]], one[1])), named))
    by_name = dict(ids)
    assert all(by_name[name] == number for name, number in ids), "a schema has two ids"
    assert len(set(by_name.values())) == len(by_name), "an id is that of two schemas"
    return by_name


def test_every_node_takes_what_is_written(cluster):
    found = all_at_once(cluster, cluster.nodes, "a")
    assert sorted(found.values()) == list(range(1, len(found) + 1))
    for http in cluster.https.values():
        for name, number in found.items():
            assert json.loads(http.get(f"/schemas/ids/{number}/schema")[2]) == json.loads(schema(name))
    # What is set at one counts at the next, at once.
    for node, level in [(1, "FULL"), (2, "NONE"), (3, "BACKWARD")]:
        body = json.dumps({"compatibility": level}).encode()
        request = {"Content_Type": "application/json"}
        http = cluster.https[node]
        assert http.ask("/subjects/gone/versions", json.dumps({"schema": schema("g")}).encode(), **request)[0] == 200
        assert put(http, "/config/gone", body)[0] == 200
        assert json.loads(cluster.https[node % 3 + 1].get("/config/gone")[2]) == {"compatibilityLevel": level}


def put(http, path, body):
    request = urllib.request.Request(
        f"http://127.0.0.1:{http.port}{path}", data=body, headers={"Content-Type": "application/json"}, method="PUT"
    )
    with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
        return answer.status, answer.read()


def test_no_id_is_given_twice_while_leaders_change(cluster):
    register(cluster.https[1], "before")
    victim = leader(cluster)
    others = [node for node in cluster.nodes if node != victim]
    with ThreadPoolExecutor(1) as threads:
        registering = threads.submit(all_at_once, cluster, others, "b")
        cluster.nodes[victim].kill()
        found = registering.result(4 * WAIT_S)
    assert leader(cluster, but=victim) in others
    cluster.nodes[victim].start()
    found |= all_at_once(cluster, cluster.nodes, "c")
    judge_topic(cluster, found)
    # The leader has taken the one that came back into the ISR, and says so.
    until("an ISR that has become larger", lambda: sum(map(expands, cluster.https.values())), WAIT_S)


def expands(http):
    name = "kafka_server_replicamanager_isrexpands_total "
    return sum(float(line.removeprefix(name)) for line in http.get("/metrics")[2].splitlines() if line.startswith(name))


def judge_topic(cluster, found):
    """What is in the topic says the same as what was answered, and gives no id to two schemas."""
    consumer = Consumer({"bootstrap.servers": cluster.bootstrap, "group.id": "judge"})
    end = consumer.get_watermark_offsets(TopicPartition("_schemas", 0), timeout=WAIT_S)[1]
    consumer.assign([TopicPartition("_schemas", 0, 0)])
    schemas, ids, keys = {}, {}, []

    def all_read():
        message = consumer.poll(1)
        if message is not None and message.error() is None:
            key, value = json.loads(message.key()), json.loads(message.value())
            if key["keytype"] == "SCHEMA":
                keys.append((key["subject"], key["version"]))
                assert schemas.setdefault(value["id"], value["schema"]) == value["schema"], value
                assert ids.setdefault(value["schema"], value["id"]) == value["id"], value
            return message.offset() + 1 >= end
        return False

    until("all of _schemas", all_read, WAIT_S, pause_s=0)
    consumer.close()
    assert len(set(keys)) == len(keys), "a version was written twice"
    for name, number in found.items():
        assert json.loads(schemas[number]) == json.loads(schema(name))
