"""What one node can mean of the cluster APIs, ACLs without an authorizer, quorum, features."""

from scenarios import scenario


@scenario("ElectLeaders")
def elect_leaders(s):
    a = s.topic("a", 2)

    def elect(rows, kind=0, note=""):
        topics = None if rows is None else [{"Topic": n, "Partitions": p} for n, p in rows]
        s.call("ElectLeaders", {"ElectionType": kind, "TopicPartitions": topics, "TimeoutMs": 5000}, note=note)
    for kind in (0, 1, 2, -1):
        if kind not in (0, 1) and s.version("ElectLeaders") == 0:
            continue
        elect([(a, [0, 1])], kind, f"kind {kind}")
        elect([(a, [7, -1])], kind, f"unknown partition, kind {kind}")
        elect([(s.name("never"), [0]), ("", [0]), ("a b", [0])], kind, f"unknown topic, kind {kind}")
        elect([], kind, f"none, kind {kind}")
        elect([(a, [])], kind, f"no partitions, kind {kind}")
        elect([(a, [0, 0])], kind, f"twice, kind {kind}")
        elect([(a, [0]), (a, [1])], kind, f"topic twice, kind {kind}")
    body = {"ElectionType": 0, "TopicPartitions": None, "TimeoutMs": 5000}
    version = s.version("ElectLeaders")
    outcome = s.quiet("ElectLeaders", body, version)
    outcome.body["ReplicaElectionResults"] = [t for t in outcome["ReplicaElectionResults"] if t["Topic"] == a]
    s.record(s.definitions.api("ElectLeaders"), version, body, outcome, "all; only this script's topic compared")


@scenario("AlterPartitionReassignments", "ListPartitionReassignments")
def reassignments(s):
    a = s.topic("a", 2)

    def alter(rows, note="", **more):
        s.call("AlterPartitionReassignments", {"TimeoutMs": 5000, "Topics": [
            {"Name": n, "Partitions": [{"PartitionIndex": p, "Replicas": r}]} for n, p, r in rows], **more}, note=note)

    def listed(rows, note="listed"):
        topics = None if rows is None else [{"Name": n, "PartitionIndexes": p} for n, p in rows]
        s.call("ListPartitionReassignments", {"TimeoutMs": 5000, "Topics": topics}, note=note)
    for timeout in (0, -1):
        for topics in (None, [], [{"Name": a, "PartitionIndexes": [0]}]):
            s.call("ListPartitionReassignments", {"TimeoutMs": timeout, "Topics": topics}, note="listed without time")
    alter([], "none")
    for replicas in ([1], None, [], [2], [1, 1], [1, 2], [-1], [1, -1]):
        alter([(a, 0, replicas)], f"replicas {replicas}")
        alter([(a, 0, replicas)], f"replicas {replicas}, factor kept", AllowReplicationFactorChange=False)
    alter([(a, 7, [1])], "unknown partition")
    alter([(a, -1, [1])], "negative partition")
    alter([(a, 7, None)], "cancel an unknown partition")
    for name in (s.name("never"), "", "a b"):
        alter([(name, 0, [1])], "unknown topic")
        alter([(name, 0, None)], "cancel in an unknown topic")
    alter([(a, 0, [1]), (s.name("never"), 0, [1])], "one good")
    alter([(a, 0, [1]), (a, 0, [1])], "twice")
    alter([], "none")
    listed(None, "all")
    listed([], "none")
    listed([(a, [0, 1])])
    listed([(a, [7]), (s.name("never"), [0])], "unknown")


@scenario("DescribeQuorum", once=True)
def describe_quorum(s):
    for name, parts in (("__cluster_metadata", [0]), ("__cluster_metadata", [1]), ("__cluster_metadata", []), ("other", [0]),
                        ("", [0]), ("__cluster_metadata", [0, 0]), ("__cluster_metadata", [0, 1])):
        s.every("DescribeQuorum", {"Topics": [{"TopicName": name, "Partitions": [{"PartitionIndex": p} for p in parts]}]},
                note=f"{name} {parts}")
    s.every("DescribeQuorum", {"Topics": []}, note="none")


