//! What a controller's listener answers, one file per API, sorted by key.

pub mod k18_api_versions;
pub mod k55_describe_quorum;
pub mod k56_alter_partition;
pub mod k58_envelope;
pub mod k60_describe_cluster;
pub mod k62_broker_registration;
pub mod k63_broker_heartbeat;
pub mod k64_unregister_broker;
pub mod k67_allocate_producer_ids;
pub mod k70_controller_registration;
pub mod k73_assign_replicas_to_dirs;
pub mod k82_update_raft_voter;
