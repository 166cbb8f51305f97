"""A node with two log directories of which one fails: what was led there is led by other nodes, and the rest stays."""

import pytest
from confluent_kafka import Producer

from cluster import judged
from cluster.conftest import started
from harness.cluster import Cluster
from harness.deadline import until
from harness.faulty_disk import FaultyDisk

NODE = 1
PARTITIONS = 48
WRITE_S = 60


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    with FaultyDisk(tmp_path_factory.mktemp("disk")) as made:
        if not made.mounted:
            pytest.skip("no file system can be mounted here, or mkfs.ext4 is missing: no disk can fail")
        yield made


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, disk):
    folder = tmp_path_factory.mktemp("cluster")
    both = {"log.dirs": f"{folder}/node-{NODE}/data,{disk.path}/data"}
    yield from started(Cluster(folder, of_node=lambda node_id: both if node_id == NODE else {}))


def leaders(cluster, at):
    return {partition: leader for partition, (leader, _, _) in judged.described(cluster, "spread", at).items()}


def write_everywhere(producer):
    """A record to each partition; returns when all are acknowledged by all replicas that are in sync."""
    errors = []
    for partition in range(PARTITIONS):
        producer.produce("spread", b"v", partition=partition, on_delivery=lambda error, _: errors.append(error))
    until("every record is acknowledged", lambda: producer.poll(0.1) is not None and len(errors) == PARTITIONS, WRITE_S)
    assert errors == [None] * PARTITIONS


def test_what_a_failed_disk_led_is_led_by_others(cluster, disk):
    judged.create(cluster, "spread", PARTITIONS)
    judged.wait_for_isr(cluster, "spread")
    elsewhere = cluster.nodes[2].bootstrap
    led = {partition for partition, leader in leaders(cluster, elsewhere).items() if leader == NODE}
    lost = {partition for partition in led if (disk.path / "data" / f"spread-{partition}").is_dir()}
    assert lost and led - lost, "node 1 leads something on both disks"
    producer = Producer({"bootstrap.servers": cluster.bootstrap})
    write_everywhere(producer)
    disk.turn_read_only()
    write_everywhere(producer)
    now = leaders(cluster, elsewhere)
    assert all(now[partition] != NODE for partition in lost), now
    assert all(now[partition] == NODE for partition in led - lost), now
    assert cluster.nodes[NODE].process.poll() is None
