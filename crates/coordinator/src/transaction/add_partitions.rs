//! AddPartitionsToTxn, and what is like it: AddOffsetsToTxn, and the implicit additions of Produce and
//! TxnOffsetCommit.

use barnabas_protocol::error::ErrorCode;

use super::record::{TopicPartition, TransactionMetadata};
use super::{Decision, ProducerIdAndEpoch, TransactionShard, record};

impl TransactionShard {
    /// Adds partitions to the producer's transaction, which begins if there is none.
    ///
    /// # Errors
    /// INVALID_REQUEST, INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED, CONCURRENT_TRANSACTIONS.
    pub fn add_partitions(
        &self,
        transactional_id: &str,
        producer: ProducerIdAndEpoch,
        partitions: &[TopicPartition],
        client_transaction_version: i16,
        wall_ms: i64,
    ) -> Result<Decision<()>, ErrorCode> {
        // Whoever asks: who is fenced will hear of it when the partitions know the outcome.
        let known = self.transactions.get(transactional_id);
        if known.is_some_and(|known| known.state.is_prepared()) {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        let metadata = self.of_producer(transactional_id, producer)?;
        let all_known = partitions
            .iter()
            .all(|partition| metadata.partitions.contains(partition));
        if metadata.state == super::TransactionState::Ongoing && all_known {
            return Ok((Vec::new(), ()));
        }
        let next = metadata.add_partitions(partitions.iter().cloned(), client_transaction_version, wall_ms);
        let (id, _) = self
            .transactions
            .get_key_value(transactional_id)
            .ok_or(ErrorCode::InvalidProducerIdMapping)?;
        Ok((vec![record(id, next)], ()))
    }

    /// Whether each partition is in the producer's transaction: NONE, or TRANSACTION_ABORTABLE.
    ///
    /// # Errors
    /// INVALID_REQUEST, INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED, CONCURRENT_TRANSACTIONS: of all
    /// partitions.
    pub fn verify_partitions(
        &self,
        transactional_id: &str,
        producer: ProducerIdAndEpoch,
        partitions: &[TopicPartition],
    ) -> Result<Vec<ErrorCode>, ErrorCode> {
        let metadata = self.of_producer(transactional_id, producer)?;
        let verify = |partition| {
            if metadata.partitions.contains(partition) {
                ErrorCode::None
            } else {
                ErrorCode::TransactionAbortable
            }
        };
        Ok(partitions.iter().map(verify).collect())
    }

    fn of_producer(
        &self,
        transactional_id: &str,
        producer: ProducerIdAndEpoch,
    ) -> Result<&TransactionMetadata, ErrorCode> {
        if transactional_id.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        let metadata = self
            .transactions
            .get(transactional_id)
            .filter(|metadata| metadata.producer_id == producer.producer_id)
            .ok_or(ErrorCode::InvalidProducerIdMapping)?;
        if metadata.producer_epoch != producer.producer_epoch {
            Err(ErrorCode::ProducerFenced)
        } else if metadata.state.is_prepared() {
            Err(ErrorCode::ConcurrentTransactions)
        } else {
            Ok(metadata)
        }
    }
}
