//! Offsets that are committed in a producer's transaction: the one thing that a group's shard writes as a
//! producer, and the markers that let them count.

use barnabas_coordinator::runtime::{Answered, GroupMachine, Shard, client_error};
use barnabas_coordinator::{GroupRecord, GroupShard};
use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::BatchBuilder;
use barnabas_protocol::records::compression::Compression;
use barnabas_replica::partition::append::Pending;
use barnabas_replica::partition::core::LeaderEpoch;
use barnabas_replica::partition::transaction::Marker;
use barnabas_storage::{ProducerSequence, VerificationGuard, Verified};

use super::led_partition::{LedPartition, append_as};

/// Appends what `act` decides in a batch of a producer's transaction, which was verified; it counts when that
/// commits.
///
/// # Errors
/// COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR, those of `act` and of a transactional append.
pub(super) fn decide<R>(
    shard: &Shard<GroupMachine, LedPartition>,
    batch: ProducerSequence,
    guard: Option<VerificationGuard>,
    now: Now,
    act: impl FnOnce(&GroupShard) -> Result<(Vec<GroupRecord>, R), ErrorCode>,
) -> Result<Answered<R>, ErrorCode> {
    let mut answer = None;
    let end_offset = shard.append_with(now, |machine, led| {
        let (records, reply) = act(&machine.core)?;
        answer = Some(reply);
        if records.is_empty() {
            return Ok(None);
        }
        let empty = BatchBuilder::new(Compression::None)
            .producer(batch.producer_id, batch.producer_epoch, batch.base_sequence)
            .transactional();
        let encoded = records.iter().map(GroupRecord::encode);
        let mut bytes = led
            .batches(empty, encoded, now.wall_ms)
            .map_err(|error| error.code())?;
        let how = append_as(led.leader_epoch(), Verified::Asked(guard), now.wall_ms);
        let appended = led
            .log()
            .append(&mut bytes, &how)
            .map_err(|refused| client_error(refused.error))?;
        for record in records {
            machine.core.replay_in_transaction(batch.producer_id, record, now);
        }
        Ok(Some(appended.end_offset()))
    })?;
    let value = answer.ok_or(ErrorCode::UnknownServerError)?;
    Ok(Answered { value, end_offset })
}

/// Ends a producer's transaction: appends the marker, and lets its offsets count, or drops them. What is
/// waited for until this is committed is `None` if it is already.
///
/// # Errors
/// COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR, those of
/// [`barnabas_replica::partition::Partition::append_marker`].
pub(super) fn end(
    shard: &Shard<GroupMachine, LedPartition>,
    marker: &Marker,
    now: Now,
) -> Result<Option<Pending>, ErrorCode> {
    let mut pending = None;
    shard.append_with(now, |machine, led| {
        let leader_epoch = Some(LeaderEpoch(led.leader_epoch()));
        let appended = led.log().append_marker(marker, leader_epoch, now.wall_ms)?;
        machine
            .core
            .end_transaction(marker.producer_id, marker.end.committed);
        let end_offset = appended.end_offset();
        pending = appended.pending;
        Ok(Some(end_offset))
    })?;
    Ok(pending)
}
