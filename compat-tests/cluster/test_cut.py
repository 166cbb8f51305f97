"""Links between nodes are cut while clients reach all of them: what was acknowledged stays, and all heals by itself."""

import pytest

from cluster import judged
from harness.deadline import until

LIMIT_S = 300
SETTINGS = {"broker.session.timeout.ms": "4000", "broker.heartbeat.interval.ms": "500", "replica.lag.time.max.ms": "6000"}


def cut_nothing_in(namespaces, victim):
    for other in namespaces.ids:
        if other != victim:
            namespaces.cut(other, victim)


def cut_nothing_out(namespaces, victim):
    for other in namespaces.ids:
        if other != victim:
            namespaces.cut(victim, other)


HOW = {"both ways": lambda namespaces, victim: namespaces.isolate(victim), "nothing in": cut_nothing_in, "nothing out": cut_nothing_out}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("victim", [1, 2, 3])
def test_a_node_is_cut_off_from_the_others(cut_cluster, namespaces, tmp_path, how, victim):
    topic = f"cut-{how.replace(' ', '-')}-{victim}"
    judged.create(cut_cluster, topic)
    judged.wait_for_isr(cut_cluster, topic)
    others = ",".join(node.bootstrap for n, node in cut_cluster.nodes.items() if n != victim)
    with judged.Load(cut_cluster, topic, tmp_path, bootstrap=others) as load:
        load.wait_for_more(100, "acknowledgements before", partitions=range(3))
        since = judged.now()
        try:
            HOW[how](namespaces, victim)

            def led_elsewhere():
                return victim not in [leader for leader, _, _ in judged.described(cut_cluster, topic, others).values()]

            until("other leaders", led_elsewhere, 60)
            load.wait_for_more(50, "acknowledgements while it is cut off", seconds=120, partitions=range(3))
            pause = load.longest_pause_s(since)
        finally:
            namespaces.heal()
        judged.wait_for_isr(cut_cluster, topic)
        load.wait_for_more(50, "acknowledgements after", partitions=range(3))
        load.kill()
        judged.judge(cut_cluster, load)
    judged.wait_for_equal_replicas(cut_cluster, topic)
    print(f"node {victim} cut off, {how}: {pause:.3f} s without an acknowledgement")


def test_two_followers_of_a_leader_need_not_see_each_other(cut_cluster, namespaces, tmp_path):
    judged.create(cut_cluster, "triangle")
    judged.wait_for_isr(cut_cluster, "triangle")
    with judged.Load(cut_cluster, "triangle", tmp_path) as load:
        load.wait_for_more(100, "acknowledgements before", partitions=range(3))
        try:
            namespaces.cut_both(1, 2)
            load.wait_for_more(200, "acknowledgements through node 3", seconds=120)
        finally:
            namespaces.heal()
        judged.wait_for_isr(cut_cluster, "triangle")
        load.wait_for_more(50, "acknowledgements after", partitions=range(3))
        load.kill()
        judged.judge(cut_cluster, load)
    judged.wait_for_equal_replicas(cut_cluster, "triangle")
