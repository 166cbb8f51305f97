"""The same requests as a user with no, one and all rights, to Apache Kafka and to barnabas with StandardAuthorizer. See README.md.

Each API is called about one topic, group and transactional id (and some that don't exist) while ACLs grant the user one operation on one
type of resource after the other. What is compared is what may be told: error codes, messages, names, authorized operations.
"""

import re
import sys
import time
import uuid

import brokers
import definitions
from wire import Connection

USER = "alice"
TOPIC, GROUP, CLUSTER, TRANSACTIONAL_ID, ANY_USER = 2, 3, 4, 5, 7
OPERATIONS = {TOPIC: (3, 4, 5, 6, 7, 8, 10, 11), GROUP: (3, 6, 8, 10, 11), CLUSTER: (5, 7, 8, 9, 10, 11, 12), TRANSACTIONAL_ID: (4, 8)}
NO_ID = uuid.UUID(int=0)
PATIENCE_S = 30

# What differs by itself: ids, addresses, times, what the settings of the two are; and Apache Kafka's text that shows the request object.
PASSED_OVER = {
    "ThrottleTimeMs", "TopicId", "ClusterId", "MemberId", "ProducerId", "LeaderId", "Host", "Port", "NodeId", "LogDir", "TotalBytes",
    "UsableBytes", "SessionId", "PartitionSize", "Configs", "LastTimestamp", "Brokers", "NodeEndpoints", "ReplicaDirectoryId", "Nodes",
    "CoordinatorEpoch", "HighWatermark", "LastStableOffset", "Records", "ApiKeys", "SupportedFeatures", "FinalizedFeaturesEpoch",
    "FinalizedFeatures", "ZkMigrationReady",
}
OF_A_REQUEST = re.compile(r"Request Request\(.*\) needs [A-Z_]+ permission\.|Cluster authorization failed\.")
# Share groups are not served yet: their coordinator and their topic are missing.
MISSING = {"FindCoordinator of a share group", "ListConfigResources", "Metadata of all", "DescribeTopicPartitions of all"}


def settings():
    """For both brokers: in the open one may do everything, users log in by PLAIN."""
    login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    return {
        "inter.broker.listener.name": "PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl.plain.sasl.jaas.config": f'{login} user_{USER}="secret";',
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }


class Client:
    """A connection that is made anew once the broker has closed it."""

    def __init__(self, port, known, user=None):
        self.port, self.known, self.user, self.connection = port, known, user, None

    def _ask(self, name, version, body):
        api = self.known.api(name)
        self.connection.send(self.connection.frame(api, version, body))
        return self.connection.receive(api, version, self.connection.correlation, PATIENCE_S)

    def call(self, name, version, body):
        if self.connection is None:
            self.connection = Connection("127.0.0.1", self.port, self.known)
            if self.user:
                self._ask("SaslHandshake", 1, {"Mechanism": "PLAIN"})
                login = self._ask("SaslAuthenticate", 2, {"AuthBytes": f"\0{self.user}\0secret".encode()})
                assert login["ErrorCode"] == 0, login
        answer = self._ask(name, version, body)
        if answer.kind == "answer":
            return answer.body
        self.connection.close()
        self.connection = None
        return answer.kind


def acl(kind, name, operation):
    return {"ResourceType": kind, "ResourceName": name, "ResourcePatternType": 3, "Principal": f"User:{USER}", "Host": "*",
            "Operation": operation, "PermissionType": 3}


def acl_filter(principal=None):
    return {"ResourceTypeFilter": 1, "ResourceNameFilter": None, "PatternTypeFilter": 1, "PrincipalFilter": principal, "HostFilter": None,
            "Operation": 1, "PermissionType": 1}


class Names:
    """What the requests are about; what begins with `no` does not exist."""

    def __init__(self, tag):
        self.topic, self.group, self.consumers, self.transactional_id = f"topic-{tag}", f"group-{tag}", f"cgroup-{tag}", f"txn-{tag}"
        self.no_topic, self.no_group, self.new_topic = f"no-topic-{tag}", f"no-group-{tag}", f"new-{tag}"


