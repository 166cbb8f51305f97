"""A quorum whose voters its log directories were formatted with (kraft.version 1), not its settings."""

import pytest

from cluster import judged
from cluster.conftest import started
from harness.cluster import Cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    yield from started(Cluster(tmp_path_factory.mktemp("cluster"), dynamic=True))


def test_it_outlives_the_loss_of_each_node(cluster, tmp_path):
    judged.create(cluster, "kept")
    judged.wait_for_isr(cluster, "kept")
    with judged.Load(cluster, "kept", tmp_path) as load:
        for node in cluster.nodes.values():
            load.wait_for_more(100, "records are acknowledged")
            node.kill()
            load.wait_for_more(100, f"records are acknowledged without node {node.node_id}")
            node.start()
            judged.wait_for_isr(cluster, "kept")
        load.kill()
        judged.judge(cluster, load)
