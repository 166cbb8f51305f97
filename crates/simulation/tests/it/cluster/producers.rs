//! Who writes: an idempotent producer, and one that writes in transactions. Each knows what must be in the logs at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use barnabas_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use barnabas_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use barnabas_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, GroupId, InitProducerIdRequest,
    ProduceRequest, ProducerId, TopicName, TransactionalId, TxnOffsetCommitRequest,
};
use barnabas_protocol::records::{BatchBuilder, Compression, RecordFields};
use tokio::time::sleep;

use super::client::{ClusterClient, To, text};
use super::{PARTITIONS, TOPIC};

const INIT_PRODUCER_ID: i16 = 4;
const PRODUCE: i16 = 9;
/// The first version with which a partition joins its transaction by being written to.
const PRODUCE_IN_TRANSACTION: i16 = 12;
const ADD_PARTITIONS: i16 = 3;
const ADD_OFFSETS: i16 = 3;
const TXN_OFFSET_COMMIT: i16 = 3;
const TXN_OFFSET_COMMIT_IN_TRANSACTION: i16 = 5;
const END_TXN: i16 = 3;
const END_TXN_BUMPING: i16 = 5;

/// A producer id and what comes with it.
struct Producer {
    id: i64,
    epoch: i16,
    sequences: BTreeMap<i32, i32>,
}

async fn init(client: &mut ClusterClient, transactional_id: Option<&str>) -> Producer {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(transactional_id.map(|id| TransactionalId(text(id))))
        .with_transaction_timeout_ms(20_000);
    let to = transactional_id.map_or(To::Any, To::Transactions);
    let (response, code) = client
        .ask(to, INIT_PRODUCER_ID, &request, |response| response.error_code)
        .await;
    assert_eq!(code, ErrorCode::None, "{}: init", client.who);
    Producer {
        id: response.producer_id.0,
        epoch: response.producer_epoch,
        sequences: BTreeMap::new(),
    }
}

async fn produce(
    client: &mut ClusterClient,
    producer: &mut Producer,
    transaction: Option<(&str, i16)>,
    partition: i32,
    values: &[String],
) -> ErrorCode {
    let sequence = producer.sequences.entry(partition).or_default();
    let mut batch = BatchBuilder::new(Compression::None).producer(producer.id, producer.epoch, *sequence);
    if transaction.is_some() {
        batch = batch.transactional();
    }
    for value in values {
        batch.append(&RecordFields {
            timestamp: 1_700_000_000_000,
            value: Some(value.as_bytes()),
            ..RecordFields::default()
        });
    }
    *sequence += values.len() as i32;
    let records = batch.build().expect("the batch is small").into();
    let data = PartitionProduceData::default()
        .with_index(partition)
        .with_records(Some(records));
    let topic = TopicProduceData::default()
        .with_name(TopicName(text(TOPIC)))
        .with_partition_data(vec![data]);
    let request = ProduceRequest::default()
        .with_transactional_id(transaction.map(|(id, _)| TransactionalId(text(id))))
        .with_acks(-1)
        .with_timeout_ms(2_000)
        .with_topic_data(vec![topic]);
    let version = transaction.map_or(PRODUCE, |(_, version)| version);
    let (_, code) = client
        .ask(To::Leader(TOPIC, partition), version, &request, |response| {
            response.responses[0].partition_responses[0].error_code
        })
        .await;
    code
}

fn some_partition(client: &ClusterClient) -> i32 {
    client.random.below(PARTITIONS as u64) as i32
}

async fn pause(client: &ClusterClient) {
    sleep(Duration::from_millis(client.random.below(400))).await;
}

/// Writes so many batches; answers what is acknowledged, in order, for each partition.
pub async fn idempotent(
    mut client: ClusterClient,
    name: String,
    rounds: usize,
) -> BTreeMap<i32, Vec<String>> {
    let mut written: BTreeMap<i32, Vec<String>> = BTreeMap::new();
    let mut producer = init(&mut client, None).await;
    for round in 0..rounds {
        let partition = some_partition(&client);
        let count = 1 + client.random.below(4) as usize;
        let values: Vec<String> = (0..count).map(|i| format!("{name}:{round}:{i}")).collect();
        let code = produce(&mut client, &mut producer, None, partition, &values).await;
        // An answer that was lost may have been the acknowledgement.
        let is_there = [ErrorCode::None, ErrorCode::DuplicateSequenceNumber].contains(&code);
        assert!(
            is_there,
            "{}: {code} for {values:?} in partition {partition}",
            client.who
        );
        written.entry(partition).or_default().extend(values);
        pause(&client).await;
    }
    written
}

/// What became of a transaction, as far as its producer knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Committed,
    Aborted,
    /// It was to be committed, and its producer was fenced meanwhile.
    Unknown,
}

/// A transaction: its values by partition.
#[derive(Debug)]
pub struct Transaction {
    pub number: usize,
    pub fate: Fate,
    pub values: Vec<(i32, String)>,
}

