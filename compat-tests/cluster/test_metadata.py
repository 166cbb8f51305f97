"""What clients see of a cluster of three, wherever they ask."""

from confluent_kafka.admin import AdminClient

from cluster import judged
from harness import program


def test_every_node_names_all_nodes(cluster):
    for node in cluster.nodes.values():
        told = AdminClient({"bootstrap.servers": node.bootstrap}).list_topics(timeout=judged.REQUEST_S)
        assert sorted(told.brokers) == [1, 2, 3]
        assert {n: broker.port for n, broker in told.brokers.items()} == {n: one.port for n, one in cluster.nodes.items()}
        assert told.controller_id in told.brokers


def test_a_topic_made_at_one_node_is_there_at_all(cluster):
    for number, node in cluster.nodes.items():
        topic = f"made-at-{number}"
        judged.create(cluster, topic, partitions=6, at=node.bootstrap)
        told = [judged.described(cluster, topic, other.bootstrap) for other in cluster.nodes.values()]
        assert told[0] == told[1] == told[2]
        leaders = [leader for leader, _, _ in told[0].values()]
        assert sorted(set(leaders)) == [1, 2, 3]
        assert all(sorted(replicas) == [1, 2, 3] and isr == [1, 2, 3] for _, replicas, isr in told[0].values())
        assert all(leader == replicas[0] for leader, replicas, _ in told[0].values())


def test_what_is_produced_at_any_is_read_at_any(cluster, tmp_path):
    judged.create(cluster, "through-any", partitions=3)
    for number, node in cluster.nodes.items():
        program.run(["kcat", "-P", "-b", node.bootstrap, "-t", "through-any", "-X", "acks=all"], stdin=f"from {number}\n")
    for node in cluster.nodes.values():
        read = program.run(["kcat", "-C", "-b", node.bootstrap, "-t", "through-any", "-e", "-q", "-o", "beginning"])
        assert sorted(read.splitlines()) == ["from 1", "from 2", "from 3"]


def test_a_group_is_the_same_at_every_node(cluster):
    judged.create(cluster, "grouped", partitions=3)
    program.run(["kcat", "-P", "-b", cluster.bootstrap, "-t", "grouped"], stdin="a\nb\nc\n")
    node = cluster.nodes[2].bootstrap
    read = program.run(["kcat", "-b", node, "-G", "some-group", "-X", "auto.offset.reset=earliest", "-e", "-q", "grouped"])
    assert sorted(read.splitlines()) == ["a", "b", "c"]
    for node in cluster.nodes.values():
        admin = AdminClient({"bootstrap.servers": node.bootstrap})
        groups = admin.list_consumer_groups(request_timeout=judged.REQUEST_S).result(judged.REQUEST_S)
        assert "some-group" in [group.group_id for group in groups.valid]
        [described] = admin.describe_consumer_groups(["some-group"], request_timeout=judged.REQUEST_S).values()
        assert described.result(judged.REQUEST_S).group_id == "some-group"
