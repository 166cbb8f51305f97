//! The registry as the topic has it: every request reads on before it is answered, so that nothing runs
//! between them.

use std::collections::BTreeMap;
use std::time::Duration;

use barnabas_broker::broker::Broker;
use barnabas_broker::schemas_topic::{
    KeyValue, Position, Replay, Unwritten, append, catch_up, catch_up_to_write, create,
};
use barnabas_protocol::error::ErrorCode;
use barnabas_registry::error::RegistryError;
use barnabas_registry::records::TopicRecord;
use barnabas_registry::{Answer, Call, Decoder, Method, Registry, answer};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// So long a write is decided anew because somebody else has written, or leads now.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// So long who only asks waits for a leader.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two attempts.
const RETRY_BACKOFF: Duration = Duration::from_millis(20);

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
    /// 50001: the topic can't be read or written; 50002: not in time.
    pub async fn answer(&self, broker: &Broker, call: &Call<'_>) -> Result<Answer, RegistryError> {
        // One at a time: each is decided on all before it.
        let state = &mut *self.0.lock().await;
        let only_reads = call.only_reads();
        let patience = if only_reads { READ_TIMEOUT } else { WRITE_TIMEOUT };
        let deadline = Instant::now() + patience;
        loop {
            let tried = match only_reads {
                true => state.read(broker, call).await,
                false => state.write(broker, call).await,
            };
            match tried {
                Ok(answer) => return Ok(answer),
                Err(Failed::ForGood(error)) => return Err(error),
                Err(Failed::ForNow(error)) if Instant::now() >= deadline => return Err(error),
                Err(Failed::ForNow(_)) => tokio::time::sleep(RETRY_BACKOFF).await,
            }
        }
    }
}

impl Kept {
    /// What reads the values of schemas, by their ids.
    ///
    /// # Errors
    /// 50001: the topic can't be read.
    pub async fn decoders(
        &self,
        broker: &Broker,
        ids: &[i32],
    ) -> Result<BTreeMap<i32, Result<Decoder, String>>, RegistryError> {
        let state = &mut *self.0.lock().await;
        match catch_up(broker, &mut state.at, &mut state.registry)
            .await
            .map_err(unread)
        {
            Ok(()) => {}
            Err(Failed::ForGood(error) | Failed::ForNow(error)) => return Err(error),
        }
        let decoder = |id: &i32| (*id, Decoder::of(&state.registry.0, *id));
        Ok(ids.iter().map(decoder).collect())
    }
}

/// Why an attempt has failed, and whether another makes sense.
enum Failed {
    ForNow(RegistryError),
    ForGood(RegistryError),
}

impl State {
    async fn read(&mut self, broker: &Broker, call: &Call<'_>) -> Result<Answer, Failed> {
        catch_up(broker, &mut self.at, &mut self.registry)
            .await
            .map_err(unread)?;
        Ok(answer(&self.registry.0, call).answer)
    }

    /// Decides on all that is there, and writes if nothing has come since.
    async fn write(&mut self, broker: &Broker, call: &Call<'_>) -> Result<Answer, Failed> {
        let ground = catch_up_to_write(broker, &mut self.at, &mut self.registry)
            .await
            .map_err(unread)?;
        let decided = answer(&self.registry.0, call);
        if decided.records.is_empty() {
            return Ok(decided.answer);
        }
        let Some(ground) = ground else {
            create(broker)
                .await
                .map_err(|error| Failed::ForGood(unwritable(error)))?;
            return Err(Failed::ForNow(unwritable(ErrorCode::LeaderNotAvailable)));
        };
        let records: Vec<KeyValue<'_>> = decided.records.iter().map(key_value).collect();
        match append(broker, &ground, &records).await {
            Ok(()) => {
                // What is written is written, whether or not it can be read at once.
                let _ = catch_up(broker, &mut self.at, &mut self.registry).await;
                Ok(decided.answer)
            }
            Err(Unwritten::Outdated) => Err(Failed::ForNow(unwritable(ErrorCode::RequestTimedOut))),
            Err(Unwritten::Refused(error)) => Err(Failed::ForGood(unwritable(error))),
            // To register or to set the same again comes to the same answer, to delete again does not.
            Err(Unwritten::Unknown(error)) if call.method == Method::Delete => Err(Failed::ForGood(
                RegistryError::new(50002, format!("What was to be deleted may be: {error:?}")),
            )),
            Err(Unwritten::Unknown(error)) => Err(Failed::ForNow(unwritable(error))),
        }
    }
}

fn unread(error: ErrorCode) -> Failed {
    let told = RegistryError::new(50001, format!("The topic _schemas can't be read: {error:?}"));
    match error {
        ErrorCode::TopicAuthorizationFailed | ErrorCode::CorruptMessage => Failed::ForGood(told),
        _ => Failed::ForNow(told),
    }
}

fn key_value(record: &TopicRecord) -> KeyValue<'_> {
    (
        Some(record.key.as_bytes()),
        record.value.as_deref().map(str::as_bytes),
    )
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
