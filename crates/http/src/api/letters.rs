//! Dead letters of share groups (KIP-1191): where they are, what they say, and taking them back.

use std::collections::{BTreeMap, BTreeSet};

use barnabas_protocol::messages::DescribeConfigsRequest;
use barnabas_protocol::messages::describe_configs_request::DescribeConfigsResource;
use barnabas_tools::client::configs::{GROUP, TOPIC};
use barnabas_tools::client::leaders::TopicPartition;
use barnabas_tools::client::records::Fetched;
use barnabas_tools::client::{Cluster, KafkaError, To, wire};
use barnabas_tools::queue::letter::Letter;
use barnabas_tools::queue::progress::{self, Progress};
use barnabas_tools::queue::redrive::{Account, Wanted, progress_group_of, redrive};
use serde_json::{Value, json};

use super::failure::Failure;
use super::topics::{bounds, describe, described};
use super::{Asking, messages};

/// What makes a topic one of dead letters.
const ENABLE: &str = "errors.deadletterqueue.group.enable";
/// Names the dead letter topic of a group.
pub const TOPIC_NAME: &str = "errors.deadletterqueue.topic.name";
/// Dead letters that go back at once, unless another number is asked for, and at most.
const MOST: i64 = 1_000;
const MOST_MAX: i64 = 100_000;

/// `letters`: the topics that take dead letters, each with how many records it holds.
pub fn topics(asking: &Asking) -> Result<Value, Failure> {
    let cluster = &asking.cluster;
    let mut rows = Vec::new();
    for name in dead_letter_topics(cluster)? {
        let bounds = bounds(cluster, &describe(cluster, &name)?, true)?;
        let held: i64 = bounds.values().map(|(start, end)| end - start).sum();
        rows.push(json!({ "name": name, "partitions": bounds.len(), "held": held }));
    }
    Ok(json!({ "topics": rows }))
}

fn dead_letter_topics(cluster: &Cluster) -> Result<Vec<String>, KafkaError> {
    let topics = cluster.list_topics()?.into_iter();
    let resource = |name: String| {
        DescribeConfigsResource::default()
            .with_resource_type(TOPIC)
            .with_resource_name(wire(&name))
            .with_configuration_keys(Some(vec![wire(ENABLE)]))
    };
    let resources: Vec<DescribeConfigsResource> = topics.map(|topic| resource(topic.name)).collect();
    if resources.is_empty() {
        return Ok(Vec::new());
    }
    let request = DescribeConfigsRequest::default().with_resources(resources);
    let answer = cluster.ask(To::Any, "describeConfigs", &request)?;
    let takes_letters = answer.results.iter().filter(|result| {
        let mut values = result.configs.iter().filter_map(|config| config.value.as_ref());
        values.any(|value| value.as_str() == "true")
    });
    let mut names: Vec<String> = takes_letters
        .map(|result| result.resource_name.to_string())
        .collect();
    names.sort();
    Ok(names)
}

/// `letters/of?topic=dlq.tasks`: its records as `messages` finds them, each with what its headers say and
/// whether it has gone back.
pub fn of(asking: &Asking) -> Result<Value, Failure> {
    let (cluster, asked) = (&asking.cluster, &asking.asked);
    let topic = messages::partitions(cluster, asked)?;
    let begins = bounds(cluster, &topic, true)?;
    let begins = begins
        .iter()
        .map(|(index, (start, _))| ((topic.name.clone(), *index), *start));
    let begins: BTreeMap<TopicPartition, i64> = begins.collect();
    let group = progress_group(asked.text("progress"), &topic.name);
    // Whoever may not see the group sees the letters.
    let progress = progress::read(cluster, &group, &begins).ok();
    let groups: BTreeSet<&str> = asked.text("group").into_iter().collect();
    let is_wanted = |record: &Fetched| {
        let letter = Letter::of(record);
        letter.is_some_and(|letter| groups.is_empty() || groups.contains(letter.group.as_str()))
    };
    let mut answer = messages::found(asking, &topic, &is_wanted, &|record, row| {
        row["letter"] = letter(record);
        row["back"] = is_back(progress.as_ref(), record).into();
    })?;
    answer["progressGroup"] = group.into();
    Ok(answer)
}

fn progress_group(named: Option<&str>, topic: &str) -> String {
    named.map_or_else(|| progress_group_of(topic), str::to_owned)
}

/// Whether a dead letter has gone back; `None` where that is not known.
fn is_back(progress: Option<&BTreeMap<TopicPartition, Progress>>, record: &Fetched) -> Option<bool> {
    let at = (record.topic.clone(), record.partition);
    Some(progress?.get(&at)?.is_done(record.offset))
}

fn letter(record: &Fetched) -> Value {
    let text = |name: &str| {
        let mut headers = record.headers.iter();
        let value = headers.find(|(key, _)| key == name.as_bytes())?.1.as_deref()?;
        Some(String::from_utf8_lossy(value).into_owned())
    };
    let of = Letter::of(record);
    json!({
        "topic": of.as_ref().map(|of| of.topic.as_str()),
        "partition": of.as_ref().map(|of| of.partition),
        "offset": of.as_ref().map(|of| of.offset),
        "group": of.as_ref().map(|of| of.group.as_str()),
        "deliveries": text("__dlq.errors.delivery.count"),
        "message": text("__dlq.errors.message"),
    })
}

/// `letters/redrive` with `topic`, and with `groups`, `from`, `to`, `most` and `progress` as `barnabas queue
/// redrive` has them. Only `apply` takes anything back; without it the answer says what would go.
pub fn take_back(asking: &Asking) -> Result<Value, Failure> {
    let (cluster, asked) = (&asking.cluster, &asking.asked);
    let topic = describe(cluster, asked.needed("topic")?)?.name;
    let (groups, from) = (asked.texts("groups")?, asked.texts("from")?);
    let group = progress_group(asked.text("progress"), &topic);
    let most = asked.number("most")?.unwrap_or(MOST);
    let to_topic = asked.text("to");
    if let Some(to) = to_topic {
        describe(cluster, to)?;
    }
    let wanted = Wanted {
        topic: &topic,
        groups: groups.iter().map(String::as_str).collect(),
        from_topics: from.iter().map(String::as_str).collect(),
        to_topic,
        progress_group: &group,
        most: u64::try_from(most.clamp(1, MOST_MAX)).unwrap_or(1),
        executes: asked.flag("apply"),
    };
    let account = redrive(cluster, &wanted)?;
    Ok(told(&account, wanted.executes))
}

fn told(account: &Account, applied: bool) -> Value {
    let back = account
        .back
        .iter()
        .map(|((group, from, to), count)| json!({ "group": group, "from": from, "to": to, "count": count }));
    json!({
        "applied": applied,
        "back": back.collect::<Vec<_>>(),
        "gone": account.gone,
        "left": account.left,
    })
}

/// The dead letter topic that a group's settings name; `None` where they name none, or may not be seen.
pub fn topic_of(cluster: &Cluster, group: &str) -> Option<String> {
    let configs = described(cluster, To::Any, GROUP, group).ok()?;
    let entry = configs
        .as_array()?
        .iter()
        .find(|entry| entry["name"] == TOPIC_NAME)?;
    let name = entry["value"].as_str()?;
    (!name.is_empty()).then(|| name.to_owned())
}
