//! A member of a classic group of one: joins, gets its assignment, leaves, and begins anew.

use barnabas_protocol::api::ApiKey;
use barnabas_protocol::messages::{
    Decodable, GroupId, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, StrBytes, SyncGroupRequest,
    join_group_request, leave_group_request, sync_group_request,
};
use bytes::Bytes;

use crate::answers::check_error;
use crate::engine::Role;
use crate::error::Failure;
use crate::frames::request;
use crate::shared::{Class, Phase, Shared};

const JOIN_GROUP: i16 = 9;
const SYNC_GROUP: i16 = 5;
const LEAVE_GROUP: i16 = 5;
/// The first JoinGroup is answered with this and a member id (KIP-394).
const MEMBER_ID_REQUIRED: i16 = 79;
/// Bytes of the header in front of an answer: correlation id, tags.
const HEADER: usize = 5;
/// The error code's place in the answers to SyncGroup and LeaveGroup: header, throttle time.
const ERROR_AT: usize = HEADER + 4;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Begin,
    Join { member_id: StrBytes },
    Sync { member_id: StrBytes, generation_id: i32 },
    Leave { member_id: StrBytes },
}

/// The member.
#[derive(Debug)]
pub struct Joiner {
    group: GroupId,
    step: Step,
    is_waiting: bool,
    began: u64,
}

impl Joiner {
    /// A member of this group, which nobody else joins.
    pub fn new(group: String) -> Joiner {
        let group = GroupId(StrBytes::from_string(group));
        Joiner {
            group,
            step: Step::Begin,
            is_waiting: false,
            began: 0,
        }
    }

    fn join(&self, member_id: StrBytes) -> Result<Bytes, Failure> {
        let protocol = join_group_request::JoinGroupRequestProtocol::default()
            .with_name(StrBytes::from_static_str("range"))
            .with_metadata(Bytes::from_static(&[0; 12]));
        let body = JoinGroupRequest::default()
            .with_group_id(self.group.clone())
            .with_session_timeout_ms(10_000)
            .with_rebalance_timeout_ms(10_000)
            .with_member_id(member_id)
            .with_protocol_type(StrBytes::from_static_str("consumer"))
            .with_protocols(vec![protocol]);
        Ok(request(ApiKey::JoinGroup, JOIN_GROUP, &body)?.freeze())
    }

    fn sync(&self, member_id: StrBytes, generation_id: i32) -> Result<Bytes, Failure> {
        let assignment = sync_group_request::SyncGroupRequestAssignment::default()
            .with_member_id(member_id.clone())
            .with_assignment(Bytes::from_static(&[0; 32]));
        let body = SyncGroupRequest::default()
            .with_group_id(self.group.clone())
            .with_generation_id(generation_id)
            .with_member_id(member_id)
            .with_protocol_type(Some(StrBytes::from_static_str("consumer")))
            .with_protocol_name(Some(StrBytes::from_static_str("range")))
            .with_assignments(vec![assignment]);
        Ok(request(ApiKey::SyncGroup, SYNC_GROUP, &body)?.freeze())
    }

    fn leave(&self, member_id: StrBytes) -> Result<Bytes, Failure> {
        let member = leave_group_request::MemberIdentity::default().with_member_id(member_id);
        let body = LeaveGroupRequest::default()
            .with_group_id(self.group.clone())
            .with_members(vec![member]);
        Ok(request(ApiKey::LeaveGroup, LEAVE_GROUP, &body)?.freeze())
    }
}

impl Role for Joiner {
    fn kept(&self) -> usize {
        usize::MAX / 2
    }

    fn next(&mut self, shared: &mut Shared) -> Result<Option<Bytes>, Failure> {
        // A member that has joined leaves, also at the end.
        let is_over = shared.phase == Phase::Drain && self.step == Step::Begin;
        if self.is_waiting || is_over {
            return Ok(None);
        }
        self.is_waiting = true;
        match self.step.clone() {
            Step::Begin => {
                self.began = shared.now;
                self.join(StrBytes::default())
            }
            Step::Join { member_id } => self.join(member_id),
            Step::Sync {
                member_id,
                generation_id,
            } => self.sync(member_id, generation_id),
            Step::Leave { member_id } => self.leave(member_id),
        }
        .map(Some)
    }

    fn answered(&mut self, front: &[u8], _size: usize, shared: &mut Shared) -> Result<(), Failure> {
        self.is_waiting = false;
        self.step = match std::mem::replace(&mut self.step, Step::Begin) {
            step @ (Step::Begin | Step::Join { .. }) => {
                let mut body = Bytes::copy_from_slice(front.get(HEADER..).unwrap_or_default());
                let answer = JoinGroupResponse::decode(&mut body, JOIN_GROUP)
                    .map_err(|error| Failure::Unexpected(format!("JoinGroup: {error}")))?;
                let (member_id, generation_id) = (answer.member_id, answer.generation_id);
                match answer.error_code {
                    0 => Step::Sync {
                        member_id,
                        generation_id,
                    },
                    MEMBER_ID_REQUIRED if step == Step::Begin => Step::Join { member_id },
                    code => {
                        return Err(Failure::Refused {
                            what: "JoinGroup",
                            code,
                        });
                    }
                }
            }
            Step::Sync { member_id, .. } => {
                check_error("SyncGroup", front, ERROR_AT)?;
                Step::Leave { member_id }
            }
            Step::Leave { .. } => {
                check_error("LeaveGroup", front, ERROR_AT)?;
                shared.count(Class::Join, self.began, 0, 0);
                Step::Begin
            }
        };
        Ok(())
    }

    fn is_idle(&self) -> bool {
        !self.is_waiting && self.step == Step::Begin
    }
}