/// Commits and aborts so many transactions, each with the offset of its number for the group `name`.
pub async fn transactional(mut client: ClusterClient, name: String, rounds: usize) -> Vec<Transaction> {
    let mut done = Vec::new();
    let mut producer = init(&mut client, Some(&name)).await;
    let bumps = client.random.below(2) == 0;
    for number in 1..=rounds {
        let mut transaction = Transaction {
            number,
            fate: Fate::Aborted,
            values: Vec::new(),
        };
        let commit = client.random.below(4) > 0;
        let ended = write(&mut client, &name, &mut producer, bumps, &mut transaction).await;
        let code = match ended {
            ErrorCode::None => end(&mut client, &name, &mut producer, bumps, commit).await,
            error => error,
        };
        transaction.fate = match (ended, code) {
            (ErrorCode::None, ErrorCode::None) if commit => Fate::Committed,
            (ErrorCode::None, ErrorCode::None) => Fate::Aborted,
            (ErrorCode::None, _) if commit => Fate::Unknown,
            _ => Fate::Aborted,
        };
        if code != ErrorCode::None {
            // It took too long. Whoever is initialized anew finds it aborted, or aborts it.
            producer = init(&mut client, Some(&name)).await;
        }
        done.push(transaction);
        pause(&client).await;
    }
    done
}

async fn write(
    client: &mut ClusterClient,
    name: &str,
    producer: &mut Producer,
    bumps: bool,
    transaction: &mut Transaction,
) -> ErrorCode {
    let count = 1 + client.random.below(3) as usize;
    let number = transaction.number;
    let places: Vec<(i32, String)> = (0..count)
        .map(|index| (some_partition(client), format!("{name}:{number}:{index}")))
        .collect();
    if !bumps {
        let topic = AddPartitionsToTxnTopic::default()
            .with_name(TopicName(text(TOPIC)))
            .with_partitions(places.iter().map(|(partition, _)| *partition).collect());
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(TransactionalId(text(name)))
            .with_v3_and_below_producer_id(ProducerId(producer.id))
            .with_v3_and_below_producer_epoch(producer.epoch)
            .with_v3_and_below_topics(vec![topic]);
        let (_, code) = client
            .ask(To::Transactions(name), ADD_PARTITIONS, &request, |response| {
                response.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code
            })
            .await;
        if code != ErrorCode::None {
            return code;
        }
    }
    let version = if bumps { PRODUCE_IN_TRANSACTION } else { PRODUCE };
    for (partition, value) in places {
        transaction.values.push((partition, value.clone()));
        let code = produce(client, producer, Some((name, version)), partition, &[value]).await;
        if ![ErrorCode::None, ErrorCode::DuplicateSequenceNumber].contains(&code) {
            return code;
        }
    }
    commit_offset(client, name, producer, bumps, number as i64).await
}

async fn commit_offset(
    client: &mut ClusterClient,
    name: &str,
    producer: &Producer,
    bumps: bool,
    offset: i64,
) -> ErrorCode {
    if !bumps {
        let request = AddOffsetsToTxnRequest::default()
            .with_transactional_id(TransactionalId(text(name)))
            .with_producer_id(ProducerId(producer.id))
            .with_producer_epoch(producer.epoch)
            .with_group_id(GroupId(text(name)));
        let (_, code) = client
            .ask(To::Transactions(name), ADD_OFFSETS, &request, |response| {
                response.error_code
            })
            .await;
        if code != ErrorCode::None {
            return code;
        }
    }
    let partition = TxnOffsetCommitRequestPartition::default()
        .with_partition_index(0)
        .with_committed_offset(offset);
    let topic = TxnOffsetCommitRequestTopic::default()
        .with_name(TopicName(text(TOPIC)))
        .with_partitions(vec![partition]);
    let request = TxnOffsetCommitRequest::default()
        .with_transactional_id(TransactionalId(text(name)))
        .with_group_id(GroupId(text(name)))
        .with_producer_id(ProducerId(producer.id))
        .with_producer_epoch(producer.epoch)
        .with_topics(vec![topic]);
    let version = match bumps {
        true => TXN_OFFSET_COMMIT_IN_TRANSACTION,
        false => TXN_OFFSET_COMMIT,
    };
    let (_, code) = client
        .ask(To::Group(name), version, &request, |response| {
            response.topics[0].partitions[0].error_code
        })
        .await;
    code
}

async fn end(
    client: &mut ClusterClient,
    name: &str,
    producer: &mut Producer,
    bumps: bool,
    commit: bool,
) -> ErrorCode {
    let request = EndTxnRequest::default()
        .with_transactional_id(TransactionalId(text(name)))
        .with_producer_id(ProducerId(producer.id))
        .with_producer_epoch(producer.epoch)
        .with_committed(commit);
    let version = if bumps { END_TXN_BUMPING } else { END_TXN };
    let (response, code) = client
        .ask(To::Transactions(name), version, &request, |response| {
            response.error_code
        })
        .await;
    if bumps && code == ErrorCode::None {
        producer.id = response.producer_id.0;
        producer.epoch = response.producer_epoch;
        producer.sequences.clear();
    }
    code
}
