"""What needs a coordinator while there is none: which answer comes shows what a broker checks before it looks for it."""

from scenarios import scenario


@scenario("JoinGroup", "SyncGroup", "Heartbeat", "LeaveGroup", "DescribeGroups", "DeleteGroups", "OffsetDelete", "ListGroups",
          "OffsetCommit", "OffsetFetch", first=True, alone=True)
def classic_groups(s):
    topic = s.topic("a")
    partition = {"PartitionIndex": 0, "CommittedOffset": 1, "CommittedMetadata": "x" * 5000}
    for group in (s.name("g"), ""):
        join = {"GroupId": group, "SessionTimeoutMs": 30_000, "RebalanceTimeoutMs": 1000, "MemberId": "",
                "ProtocolType": "consumer", "Protocols": [{"Name": "range", "Metadata": b""}]}
        for what, more in (("good", {}), ("no protocols", {"Protocols": []}), ("no type", {"ProtocolType": ""}),
                           ("short session", {"SessionTimeoutMs": 1}), ("long session", {"SessionTimeoutMs": 2147483647}),
                           ("a member", {"MemberId": "m"}), ("static", {"GroupInstanceId": "i"}),
                           ("bad instance", {"GroupInstanceId": "a b"}), ("no instance", {"GroupInstanceId": ""})):
            s.call("JoinGroup", {**join, **more}, note=what)
        who = {"GroupId": group, "GenerationId": 1, "MemberId": "m"}
        s.call("SyncGroup", {**who, "ProtocolType": "consumer", "ProtocolName": "range"}, note="good")
        s.call("SyncGroup", {**who, "ProtocolType": None, "ProtocolName": None}, note="nothing named")
        s.call("SyncGroup", {**who, "MemberId": "", "GenerationId": -1, "ProtocolType": "x"}, note="nobody")
        s.call("Heartbeat", who, note="good")
        s.call("Heartbeat", {**who, "MemberId": "", "GenerationId": -1}, note="nobody")
        s.call("LeaveGroup", {"GroupId": group, "MemberId": "m", "Members": [{"MemberId": "m", "GroupInstanceId": None}]})
        s.call("LeaveGroup", {"GroupId": group, "MemberId": "", "Members": []}, note="nobody")
        s.call("OffsetDelete", {"GroupId": group, "Topics": [
            {"Name": topic, "Partitions": [{"PartitionIndex": 0}, {"PartitionIndex": 9}]},
            {"Name": s.name("never"), "Partitions": [{"PartitionIndex": 0}]}]})
        s.call("OffsetDelete", {"GroupId": group, "Topics": []}, note="nothing")
        s.call("OffsetDelete", {"GroupId": group, "Topics": [
            {"Name": s.name("never"), "Partitions": [{"PartitionIndex": 0}]}]}, note="unknown")
        commit = {"GroupId": group, "GenerationIdOrMemberEpoch": -1, "MemberId": "", "RetentionTimeMs": -1}
        known = {"Name": topic, "TopicId": s.id(topic), "Partitions": [partition, {**partition, "PartitionIndex": 9}]}
        s.call("OffsetCommit", {**commit, "Topics": [known]}, note="good")
        s.call("OffsetCommit", {**commit, "Topics": []}, note="nothing")
        s.call("OffsetCommit", {**commit, "Topics": [{"Name": s.name("never"), "Partitions": [partition]}]}, note="unknown")
        s.call("OffsetCommit", {**commit, "MemberId": "m", "GenerationIdOrMemberEpoch": 3, "Topics": [known]}, note="a member")
        asked = {"Name": topic, "PartitionIndexes": [0, 9]}
        for what, topics in (("good", [asked]), ("nothing", []), ("all", None)):
            if topics is None and s.version("OffsetFetch") == 1:
                continue
            rows = topics and [{**row, "TopicId": s.id(topic)} for row in topics]
            s.call("OffsetFetch", {"GroupId": group, "Topics": topics, "RequireStable": True, "Groups": [
                {"GroupId": group, "MemberId": "m", "MemberEpoch": 3, "Topics": rows}]}, note=what)
    s.call("DescribeGroups", {"Groups": [s.name("g"), "", s.name("g")], "IncludeAuthorizedOperations": True})
    s.call("DeleteGroups", {"GroupsNames": [s.name("g"), "", s.name("g")]})
    s.call("ListGroups", {})
    s.call("ListGroups", {"StatesFilter": ["no such"], "TypesFilter": ["no such"]}, note="filtered")


