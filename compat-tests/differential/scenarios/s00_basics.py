"""ApiVersions, Metadata, FindCoordinator, DescribeCluster: what a client asks first."""

import uuid

from scenarios import scenario

MADE_UP = uuid.UUID("11111111-2222-3333-4444-555555555555")


@scenario("ApiVersions", once=True)
def api_versions(s):
    s.every("ApiVersions", {"ClientSoftwareName": "differential", "ClientSoftwareVersion": "1.0"})
    for name, version in (("", "1"), ("a", ""), ("with space", "1"), ("-a", "1"), ("a-", "1"), ("a.b-c", "1.2-3"),
                          ("ä", "1"), ("a", "v 1")):
        s.every("ApiVersions", {"ClientSoftwareName": name, "ClientSoftwareVersion": version})
    # KIP-1242: whoever looks for another cluster or node is told so, unless it names no cluster
    own = s.quiet("Metadata", {"Topics": []})["ClusterId"]
    for cluster, node in ((own, 1), (own, 2), (own, -1), ("another", 1), ("", 1), (None, 1), (None, 2)):
        for name in ("differential", "with space"):
            s.every("ApiVersions", {"ClientSoftwareName": name, "ClientSoftwareVersion": "1", "ClusterId": cluster, "NodeId": node},
                    note=f"node {node}")
    # KIP-511: an unknown version is answered in version 0 with the whole table
    answer_v0 = s.definitions.api("ApiVersions")
    for version in (s.versions("ApiVersions")[-1] + 1, 99, 32767, -1):
        connection = s.connection("odd")
        frame = connection.frame(answer_v0, version, b"", header_version=2 if version > 2 else 1)
        connection.send(frame)
        outcome = connection.receive(answer_v0, 0, connection.correlation, 5)
        s.record(answer_v0, 0, {}, outcome, f"asked with version {version}")


@scenario("Metadata", once=True)
def metadata(s):
    one, three = s.topic("one"), s.topic("three", partitions=3)
    unknown = s.name("unknown")
    quiet = {"AllowAutoTopicCreation": False}
    for version in s.versions("Metadata"):
        if version > 0:  # version 0 means all topics by it
            s.call("Metadata", {"Topics": [], **quiet}, version)
    for ops in (False, True):
        s.every("Metadata", {"Topics": [{"Name": three}, {"Name": one}], "IncludeTopicAuthorizedOperations": ops,
                             "IncludeClusterAuthorizedOperations": ops, **quiet})
    s.every("Metadata", {"Topics": [{"Name": one}, {"Name": one}], **quiet})
    for name in ("", ".", "..", "a/b", "ä", "x" * 250, "with space"):
        s.every("Metadata", {"Topics": [{"Name": name}], **quiet})
    # before version 4 every Metadata request creates what it names
    for version in [v for v in s.versions("Metadata") if v >= 4]:
        s.call("Metadata", {"Topics": [{"Name": "x" * 249}], **quiet}, version)
        s.call("Metadata", {"Topics": [{"Name": unknown}, {"Name": one}, {"Name": "a b"}], **quiet}, version)
    by_id = [v for v in s.versions("Metadata") if v >= 10]
    for version in by_id:
        for rows in (
            [{"Name": None, "TopicId": s.id(one)}],
            [{"Name": None, "TopicId": s.id(one)}, {"Name": None, "TopicId": s.id(three)}],
            [{"Name": None, "TopicId": MADE_UP}],
            [{"Name": one, "TopicId": s.id(one)}],
            [{"Name": one, "TopicId": s.id(three)}],
            [{"Name": one, "TopicId": MADE_UP}],
            [{"Name": None, "TopicId": uuid.UUID(int=0)}],
            [{"Name": one}, {"Name": None, "TopicId": s.id(three)}],
        ):
            s.call("Metadata", {"Topics": rows, **quiet}, version)


@scenario("Metadata", once=True)
def metadata_of_all_topics(s):
    mine = {s.topic("a"), s.topic("b", partitions=2)}
    api = s.definitions.api("Metadata")
    for version in s.versions("Metadata"):
        outcome = s.quiet("Metadata", {"Topics": None if version else []}, version)
        outcome.body["Topics"] = [t for t in outcome["Topics"] if t["Name"] in mine]
        s.record(api, version, {"Topics": None}, outcome, "only this script's topics compared")


@scenario("Metadata")
def metadata_creates_topics(s):
    for suffix in ("fresh", "UPPER_.dots"):
        name = s.name(suffix)
        asked = {"Topics": [{"Name": name}], "AllowAutoTopicCreation": True}
        s.call("Metadata", asked, note="first")
        s.until("Metadata", asked, lambda a: a["Topics"][0]["ErrorCode"] == 0, note="later")
    s.call("Metadata", {"Topics": [{"Name": "bad name"}], "AllowAutoTopicCreation": True})
    s.call("Metadata", {"Topics": [{"Name": ""}], "AllowAutoTopicCreation": True})
    name = s.name("no")
    s.call("Metadata", {"Topics": [{"Name": name}], "AllowAutoTopicCreation": False})
    # two names that collide in metrics
    s.topic("x.y")
    s.call("Metadata", {"Topics": [{"Name": s.name("x_y")}], "AllowAutoTopicCreation": True})


@scenario("FindCoordinator", once=True)
def find_coordinator(s):
    s.coordinator()
    for key_type in (0, 1, 2, 3, -1, 127):
        for version in s.versions("FindCoordinator"):
            for keys in (["a"], [""], ["a", "b"], ["a", "a"], [], ["x:y"], ["g:AAAAAAAAAAAAAAAAAAAAAQ:0"]):
                asked = {"Key": keys[0] if keys else "", "KeyType": key_type, "CoordinatorKeys": keys}
                if key_type in (1, 2):
                    # the topic behind it is made on the first call: wait for it
                    s.until("FindCoordinator", asked, lambda a: 15 not in [
                        a.body.get("ErrorCode"), *(c["ErrorCode"] for c in a.body.get("Coordinators", []))], version)
                    continue
                if version < 4 and len(keys) != 1:
                    continue
                s.call("FindCoordinator", asked, version)


@scenario("DescribeCluster", once=True)
def describe_cluster(s):
    for kind in (1, 2, 0, 3, -1):
        for ops in (False, True):
            for fenced in (False, True):
                s.every("DescribeCluster", {"EndpointType": kind, "IncludeClusterAuthorizedOperations": ops,
                                            "IncludeFencedBrokers": fenced})
