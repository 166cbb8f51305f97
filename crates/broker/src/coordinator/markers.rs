//! Writing the markers of decided transactions: to partitions' logs, and to the groups whose offsets were in
//! the transaction.

use barnabas_coordinator::{MarkerWork, TRANSACTION_VERSION_2};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::EndTxnMarker;

use crate::broker::Broker;
use barnabas_metadata::internal_topics::CONSUMER_OFFSETS;
use barnabas_replica::partition::append::Pending;
use barnabas_replica::partition::transaction::Marker;

/// What became of the markers of one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All are written and committed.
    Written,
    /// Some are not: they are to be written again.
    Retry,
    /// Another coordinator has taken over, or the producer has gone on: nothing is to be done any more.
    Superseded,
}

/// Writes all markers of a transaction, as far as it goes.
pub(super) async fn write_all(broker: &Broker, work: &MarkerWork) -> Outcome {
    let marker = Marker {
        producer_id: work.producer.producer_id,
        producer_epoch: work.producer.producer_epoch,
        end: EndTxnMarker {
            committed: work.commit,
            coordinator_epoch: work.coordinator_epoch,
        },
        bumps_epoch: work.transaction_version >= TRANSACTION_VERSION_2,
    };
    let mut outcome = Outcome::Written;
    let mut waiting = Vec::new();
    for (topic, partition) in &work.partitions {
        match write(broker, topic, *partition, &marker) {
            Ok(pending) => waiting.extend(pending),
            // A topic that was deleted meanwhile needs no marker.
            Err(_) if broker.image().topics.partition(topic, *partition).is_none() => {}
            Err(error @ (ErrorCode::InvalidProducerEpoch | ErrorCode::TransactionCoordinatorFenced)) => {
                let id = &*work.transactional_id;
                tracing::warn!(id, %topic, partition, %error, "a transaction's markers are not written any more");
                return Outcome::Superseded;
            }
            Err(error) => {
                tracing::debug!(%topic, partition, %error, "a marker is written later");
                outcome = Outcome::Retry;
            }
        }
    }
    for pending in waiting {
        if pending.done().await.is_err() {
            outcome = Outcome::Retry;
        }
    }
    outcome
}

/// Writes one marker; answers what is waited for until it is committed, `None` if it is already. The group
/// coordinator writes those of its own partitions, because they settle its groups' offsets.
///
/// # Errors
/// Those of the partition; those of a group coordinator that is not there, or loading.
pub fn write(
    broker: &Broker,
    topic: &str,
    partition: i32,
    marker: &Marker,
) -> Result<Option<Pending>, ErrorCode> {
    if topic == CONSUMER_OFFSETS {
        return broker.groups().end_transaction(partition, marker);
    }
    let led = broker.partitions().by_name(topic, partition)?;
    Ok(led.append_marker(marker, None, broker.clock.wall_ms())?.pending)
}
