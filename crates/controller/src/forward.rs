//! A change of metadata on its way from a node to the active controller, and the answer: JSON, so that a
//! newer version may add fields.

use barnabas_metadata::controller::{ControllerReply, ControllerRequest};
use std::time::Duration;

use barnabas_metadata::MetadataError;
use barnabas_metadata::quorum::{Decided, VoterChange};
use barnabas_protocol::messages::{
    self, AddRaftVoterRequest, AlterClientQuotasRequest, AlterConfigsRequest,
    AlterPartitionReassignmentsRequest, AlterUserScramCredentialsRequest, CreateAclsRequest,
    CreateDelegationTokenRequest, CreatePartitionsRequest, CreateTopicsRequest, DeleteAclsRequest,
    DeleteTopicsRequest, ElectLeadersRequest, ExpireDelegationTokenRequest, IncrementalAlterConfigsRequest,
    RemoveRaftVoterRequest, RenewDelegationTokenRequest, UnregisterBrokerRequest,
    UnregisterControllerRequest, UpdateFeaturesRequest,
};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How long a request looks for an active controller that does what it asks, where it doesn't say itself.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The answer to a forwarded request, or to the question how the quorum stands.
pub type Answered<T> = Result<T, Refused>;

/// A request that was decided.
#[derive(Debug, Serialize, Deserialize)]
pub struct Forwarded {
    /// The reply.
    pub reply: ControllerReply,
    /// The offset of the image that it rests on.
    pub offset: i64,
}

/// A change of the voters.
#[derive(Debug, Serialize, Deserialize)]
pub struct ChangeVoters {
    /// What is to become of them.
    pub change: VoterChange,
    /// How long it may take, milliseconds.
    pub timeout_ms: u64,
}

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refused {
    /// The node isn't the active controller, or is about to stop.
    NotController {
        /// Who is, as far as the node knows.
        leader_id: Option<i32>,
    },
    /// The controller has failed.
    Failed(String),
}

impl From<MetadataError> for Refused {
    fn from(error: MetadataError) -> Self {
        match error {
            MetadataError::NotController { leader_id } => Refused::NotController { leader_id },
            MetadataError::ShuttingDown => Refused::NotController { leader_id: None },
            other => Refused::Failed(other.to_string()),
        }
    }
}

impl From<Refused> for MetadataError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotController { leader_id } => MetadataError::NotController { leader_id },
            Refused::Failed(why) => MetadataError::Storage(why),
        }
    }
}

impl From<Decided> for Forwarded {
    fn from(Decided { reply, offset }: Decided) -> Self {
        Forwarded { reply, offset }
    }
}

/// A client's request that the active controller answers, wherever it is.
pub trait Forwardable: messages::Request {
    /// How long the client waits; 0 where it doesn't say.
    fn timeout_ms(&self) -> i32 {
        0
    }
}

macro_rules! forwardable {
    ($($request:ident $($timeout_ms:ident)?),* $(,)?) => {$(
        impl Forwardable for $request {
            $(fn timeout_ms(&self) -> i32 {
                self.$timeout_ms
            })?
        }
    )*};
}

forwardable! {
    CreateTopicsRequest timeout_ms,
    DeleteTopicsRequest timeout_ms,
    CreateAclsRequest,
    DeleteAclsRequest,
    AlterConfigsRequest,
    CreatePartitionsRequest timeout_ms,
    CreateDelegationTokenRequest,
    RenewDelegationTokenRequest,
    ExpireDelegationTokenRequest,
    ElectLeadersRequest timeout_ms,
    IncrementalAlterConfigsRequest,
    AlterPartitionReassignmentsRequest timeout_ms,
    AlterClientQuotasRequest,
    AlterUserScramCredentialsRequest,
    UpdateFeaturesRequest timeout_ms,
    UnregisterBrokerRequest,
    AddRaftVoterRequest timeout_ms,
    RemoveRaftVoterRequest,
    UnregisterControllerRequest,
}

/// Writes a request or an answer.
///
/// # Errors
/// It can't be written.
pub fn write<T: Serialize>(value: &T) -> Result<Bytes, MetadataError> {
    let written = serde_json::to_vec(value);
    written
        .map(Bytes::from)
        .map_err(|error| MetadataError::Storage(error.to_string()))
}

/// Reads a forwarded request; the lengths of Kafka's messages in it are proven.
///
/// # Errors
/// It is none.
pub fn read_request(body: &[u8]) -> Result<ControllerRequest, serde_json::Error> {
    serde_json::from_slice(body)
}

/// Reads a change of the voters.
///
/// # Errors
/// It is none.
pub fn read_voters(body: &[u8]) -> Result<ChangeVoters, serde_json::Error> {
    serde_json::from_slice(body)
}

/// Reads an answer.
///
/// # Errors
/// The controller's, or it can't be read.
pub fn read_answer<T: DeserializeOwned>(body: &[u8]) -> Result<T, MetadataError> {
    match serde_json::from_slice::<Answered<T>>(body) {
        Ok(answered) => Ok(answered?),
        Err(error) => Err(MetadataError::Storage(format!(
            "the controller's answer can't be read: {error}"
        ))),
    }
}

/// How long a request may look for the active controller: as long as who asks for it waits.
pub fn patience(request: &ControllerRequest) -> Duration {
    let timeout_ms = match request {
        ControllerRequest::CreateTopics(asked) => asked.0.timeout_ms,
        ControllerRequest::DeleteTopics(asked) => asked.0.timeout_ms,
        ControllerRequest::CreatePartitions(asked) => asked.0.timeout_ms,
        ControllerRequest::AlterPartitionReassignments(asked) => asked.0.timeout_ms,
        ControllerRequest::ElectLeaders(asked) => asked.0.timeout_ms,
        ControllerRequest::UpdateFeatures(asked) => asked.0.timeout_ms,
        _ => 0,
    };
    patience_of(timeout_ms)
}

/// The same of a request whose client waits so long.
pub fn patience_of(timeout_ms: i32) -> Duration {
    match u64::try_from(timeout_ms) {
        Ok(timeout_ms @ 1..) => Duration::from_millis(timeout_ms),
        _ => PATIENCE,
    }
}
