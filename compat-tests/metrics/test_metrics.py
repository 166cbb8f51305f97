"""/metrics, read by Prometheus' own parsers while librdkafka writes and reads, and what our dashboard asks for."""

import json
import re
from pathlib import Path

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

RECORDS = 100
GROUP = 'readers of "all"'
WAIT_S = 20


def samples(http):
    """Every sample by name and labels."""
    status, kind, text = http.get("/metrics")
    assert status == 200 and kind.startswith("text/plain; version=0.0.4")
    found = {}
    for family in prometheus(text):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, key
            found[key] = sample.value
    return found


def of(found, name, **labels):
    return found[(name, tuple(sorted(labels.items())))]


def write_and_read(bootstrap, topic):
    """Half of what is written is read and committed."""
    producer = Producer({"bootstrap.servers": bootstrap})
    for number in range(RECORDS):
        producer.produce(topic, b"x" * 100, key=str(number))
    assert producer.flush(WAIT_S) == 0
    settings = {"bootstrap.servers": bootstrap, "group.id": GROUP, "auto.offset.reset": "earliest"}
    consumer = Consumer({**settings, "enable.auto.commit": False})
    consumer.subscribe([topic])
    read = consumer.consume(RECORDS // 2, WAIT_S)
    assert len(read) == RECORDS // 2
    consumer.commit(message=read[-1], asynchronous=False)
    consumer.close()


def test_what_clients_do_is_counted(http):
    write_and_read(http.bootstrap, "counted")
    found = samples(http)
    assert of(found, "kafka_server_brokertopicmetrics_messagesin_total", topic="counted") == RECORDS
    bytes_in = of(found, "kafka_server_brokertopicmetrics_bytesin_total", topic="counted")
    assert bytes_in > RECORDS * 100
    assert of(found, "kafka_server_brokertopicmetrics_bytesout_total", topic="counted") >= bytes_in / 2
    assert of(found, "kafka_log_log_size", topic="counted", partition="0") == bytes_in
    assert of(found, "kafka_log_log_logendoffset", topic="counted", partition="0") == RECORDS
    assert of(found, "barnabas_group_lag", group=GROUP, topic="counted", partition="0") == RECORDS / 2
    metrics = "kafka_network_requestmetrics_"
    produces = sum(
        value
        for (name, labels), value in found.items()
        if name == metrics + "requests_total" and dict(labels)["request"] == "Produce"
    )
    assert produces == of(found, metrics + "totaltimems_count", request="Produce") >= 1
    assert of(found, metrics + "totaltimems", request="Produce", quantile="0.99") > 0
    connections = {name: value for (name, _), value in found.items() if "connection_creation" in name}
    assert sum(connections.values()) >= 1


def test_what_the_cluster_has_is_told(http):
    topics = AdminClient({"bootstrap.servers": http.bootstrap}).list_topics(timeout=WAIT_S).topics
    found = samples(http)
    assert of(found, "kafka_controller_kafkacontroller_globaltopiccount") == len(topics)
    partitions = sum(len(topic.partitions) for topic in topics.values())
    assert of(found, "kafka_controller_kafkacontroller_globalpartitioncount") == partitions
    assert of(found, "kafka_server_replicamanager_leadercount") == partitions
    assert of(found, "kafka_controller_kafkacontroller_activecontrollercount") == 1


def test_openmetrics_has_the_same_families(http):
    status, kind, text = http.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert status == 200 and kind.startswith("application/openmetrics-text; version=1.0.0")
    families = {family.name: family.type for family in openmetrics.text_string_to_metric_families(text)}
    plain = {family.name: family.type for family in prometheus(http.get("/metrics")[2])}
    assert families == plain


def test_the_dashboard_asks_for_what_there_is(http):
    known = {name for name, _ in samples(http)}
    page = Path(__file__).parents[2] / "packaging" / "grafana.json"
    asked = set()
    for panel in json.loads(page.read_text())["panels"]:
        for target in panel["targets"]:
            asked |= set(re.findall(r"\b(?:kafka|barnabas|process)_\w+", target["expr"]))
    assert len(asked) > 10 and asked <= known, asked - known


def test_health_is_told(http):
    assert http.get("/healthz")[:1] == (200,)
    assert http.get("/readyz")[::2] == (200, "ok\n")
    assert http.get("/nowhere")[0] == 404
