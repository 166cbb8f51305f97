//! What members say of the records that they hold: checked, taken in, and answered when it is written.

use std::collections::HashSet;
use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;
use barnabas_security::AclOperation;
use barnabas_share::{Acknowledgement, MemberId, Refusal};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::ShareSettings;
use super::held::{Phase, ShareKey};
use super::partitions;
use super::sessions::PartitionKey;
use crate::broker::Broker;
use crate::request::RequestContext;

/// The greatest acknowledge type of version 1, and of version 2: renew (KIP-1222).
const GREATEST_TYPE: i8 = 3;
const RENEW: i8 = 4;
const RENEW_SINCE: i16 = 2;

/// A batch of acknowledgements as it was sent.
#[derive(Clone, Debug)]
pub struct AcknowledgementBatch {
    /// The first offset.
    pub first_offset: i64,
    /// The last offset.
    pub last_offset: i64,
    /// One type for all, or one for each.
    pub types: Vec<i8>,
}

/// Acknowledgements of one member for many partitions.
pub struct Acknowledgements {
    /// Whose.
    pub group: Arc<str>,
    /// Whose.
    pub member: MemberId,
    /// Whether the request says that there are renewals among them.
    pub is_renew: bool,
    /// The partitions, in the order of the request.
    pub partitions: Vec<(PartitionKey, Vec<AcknowledgementBatch>)>,
}

/// What came of the acknowledgements of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// [`ErrorCode::None`], or what is wrong.
    pub error: ErrorCode,
    /// In words, where there is more to say.
    pub message: Option<String>,
}

impl Outcome {
    /// An error that speaks for itself, or none.
    pub fn of(error: ErrorCode) -> Self {
        Outcome { error, message: None }
    }
}

/// What was taken in, and waits to be written.
pub struct Acknowledged(Vec<(PartitionKey, Answer)>);

enum Answer {
    Ready(Outcome),
    Writing(oneshot::Receiver<Result<(), ErrorCode>>),
}

impl Acknowledged {
    /// Nothing.
    pub fn nothing() -> Self {
        Acknowledged(Vec::new())
    }

    /// Whether there is nothing to wait for.
    pub fn is_settled(&self) -> bool {
        self.0
            .iter()
            .all(|(_, answer)| matches!(answer, Answer::Ready(_)))
    }

    /// The outcome of each partition, once all is written.
    pub async fn settled(self) -> Vec<(PartitionKey, Outcome)> {
        let mut outcomes = Vec::with_capacity(self.0.len());
        for (key, answer) in self.0 {
            let outcome = match answer {
                Answer::Ready(outcome) => outcome,
                // Who should have answered is gone with its runtime.
                Answer::Writing(written) => Outcome::of(
                    written
                        .await
                        .unwrap_or(Err(ErrorCode::UnknownServerError))
                        .err()
                        .unwrap_or_default(),
                ),
            };
            outcomes.push((key, outcome));
        }
        outcomes
    }

    /// The outcome of each partition, if nothing has to be waited for.
    pub fn ready(self) -> Vec<(PartitionKey, Outcome)> {
        let ready = self.0.into_iter().map(|(key, answer)| match answer {
            Answer::Ready(outcome) => (key, outcome),
            Answer::Writing(_) => (key, Outcome::of(ErrorCode::UnknownServerError)),
        });
        ready.collect()
    }
}

/// Takes acknowledgements in. In Apache Kafka's order: what can't be meant, who may not, what is not there,
/// what the records say.
pub fn take_in(
    broker: &Arc<Broker>,
    context: &RequestContext,
    all: Acknowledgements,
    settings: &ShareSettings,
) -> Acknowledged {
    let mut known = HashSet::new();
    let mut answers = Vec::with_capacity(all.partitions.len());
    for (key, batches) in &all.partitions {
        let answer = if !known.insert(*key) {
            Answer::Ready(Outcome::of(ErrorCode::InvalidRequest))
        } else if let Err(error) = check(broker, context, *key, batches, all.is_renew) {
            Answer::Ready(Outcome::of(error))
        } else if batches.is_empty() {
            // Nothing was said of it, and nothing is answered.
            continue;
        } else {
            acknowledge(broker, &all, *key, batches, settings)
        };
        answers.push((*key, answer));
    }
    Acknowledged(answers)
}

fn check(
    broker: &Broker,
    context: &RequestContext,
    (topic_id, partition): PartitionKey,
    batches: &[AcknowledgementBatch],
    is_renew: bool,
) -> Result<(), ErrorCode> {
    let image = broker.image();
    let topic = image.topics.by_id(&topic_id).ok_or(ErrorCode::UnknownTopicId)?;
    let greatest = if context.api_version >= RENEW_SINCE {
        RENEW
    } else {
        GREATEST_TYPE
    };
    let mut before = -1;
    for batch in batches {
        let (first, last) = (batch.first_offset, batch.last_offset);
        let has_one_for_each = usize::try_from(last.saturating_sub(first))
            .is_ok_and(|behind_first| behind_first == batch.types.len().wrapping_sub(1));
        let is_known = |kind: &i8| (0..=greatest).contains(kind) && (*kind != RENEW || is_renew);
        if first > last
            || first < before
            || batch.types.is_empty()
            || (batch.types.len() > 1 && !has_one_for_each)
            || !batch.types.iter().all(is_known)
        {
            return Err(ErrorCode::InvalidRequest);
        }
        before = last;
    }
    if !may_read(broker, context, &topic.name) {
        return Err(ErrorCode::TopicAuthorizationFailed);
    }
    let partition = topic.partition(partition);
    partition.map(|_| ()).ok_or(ErrorCode::UnknownTopicOrPartition)
}

/// Whether the client may read a topic.
pub fn may_read(broker: &Broker, context: &RequestContext, topic: &str) -> bool {
    let rights = broker.rights(context);
    rights.are_unlimited() || rights.on_topic(AclOperation::Read, topic)
}

fn acknowledge(
    broker: &Arc<Broker>,
    all: &Acknowledgements,
    (topic_id, partition): (Uuid, i32),
    batches: &[AcknowledgementBatch],
    settings: &ShareSettings,
) -> Answer {
    let key = ShareKey {
        group: all.group.clone(),
        topic_id,
        partition,
    };
    let Some(held) = broker.shares().partitions.get(&key) else {
        return Answer::Ready(Outcome::of(ErrorCode::UnknownTopicOrPartition));
    };
    let acknowledgements: Vec<Acknowledgement<'_>> = batches
        .iter()
        .map(|batch| Acknowledgement {
            first_offset: batch.first_offset,
            last_offset: batch.last_offset,
            types: &batch.types,
        })
        .collect();
    let now_ms = broker.clock.monotonic_ms();
    let mut state = held.lock();
    let core = match &mut state.phase {
        Phase::Active { core, .. } => core,
        // Nothing was delivered yet.
        Phase::Loading => return Answer::Ready(Outcome::of(ErrorCode::InvalidRecordState)),
        Phase::Over(error) => return Answer::Ready(Outcome::of(*error)),
    };
    match core.acknowledge(&all.member, &acknowledgements, &settings.group, now_ms) {
        Ok(None) => Answer::Ready(Outcome::of(ErrorCode::None)),
        Ok(Some(write)) => Answer::Writing(partitions::submit(broker, &held, &mut state, write)),
        Err(refusal) => Answer::Ready(Outcome {
            error: match refusal {
                Refusal::InvalidRequest(_) => ErrorCode::InvalidRequest,
                Refusal::InvalidRecordState(_) => ErrorCode::InvalidRecordState,
            },
            message: Some(refusal.to_string()),
        }),
    }
}
