//! Topics: all of them, and one with its partitions and settings.

use std::collections::BTreeMap;

use barnabas_protocol::messages::DescribeConfigsRequest;
use barnabas_protocol::messages::describe_configs_request::DescribeConfigsResource;
use barnabas_tools::client::configs::{BROKER, CLIENT_METRICS, GROUP, ResourceType, Source, TOPIC};
use barnabas_tools::client::leaders::TopicPartition;
use barnabas_tools::client::offsets::{EARLIEST, LATEST};
use barnabas_tools::client::topics::TopicDescription;
use barnabas_tools::client::{Cluster, KafkaError, To, wire};
use serde_json::{Value, json};

use super::Asking;
use super::brokers::log_dirs;
use super::failure::Failure;

/// Partitions that the cluster describes at a time.
const PAGE: i32 = 2000;

/// All topics that may be seen: a row each, of name, partitions, replicas, partitions that lack
/// replicas, those without a leader, whether it is internal, and bytes.
pub fn list(asking: &Asking) -> Result<Value, Failure> {
    let cluster = &asking.cluster;
    let metadata = cluster.metadata("listTopics", None, false)?;
    let sizes = sizes(cluster);
    let rows = metadata.topics.iter().filter_map(|topic| {
        let name = topic.name.as_ref()?.as_str();
        let partitions = &topic.partitions;
        let lacking = partitions
            .iter()
            .filter(|at| at.isr_nodes.len() < at.replica_nodes.len());
        let offline = partitions.iter().filter(|at| at.leader_id.0 < 0);
        let replicas = partitions.iter().map(|at| at.replica_nodes.len()).max();
        Some(json!([
            name,
            partitions.len(),
            replicas.unwrap_or(0),
            lacking.count(),
            offline.count(),
            topic.is_internal,
            sizes.as_ref().map(|sizes| sizes.get(name).copied().unwrap_or(0)),
        ]))
    });
    let mut rows: Vec<Value> = rows.collect();
    rows.sort_by(|a, b| a[0].as_str().cmp(&b[0].as_str()));
    Ok(json!({ "topics": rows }))
}

/// What all replicas of each topic take; none where that may not be seen.
fn sizes(cluster: &Cluster) -> Option<BTreeMap<String, i64>> {
    let mut sizes = BTreeMap::new();
    for broker in &cluster.brokers("listNodes").ok()?.list {
        for dir in log_dirs(cluster, broker.id).ok()? {
            for topic in dir.topics {
                let bytes: i64 = topic.partitions.iter().map(|at| at.partition_size).sum();
                *sizes.entry(topic.name.to_string()).or_default() += bytes;
            }
        }
    }
    Some(sizes)
}

/// Describes one topic.
///
/// # Errors
/// There is none, or it may not be seen.
pub fn describe(cluster: &Cluster, name: &str) -> Result<TopicDescription, KafkaError> {
    let found = cluster.describe_topics(&[name.to_owned()], PAGE)?;
    let missing = || KafkaError::of_code(3, None);
    found.into_iter().next().ok_or_else(missing)
}

/// Where each partition of a topic begins and ends; partitions without a leader are left out.
///
/// # Errors
/// Nobody answers.
pub fn bounds(
    cluster: &Cluster,
    topic: &TopicDescription,
    read_committed: bool,
) -> Result<BTreeMap<i32, (i64, i64)>, KafkaError> {
    let led = topic.partitions.iter().filter(|at| at.leader.is_some());
    let led: Vec<TopicPartition> = led.map(|at| (topic.name.clone(), at.index)).collect();
    let of = |timestamp: i64| led.iter().map(|at| (at.clone(), timestamp)).collect();
    let first = cluster.list_offsets(&of(EARLIEST), read_committed)?;
    let last = cluster.list_offsets(&of(LATEST), read_committed)?;
    let bounds = led.into_iter().filter_map(|at| {
        let (Some(Ok(first)), Some(Ok(last))) = (first.get(&at), last.get(&at)) else {
            return None;
        };
        Some((at.1, (first.offset, last.offset)))
    });
    Ok(bounds.collect())
}

