//! Which broker coordinates a group or a transaction.

use std::time::Duration;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::FindCoordinatorRequest;

use super::{Cluster, KafkaError, To, wire};

/// How long a member waits before it looks for its coordinator again.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// What is coordinated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coordinated {
    /// A group.
    Group = 0,
    /// A transactional id.
    Transaction = 1,
}

/// What came of a heartbeat.
pub enum Heard<T> {
    /// The coordinator's answer.
    Answer(T),
    /// The group has gone on without the member, which has to join anew.
    Fenced,
    /// The coordinator may be another by now, and was looked for.
    Moved,
}

impl Cluster {
    /// The broker that coordinates `key`; waits until there is one.
    ///
    /// # Errors
    /// There is none in time, or this client may not know it.
    pub fn coordinator(&self, kind: Coordinated, key: &str) -> Result<To, KafkaError> {
        let id = self.retry("findCoordinator", || {
            let request = |version| {
                let request = FindCoordinatorRequest::default();
                let request = if version >= 4 {
                    request.with_coordinator_keys(vec![wire(key)])
                } else {
                    request.with_key(wire(key))
                };
                request.with_key_type(kind as i8)
            };
            let (_, response) = self.ask_with(To::Any, "findCoordinator", request)?;
            match response.coordinators.first() {
                Some(found) => {
                    KafkaError::check(found.error_code, found.error_message.as_deref())?;
                    Ok(found.node_id.0)
                }
                None => {
                    KafkaError::check(response.error_code, response.error_message.as_deref())?;
                    Ok(response.node_id.0)
                }
            }
        })?;
        Ok(To::Found(id))
    }

    /// What to do after the heartbeat of a member whose epochs the coordinator keeps.
    ///
    /// # Errors
    /// The group has ended the membership for good.
    pub fn heard<T>(
        &self,
        answered: Result<T, KafkaError>,
        group: &str,
        coordinator: &mut To,
    ) -> Result<Heard<T>, KafkaError> {
        match answered {
            Ok(answer) => Ok(Heard::Answer(answer)),
            Err(error) if error.is(ErrorCode::UnknownMemberId) || error.is(ErrorCode::FencedMemberEpoch) => {
                Ok(Heard::Fenced)
            }
            Err(error) if error.is_retriable() => {
                self.pause(LOOK_AGAIN_AFTER);
                *coordinator = self.coordinator(Coordinated::Group, group)?;
                Ok(Heard::Moved)
            }
            Err(error) => Err(error),
        }
    }

    /// Does something at the coordinator of a group, and again where it has moved or is still loading.
    ///
    /// # Errors
    /// The last error.
    pub fn at_coordinator<T>(
        &self,
        group: &str,
        name: &str,
        work: impl Fn(To) -> Result<T, KafkaError>,
    ) -> Result<T, KafkaError> {
        self.retry(name, || {
            let coordinator = self.coordinator(Coordinated::Group, group)?;
            match work(coordinator) {
                Err(error) if error.is(ErrorCode::RequestTimedOut) => Err(error),
                done => done,
            }
        })
    }
}