def grants(names):
    """One right after the other: what it is, and its ACLs."""
    of = {TOPIC: [names.topic], GROUP: [names.group, names.consumers], CLUSTER: ["kafka-cluster"],
          TRANSACTIONAL_ID: [names.transactional_id]}
    yield "nothing", []
    for kind, operations in OPERATIONS.items():
        for operation in operations:
            yield f"operation {operation} on type {kind}", [acl(kind, name, operation) for name in of[kind]]
    both = [acl(TOPIC, names.topic, 4), acl(TRANSACTIONAL_ID, names.transactional_id, 4)]
    yield "reading and writing", both + [acl(kind, name, 3) for kind in (TOPIC, GROUP) for name in of[kind]]
    everything = {**of, TOPIC: ["*"], GROUP: ["*"], TRANSACTIONAL_ID: ["*"], ANY_USER: ["*"]}
    yield "everything", [acl(kind, name, 2) for kind, all_of in everything.items() for name in all_of]


def requests(names):
    """What is asked: its name, API, version, body."""
    partition = {"PartitionIndex": 0, "CommittedOffset": 1, "CommittedLeaderEpoch": -1, "CommittedMetadata": ""}
    offsets = {"GroupId": names.group, "GenerationIdOrMemberEpoch": -1, "MemberId": "",
               "Topics": [{"Name": names.topic, "Partitions": [partition]}]}
    fetched = {"Partition": 0, "FetchOffset": 0, "PartitionMaxBytes": 1000, "CurrentLeaderEpoch": -1, "LastFetchedEpoch": -1,
               "LogStartOffset": -1}
    fetch = {"MaxWaitMs": 0, "MinBytes": 0, "MaxBytes": 1000, "SessionId": 0, "SessionEpoch": -1, "RackId": "",
             "Topics": [{"Topic": names.topic, "Partitions": [fetched]}]}
    producer = {"TransactionalId": names.transactional_id, "ProducerId": 1, "ProducerEpoch": 0}
    no_id = {"TransactionTimeoutMs": 10_000, "ProducerId": -1, "ProducerEpoch": -1}
    two = [names.topic, names.no_topic]
    yield "Metadata of topics", "Metadata", 12, {"Topics": [{"Name": name, "TopicId": NO_ID} for name in two],
                                                 "AllowAutoTopicCreation": True, "IncludeTopicAuthorizedOperations": True}
    yield "Metadata of all", "Metadata", 12, {"Topics": None, "IncludeTopicAuthorizedOperations": True}
    yield "Metadata of the cluster", "Metadata", 8, {"Topics": [], "IncludeClusterAuthorizedOperations": True}
    listed = {"PartitionIndex": 0, "Timestamp": -1, "CurrentLeaderEpoch": -1}
    yield "ListOffsets", "ListOffsets", 7, {"ReplicaId": -1, "IsolationLevel": 0, "Topics": [{"Name": names.topic, "Partitions": [listed]}]}
    yield "Fetch", "Fetch", 12, {"ReplicaId": -1, **fetch}
    yield "Fetch of a follower", "Fetch", 12, {"ReplicaId": 1, **fetch}
    coordinated = {"a group": (0, names.group), "a transaction": (1, names.transactional_id),
                   "a share group": (2, f"{names.group}:AAAAAAAAAAAAAAAAAAAAAQ:0"), "nothing": (9, "x")}
    for of, (kind, key) in coordinated.items():
        yield f"FindCoordinator of {of}", "FindCoordinator", 6, {"KeyType": kind, "CoordinatorKeys": [key]}
    yield "Heartbeat", "Heartbeat", 4, {"GroupId": names.group, "GenerationId": 1, "MemberId": "m"}
    yield "LeaveGroup", "LeaveGroup", 5, {"GroupId": names.group, "Members": [{"MemberId": "m"}]}
    yield "SyncGroup", "SyncGroup", 5, {"GroupId": names.group, "GenerationId": 1, "MemberId": "m", "Assignments": []}
    yield "DescribeGroups", "DescribeGroups", 6, {"Groups": [names.group], "IncludeAuthorizedOperations": True}
    yield "ListGroups", "ListGroups", 5, {"StatesFilter": [], "TypesFilter": []}
    yield "OffsetCommit", "OffsetCommit", 9, offsets
    for of, topics in (("topics", [{"Name": names.topic, "PartitionIndexes": [0]}]), ("all", None)):
        yield f"OffsetFetch of {of}", "OffsetFetch", 9, {
            "Groups": [{"GroupId": names.group, "MemberEpoch": -1, "Topics": topics}], "RequireStable": False}
    new = {"Name": names.new_topic, "NumPartitions": 1, "ReplicationFactor": 1, "Assignments": [], "Configs": []}
    yield "CreateTopics", "CreateTopics", 7, {"Topics": [new], "TimeoutMs": 5000, "ValidateOnly": True}
    yield "DeleteTopics", "DeleteTopics", 6, {"Topics": [{"Name": names.no_topic, "TopicId": NO_ID}], "TimeoutMs": 5000}
    yield "DeleteRecords", "DeleteRecords", 2, {
        "Topics": [{"Name": names.topic, "Partitions": [{"PartitionIndex": 0, "Offset": 0}]}], "TimeoutMs": 5000}
    yield "InitProducerId", "InitProducerId", 4, {"TransactionalId": None, **no_id}
    yield "InitProducerId of a transaction", "InitProducerId", 4, {"TransactionalId": names.transactional_id, **no_id}
    epoch = {"Partition": 0, "CurrentLeaderEpoch": -1, "LeaderEpoch": 0}
    yield "OffsetForLeaderEpoch", "OffsetForLeaderEpoch", 4, {"ReplicaId": -2, "Topics": [{"Topic": names.topic, "Partitions": [epoch]}]}
    yield "AddPartitionsToTxn", "AddPartitionsToTxn", 3, {
        "V3AndBelowTransactionalId": names.transactional_id, "V3AndBelowProducerId": 1, "V3AndBelowProducerEpoch": 0,
        "V3AndBelowTopics": [{"Name": name, "Partitions": [0]} for name in two]}
    yield "AddPartitionsToTxn of a broker", "AddPartitionsToTxn", 5, {
        "Transactions": [{**producer, "VerifyOnly": False, "Topics": [{"Name": names.topic, "Partitions": [0]}]}]}
    yield "AddOffsetsToTxn", "AddOffsetsToTxn", 4, {**producer, "GroupId": names.group}
    yield "EndTxn", "EndTxn", 4, {**producer, "Committed": True}
    yield "WriteTxnMarkers", "WriteTxnMarkers", 1, {"Markers": [
        {"ProducerId": 1, "ProducerEpoch": 0, "TransactionResult": True, "CoordinatorEpoch": 0,
         "Topics": [{"Name": names.topic, "PartitionIndexes": [0]}]}]}
    yield "TxnOffsetCommit", "TxnOffsetCommit", 4, {**producer, **offsets}
    yield "DescribeAcls", "DescribeAcls", 3, acl_filter("User:nobody")
    yield "CreateAcls", "CreateAcls", 3, {"Creations": [acl(9, "x", 3)]}
    yield "DeleteAcls", "DeleteAcls", 3, {"Filters": [acl_filter("User:nobody")]}
    resources = ((2, names.topic), (2, names.no_topic), (4, ""), (4, "1"), (8, "1"), (16, "metrics"), (32, names.group), (0, "x"), (99, "x"))
    for kind, name in resources:
        resource = {"ResourceType": kind, "ResourceName": name}
        of = f"of {kind} {name}"
        yield f"DescribeConfigs {of}", "DescribeConfigs", 4, {"Resources": [{**resource, "ConfigurationKeys": []}]}
        change = {"Name": "retention.ms", "ConfigOperation": 1, "Value": None}
        yield f"IncrementalAlterConfigs {of}", "IncrementalAlterConfigs", 1, {
            "Resources": [{**resource, "Configs": [change]}], "ValidateOnly": True}
        yield f"AlterConfigs {of}", "AlterConfigs", 2, {"Resources": [{**resource, "Configs": []}], "ValidateOnly": True}
    yield "AlterReplicaLogDirs", "AlterReplicaLogDirs", 2, {"Dirs": [{"Path": "/x", "Topics": [{"Name": names.topic, "Partitions": [0]}]}]}
    yield "DescribeLogDirs", "DescribeLogDirs", 4, {"Topics": []}
    yield "CreatePartitions", "CreatePartitions", 3, {
        "Topics": [{"Name": name, "Count": 1, "Assignments": None} for name in two], "TimeoutMs": 5000, "ValidateOnly": True}
    yield "DeleteGroups", "DeleteGroups", 2, {"GroupsNames": [names.no_group]}
    yield "ElectLeaders", "ElectLeaders", 2, {
        "ElectionType": 0, "TopicPartitions": [{"Topic": names.topic, "Partitions": [0]}], "TimeoutMs": 5000}
    yield "AlterPartitionReassignments", "AlterPartitionReassignments", 0, {
        "TimeoutMs": 5000, "Topics": [{"Name": names.topic, "Partitions": [{"PartitionIndex": 0, "Replicas": None}]}]}
    yield "ListPartitionReassignments", "ListPartitionReassignments", 0, {"TimeoutMs": 5000, "Topics": None}
    yield "OffsetDelete", "OffsetDelete", 0, {
        "GroupId": names.group, "Topics": [{"Name": name, "Partitions": [{"PartitionIndex": 0}]} for name in two]}
    yield "DescribeClientQuotas", "DescribeClientQuotas", 1, {"Components": [], "Strict": False}
    quota = {"Entity": [{"EntityType": "user", "EntityName": "z"}], "Ops": [{"Key": "producer_byte_rate", "Value": 1.0, "Remove": True}]}
    yield "AlterClientQuotas", "AlterClientQuotas", 1, {"Entries": [quota], "ValidateOnly": True}
    yield "DescribeUserScramCredentials", "DescribeUserScramCredentials", 0, {"Users": [{"Name": "z"}]}
    yield "AlterUserScramCredentials", "AlterUserScramCredentials", 0, {"Deletions": [{"Name": "z", "Mechanism": 1}], "Upsertions": []}
    yield "DescribeQuorum", "DescribeQuorum", 2, {"Topics": [{"TopicName": "x", "Partitions": [{"PartitionIndex": 0}]}]}
    yield "UpdateFeatures", "UpdateFeatures", 1, {"TimeoutMs": 5000, "FeatureUpdates": [], "ValidateOnly": True}
    yield "DescribeCluster", "DescribeCluster", 1, {"IncludeClusterAuthorizedOperations": True, "EndpointType": 1}
    yield "DescribeProducers", "DescribeProducers", 0, {"Topics": [{"Name": name, "PartitionIndexes": [0]} for name in two]}
    yield "UnregisterBroker", "UnregisterBroker", 0, {"BrokerId": 77}
    yield "DescribeTransactions", "DescribeTransactions", 0, {"TransactionalIds": [names.transactional_id, "no-transaction"]}
    yield "ListTransactions", "ListTransactions", 1, {"StateFilters": [], "ProducerIdFilters": [], "DurationFilter": -1}
    yield "ConsumerGroupHeartbeat", "ConsumerGroupHeartbeat", 1, {
        "GroupId": names.consumers, "MemberId": str(uuid.UUID(int=5)), "MemberEpoch": 0, "RebalanceTimeoutMs": 1000,
        "SubscribedTopicNames": two, "TopicPartitions": []}
    yield "ConsumerGroupDescribe", "ConsumerGroupDescribe", 1, {
        "GroupIds": [names.consumers, names.no_group], "IncludeAuthorizedOperations": True}
    yield "ListConfigResources", "ListConfigResources", 1, {"ResourceTypes": []}
    for of, topics in (("topics", [{"Name": name} for name in two]), ("all", [])):
        yield f"DescribeTopicPartitions of {of}", "DescribeTopicPartitions", 0, {
            "Topics": topics, "ResponsePartitionLimit": 1000, "Cursor": None}


