//! The registry as the topic has it: every request reads on before it is answered, so that nothing runs
//! between them.

use barnabas_broker::broker::Broker;
use barnabas_broker::schemas_topic::{
    KeyValue, Position, Replay, append, catch_up, catch_up_to_write, create, leader,
};
use barnabas_protocol::error::ErrorCode;
use barnabas_registry::error::RegistryError;
use barnabas_registry::records::TopicRecord;
use barnabas_registry::{Answer, Call, Registry, answer};
use tokio::sync::Mutex;

/// How often a write is decided anew because somebody else has written.
const ATTEMPTS_MAX: usize = 5;

/// What has been read of the topic.
#[derive(Default)]
pub struct Kept(Mutex<State>);

#[derive(Default)]
struct State {
    at: Position,
    registry: Replayed,
}

#[derive(Default)]
struct Replayed(Registry);

impl Replay for Replayed {
    fn reset(&mut self) {
        self.0 = Registry::default();
    }

    fn record(&mut self, (key, value): KeyValue<'_>) {
        self.0.replay(key.unwrap_or_default(), value);
    }
}

impl Kept {
    /// Answers a request, once what it writes is committed.
    ///
    /// # Errors
    /// 50001: the topic can't be read or written; 50003: another broker has to write.
    pub async fn answer(&self, broker: &Broker, call: &Call<'_>) -> Result<Answer, RegistryError> {
        // One at a time: each is decided on all before it.
        let State { at, registry } = &mut *self.0.lock().await;
        if call.only_reads() {
            catch_up(broker, at, registry).await.map_err(unreadable)?;
            return Ok(answer(&registry.0, call).answer);
        }
        for _ in 0..ATTEMPTS_MAX {
            if let Some(other) = leader(broker)
                .map_err(unreadable)?
                .filter(|id| *id != broker.node_id)
            {
                return Err(elsewhere(other));
            }
            catch_up_to_write(broker, at, registry)
                .await
                .map_err(unreadable)?;
            let decided = answer(&registry.0, call);
            if decided.records.is_empty() {
                return Ok(decided.answer);
            }
            if leader(broker).map_err(unreadable)?.is_none() {
                create(broker).await.map_err(unwritable)?;
                continue;
            }
            let records: Vec<KeyValue<'_>> = decided.records.iter().map(key_value).collect();
            match append(broker, at, &records).await {
                Ok(()) => {
                    catch_up(broker, at, registry).await.map_err(unreadable)?;
                    return Ok(decided.answer);
                }
                Err(ErrorCode::OperationNotAttempted) => {}
                Err(error) => return Err(unwritable(error)),
            }
        }
        Err(unwritable(ErrorCode::RequestTimedOut))
    }
}

fn key_value(record: &TopicRecord) -> KeyValue<'_> {
    (
        Some(record.key.as_bytes()),
        record.value.as_deref().map(str::as_bytes),
    )
}

fn unreadable(error: ErrorCode) -> RegistryError {
    RegistryError::new(50001, format!("The topic _schemas can't be read: {error:?}"))
}

fn unwritable(error: ErrorCode) -> RegistryError {
    match error {
        ErrorCode::MessageTooLarge => RegistryError::new(42201, "The schema is larger than a record may be"),
        ErrorCode::RequestTimedOut => {
            RegistryError::new(50002, "The write to the topic _schemas has timed out")
        }
        error => RegistryError::new(50001, format!("The topic _schemas can't be written: {error:?}")),
    }
}

fn elsewhere(leader: i32) -> RegistryError {
    let why = format!("Broker {leader} leads the topic _schemas: it takes what is written");
    RegistryError::new(50003, why)
}
