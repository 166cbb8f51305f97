//! The request, response and record structs of the Kafka protocol, under one roof.
//!
//! Most come from the kafka-protocol crate; no other crate of this workspace names it. Its decoders trust the
//! lengths they read, so bytes from the network go through [`crate::codec::decode_request`], which guards
//! first.

pub use kafka_protocol::messages::*;
pub use kafka_protocol::protocol::buf::{ByteBuf, ByteBufMut};
pub use kafka_protocol::protocol::{
    Decodable, Encodable, HeaderVersion, Message, Request, StrBytes, VersionRange,
};

// What kafka-protocol lacks, in whole or in its newest version; these names shadow its own.
pub use crate::generated::add_raft_voter_request::{self, AddRaftVoterRequest};
pub use crate::generated::add_raft_voter_response::{self, AddRaftVoterResponse};
pub use crate::generated::api_versions_request::{self, ApiVersionsRequest};
pub use crate::generated::api_versions_response::{self, ApiVersionsResponse};
pub use crate::generated::broker_heartbeat_request::{self, BrokerHeartbeatRequest};
pub use crate::generated::broker_heartbeat_response::{self, BrokerHeartbeatResponse};
pub use crate::generated::delete_groups_request::{self, DeleteGroupsRequest};
pub use crate::generated::delete_groups_response::{self, DeleteGroupsResponse};
pub use crate::generated::describe_log_dirs_request::{self, DescribeLogDirsRequest};
pub use crate::generated::describe_log_dirs_response::{self, DescribeLogDirsResponse};
pub use crate::generated::describe_share_group_offsets_request::{self, DescribeShareGroupOffsetsRequest};
pub use crate::generated::describe_share_group_offsets_response::{self, DescribeShareGroupOffsetsResponse};
pub use crate::generated::list_offsets_request::{self, ListOffsetsRequest};
pub use crate::generated::list_offsets_response::{self, ListOffsetsResponse};
pub use crate::generated::offset_commit_request::{self, OffsetCommitRequest};
pub use crate::generated::offset_fetch_request::{self, OffsetFetchRequest};
pub use crate::generated::read_share_group_state_summary_request::{self, ReadShareGroupStateSummaryRequest};
pub use crate::generated::read_share_group_state_summary_response::{
    self, ReadShareGroupStateSummaryResponse,
};
pub use crate::generated::share_acknowledge_request::{self, ShareAcknowledgeRequest};
pub use crate::generated::share_acknowledge_response::{self, ShareAcknowledgeResponse};
pub use crate::generated::share_fetch_request::{self, ShareFetchRequest};
pub use crate::generated::streams_group_describe_request::{self, StreamsGroupDescribeRequest};
pub use crate::generated::streams_group_describe_response::{self, StreamsGroupDescribeResponse};
pub use crate::generated::streams_group_heartbeat_request::{self, StreamsGroupHeartbeatRequest};
pub use crate::generated::streams_group_heartbeat_response::{self, StreamsGroupHeartbeatResponse};
pub use crate::generated::streams_group_topology_description_update_request::{
    self, StreamsGroupTopologyDescriptionUpdateRequest,
};
pub use crate::generated::streams_group_topology_description_update_response::{
    self, StreamsGroupTopologyDescriptionUpdateResponse,
};
pub use crate::generated::txn_offset_commit_request::{self, TxnOffsetCommitRequest};
pub use crate::generated::txn_offset_commit_response::{self, TxnOffsetCommitResponse};
pub use crate::generated::unregister_controller_request::{self, UnregisterControllerRequest};
pub use crate::generated::unregister_controller_response::{self, UnregisterControllerResponse};
pub use crate::generated::write_share_group_state_request::{self, WriteShareGroupStateRequest};
pub use crate::generated::write_share_group_state_response::{self, WriteShareGroupStateResponse};
pub use crate::generated::write_txn_markers_request::{self, WriteTxnMarkersRequest};
pub use crate::generated::write_txn_markers_response::{self, WriteTxnMarkersResponse};
