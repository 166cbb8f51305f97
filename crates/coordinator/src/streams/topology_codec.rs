//! A [`Topology`] as StreamsGroupTopologyValue, and back.

use std::sync::Arc;

use barnabas_protocol::internal_records::StreamsGroupTopologyValue;
use barnabas_protocol::internal_records::streams_group_topology_value as value;
use barnabas_protocol::messages::StrBytes;

use super::topology::{CopartitionGroup, Subtopology, TopicInfo, Topology};
use crate::codec::text;

pub(super) fn encode(topology: &Topology) -> StreamsGroupTopologyValue {
    let texts = |texts: &[Arc<str>]| texts.iter().map(|one| text(one)).collect();
    let group = |group: &CopartitionGroup| {
        value::CopartitionGroup::default()
            .with_source_topics(group.source_topics.clone())
            .with_source_topic_regex(group.source_topic_regexes.clone())
            .with_repartition_source_topics(group.repartition_sources.clone())
    };
    let subtopology = |(id, subtopology): (&Arc<str>, &Subtopology)| {
        value::Subtopology::default()
            .with_subtopology_id(text(id))
            .with_source_topics(texts(&subtopology.source_topics))
            .with_source_topic_regex(texts(&subtopology.source_topic_regexes))
            .with_state_changelog_topics(subtopology.changelogs.iter().map(encode_info).collect())
            .with_repartition_sink_topics(texts(&subtopology.repartition_sinks))
            .with_repartition_source_topics(subtopology.repartition_sources.iter().map(encode_info).collect())
            .with_copartition_groups(subtopology.copartition_groups.iter().map(group).collect())
    };
    StreamsGroupTopologyValue::default()
        .with_epoch(topology.epoch)
        .with_subtopologies(topology.subtopologies.iter().map(subtopology).collect())
}

fn encode_info(topic: &TopicInfo) -> value::TopicInfo {
    let config = |(name, setting): &(Box<str>, Box<str>)| {
        value::TopicConfig::default()
            .with_key(text(name))
            .with_value(text(setting))
    };
    value::TopicInfo::default()
        .with_name(text(&topic.name))
        .with_partitions(topic.partitions)
        .with_replication_factor(topic.replication_factor)
        .with_topic_configs(topic.configs.iter().map(config).collect())
}

pub(super) fn decode(topology: &StreamsGroupTopologyValue) -> Topology {
    let texts = |texts: &[StrBytes]| texts.iter().map(|one| one.as_str().into()).collect();
    let group = |group: &value::CopartitionGroup| CopartitionGroup {
        source_topics: group.source_topics.clone(),
        source_topic_regexes: group.source_topic_regex.clone(),
        repartition_sources: group.repartition_source_topics.clone(),
    };
    let subtopology = |subtopology: &value::Subtopology| {
        let decoded = Subtopology {
            source_topics: texts(&subtopology.source_topics),
            source_topic_regexes: texts(&subtopology.source_topic_regex),
            changelogs: subtopology
                .state_changelog_topics
                .iter()
                .map(decode_info)
                .collect(),
            repartition_sinks: texts(&subtopology.repartition_sink_topics),
            repartition_sources: subtopology
                .repartition_source_topics
                .iter()
                .map(decode_info)
                .collect(),
            copartition_groups: subtopology.copartition_groups.iter().map(group).collect(),
        };
        (subtopology.subtopology_id.as_str().into(), decoded)
    };
    Topology {
        epoch: topology.epoch,
        subtopologies: topology.subtopologies.iter().map(subtopology).collect(),
    }
}

fn decode_info(topic: &value::TopicInfo) -> TopicInfo {
    let config = |config: &value::TopicConfig| (config.key.as_str().into(), config.value.as_str().into());
    TopicInfo {
        name: topic.name.as_str().into(),
        partitions: topic.partitions,
        replication_factor: topic.replication_factor,
        configs: topic.topic_configs.iter().map(config).collect(),
    }
}
