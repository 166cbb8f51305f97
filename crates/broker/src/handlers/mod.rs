//! One file for each API, sorted by its key. A handler translates, authorises and delegates; the logic lives
//! in the core that owns it.

mod described_groups;
pub mod k00_produce;
pub mod k01_fetch;
pub mod k02_list_offsets;
pub mod k03_metadata;
pub mod k08_offset_commit;
pub mod k09_offset_fetch;
pub mod k10_find_coordinator;
pub mod k11_join_group;
pub mod k12_heartbeat;
pub mod k13_leave_group;
pub mod k14_sync_group;
pub mod k15_describe_groups;
pub mod k16_list_groups;
pub mod k18_api_versions;
pub mod k21_delete_records;
pub mod k22_init_producer_id;
pub mod k23_offset_for_leader_epoch;
pub mod k24_add_partitions_to_txn;
pub mod k25_add_offsets_to_txn;
pub mod k26_end_txn;
pub mod k27_write_txn_markers;
pub mod k28_txn_offset_commit;
pub mod k34_alter_replica_log_dirs;
pub mod k35_describe_log_dirs;
pub mod k41_describe_delegation_token;
pub mod k42_delete_groups;
pub mod k47_offset_delete;
pub mod k48_describe_client_quotas;
pub mod k55_describe_quorum;
pub mod k60_describe_cluster;
pub mod k61_describe_producers;
pub mod k64_unregister_broker;
pub mod k65_describe_transactions;
pub mod k66_list_transactions;
pub mod k68_consumer_group_heartbeat;
pub mod k69_consumer_group_describe;
pub mod k71_get_telemetry_subscriptions;
pub mod k72_push_telemetry;
pub mod k74_list_config_resources;
pub mod k75_describe_topic_partitions;
pub mod k76_share_group_heartbeat;
pub mod k77_share_group_describe;
pub mod k78_share_fetch;
pub mod k79_share_acknowledge;
pub mod k83_initialize_share_group_state;
pub mod k84_read_share_group_state;
pub mod k85_write_share_group_state;
pub mod k86_delete_share_group_state;
pub mod k87_read_share_group_state_summary;
pub mod k88_streams_group_heartbeat;
pub mod k89_streams_group_describe;
pub mod k90_describe_share_group_offsets;
pub mod k91_alter_share_group_offsets;
pub mod k92_delete_share_group_offsets;
pub mod k93_streams_group_topology_description_update;

// What controllers answer too.
pub use barnabas_controller::admin::{
    k17_sasl_handshake, k19_create_topics, k20_delete_topics, k29_describe_acls, k30_create_acls,
    k31_delete_acls, k32_describe_configs, k33_alter_configs, k36_sasl_authenticate, k37_create_partitions,
    k38_create_delegation_token, k39_renew_delegation_token, k40_expire_delegation_token, k43_elect_leaders,
    k44_incremental_alter_configs, k45_alter_partition_reassignments, k46_list_partition_reassignments,
    k49_alter_client_quotas, k50_describe_user_scram_credentials, k51_alter_user_scram_credentials,
    k57_update_features, k80_add_raft_voter, k81_remove_raft_voter, k94_unregister_controller,
};
