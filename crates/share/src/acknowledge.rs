//! Acknowledging: what a member says of the records that it has acquired.

use thiserror::Error;

use crate::batch::Run;
use crate::dead_letter::DeadLetterCause;
use crate::delivery::MemberId;
use crate::hold::Hold;
use crate::partition::SharePartition;
use crate::record_state::RecordState;
use crate::settings::GroupSettings;
use crate::write::{StateBatch, Write};

/// There is no record at this offset.
const GAP: i8 = 0;
const ACCEPT: i8 = 1;
const RELEASE: i8 = 2;
const REJECT: i8 = 3;
const RENEW: i8 = 4;

/// What a member says of consecutive offsets.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledgement<'a> {
    /// The first.
    pub first_offset: i64,
    /// The last.
    pub last_offset: i64,
    /// One for all, or one for each: 0 gap, 1 accept, 2 release, 3 reject, 4 renew (KIP-1222).
    pub types: &'a [i8],
}

/// Why acknowledgements of a partition don't count, none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// INVALID_REQUEST.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// INVALID_RECORD_STATE.
    #[error("{0}")]
    InvalidRecordState(&'static str),
}

impl SharePartition {
    /// Takes acknowledgements in, all or none; but a lock that one of them renews stays renewed. The answer
    /// goes out when the write, if there is one, has come back.
    ///
    /// # Errors
    /// INVALID_REQUEST for offsets or types that can't be, INVALID_RECORD_STATE for records that the member
    /// doesn't hold.
    pub fn acknowledge(
        &mut self,
        member: &MemberId,
        acknowledgements: &[Acknowledgement<'_>],
        settings: &GroupSettings,
        now_ms: i64,
    ) -> Result<Option<Write>, Refusal> {
        let mut write = self.begin_write();
        let taken_in = acknowledgements
            .iter()
            .try_for_each(|one| self.take_in(member, one, settings, now_ms, &mut write));
        if let Err(refusal) = taken_in {
            // All is as before; a lock that should have ended does so in its own time.
            self.roll_back(&write, settings, i64::MIN);
            return Err(refusal);
        }
        Ok((!write.batches.is_empty()).then_some(write))
    }

    /// A member leaves: what it holds is available again, or given up.
    pub fn release_acquired(
        &mut self,
        member: &MemberId,
        settings: &GroupSettings,
        now_ms: i64,
    ) -> Option<Write> {
        let mut write = self.begin_write();
        let (mut done, mut earliest_ms) = (0, self.earliest_lock_ms);
        self.window.change_runs(|run| {
            let lock = run.delivery.lock.as_ref();
            if run.delivery.is_acquired() && lock.is_some_and(|lock| lock.member == *member) {
                let state = run.delivery.state_when_released(settings);
                done += to_be_written(run, state, None, &mut write);
                earliest_ms = earliest_ms.min(hold_back(run, settings, now_ms));
            }
        });
        self.complete_count += done;
        self.earliest_lock_ms = earliest_ms;
        (!write.batches.is_empty()).then_some(write)
    }

    fn take_in(
        &mut self,
        member: &MemberId,
        one: &Acknowledgement<'_>,
        settings: &GroupSettings,
        now_ms: i64,
        write: &mut Write,
    ) -> Result<(), Refusal> {
        if one.types.iter().any(|kind| !(GAP..=RENEW).contains(kind)) {
            return Err(Refusal::InvalidRequest("No such acknowledge type."));
        }
        // What lies before the start is settled, or gone.
        if one.last_offset < self.start_offset {
            return Ok(());
        }
        self.check_range(one)?;
        let mut first = one.first_offset.max(self.start_offset);
        while first <= one.last_offset {
            // As many offsets as are acknowledged alike.
            let (kind, last) = match one.types {
                [kind] => (*kind, one.last_offset),
                types => {
                    let at = usize::try_from(first - one.first_offset).unwrap_or(usize::MAX);
                    let Some(rest) = types.get(at..).filter(|rest| !rest.is_empty()) else {
                        return Err(Refusal::InvalidRequest("An offset has no acknowledge type."));
                    };
                    let alike = rest.iter().take_while(|kind| **kind == rest[0]).count();
                    (rest[0], first + alike as i64 - 1)
                }
            };
            let last = last.min(one.last_offset);
            self.settle(member, (first, last, kind), settings, now_ms, write)?;
            first = last.saturating_add(1);
        }
        Ok(())
    }

    /// Whether the offsets are such as were delivered.
    fn check_range(&self, one: &Acknowledgement<'_>) -> Result<(), Refusal> {
        let (Some(first), Some(_)) = (self.window.first(), self.window.last()) else {
            return Err(Refusal::InvalidRecordState("No record is acquired."));
        };
        if one.first_offset < first && one.first_offset >= self.start_offset {
            return Err(Refusal::InvalidRecordState("The first record was not delivered."));
        }
        let known = self.window.places(one.first_offset, one.last_offset);
        let last_known = known.clone().next_back().and_then(|at| self.window.get(at));
        match last_known {
            Some(batch) if one.last_offset <= batch.last() => Ok(()),
            _ => Err(Refusal::InvalidRequest(
                "The offsets reach beyond what was delivered.",
            )),
        }
    }

    fn settle(
        &mut self,
        member: &MemberId,
        (first, last, kind): (i64, i64, i8),
        settings: &GroupSettings,
        now_ms: i64,
        write: &mut Write,
    ) -> Result<(), Refusal> {
        if self.settled.overlaps(first, last) || self.waiting.overlaps(first, last) {
            return Err(Refusal::InvalidRecordState("A record is not acquired."));
        }
        let (mut done, mut earliest_ms) = (0, self.earliest_lock_ms);
        let until_ms = now_ms.saturating_add(i64::from(settings.record_lock_duration_ms));
        let settled = self.window.try_change(first, last, |run| {
            check_holder(run, member)?;
            let (state, cause) = match kind {
                RENEW if !settings.renew_acknowledge_enable => {
                    return Err(Refusal::InvalidRecordState("The group does not renew locks."));
                }
                RENEW => {
                    if let Some(lock) = &mut run.delivery.lock {
                        lock.until_ms = until_ms;
                    }
                    return Ok(());
                }
                ACCEPT => (RecordState::Acknowledged, None),
                RELEASE => (run.delivery.state_when_released(settings), None),
                REJECT if settings.dead_letters => (RecordState::Archiving, Some(DeadLetterCause::Rejected)),
                // Rejected, or a gap.
                _ => (RecordState::Archived, None),
            };
            done += to_be_written(run, state, cause, write);
            earliest_ms = earliest_ms.min(hold_back(run, settings, now_ms));
            Ok(())
        });
        self.complete_count += done;
        self.earliest_lock_ms = earliest_ms;
        settled
    }
}

fn check_holder(run: &Run, member: &MemberId) -> Result<(), Refusal> {
    if run.delivery.write.is_some() {
        return Err(Refusal::InvalidRecordState("A record is being settled already."));
    }
    let lock = run.delivery.lock.as_ref();
    match lock.filter(|_| run.delivery.is_acquired()) {
        None => Err(Refusal::InvalidRecordState("A record is not acquired.")),
        Some(lock) if lock.member != *member => Err(Refusal::InvalidRecordState(
            "Another member has acquired a record.",
        )),
        Some(_) => Ok(()),
    }
}

/// Has a run that becomes available wait for its retry; answers until when at the earliest.
fn hold_back(run: &mut Run, settings: &GroupSettings, now_ms: i64) -> i64 {
    if run.delivery.state == RecordState::Available {
        run.delivery.hold = settings.extensions.hold(run.delivery.count, now_ms);
    }
    match run.delivery.hold {
        Hold::Until(until_ms) => until_ms,
        Hold::Free | Hold::Key => i64::MAX,
    }
}

/// Has a run come to a state with a write; answers how many records are done with it.
fn to_be_written(
    run: &mut Run,
    state: RecordState,
    cause: Option<DeadLetterCause>,
    write: &mut Write,
) -> i64 {
    run.delivery.state = state;
    run.delivery.write = write.id;
    let exceeded = state == RecordState::Archiving && cause.is_none();
    write.push(StateBatch {
        first_offset: run.first,
        last_offset: run.last,
        delivery_state: state,
        delivery_count: run.delivery.count,
        cause: cause.or(exceeded.then_some(DeadLetterCause::DeliveryCountExceeded)),
    });
    if state.is_terminal() { run.len() } else { 0 }
}
