"""The order story: services in four languages around one topic, in one run.

The shop (Node) places orders. Each of the services inventory (Java), email (Python) and delivery (Go) is a group of two
members: every group sees every order, the members of a group share the partitions. Then one member of each group is
killed, and the other takes over without loss. A fourth reader replays from an offset of its choice.
"""

import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness import program
from harness.paths import BUILT, SUITE, java_classpath

TOPIC = "orders"
PARTITIONS = 4
HERE = Path(__file__).resolve().parent


def service_commands(bootstrap):
    java = ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", java_classpath()]
    return {
        "inventory": [*java, "compat.Inventory", bootstrap, TOPIC],
        "email": [sys.executable, str(HERE / "email_service.py"), bootstrap, TOPIC],
        "delivery": [str(BUILT / "go" / "delivery"), bootstrap, TOPIC],
    }


def place(broker, first, count):
    """Places orders first..first+count and returns them as {(partition, offset): (key, value)}."""
    command = ["node", "shop.js", broker.bootstrap, TOPIC, str(first), str(count)]
    return seen(program.run(command, 60, cwd=SUITE / "node").splitlines(), "placed")


def seen(lines, kind="order"):
    """The orders in the lines; a service never sees an order twice."""
    orders = {}
    for line in lines:
        if line.startswith(kind + " "):
            _, partition, offset, key, value = line.split()
            at = (int(partition), int(offset))
            assert at not in orders, f"{at} twice"
            orders[at] = (key, value)
    return orders


def assignment(lines):
    """The partitions a member holds: those of its last assignment."""
    last = [line for line in lines if line.startswith("assigned")]
    return [int(partition) for partition in last[-1].split()[1:]] if last else []


def wait_until_shared(members):
    """Both members of a group hold two of the four partitions, and not the same."""
    for member in members:
        member.wait_for(lambda lines: len(assignment(lines)) == PARTITIONS // 2, "assignment of half of the partitions")
    assert sorted(sum((assignment(member.lines()) for member in members), [])) == list(range(PARTITIONS))


@pytest.fixture
def topic(broker):
    program.run([sys.executable, "create_topic.py", broker.bootstrap, TOPIC, str(PARTITIONS)], cwd=HERE)


def test_every_service_sees_every_order(broker, topic, tmp_path):
    commands = service_commands(broker.bootstrap)
    with ExitStack() as running:

        def start(service, member):
            return running.enter_context(program.Running(f"{service}-{member}", commands[service], tmp_path))

        members = {service: [start(service, 1), start(service, 2)] for service in commands}
        for pair in members.values():
            wait_until_shared(pair)

        orders = place(broker, 0, 60)
        assert len(orders) == 60 and len({partition for partition, _ in orders}) > 1
        for service, pair in members.items():
            for member in pair:
                mine = {at: order for at, order in orders.items() if at[0] in assignment(member.lines())}
                member.wait_for(lambda lines, mine=mine: len(seen(lines)) >= len(mine), f"{len(mine)} orders")
                assert seen(member.lines()) == mine, f"{member.name} saw what is not its own"

        survivors = {}
        for service, (killed, survivor) in members.items():
            killed.kill()
            survivors[service] = (survivor, seen(killed.lines()))
        orders.update(place(broker, 60, 60))
        for service, (survivor, before) in survivors.items():
            survivor.wait_for(lambda lines: len(assignment(lines)) == PARTITIONS, "all partitions after the kill")
            union = lambda lines, before=before: {**before, **seen(lines)}
            survivor.wait_for(lambda lines: len(union(lines)) >= len(orders), "every order, the killed member's included")
            assert union(survivor.lines()) == orders, service

    partition, records = Counter(partition for partition, _ in orders).most_common(1)[0]
    chosen = records // 2
    replay = [str(BUILT / "go" / "replay"), broker.bootstrap, TOPIC, str(partition), str(chosen), str(records)]
    wanted = {at: order for at, order in orders.items() if at[0] == partition and at[1] >= chosen}
    assert seen(program.run(replay, 60).splitlines()) == wanted