@scenario("ConsumerGroupHeartbeat", "ConsumerGroupDescribe", first=True, alone=True)
def consumer_groups(s):
    topic = s.topic("a")
    for group in (s.name("g"), "", " "):
        good = {"GroupId": group, "MemberId": "m", "MemberEpoch": 0, "InstanceId": None, "RackId": None,
                "RebalanceTimeoutMs": 1000, "SubscribedTopicNames": [topic], "SubscribedTopicRegex": None,
                "ServerAssignor": None, "TopicPartitions": []}
        for what, more in (("good", {}), ("no member", {"MemberId": ""}), ("no timeout", {"RebalanceTimeoutMs": -1}),
                           ("owns", {"TopicPartitions": [{"TopicId": s.id(topic), "Partitions": [0]}]}),
                           ("owns null", {"TopicPartitions": None}), ("no topics", {"SubscribedTopicNames": None}),
                           ("pattern", {"SubscribedTopicRegex": "("}), ("assignor", {"ServerAssignor": "nope"}),
                           ("no assignor", {"ServerAssignor": ""}), ("instance", {"InstanceId": ""}), ("rack", {"RackId": ""}),
                           ("beats", {"MemberEpoch": 1}), ("leaves", {"MemberEpoch": -1}), ("static leaves", {"MemberEpoch": -2}),
                           ("epoch", {"MemberEpoch": -3})):
            s.call("ConsumerGroupHeartbeat", {**good, **more}, note=what)
    s.call("ConsumerGroupDescribe", {"GroupIds": [s.name("g"), "", s.name("g")], "IncludeAuthorizedOperations": True})


@scenario("InitProducerId", "AddPartitionsToTxn", "AddOffsetsToTxn", "EndTxn", "TxnOffsetCommit", "DescribeTransactions",
          "ListTransactions", first=True, alone=True)
def transactions(s):
    topic = s.topic("a")
    never = s.name("never")
    s.first_producer_id()
    by_id = s.version("TxnOffsetCommit") >= 6
    for id in (s.name("t"), ""):
        who = {"ProducerId": 4242, "ProducerEpoch": 0}
        for timeout in (1000, 0, -1, 900_000, 900_001, 2147483647):
            s.call("InitProducerId", {"TransactionalId": id, "TransactionTimeoutMs": timeout, "ProducerId": -1,
                                      "ProducerEpoch": -1}, note=f"{timeout}")
        s.call("InitProducerId", {"TransactionalId": id, "TransactionTimeoutMs": 1000, **who}, note="a producer")
        s.call("InitProducerId", {"TransactionalId": id, "TransactionTimeoutMs": 1000, "ProducerId": -1, "ProducerEpoch": 1},
               note="half a producer")
        places = {"good": [(topic, [0])], "unknown": [(never, [0])], "both": [(topic, [0, 9]), (never, [0])], "none": [],
                  "no partitions": [(topic, [])], "no partitions beside": [(topic, [0]), (never, [])]}
        for what, topics in places.items():
            added = [{"Name": name, "Partitions": indexes} for name, indexes in topics]
            transaction = {"TransactionalId": id, **who, "VerifyOnly": False, "Topics": added}
            s.call("AddPartitionsToTxn", {
                "V3AndBelowTransactionalId": id, "V3AndBelowProducerId": who["ProducerId"], "V3AndBelowProducerEpoch": 0,
                "V3AndBelowTopics": added, "Transactions": [transaction, {**transaction, "TransactionalId": s.name("u"),
                                                                          "VerifyOnly": True}]}, note=what)
            rows = [{"Name": name, **({"TopicId": s.id(topic)} if by_id and name == topic else {}),
                     "Partitions": [{"PartitionIndex": i, "CommittedOffset": 1, "CommittedMetadata": "x" * 5000} for i in indexes]}
                    for name, indexes in topics]
            for group in (s.name("g"), ""):
                s.call("TxnOffsetCommit", {"TransactionalId": id, "GroupId": group, **who, "GenerationIdOrMemberEpoch": -1,
                                           "MemberId": "", "Topics": rows}, note=what)
        for group in (s.name("g"), ""):
            s.call("AddOffsetsToTxn", {"TransactionalId": id, "GroupId": group, **who})
        s.call("EndTxn", {"TransactionalId": id, **who, "Committed": True})
        s.call("EndTxn", {"TransactionalId": id, "ProducerId": -1, "ProducerEpoch": -1, "Committed": False}, note="nobody")
    s.call("DescribeTransactions", {"TransactionalIds": [s.name("t"), "", s.name("t")]})
    s.call("ListTransactions", {})
    s.call("ListTransactions", {"StateFilters": ["no such"], "ProducerIdFilters": [1], "TransactionalIdPattern": "("}, note="filtered")
