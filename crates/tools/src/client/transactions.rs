//! Transactions, as coordinators and partitions know them (KIP-664).

use std::collections::BTreeMap;

use barnabas_protocol::messages::describe_producers_request::TopicRequest;
use barnabas_protocol::messages::describe_producers_response::ProducerState;
use barnabas_protocol::messages::describe_transactions_response::TransactionState;
use barnabas_protocol::messages::list_transactions_response::TransactionState as Listed;
use barnabas_protocol::messages::write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic};
use barnabas_protocol::messages::{
    DescribeProducersRequest, DescribeTransactionsRequest, InitProducerIdRequest, ListTransactionsRequest,
    WriteTxnMarkersRequest,
};

use super::coordinators::Coordinated;
use super::leaders::{TopicPartition, by_topic};
use super::{Cluster, KafkaError, To, topic_name, wire};

/// Which transactions are listed.
#[derive(Clone, Debug, Default)]
pub struct ListedFor {
    /// Only those of these producers.
    pub producers: Vec<i64>,
    /// Only those that are open for longer, in ms; negative for all.
    pub duration_ms: i64,
    /// Only those whose ids this regular expression matches.
    pub pattern: Option<String>,
}

impl Cluster {
    /// The transactions that each broker coordinates.
    ///
    /// # Errors
    /// A broker doesn't tell.
    pub fn list_transactions(&self, wanted: &ListedFor) -> Result<Vec<(i32, Listed)>, KafkaError> {
        let brokers = self.brokers("listTransactions")?;
        let mut found = Vec::new();
        for broker in &brokers.list {
            let request = |version| {
                let producers = wanted.producers.iter().map(|id| (*id).into());
                ListTransactionsRequest::default()
                    .with_producer_id_filters(producers.collect())
                    .with_duration_filter(if version >= 1 { wanted.duration_ms } else { -1 })
                    .with_transactional_id_pattern(
                        wanted.pattern.as_deref().filter(|_| version >= 2).map(wire),
                    )
            };
            let (_, answer) = self.ask_with(To::Broker(broker.id), "listTransactions", request)?;
            KafkaError::check(answer.error_code, None)?;
            let states = answer.transaction_states.into_iter();
            found.extend(states.map(|state| (broker.id, state)));
        }
        Ok(found)
    }

    /// What its coordinator knows of a transactional id, and that coordinator.
    ///
    /// # Errors
    /// It isn't known.
    pub fn describe_transaction(&self, id: &str) -> Result<(i32, TransactionState), KafkaError> {
        let request = DescribeTransactionsRequest::default().with_transactional_ids(vec![wire(id).into()]);
        let (to, answer) = self.retry("describeTransactions", || {
            let to = self.coordinator(Coordinated::Transaction, id)?;
            Ok((to, self.ask(to, "describeTransactions", &request)?))
        })?;
        let nothing = || KafkaError::plain(format!("the coordinator says nothing of {id}"));
        let state = answer.transaction_states.into_iter().next().ok_or_else(nothing)?;
        KafkaError::check(state.error_code, None)?;
        Ok((to.id().unwrap_or(-1), state))
    }

    /// The producers that have written to these partitions, as a broker knows them.
    ///
    /// # Errors
    /// It doesn't know one of the partitions.
    pub fn describe_producers(
        &self,
        broker: i32,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, Vec<ProducerState>>, KafkaError> {
        let topics = by_topic(partitions.iter().map(|at| (at.clone(), ()))).into_iter();
        let topics = topics.map(|(topic, indexes)| {
            TopicRequest::default()
                .with_name(topic_name(&topic))
                .with_partition_indexes(indexes.into_iter().map(|(index, ())| index).collect())
        });
        let request = DescribeProducersRequest::default().with_topics(topics.collect());
        let answer = self.ask(To::Broker(broker), "describeProducers", &request)?;
        let mut found = BTreeMap::new();
        for topic in answer.topics {
            for partition in topic.partitions {
                KafkaError::check(partition.error_code, partition.error_message.as_deref())?;
                found.insert(
                    (topic.name.to_string(), partition.partition_index),
                    partition.active_producers,
                );
            }
        }
        Ok(found)
    }

    /// Ends an open transaction of a partition by a marker.
    ///
    /// # Errors
    /// The partition doesn't take it.
    pub fn abort_transaction(
        &self,
        leader: i32,
        at: &TopicPartition,
        (producer, epoch, coordinator_epoch): (i64, i16, i32),
    ) -> Result<(), KafkaError> {
        let topic = WritableTxnMarkerTopic::default()
            .with_name(topic_name(&at.0))
            .with_partition_indexes(vec![at.1]);
        let marker = WritableTxnMarker::default()
            .with_producer_id(producer.into())
            .with_producer_epoch(epoch)
            .with_coordinator_epoch(coordinator_epoch)
            .with_transaction_result(false)
            .with_topics(vec![topic]);
        let request = WriteTxnMarkersRequest::default().with_markers(vec![marker]);
        let answer = self.ask(To::Broker(leader), "abortTransaction", &request)?;
        let topics = answer.markers.iter().flat_map(|marker| &marker.topics);
        let mut partitions = topics.flat_map(|topic| &topic.partitions);
        partitions.try_for_each(|partition| KafkaError::check(partition.error_code, None))
    }

    /// Fences the producer of a transactional id, which ends its open transaction.
    ///
    /// # Errors
    /// The coordinator refuses.
    pub fn fence_producer(&self, id: &str) -> Result<(), KafkaError> {
        self.retry("fenceProducers", || {
            let to = self.coordinator(Coordinated::Transaction, id)?;
            let request = InitProducerIdRequest::default()
                .with_transactional_id(Some(wire(id).into()))
                .with_transaction_timeout_ms(self.settings().request_timeout.as_millis() as i32)
                .with_producer_id((-1).into())
                .with_producer_epoch(-1);
            let answer = self.ask(to, "fenceProducer", &request)?;
            KafkaError::check(answer.error_code, None)
        })
    }
}
