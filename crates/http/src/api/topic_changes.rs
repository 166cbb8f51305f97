//! What is done to topics: creating, growing, configuring, emptying and deleting them, and writing records.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use barnabas_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use barnabas_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use barnabas_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use barnabas_protocol::messages::delete_topics_request::DeleteTopicState;
use barnabas_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use barnabas_protocol::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest,
    IncrementalAlterConfigsRequest,
};
use barnabas_protocol::records::Compression;
use barnabas_tools::client::configs::BROKER;
use barnabas_tools::client::new_record::{NewRecord, ProduceSettings};
use barnabas_tools::client::produce::Producer;
use barnabas_tools::client::{KafkaError, To, topic_name, wire};
use serde_json::{Value, json};

use super::failure::Failure;
use super::topics::{describe, resource};
use super::{Asking, done};

/// What the controller may take for a change.
const TIMEOUT_MS: i32 = 15_000;
const TIMEOUT: Duration = Duration::from_secs(15);
const SET: i8 = 0;
const DELETE: i8 = 1;
/// Records of one request.
const RECORDS_MAX: i64 = 1000;

/// `topics/create` with `name`, and `partitions`, `replicas` and `configs` where the defaults won't do;
/// `validate` only looks whether it could be.
pub fn create(asking: &Asking) -> Result<Value, Failure> {
    let asked = &asking.asked;
    let replicas = i16::try_from(asked.int("replicas")?.unwrap_or(-1));
    let configs = asked.pairs("configs")?.into_iter().map(|(name, value)| {
        CreatableTopicConfig::default()
            .with_name(wire(&name))
            .with_value(Some(wire(&value)))
    });
    let topic = CreatableTopic::default()
        .with_name(topic_name(asked.needed("name")?))
        .with_num_partitions(asked.int("partitions")?.unwrap_or(-1))
        .with_replication_factor(replicas.map_err(|_| Failure::bad("replicas is too large"))?)
        .with_configs(configs.collect());
    let request = CreateTopicsRequest::default()
        .with_topics(vec![topic])
        .with_validate_only(asked.flag("validate"))
        .with_timeout_ms(TIMEOUT_MS);
    let answer = asking.cluster.ask(To::Controller, "createTopics", &request)?;
    for topic in &answer.topics {
        KafkaError::check(topic.error_code, topic.error_message.as_deref())?;
    }
    done()
}

/// `topics/grow` with `name` and `partitions`, how many there are to be.
pub fn grow(asking: &Asking) -> Result<Value, Failure> {
    let count = asking.asked.int("partitions")?;
    let topic = CreatePartitionsTopic::default()
        .with_name(topic_name(asking.asked.needed("name")?))
        .with_count(count.ok_or_else(|| Failure::bad("partitions is missing"))?)
        .with_assignments(None);
    let request = CreatePartitionsRequest::default()
        .with_topics(vec![topic])
        .with_timeout_ms(TIMEOUT_MS);
    let answer = asking.cluster.ask(To::Controller, "createPartitions", &request)?;
    for topic in &answer.results {
        KafkaError::check(topic.error_code, topic.error_message.as_deref())?;
    }
    done()
}

/// `topics/delete` with `name`.
pub fn delete(asking: &Asking) -> Result<Value, Failure> {
    let name = asking.asked.needed("name")?;
    let state = DeleteTopicState::default().with_name(Some(topic_name(name)));
    let request = DeleteTopicsRequest::default()
        .with_topics(vec![state])
        .with_timeout_ms(TIMEOUT_MS);
    let answer = asking.cluster.ask(To::Controller, "deleteTopics", &request)?;
    for topic in &answer.responses {
        KafkaError::check(topic.error_code, topic.error_message.as_deref())?;
    }
    done()
}

/// `configs/alter` with `kind`, `name`, `set` (values by name) and `delete` (names).
pub fn alter(asking: &Asking) -> Result<Value, Failure> {
    let (kind, name) = resource(asking)?;
    let change = |name: &str, operation: i8, value: Option<&str>| {
        AlterableConfig::default()
            .with_name(wire(name))
            .with_config_operation(operation)
            .with_value(value.map(wire))
    };
    let set = asking.asked.pairs("set")?;
    let removed = asking.asked.texts("delete")?;
    let set = set.iter().map(|(name, value)| change(name, SET, Some(value)));
    let removed = removed.iter().map(|name| change(name, DELETE, None));
    let resource = AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(wire(&name))
        .with_configs(set.chain(removed).collect());
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    // What a broker alone knows has to be asked there.
    let to = match (kind, name.parse()) {
        (BROKER, Ok(id)) => To::Broker(id),
        _ => To::Controller,
    };
    let answer = asking.cluster.ask(to, "incrementalAlterConfigs", &request)?;
    for resource in &answer.responses {
        KafkaError::check(resource.error_code, resource.error_message.as_deref())?;
    }
    done()
}

