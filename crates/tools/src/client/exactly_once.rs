//! Transactions of a tool: records, and how far it has come, both or neither.
//!
//! Asked in the versions that are the same with every transaction.version of the cluster.

use std::collections::BTreeMap;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use barnabas_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use barnabas_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use barnabas_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, ProduceRequest, ProducerId,
    TransactionalId, TxnOffsetCommitRequest,
};
use barnabas_protocol::records::{BatchBuilder, Compression, RecordFields};

use super::coordinators::Coordinated;
use super::leaders::{TopicPartition, by_topic};
use super::new_record::NewRecord;
use super::{Cluster, KafkaError, To, group_id, topic_name, wire};

const ADD_PARTITIONS: i16 = 3;
const PRODUCE: i16 = 11;
const OFFSET_COMMIT: i16 = 3;
const END: i16 = 4;

/// A transactional producer.
pub struct ExactlyOnce<'a> {
    cluster: &'a Cluster,
    id: String,
    producer: (i64, i16),
    sequences: BTreeMap<TopicPartition, i32>,
}

impl<'a> ExactlyOnce<'a> {
    /// A producer with this id and epoch, which it was given.
    pub fn new(cluster: &'a Cluster, id: &str, producer: (i64, i16)) -> Self {
        ExactlyOnce {
            cluster,
            id: id.to_owned(),
            producer,
            sequences: BTreeMap::new(),
        }
    }

    /// Writes records, and commits for a group where it goes on, with what it notes there: all in one
    /// transaction. If that fails none of it counts.
    ///
    /// # Errors
    /// A record can't be written, somebody else uses the transactional id, nobody answers.
    pub fn write(
        &mut self,
        records: BTreeMap<TopicPartition, Vec<NewRecord>>,
        group: &str,
        offsets: &BTreeMap<TopicPartition, (i64, String)>,
    ) -> Result<(), KafkaError> {
        let written = self.write_all(records, group, offsets);
        let ended = match &written {
            // Who is fenced has nothing to end.
            Err(error)
                if error.is(ErrorCode::InvalidProducerEpoch) || error.is(ErrorCode::ProducerFenced) =>
            {
                return written;
            }
            written => self.end(written.is_ok()),
        };
        written.and(ended)
    }

    fn write_all(
        &mut self,
        records: BTreeMap<TopicPartition, Vec<NewRecord>>,
        group: &str,
        offsets: &BTreeMap<TopicPartition, (i64, String)>,
    ) -> Result<(), KafkaError> {
        if !records.is_empty() {
            self.add_partitions(records.keys())?;
        }
        for (at, records) in records {
            self.produce(&at, &records)?;
        }
        self.commit_offsets(group, offsets)
    }

    fn coordinator(&self) -> Result<To, KafkaError> {
        self.cluster.coordinator(Coordinated::Transaction, &self.id)
    }

