"""ACLs as administrators make them with kafka-acls.sh, and what clients may do by them."""

import re
import time

import pytest
from confluent_kafka import KafkaError

from harness import program
from harness.broker import Barnabas
from harness.java_tools import TOOLS, java, refused, tool
from principals import authorized, consumed, login, produced

ACLS = TOOLS + "AclCommand"
TOPICS = TOOLS + "TopicCommand"
FORBIDDEN_TOPIC, FORBIDDEN_GROUP = KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED
PATTERN = re.compile(r"Current ACLs for resource `ResourcePattern\((.*)\)`:")


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    with authorized(tmp_path_factory.mktemp("acls")) as secured:
        yield secured


def acls(secured, *arguments):
    return tool(secured.broker, ACLS, *arguments)


def listed(secured, *arguments):
    """What the tool lists: entries by the pattern of resources."""
    found, pattern = {}, None
    for line in acls(secured, "--list", *arguments).splitlines():
        if match := PATTERN.match(line):
            pattern = match[1]
        elif line.strip().startswith("("):
            found.setdefault(pattern, set()).add(line.strip())
    return found


def until(secured, condition):
    """A change counts on every node soon."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, secured.broker.log_tail()


def entry(principal, operation, host="*", permission="ALLOW"):
    return f"(principal={principal}, host={host}, operation={operation}, permissionType={permission})"


def test_entries_are_added_listed_and_removed(secured):
    said = acls(secured, "--add", "--allow-principal", "User:carol", "--operation", "Read", "--operation", "Write",
                "--topic", "listed", "--allow-host", "10.0.0.1")
    assert "Adding ACLs for resource `ResourcePattern(resourceType=TOPIC, name=listed, patternType=LITERAL)`:" in said
    acls(secured, "--add", "--deny-principal", "User:carol", "--operation", "All", "--topic", "lis",
         "--resource-pattern-type", "prefixed")
    acls(secured, "--add", "--allow-principal", "User:carol", "--operation", "Describe", "--cluster")
    literal = "resourceType=TOPIC, name=listed, patternType=LITERAL"
    prefixed = "resourceType=TOPIC, name=lis, patternType=PREFIXED"
    cluster = "resourceType=CLUSTER, name=kafka-cluster, patternType=LITERAL"
    two = {entry("User:carol", "READ", "10.0.0.1"), entry("User:carol", "WRITE", "10.0.0.1")}
    denied = {entry("User:carol", "ALL", permission="DENY")}
    assert listed(secured, "--topic", "listed") == {literal: two}
    assert listed(secured, "--topic", "listed", "--resource-pattern-type", "match") == {literal: two, prefixed: denied}
    assert listed(secured, "--principal", "User:carol", "--cluster") == {cluster: {entry("User:carol", "DESCRIBE")}}
    acls(secured, "--remove", "--topic", "listed", "--resource-pattern-type", "match", "--force")
    assert listed(secured, "--topic", "listed", "--resource-pattern-type", "match") == {}
    acls(secured, "--remove", "--cluster", "--force")


def test_entries_that_make_no_sense_are_refused(secured):
    said = refused(secured.broker, ACLS, "--add", "--allow-principal", "nobody", "--operation", "Read", "--topic", "t")
    assert "expected a string in format principalType:principalName but got nobody" in said


def test_a_user_may_what_it_is_allowed_and_no_more(secured):
    tool(secured.broker, TOPICS, "--create", "--topic", "orders", "--partitions", "1")
    alice, bob = login(secured.bootstrap, "alice"), login(secured.bootstrap, "bob")
    assert produced(alice, "orders") == FORBIDDEN_TOPIC
    acls(secured, "--add", "--allow-principal", "User:alice", "--producer", "--topic", "orders")
    until(secured, lambda: produced(alice, "orders") == 0)
    assert produced(bob, "orders") == FORBIDDEN_TOPIC
    assert consumed(bob, "orders", "bobs") in (FORBIDDEN_TOPIC, FORBIDDEN_GROUP)
    acls(secured, "--add", "--allow-principal", "User:bob", "--operation", "Read", "--topic", "ord", "--resource-pattern-type", "prefixed")
    until(secured, lambda: consumed(bob, "orders", "bobs") == FORBIDDEN_GROUP)
    acls(secured, "--add", "--allow-principal", "User:bob", "--operation", "Read", "--group", "bobs")
    until(secured, lambda: consumed(bob, "orders", "bobs") == b"x")
    assert consumed(bob, "orders", "alices") == FORBIDDEN_GROUP
    acls(secured, "--add", "--deny-principal", "User:*", "--operation", "Read", "--topic", "orders")
    until(secured, lambda: consumed(bob, "orders", "bobs") == FORBIDDEN_TOPIC)


def test_what_may_not_be_seen_is_not_told(secured):
    """Both see the one topic that they may do something to (to read it is denied to both)."""
    tool(secured.broker, TOPICS, "--create", "--if-not-exists", "--topic", "hidden")
    for user in ("alice", "bob"):
        path = secured.broker.folder / f"{user}.properties"
        path.write_text(f"security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config="
                        f'org.apache.kafka.common.security.plain.PlainLoginModule required username="{user}" password="{user}-secret";\n')
        command = java(TOPICS, "--bootstrap-server", secured.bootstrap, "--list", "--command-config", str(path))
        assert set(program.run(command, 90).split()) == {"orders"}


def test_denials_are_logged_as_by_apache_kafka(secured):
    if not isinstance(secured.broker, Barnabas):
        pytest.skip("where Apache Kafka logs is set for the test suite, not by it")
    line = (r"kafka\.authorizer\.logger: Principal = User:bob is Denied operation = WRITE from host = 127\.0\.0\.1 on resource = "
            r"Topic:LITERAL:orders for request = Produce with resourceRefCount = 1 based on rule DefaultDeny")
    assert produced(login(secured.bootstrap, "bob"), "orders") == FORBIDDEN_TOPIC
    assert re.search(line, secured.broker.log.read_text()), secured.broker.log_tail()