/// `topic?name=orders`: partitions with their replicas, bounds and sizes, and settings.
pub fn one(asking: &Asking) -> Result<Value, Failure> {
    let cluster = &asking.cluster;
    let topic = describe(cluster, asking.asked.needed("name")?)?;
    let bounds = bounds(cluster, &topic, false).unwrap_or_default();
    let mut sizes: BTreeMap<i32, i64> = BTreeMap::new();
    for broker in &cluster.brokers("listNodes")?.list {
        for dir in log_dirs(cluster, broker.id).unwrap_or_default() {
            for own in dir.topics.iter().filter(|own| own.name.as_str() == topic.name) {
                for at in &own.partitions {
                    let largest = sizes.entry(at.partition_index).or_default();
                    *largest = at.partition_size.max(*largest);
                }
            }
        }
    }
    let partitions = topic.partitions.iter().map(|at| {
        let bounds = bounds.get(&at.index);
        json!({
            "partition": at.index,
            "leader": at.leader,
            "replicas": at.replicas,
            "isr": at.isr,
            "start": bounds.map(|bounds| bounds.0),
            "end": bounds.map(|bounds| bounds.1),
            "bytes": sizes.get(&at.index),
        })
    });
    let configs = match described(cluster, To::Any, TOPIC, &topic.name) {
        Ok(configs) => configs,
        Err(failure) => failure.body(),
    };
    Ok(json!({
        "name": topic.name,
        "id": topic.id.to_string(),
        "partitions": partitions.collect::<Vec<_>>(),
        "configs": configs,
    }))
}

/// `configs?kind=group&name=workers`: the settings of anything that has some.
pub fn configs(asking: &Asking) -> Result<Value, Failure> {
    let (kind, name) = resource(asking)?;
    let to = match (kind, name.parse()) {
        (BROKER, Ok(id)) => To::Broker(id),
        _ => To::Any,
    };
    Ok(json!({ "configs": described(&asking.cluster, to, kind, &name)? }))
}

/// What `kind` and `name` mean.
///
/// # Errors
/// There is no such kind.
pub fn resource(asking: &Asking) -> Result<(ResourceType, String), Failure> {
    let kind = match asking.asked.needed("kind")? {
        "topic" => TOPIC,
        "broker" => BROKER,
        "group" => GROUP,
        "client-metrics" => CLIENT_METRICS,
        other => {
            return Err(Failure::bad(format!(
                "kind={other}: topic, broker, group or client-metrics is expected"
            )));
        }
    };
    Ok((kind, asking.asked.text("name").unwrap_or_default().to_owned()))
}

/// The settings of a resource: what each is for, its value, where that comes from, and what it
/// would be without.
///
/// # Errors
/// The cluster's.
pub fn described(cluster: &Cluster, to: To, kind: ResourceType, name: &str) -> Result<Value, Failure> {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(wire(name))
        .with_configuration_keys(None);
    let request = DescribeConfigsRequest::default()
        .with_resources(vec![resource])
        .with_include_synonyms(true)
        .with_include_documentation(true);
    let response = cluster.ask(to, "describeConfigs", &request)?;
    let Some(result) = response.results.into_iter().next() else {
        return Ok(Value::Array(Vec::new()));
    };
    KafkaError::check(result.error_code, result.error_message.as_deref())?;
    let mut configs: Vec<Value> = Vec::new();
    for config in &result.configs {
        let otherwise = config
            .synonyms
            .iter()
            .find(|synonym| synonym.source != config.config_source);
        configs.push(json!({
            "name": config.name.as_str(),
            "value": config.value.as_ref().map(|value| value.as_str()),
            "source": Source(config.config_source).name(),
            "from": config.synonyms.first().map(|synonym| synonym.name.as_str()),
            "otherwise": otherwise.and_then(|synonym| synonym.value.as_ref()).map(|value| value.as_str()),
            "sensitive": config.is_sensitive,
            "readOnly": config.read_only,
            "about": config.documentation.as_ref().map(|text| text.as_str()),
        }));
    }
    configs.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    Ok(configs.into())
}
