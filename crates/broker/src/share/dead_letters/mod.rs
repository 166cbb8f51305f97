//! Dead letters (KIP-1191): records that a share group gives up are written to its dead letter topic, and
//! archived when they are in its log.
//!
//! Each share partition has at most one task that sends what it gives up, in order, as long as there is
//! something. Until a dead letter is in the log its record stays in the window, where it counts for the
//! limit of record locks and holds back nothing else. A topic that can't take dead letters now (no leader,
//! too few replicas, a full disk, a broker that doesn't answer) is tried again until it does. Where Apache
//! Kafka would not even try, because of what is set (see [`destination`]), the records are archived without
//! dead letters here too.
//!
//! A dead letter may be in the log though nobody has said so: its broker has not answered, or this one was
//! killed before it archived the record. Such ones are looked for ([`written`]) before they are written
//! again.

mod batch;
mod destination;
mod originals;
mod produce;
mod written;

use std::sync::Arc;
use std::time::Duration;

use barnabas_protocol::error::ErrorCode;
use barnabas_share::DeadLetter;

use super::held::{Held, HeldState, Phase};
use super::partitions;
use crate::broker::Broker;
use destination::{Destination, Unusable};

/// How long is waited before a dead letter is sent again: longer each time.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// Records that are to become dead letters.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing {
    /// Which, and why.
    pub letter: DeadLetter,
    /// Whether the share coordinator has yet to be told that they are given up.
    pub is_unknown: bool,
    /// Whether their dead letters may be in the log already.
    pub may_be_written: bool,
}

/// What became of one attempt.
enum Attempt {
    /// The dead letters of these records are in the log, or never will be.
    Over(Vec<DeadLetter>),
    /// Not yet, for this reason.
    Later(String),
    /// This broker is not concerned any more.
    Ended,
}

/// Has dead letters sent; who holds the lock calls this.
pub fn send(broker: &Arc<Broker>, held: &Arc<Held>, state: &mut HeldState, letters: Vec<Outgoing>) {
    state.letters.extend(letters);
    if !state.letters.is_empty() && !std::mem::replace(&mut state.is_sending, true) {
        tokio::spawn(send_all(broker.clone(), held.clone()));
    }
}

async fn send_all(broker: Arc<Broker>, held: Arc<Held>) {
    let mut backoff = BACKOFF_MIN;
    while let Some(mut letters) = next(&held) {
        match attempt(&broker, &held, &mut letters).await {
            Attempt::Over(over) => {
                backoff = BACKOFF_MIN;
                archive(&broker, &held, &over);
                let last_offset = over.last().map_or(i64::MIN, |last| last.last_offset);
                letters.retain(|one| one.letter.last_offset > last_offset);
                if let Some(first) = letters.first_mut() {
                    first.letter.first_offset = first.letter.first_offset.max(last_offset.saturating_add(1));
                }
            }
            Attempt::Later(reason) => {
                if backoff == BACKOFF_MIN {
                    tracing::warn!(key = ?held.key, reason, "dead letters can't be written yet");
                }
                tokio::select! {
                    biased;
                    () = broker.stopping.cancelled() => return,
                    () = tokio::time::sleep(backoff) => {}
                }
                backoff = BACKOFF_MAX.min(backoff * 2);
            }
            Attempt::Ended => letters.clear(),
        }
        held.lock().letters.splice(..0, letters);
    }
    broker.shares().partitions.end_unwanted(&held);
}

/// What is to be sent: neighbours of one fate, so that they are tried together.
fn next(held: &Held) -> Option<Vec<Outgoing>> {
    let mut state = held.lock();
    if state.letters.is_empty() || !matches!(state.phase, Phase::Active { .. }) {
        state.letters.clear();
        state.is_sending = false;
        return None;
    }
    let fate = |one: &Outgoing| (one.is_unknown, one.may_be_written);
    let first = fate(&state.letters[0]);
    let mut count = 1;
    while state.letters.get(count).is_some_and(|one| {
        fate(one) == first && one.letter.first_offset > state.letters[count - 1].letter.last_offset
    }) {
        count += 1;
    }
    Some(state.letters.drain(..count).collect())
}