@scenario("UpdateFeatures")
def update_features(s):
    def update(*rows, validate=True, note=""):
        s.call("UpdateFeatures", {"TimeoutMs": 5000, "ValidateOnly": validate, "FeatureUpdates": [
            {"Feature": f, "MaxVersionLevel": level, "UpgradeType": kind, "AllowDowngrade": kind > 1}
            for f, level, kind in rows]}, note=note)
    only_dry = s.version("UpdateFeatures") > 0
    for feature in ("metadata.version", "group.version", "transaction.version", "share.version", "kraft.version",
                    "streams.version", "eligible.leader.replicas.version", "no.such", ""):
        for level in (0, 1, 2, 3, 30, 31, -1, 32767):
            for kind in (1, 2, 3, 0, 9):
                if only_dry:
                    update((feature, level, kind), note="validated only")
    if only_dry:
        update(("group.version", 1, 1), ("group.version", 1, 1), note="twice")
        update(("group.version", 1, 1), ("no.such", 1, 1), note="one good")
        update(note="none")
    update(("no.such", 1, 1), validate=False, note="unknown feature")
    update(("group.version", 1, 1), validate=False, note="same level")
    update(("group.version", 99, 1), validate=False, note="level too high")
    s.every("ApiVersions", {"ClientSoftwareName": "a", "ClientSoftwareVersion": "1"}, note="features afterwards")


@scenario("DescribeAcls", "CreateAcls", "DeleteAcls")
def acls(s):
    for resource in (0, 1, 2, 3, 4, 5, 6, 99, -1):
        for pattern in (0, 1, 2, 3, 4, 9):
            name, who = "x", "User:a"
            s.call("DescribeAcls", {"ResourceTypeFilter": resource, "ResourceNameFilter": name, "PatternTypeFilter": pattern,
                                    "PrincipalFilter": who, "HostFilter": "*", "Operation": 2, "PermissionType": 3})
            s.call("CreateAcls", {"Creations": [{
                "ResourceType": resource, "ResourceName": name, "ResourcePatternType": pattern, "Principal": who, "Host": "*",
                "Operation": 2, "PermissionType": 3}]})
            s.call("DeleteAcls", {"Filters": [{
                "ResourceTypeFilter": resource, "ResourceNameFilter": None, "PatternTypeFilter": pattern,
                "PrincipalFilter": None, "HostFilter": None, "Operation": 1, "PermissionType": 1}]})
    for operation in (0, 1, 2, 14, 99, -1):
        for permission in (0, 1, 2, 3, 9):
            s.call("DescribeAcls", {"ResourceTypeFilter": 1, "ResourceNameFilter": None, "PatternTypeFilter": 1,
                                    "PrincipalFilter": None, "HostFilter": None, "Operation": operation,
                                    "PermissionType": permission}, note="operation")
            s.call("CreateAcls", {"Creations": [{
                "ResourceType": 2, "ResourceName": "x", "ResourcePatternType": 3, "Principal": "nobody", "Host": "",
                "Operation": operation, "PermissionType": permission}]}, note="operation")
    s.call("CreateAcls", {"Creations": []}, note="none")
    s.call("DeleteAcls", {"Filters": []}, note="none")


@scenario("UnregisterBroker")
def unregister_broker(s):
    for broker in (2, -1, 2147483647):
        s.call("UnregisterBroker", {"BrokerId": broker}, note="unknown")


@scenario("DescribeTransactions", once=True)
def describe_transactions(s):
    s.coordinator("any", 1)
    for ids in ([], ["never"], [""], ["never", "never"]):
        s.every("DescribeTransactions", {"TransactionalIds": ids})