def comparable(answer):
    """What of an answer must be the same; lists are compared without their order."""
    if isinstance(answer, dict):
        kept = {name: value for name, value in answer.items() if name not in PASSED_OVER}
        message = kept.get("ErrorMessage")
        if isinstance(message, str) and OF_A_REQUEST.fullmatch(message):
            kept["ErrorMessage"] = "may not do that to the cluster"
        return {name: comparable(value) for name, value in kept.items()}
    if isinstance(answer, list):
        return sorted((comparable(each) for each in answer), key=repr)
    return answer if answer is None or isinstance(answer, (bool, int, float, str)) else repr(answer)


class Side:
    """One broker: an administrator in the open, a user who logs in."""

    def __init__(self, running, known, names):
        self.name, self.names = running.name, names
        self.admin, self.user = Client(running.port, known), Client(running.sasl_port, known, USER)
        new = {"Name": names.topic, "NumPartitions": 1, "ReplicationFactor": 1, "Assignments": [], "Configs": []}
        self.admin.call("CreateTopics", 7, {"Topics": [new], "TimeoutMs": 10_000, "ValidateOnly": False})
        for what, api, version, body in requests(names):
            if what in ("FindCoordinator of a group", "FindCoordinator of a transaction"):
                self.until_done(api, version, body)
        for what, api, version, body in requests(names):
            if what in ("InitProducerId of a transaction", "OffsetCommit"):
                self.until_done(api, version, body)

    def until_done(self, api, version, body):
        """Coordinators are there soon after their topics."""
        deadline = time.monotonic() + PATIENCE_S
        while re.search(r"'ErrorCode': [1-9-]", repr(self.admin.call(api, version, body))):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name}: {api}")
            time.sleep(0.1)

    def with_rights(self, acls):
        """The answers to all requests by a user with these rights."""
        self.admin.call("DeleteAcls", 3, {"Filters": [acl_filter()]})
        self.admin.call("CreateAcls", 3, {"Creations": acls})
        deadline = time.monotonic() + PATIENCE_S
        count = len({(each["ResourceType"], each["ResourceName"]) for each in acls})
        while len(self.admin.call("DescribeAcls", 3, acl_filter())["Resources"]) != count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name}: the ACLs don't take effect")
            time.sleep(0.05)
        return [(what, comparable(self.user.call(api, version, body))) for what, api, version, body in requests(self.names)]


def main(binary):
    known = definitions.load(brokers.clients_jar())
    names = Names(f"{int(time.time()) % 36**4:05d}")
    running = [brokers.start_kafka(more=settings()), brokers.start_barnabas(binary, more=settings())]
    try:
        sides = [Side(each.wait_until_ready(), known, names) for each in running]
        compared, differing = 0, 0
        for rights, acls in grants(names):
            for (what, expected), (_, found) in zip(*(side.with_rights(acls) for side in sides), strict=True):
                compared += 1
                if expected != found and what not in MISSING:
                    differing += 1
                    print(f"with {rights}: {what}\n  {sides[0].name}: {expected}\n  {sides[1].name}: {found}")
        print(f"{compared} answers compared, {differing} differ")
        return 1 if differing or not compared else 0
    finally:
        for each in running:
            each.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else brokers.REPOSITORY / "target" / "release" / "barnabas"))
