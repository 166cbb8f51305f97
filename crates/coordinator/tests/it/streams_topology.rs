//! Streams groups and their topologies: which topics they need, how these must fit, what is told of them.

use std::sync::Arc;

use barnabas_coordinator::StreamsGroupState;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::streams_group_heartbeat_request::{
    CopartitionGroup, Endpoint, KeyValue, Subtopology, Topology,
};
use barnabas_protocol::messages::streams_group_topology_description_update_request::{
    TopologyDescription, TopologyDescriptionNode, TopologyDescriptionSubtopology,
};
use barnabas_protocol::messages::{GroupId, StreamsGroupTopologyDescriptionUpdateRequest};

use crate::cluster::Cluster;
use crate::fixture::{GROUP, Harness, text};
use crate::streams::{Ids, beat, internal, joining, kinds, owning, topics, whole_cluster};

#[test]
fn topics_are_asked_for_and_then_there() {
    let mut harness = Harness::with_streams(Cluster::default());
    assert_eq!(
        harness.statuses(&joining("m", "p")),
        [(1, "Source topics t are missing.".to_owned())]
    );
    assert_eq!(harness.streams_state(), Some(StreamsGroupState::NotReady));
    type Topics<'a> = &'a [(&'a str, i32)];
    let table: &[(Topics<'_>, &[&str], &str)] = &[
        (&[("t", 3)], &["c", "r"], "3 Internal topics are missing: c, r"),
        (&[("t", 3), ("r", 3)], &["c"], "3 Internal topics are missing: c"),
        (
            &[("t", 3), ("r", 2)],
            &[],
            "2 Existing topic r has different number of partitions: expected 3, found 2",
        ),
        (&[("t", 3), ("r", 3), ("c", 3)], &[], ""),
    ];
    for (topics, missing, status) in table {
        let mut cluster = Cluster::with(topics);
        cluster.streams.initial_rebalance_delay_ms = 0;
        cluster.streams.assignment_interval_ms = 0;
        let names: Vec<Arc<str>> = ["t", "r", "c"].map(Arc::from).into();
        harness.shard.set_cluster(Arc::new(cluster), &names);
        let epoch = harness
            .shard
            .streams_group(GROUP)
            .unwrap()
            .member("m")
            .unwrap()
            .epoch();
        let (reply, _) = harness
            .streams_beat(&owning("m", epoch, &Ids::new(), &Ids::new()))
            .unwrap();
        let asked: Vec<&str> = reply
            .missing_topics
            .iter()
            .map(|topic| topic.name.as_str())
            .collect();
        assert_eq!(asked, *missing, "{topics:?}");
        assert!(reply.missing_topics.iter().all(|topic| topic.num_partitions == 3));
        let said = reply.response.status.unwrap().into_iter();
        let said: Vec<String> = said
            .map(|status| format!("{} {}", status.status_code, status.status_detail.as_str()))
            .collect();
        assert_eq!(said.join(";"), *status, "{topics:?}");
    }
    assert_eq!(harness.streams_state(), Some(StreamsGroupState::Stable));
}

#[test]
fn joined_topics_have_equally_many_partitions() {
    let joins = |repartitioned: i32| {
        let group = CopartitionGroup::default()
            .with_source_topics(vec![0, 1])
            .with_repartition_source_topics(vec![0]);
        let joins = Subtopology::default()
            .with_subtopology_id(text("1"))
            .with_source_topics(topics(&["t", "u"]))
            .with_repartition_source_topics(vec![internal("r", repartitioned)])
            .with_copartition_groups(vec![group]);
        let writes = Subtopology::default()
            .with_subtopology_id(text("0"))
            .with_source_topics(topics(&["v"]))
            .with_repartition_sink_topics(topics(&["r"]));
        Topology::default().with_subtopologies(vec![writes, joins])
    };
    let table: &[(i32, i32, &str)] = &[
        (4, 0, "3 Internal topics are missing: r"),
        (4, 4, "3 Internal topics are missing: r"),
        (
            3,
            0,
            "2 Following topics do not have the same number of partitions: [{t=4, u=3}]",
        ),
        (
            4,
            2,
            "2 Number of partitions [2] of repartition topic [r] doesn't match number of partitions [4] of the source topic.",
        ),
    ];
    for (partitions, repartitioned, expected) in table {
        let mut harness = Harness::with_streams(Cluster::with(&[("t", 4), ("u", *partitions), ("v", 7)]));
        let request = joining("m", "p").with_topology(Some(joins(*repartitioned)));
        let (code, detail) = harness.statuses(&request).remove(0);
        assert_eq!(format!("{code} {detail}"), *expected);
    }
}

#[test]
fn a_topology_that_nothing_fits_is_refused() {
    let looped = Subtopology::default()
        .with_subtopology_id(text("0"))
        .with_repartition_source_topics(vec![internal("r", 0)])
        .with_repartition_sink_topics(topics(&["r"]));
    let unfed = Subtopology::default()
        .with_subtopology_id(text("0"))
        .with_repartition_source_topics(vec![internal("r", 0)]);
    let changelog = Subtopology::default()
        .with_subtopology_id(text("0"))
        .with_source_topics(topics(&["t"]))
        .with_state_changelog_topics(vec![internal("c", 2)]);
    let regex = Subtopology::default()
        .with_subtopology_id(text("0"))
        .with_source_topic_regex(vec![text("t.*")]);
    let copartitioned = Subtopology::default()
        .with_subtopology_id(text("0"))
        .with_source_topics(topics(&["t"]))
        .with_copartition_groups(vec![CopartitionGroup::default().with_source_topics(vec![7])]);
    let table = [
        (vec![looped], ErrorCode::StreamsInvalidTopology),
        (vec![unfed.clone()], ErrorCode::StreamsInvalidTopology),
        (vec![changelog], ErrorCode::StreamsInvalidTopology),
        (vec![unfed.clone(), unfed], ErrorCode::StreamsInvalidTopology),
        (vec![copartitioned], ErrorCode::StreamsInvalidTopology),
        (vec![regex], ErrorCode::InvalidRequest),
    ];
    for (subtopologies, error) in table {
        let mut harness = Harness::with_streams(whole_cluster());
        let topology = Topology::default().with_subtopologies(subtopologies);
        let refused = harness.streams_beat(&joining("m", "p").with_topology(Some(topology.clone())));
        assert_eq!(refused.unwrap_err().code, error, "{topology:?}");
        assert!(harness.shard.streams_group(GROUP).is_none());
    }
}

#[test]
fn settings_that_change_are_assigned_by() {
    let mut harness = Harness::with_streams(whole_cluster());
    harness.streams_heard(&joining("m1", "p1"));
    harness.streams_heard(&joining("m2", "p2"));
    let mut cluster = whole_cluster();
    cluster.streams.rack_aware_tags = vec!["zone".to_owned()];
    cluster.streams.num_standby_replicas = 1;
    harness.shard.set_cluster(Arc::new(cluster), &[]);
    let (reply, records) = harness.streams_beat(&beat("m2", 3)).unwrap();
    assert!(kinds(&records).contains(&"epoch"));
    let status = reply.response.status.unwrap().pop().unwrap();
    assert_eq!(status.status_code, 6);
    assert_eq!(
        status.status_detail.as_str(),
        "Missing required client tags for rack-aware standby assignment: [zone]. Configure them via 'client.tag.<tagKey>' in \
         your Streams config."
    );
    let tag = KeyValue::default().with_key(text("zone")).with_value(text("a"));
    let (reply, _) = harness
        .streams_beat(&beat("m2", reply.response.member_epoch).with_client_tags(Some(vec![tag])))
        .unwrap();
    assert!(
        reply
            .response
            .status
            .unwrap()
            .iter()
            .all(|status| status.status_code != 6)
    );
}

#[test]
fn members_know_where_to_ask_and_when_to_stop() {
    let mut harness = Harness::with_streams(whole_cluster());
    let endpoint = Endpoint::default().with_host(text("h")).with_port(65_535);
    harness.streams_beat(&joining("m1", "p1")).unwrap();
    let (reply, _) = harness
        .streams_beat(&beat("m1", 2).with_user_endpoint(Some(endpoint)))
        .unwrap();
    let response = reply.response;
    assert_eq!(response.endpoint_information_epoch, 1);
    let behind = response.partitions_by_user_endpoint.unwrap().pop().unwrap();
    assert_eq!(
        (behind.user_endpoint.host.as_str(), behind.user_endpoint.port),
        ("h", 65_535)
    );
    let partitions: Vec<(&str, &[i32])> = behind
        .active_partitions
        .iter()
        .map(|topic| (topic.topic.as_str(), &topic.partitions[..]))
        .collect();
    assert_eq!(partitions, [("r", &[0, 1][..]), ("t", &[0, 1][..])]);
    let (reply, _) = harness
        .streams_beat(&beat("m1", 3).with_endpoint_information_epoch(1))
        .unwrap();
    assert_eq!(reply.response.partitions_by_user_endpoint, None);
    let asked = harness.statuses(&beat("m1", 3).with_shutdown_application(true));
    assert_eq!(asked[0].0, 4);
    assert_eq!(
        harness.statuses(&beat("m1", 3))[0].0,
        4,
        "all are told from now on"
    );
    harness.streams_beat(&beat("m1", -1)).unwrap();
    assert_eq!(harness.streams_state(), Some(StreamsGroupState::Empty));
    assert_eq!(
        harness.statuses(&joining("m1", "p1")),
        [],
        "the next application is another one"
    );
}

#[test]
fn a_topology_is_described_by_one_of_those_who_run_it() {
    let mut harness = Harness::with_streams(whole_cluster());
    harness.streams_heard(&joining("m", "p"));
    harness.streams_heard(&joining("n", "q"));
    let is_asked = |harness: &mut Harness, member, epoch| {
        let (reply, _) = harness.streams_beat(&beat(member, epoch)).unwrap();
        reply.response.topology_description_required
    };
    let status = |harness: &Harness, requested| {
        let group = harness.shard.describe_streams(GROUP, 1, requested);
        (group.topology_description_status, group.topology_description)
    };
    assert!(!is_asked(&mut harness, "n", 3), "it was asked when it joined");
    harness.advance(31_000);
    assert!(is_asked(&mut harness, "n", 3));
    assert!(!is_asked(&mut harness, "n", 3), "one at a time");
    assert_eq!(status(&harness, true), (1, None));
    let node = |name: &str, node_type| {
        TopologyDescriptionNode::default()
            .with_name(text(name))
            .with_node_type(node_type)
    };
    let update = |member: &str, epoch, nodes| {
        let subtopology = TopologyDescriptionSubtopology::default()
            .with_subtopology_id(text("0"))
            .with_nodes(nodes);
        StreamsGroupTopologyDescriptionUpdateRequest::default()
            .with_group_id(GroupId(text(GROUP)))
            .with_member_id(text(member))
            .with_topology_epoch(epoch)
            .with_topology_description(TopologyDescription::default().with_subtopologies(vec![subtopology]))
    };
    let table = [
        (update("o", 0, vec![]), ErrorCode::UnknownMemberId),
        (update("n", 1, vec![]), ErrorCode::InvalidRequest),
        (update("n", 0, vec![node("x", 4)]), ErrorCode::InvalidRequest),
        (update("", 0, vec![]), ErrorCode::InvalidRequest),
        (
            update("n", 0, vec![]).with_group_id(GroupId(text("other"))),
            ErrorCode::UnknownMemberId,
        ),
    ];
    for (request, error) in table {
        let refused = harness.shard.update_streams_description(&request).unwrap_err();
        assert_eq!(refused.code, error, "{request:?}");
    }
    let outcome = harness
        .shard
        .update_streams_description(&update("n", 0, vec![node("source", 1)]))
        .unwrap();
    assert_eq!((kinds(&outcome.records), outcome.reply), (vec!["epoch"], Ok(())));
    harness.append(outcome.records);
    assert_eq!(status(&harness, false), (0, None));
    let (available, description) = status(&harness, true);
    assert_eq!(available, 3);
    assert_eq!(
        description.unwrap().subtopologies[0].nodes[0].name.as_str(),
        "source"
    );
    let too_large = update("n", 0, vec![node(&"x".repeat(30_000), 2); 40]);
    let outcome = harness.shard.update_streams_description(&too_large).unwrap();
    assert_eq!(
        outcome.reply.unwrap_err().code,
        ErrorCode::StreamsTopologyDescriptionUpdateFailed
    );
    let mut reloaded = harness.reloaded();
    assert_eq!(status(&reloaded, true), (1, None), "it is kept in memory");
    assert!(is_asked(&mut reloaded, "n", 3));
}
