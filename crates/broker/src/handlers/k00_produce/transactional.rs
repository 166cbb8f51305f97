//! The transactional part of a Produce: which partitions must be verified first, and what came of it.

use std::pin::Pin;
use std::sync::Arc;

use barnabas_coordinator::{ProducerIdAndEpoch, TopicPartition};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::produce::ProduceRequest;
use barnabas_protocol::records::BatchHeader;
use barnabas_storage::validate::Rejection;
use barnabas_storage::{VerificationGuard, Verified};

use super::{find, rejection};
use crate::broker::Broker;
use crate::request::RequestContext;
use crate::transaction_verification::{self, TransactionSupport};
use barnabas_replica::partition::Partition;

/// First version whose client knows TRANSACTION_ABORTABLE.
const ABORTABLE_SINCE: i16 = 11;
/// First version whose client leaves it to the broker to add partitions to its transaction.
pub const IMPLICIT_SINCE: i16 = 12;

/// What came of the verification of a request's partitions.
#[derive(Default)]
pub struct Verdicts {
    verified: Vec<(Arc<Partition>, Result<VerificationGuard, Rejection>)>,
    of_all: Option<Result<(), ErrorCode>>,
}

impl Verdicts {
    /// Nobody verifies, or there is no transaction.
    pub fn off() -> Self {
        Verdicts {
            of_all: Some(Ok(())),
            ..Verdicts::default()
        }
    }

    /// Every transactional batch is refused, because there are several producers.
    pub fn refused(error: ErrorCode) -> Self {
        Verdicts {
            of_all: Some(Err(error)),
            ..Verdicts::default()
        }
    }

    /// How the records may be appended to the partition.
    ///
    /// # Errors
    /// What the coordinator refused.
    pub fn of(&self, partition: &Arc<Partition>, records: &[u8]) -> Result<Verified, Rejection> {
        if self.of_all == Some(Ok(())) || transactional(records).is_none() {
            return Ok(Verified::NotAsked);
        }
        if let Some(Err(error)) = self.of_all {
            return Err(Rejection {
                message: Some("Transactional records contained more than one producer ID".to_owned()),
                ..rejection(error)
            });
        }
        let verdict = self
            .verified
            .iter()
            .find(|(verified, _)| Arc::ptr_eq(verified, partition));
        let guard = verdict.map(|(_, verdict)| verdict.clone()).transpose()?;
        Ok(Verified::Asked(guard))
    }
}

/// A question to the coordinator.
pub type Verifying = Pin<Box<dyn Future<Output = Verdicts> + Send>>;

struct Question {
    partition: Arc<Partition>,
    guard: VerificationGuard,
}

/// Begins the verification of a transactional request; `None` if there is nothing to verify.
///
/// # Errors
/// INVALID_PRODUCER_ID_MAPPING for batches of several producers: of the whole request.
pub fn begin(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: &ProduceRequest<'_>,
    transactional_id: &str,
) -> Result<Option<Verifying>, ErrorCode> {
    let support = match context.api_version {
        IMPLICIT_SINCE.. => TransactionSupport::AddPartition,
        ABORTABLE_SINCE => TransactionSupport::GenericError,
        _ => TransactionSupport::DefaultError,
    };
    let now_ms = broker.clock.wall_ms();
    let mut producer: Option<ProducerIdAndEpoch> = None;
    let mut questions = Vec::new();
    for produced in &request.partitions {
        let Some(header) = produced.records.as_deref().and_then(transactional) else {
            continue;
        };
        if producer.is_some_and(|known| known.producer_id != header.producer_id) {
            return Err(ErrorCode::InvalidProducerIdMapping);
        }
        producer = Some(ProducerIdAndEpoch {
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
        });
        // What can't be found or asked is refused when it is appended.
        let Ok(partition) = find(broker, broker.rights(context), produced) else {
            continue;
        };
        let bumps_epoch = support == TransactionSupport::AddPartition;
        if let Ok(Some(guard)) = partition.begin_verification((&header).into(), bumps_epoch, now_ms) {
            questions.push(Question { partition, guard });
        }
    }
    let Some(producer) = producer.filter(|_| !questions.is_empty()) else {
        return Ok(None);
    };
    let (broker, id) = (broker.clone(), transactional_id.to_owned());
    Ok(Some(Box::pin(async move {
        verify(&broker, &id, producer, questions, support).await
    })))
}

/// The header of a batch that belongs to a transaction.
fn transactional(records: &[u8]) -> Option<BatchHeader> {
    let header = BatchHeader::parse(records).ok()?;
    (header.is_transactional() && header.has_producer_id()).then_some(header)
}

async fn verify(
    broker: &Arc<Broker>,
    transactional_id: &str,
    producer: ProducerIdAndEpoch,
    questions: Vec<Question>,
    support: TransactionSupport,
) -> Verdicts {
    let name = |question: &Question| -> TopicPartition {
        let id = question.partition.id();
        (id.topic.clone(), id.partition)
    };
    let partitions: Vec<_> = questions.iter().map(name).collect();
    let answers =
        transaction_verification::ask(broker, transactional_id, producer, &partitions, support).await;
    let verdict = |(question, error): (Question, ErrorCode)| {
        let Question { partition, guard } = question;
        if error == ErrorCode::None {
            return (partition, Ok(guard));
        }
        if !transaction_verification::is_retriable(error) {
            partition.end_verification(producer.producer_id);
        }
        (partition, Err(refused(error, support)))
    };
    Verdicts {
        verified: questions.into_iter().zip(answers).map(verdict).collect(),
        of_all: None,
    }
}

/// What the client is told. A retriable error that old clients don't retry becomes one that they do, and that
/// makes them look for no other leader.
fn refused(error: ErrorCode, support: TransactionSupport) -> Rejection {
    let is_retried =
        error == ErrorCode::ConcurrentTransactions && support == TransactionSupport::AddPartition;
    if transaction_verification::is_retriable(error) && !is_retried {
        let message = format!(
            "Unable to verify the partition has been added to the transaction. Underlying error: {}",
            error.name()
        );
        return Rejection {
            message: Some(message),
            ..rejection(ErrorCode::NotEnoughReplicas)
        };
    }
    let message = (error == ErrorCode::InvalidTxnState)
        .then(|| "Partition was not added to the transaction".to_owned());
    Rejection {
        message,
        ..rejection(error)
    }
}