    fn add_partitions<'p>(&self, at: impl Iterator<Item = &'p TopicPartition>) -> Result<(), KafkaError> {
        let topics = by_topic(at.map(|at| (at.clone(), ())))
            .into_iter()
            .map(|(topic, partitions)| {
                AddPartitionsToTxnTopic::default()
                    .with_name(topic_name(&topic))
                    .with_partitions(partitions.into_iter().map(|(index, ())| index).collect())
            });
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(self.wire_id())
            .with_v3_and_below_producer_id(ProducerId(self.producer.0))
            .with_v3_and_below_producer_epoch(self.producer.1)
            .with_v3_and_below_topics(topics.collect());
        self.cluster.retry("addPartitionsToTxn", || {
            let answer = self.cluster.ask_up_to(
                self.coordinator()?,
                "addPartitionsToTxn",
                ADD_PARTITIONS,
                &request,
            )?;
            let topics = answer.results_by_topic_v3_and_below;
            let mut partitions = topics.iter().flat_map(|topic| &topic.results_by_partition);
            partitions.try_for_each(|partition| KafkaError::check(partition.partition_error_code, None))
        })
    }

    fn produce(&mut self, at: &TopicPartition, records: &[NewRecord]) -> Result<(), KafkaError> {
        let sequence = self.sequences.entry(at.clone()).or_insert(0);
        let mut builder = BatchBuilder::new(Compression::None)
            .producer(self.producer.0, self.producer.1, *sequence)
            .transactional();
        *sequence = (i64::from(*sequence) + records.len() as i64).rem_euclid(1 << 31) as i32;
        for record in records {
            let headers: Vec<(&str, Option<&[u8]>)> = record
                .headers
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_deref()))
                .collect();
            builder.append(&RecordFields {
                timestamp: record.timestamp,
                key: record.key.as_deref(),
                value: record.value.as_deref(),
                headers: &headers,
            });
        }
        let bytes = builder
            .build()
            .map_err(|error| KafkaError::plain(error.to_string()))?;
        let partition = PartitionProduceData::default()
            .with_index(at.1)
            .with_records(Some(bytes.into()));
        let topic = TopicProduceData::default()
            .with_name(topic_name(&at.0))
            .with_partition_data(vec![partition]);
        let request = ProduceRequest::default()
            .with_transactional_id(Some(self.wire_id()))
            .with_acks(-1)
            .with_timeout_ms(30_000)
            .with_topic_data(vec![topic]);
        let topics = [at.0.clone()];
        self.cluster.retry("produce", || {
            let leaders = self.cluster.leaders(&topics, false)?;
            let leader = leaders.get(at).copied().flatten();
            let unled = || KafkaError::of_code(ErrorCode::LeaderNotAvailable.code(), None);
            let to = To::Broker(leader.ok_or_else(unled)?);
            let answer = self.cluster.wait(self.cluster.call_once(to, PRODUCE, &request))?;
            let mut partitions = answer
                .responses
                .iter()
                .flat_map(|topic| &topic.partition_responses);
            partitions.try_for_each(|partition| match ErrorCode::from_code(partition.error_code) {
                // An earlier attempt has written it.
                Some(ErrorCode::DuplicateSequenceNumber) => Ok(()),
                _ => KafkaError::check(partition.error_code, partition.error_message.as_deref()),
            })
        })
    }

    fn commit_offsets(
        &self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, (i64, String)>,
    ) -> Result<(), KafkaError> {
        let add = AddOffsetsToTxnRequest::default()
            .with_transactional_id(self.wire_id())
            .with_producer_id(ProducerId(self.producer.0))
            .with_producer_epoch(self.producer.1)
            .with_group_id(group_id(group));
        self.cluster.retry("addOffsetsToTxn", || {
            let answer =
                self.cluster
                    .ask_up_to(self.coordinator()?, "addOffsetsToTxn", ADD_PARTITIONS, &add)?;
            KafkaError::check(answer.error_code, None)
        })?;
        let topics = by_topic(offsets.clone()).into_iter().map(|(topic, partitions)| {
            let partitions = partitions.into_iter().map(|(index, (offset, noted))| {
                TxnOffsetCommitRequestPartition::default()
                    .with_partition_index(index)
                    .with_committed_offset(offset)
                    .with_committed_leader_epoch(-1)
                    .with_committed_metadata(Some(wire(&noted)))
            });
            TxnOffsetCommitRequestTopic::default()
                .with_name(topic_name(&topic))
                .with_partitions(partitions.collect())
        });
        let commit = TxnOffsetCommitRequest::default()
            .with_transactional_id(self.wire_id())
            .with_group_id(group_id(group))
            .with_producer_id(ProducerId(self.producer.0))
            .with_producer_epoch(self.producer.1)
            .with_generation_id_or_member_epoch(-1)
            .with_topics(topics.collect());
        self.cluster
            .at_coordinator(group, "txnOffsetCommit", |coordinator| {
                let answer =
                    self.cluster
                        .ask_up_to(coordinator, "txnOffsetCommit", OFFSET_COMMIT, &commit)?;
                let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
                partitions.try_for_each(|partition| KafkaError::check(partition.error_code, None))
            })
    }

    fn end(&self, committed: bool) -> Result<(), KafkaError> {
        let request = EndTxnRequest::default()
            .with_transactional_id(self.wire_id())
            .with_producer_id(ProducerId(self.producer.0))
            .with_producer_epoch(self.producer.1)
            .with_committed(committed);
        self.cluster.retry("endTxn", || {
            let answer = self
                .cluster
                .ask_up_to(self.coordinator()?, "endTxn", END, &request)?;
            KafkaError::check(answer.error_code, None)
        })
    }

    fn wire_id(&self) -> TransactionalId {
        TransactionalId(wire(&self.id))
    }
}