/// `topics/empty` with `name`, and `partition` and `before` where not all records go.
pub fn empty(asking: &Asking) -> Result<Value, Failure> {
    let (cluster, asked) = (&asking.cluster, &asking.asked);
    let topic = describe(cluster, asked.needed("name")?)?;
    let before = asked.number("before")?.unwrap_or(-1);
    let wanted = asked.int("partition")?;
    let mut of_leader: BTreeMap<i32, Vec<DeleteRecordsPartition>> = BTreeMap::new();
    for at in topic
        .partitions
        .iter()
        .filter(|at| wanted.is_none_or(|wanted| wanted == at.index))
    {
        // Without a leader the request is refused, by whoever gets it.
        let leader = at.leader.ok_or_else(|| KafkaError::of_code(5, None))?;
        let partition = DeleteRecordsPartition::default()
            .with_partition_index(at.index)
            .with_offset(before);
        of_leader.entry(leader).or_default().push(partition);
    }
    let mut begins = Vec::new();
    for (leader, partitions) in of_leader {
        let named = DeleteRecordsTopic::default()
            .with_name(topic_name(&topic.name))
            .with_partitions(partitions);
        let request = DeleteRecordsRequest::default()
            .with_topics(vec![named])
            .with_timeout_ms(TIMEOUT_MS);
        let answer = cluster.ask(To::Broker(leader), "deleteRecords", &request)?;
        for at in answer.topics.iter().flat_map(|topic| &topic.partitions) {
            KafkaError::check(at.error_code, None)?;
            begins.push(json!([at.partition_index, at.low_watermark]));
        }
    }
    Ok(json!({ "starts": begins }))
}

/// `produce` with `topic`, and `partition`, `key`, `value` and `headers` (pairs) as they are; each is a text,
/// an object with `hex`, or null. `count` writes it more than once.
pub fn produce(asking: &Asking) -> Result<Value, Failure> {
    let asked = &asking.asked;
    let topic = asked.needed("topic")?;
    let headers = match asked.value("headers") {
        None => Vec::new(),
        Some(Value::Array(pairs)) => pairs.iter().map(header).collect::<Result<_, _>>()?,
        Some(_) => return Err(Failure::bad("headers is no list of pairs")),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let record = NewRecord {
        key: bytes(asked.raw("key"))?,
        value: bytes(asked.raw("value"))?,
        headers,
        timestamp: asked.number("timestamp")?.unwrap_or(now.as_millis() as i64),
    };
    let settings = ProduceSettings {
        acks: -1,
        compression: Compression::None,
        batch_size: 1 << 20,
        max_request_size: 4 << 20,
        request_timeout: TIMEOUT,
        delivery_timeout: TIMEOUT,
        max_block: TIMEOUT,
        retries: 3,
        is_idempotent: false,
        transactional_id: None,
    };
    // A topic that there is not is not made by writing to it.
    describe(&asking.cluster, topic)?;
    let partition = asked.int("partition")?;
    let mut producer = Producer::new(&asking.cluster, settings, now.subsec_nanos());
    for _ in 0..asked.number("count")?.unwrap_or(1).clamp(1, RECORDS_MAX) {
        producer.add(topic, partition, record.clone())?;
    }
    let mut written = Vec::new();
    for (records, first) in producer.flush()? {
        let first = first?;
        written.push(json!({ "offset": first, "records": records.len() }));
    }
    Ok(json!({ "written": written }))
}

type Header = (String, Option<Vec<u8>>);

fn header(pair: &Value) -> Result<Header, Failure> {
    match pair.as_array().map(Vec::as_slice) {
        Some([Value::String(name), value]) => Ok((name.clone(), bytes(Some(value))?)),
        _ => Err(Failure::bad("a header is a pair of a name and a value")),
    }
}

fn bytes(value: Option<&Value>) -> Result<Option<Vec<u8>>, Failure> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone().into_bytes())),
        Some(value) => {
            let digits = value.get("hex").and_then(Value::as_str).unwrap_or("?");
            let digits: Vec<u8> = digits
                .bytes()
                .filter(|byte| !byte.is_ascii_whitespace())
                .collect();
            let (pairs, rest) = digits.as_chunks::<2>();
            let byte = |pair: &[u8; 2]| {
                let digit = |one: u8| char::from(one).to_digit(16);
                u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()
            };
            let found: Option<Vec<u8>> = pairs.iter().map(byte).collect();
            let found = found.filter(|_| rest.is_empty());
            found
                .map(Some)
                .ok_or_else(|| Failure::bad("hex has two digits for each byte"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_given_as_text_or_digits() {
        for (given, expected) in [
            (Value::Null, Some(None)),
            (json!("ä"), Some(Some(vec![0xc3, 0xa4]))),
            (json!({ "hex": "00 ff" }), Some(Some(vec![0, 255]))),
            (json!({ "hex": "0" }), None),
            (json!({ "hex": "+f" }), None),
            (json!({ "hex": "zz" }), None),
            (json!(1), None),
        ] {
            assert_eq!(bytes(Some(&given)).ok(), expected, "{given}");
        }
    }
}