async fn attempt(broker: &Arc<Broker>, held: &Arc<Held>, letters: &mut Vec<Outgoing>) -> Attempt {
    let all = |letters: &[Outgoing]| letters.iter().map(|one| one.letter).collect();
    let settings = broker.share_settings(&held.key.group);
    let destination = match destination::of(broker, &held.key, &settings).await {
        Ok(destination) => destination,
        Err(Unusable::Now(reason)) => return Attempt::Later(reason),
        Err(Unusable::AsSet(reason)) => {
            tracing::warn!(key = ?held.key, reason, "records are archived without dead letters");
            return Attempt::Over(all(letters));
        }
    };
    if letters.iter().any(|one| one.is_unknown) {
        match restate(broker, held, letters).await {
            None => return Attempt::Ended,
            Some(Err(error)) => return Attempt::Later(format!("the share coordinator answers {error}")),
            Some(Ok(())) => letters.iter_mut().for_each(|one| one.is_unknown = false),
        }
    }
    if letters.iter().any(|one| one.may_be_written) {
        let found = match written::among(broker, &destination, held, letters).await {
            Ok(found) => found,
            Err(error) => return Attempt::Later(format!("{} answers {error}", destination.topic)),
        };
        let (over, left) = written::divided(letters, &found);
        *letters = left;
        archive(broker, held, &over);
        if letters.is_empty() {
            return Attempt::Over(Vec::new());
        }
    }
    write(broker, held, &destination, letters).await
}

/// Writes as much as goes in one batch.
async fn write(
    broker: &Arc<Broker>,
    held: &Held,
    destination: &Destination,
    letters: &mut [Outgoing],
) -> Attempt {
    let wanted: Vec<DeadLetter> = letters.iter().map(|one| one.letter).collect();
    let mut limits = batch::Limits {
        bytes: destination.bytes_max,
        copies: destination.copies,
    };
    loop {
        let Some((bytes, covered)) = batch::build(broker, held, &wanted, limits) else {
            return Attempt::Ended;
        };
        match produce::produce(broker, destination, bytes).await {
            Ok(()) => return Attempt::Over(covered),
            Err(ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge) => match limits.less(&covered) {
                Some(less) => limits = less,
                None => {
                    let topic = &destination.topic;
                    tracing::warn!(key = ?held.key, topic, "a dead letter is too large, and is not kept");
                    return Attempt::Over(covered);
                }
            },
            Err(error) if produce::is_final(error) => {
                let topic = &destination.topic;
                tracing::warn!(key = ?held.key, topic, %error, "records are archived without dead letters");
                return Attempt::Over(covered);
            }
            Err(error) => {
                if !produce::is_refusal(error) {
                    letters.iter_mut().for_each(|one| one.may_be_written = true);
                }
                return Attempt::Later(format!("{} answers {error}", destination.topic));
            }
        }
    }
}

/// Tells the share coordinator that records are given up, and what it says.
async fn restate(
    broker: &Arc<Broker>,
    held: &Arc<Held>,
    letters: &[Outgoing],
) -> Option<Result<(), ErrorCode>> {
    let mut told = Vec::new();
    {
        let mut state = held.lock();
        for one in letters {
            if let Some(write) = state.core()?.restate(&one.letter) {
                told.push(partitions::submit(broker, held, &mut state, write));
            }
        }
    }
    for one in told {
        match one.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Some(Err(error)),
            Err(_) => return None,
        }
    }
    Some(Ok(()))
}

/// The records are archived.
fn archive(broker: &Arc<Broker>, held: &Arc<Held>, letters: &[DeadLetter]) {
    let mut state = held.lock();
    for letter in letters {
        let Some(core) = state.core() else { return };
        if let Some(write) = core.dead_letter_written(letter) {
            drop(partitions::submit(broker, held, &mut state, write));
        }
    }
}
