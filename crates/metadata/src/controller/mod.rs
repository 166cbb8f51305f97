//! The controller: what a request changes, decided against an image. Pure; the quorum's shell calls it and
//! commits the records.
//!
//! A decision never changes anything itself. Decisions are serialised: each sees an image with all earlier
//! ones applied. Rules, codes and messages are those of Apache Kafka 4.4's controller; a module names the
//! class it answers to.

mod acls;
mod alter_configs;
mod alter_partition;
mod api_error;
mod assign_replicas_to_dirs;
mod assignment;
mod client_quotas;
mod config_rules;
mod context;
mod create_partitions;
mod create_topics;
mod delegation_tokens;
mod delete_topics;
mod effective;
mod elect_leaders;
mod fence;
mod heartbeat;
mod heartbeats;
mod import_cluster;
mod partition_change;
mod placement;
mod producer_ids;
mod reassignments;
mod register;
mod register_controller;
mod request;
mod scram_credentials;
mod tick;
pub mod topic_name;
mod unregister;
mod update_features;
pub(crate) mod wire;

pub use acls::{CreateAcls, DeleteAcls};
pub use alter_configs::{AlterConfigOp, AlterConfigs, ConfigOutcomes, IncrementalAlterConfigs};
pub use alter_partition::AlterPartition;
pub use api_error::{ApiError, code_and_message};
pub use assign_replicas_to_dirs::AssignReplicasToDirs;
pub use barnabas_config::ConfigKind;
pub use client_quotas::{AlterClientQuotas, EntityParts, QuotaAlteration};
pub use config_rules::validate_configs;
pub use context::{ControllerSettings, DecideContext, Random, TokenSettings};
pub use create_partitions::CreatePartitions;
pub use create_topics::CreateTopics;
pub use delegation_tokens::{CreateDelegationToken, ExpireDelegationToken, RenewDelegationToken};
pub use delete_topics::DeleteTopics;
pub use elect_leaders::ElectLeaders;
pub use fence::FenceBroker;
pub use heartbeat::BrokerHeartbeat;
pub use heartbeats::BrokerHeartbeats;
pub use import_cluster::{ImportCluster, ImportedPartition, ImportedTopic};
pub use producer_ids::{AllocateProducerIds, PRODUCER_ID_BLOCK_SIZE};
pub use reassignments::{AlterPartitionReassignments, list_partition_reassignments};
pub use register::{RegisterBroker, registered_epoch, registration_request};
pub use register_controller::{RegisterController, controller_registration_request};
pub use request::{ControllerReply, ControllerRequest, Request};
pub use scram_credentials::{
    AlterUserScramCredentials, ITERATIONS_MAX, ITERATIONS_MIN, keys, salted_password,
};
pub use tick::Tick;
pub use unregister::{UnregisterBroker, UnregisterController};
pub use update_features::UpdateFeatures;

use barnabas_protocol::error::ErrorCode;

use crate::image::MetadataImage;
use crate::records::MetadataRecord;

/// More records than this one request may not cause.
pub(crate) const RECORDS_MAX: usize = 10_000;

/// What a request comes to: the records to commit, and what the client hears once they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<Reply> {
    /// To be committed as one entry, all or none. May be empty.
    pub records: Vec<MetadataRecord>,
    /// The answer.
    pub reply: Reply,
}

/// A request to the controller.
pub trait Decide: Send + 'static {
    /// The answer to it.
    type Reply: Send + 'static;

    /// Decides the request against the latest image.
    fn decide(self, image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Decision<Self::Reply>;
}

fn too_many_records() -> ApiError {
    ApiError::new(
        ErrorCode::PolicyViolation,
        "Unable to perform excessively large batch operation.",
    )
}

/// Refuses a request whose time is up before it began: Kafka's controller drops it from its queue.
fn check_deadline(timeout_ms: i32) -> Result<(), ApiError> {
    if timeout_ms > 0 {
        Ok(())
    } else {
        Err(ApiError::bare(ErrorCode::RequestTimedOut))
    }
}
