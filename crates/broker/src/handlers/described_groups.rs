//! What ConsumerGroupDescribe, ShareGroupDescribe and StreamsGroupDescribe have in common: which groups are
//! refused, in Apache Kafka's order (version, rights, empty ids), and what those who may not see its topics
//! learn of a group.

use barnabas_coordinator::GroupShard;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{GroupId, StrBytes};
use barnabas_security::{AclOperation, ResourceType, Rights};

use crate::broker::Broker;
use crate::request::RequestContext;

/// What one group is described by, of one kind of group.
pub(super) trait Described: Send {
    /// What those read who may not describe its topics.
    const FORBIDDEN_TOPICS: &str;

    fn refused(group_id: &GroupId, error: ErrorCode, message: Option<StrBytes>) -> Self;

    fn error_code(&self) -> i16;

    fn set_authorized_operations(&mut self, operations: i32);

    /// Takes out what the client may not see and can do without; whether it may see the rest.
    fn show_to(&mut self, rights: Rights<'_>) -> bool;
}

/// What the messages of all kinds of groups have under the same names.
macro_rules! described_fields {
    () => {
        fn refused(
            group_id: &barnabas_protocol::messages::GroupId,
            error: barnabas_protocol::error::ErrorCode,
            message: Option<barnabas_protocol::messages::StrBytes>,
        ) -> Self {
            Self::default()
                .with_group_id(group_id.clone())
                .with_error_code(error.code())
                .with_error_message(message)
        }

        fn error_code(&self) -> i16 {
            self.error_code
        }

        fn set_authorized_operations(&mut self, operations: i32) {
            self.authorized_operations = operations;
        }
    };
}
pub(super) use described_fields;

/// What is asked of every group that is named.
pub(super) struct Asked {
    pub group_ids: Vec<GroupId>,
    pub include_authorized_operations: bool,
    /// The feature whose level 0 means that there are no such groups.
    pub feature: &'static str,
}

/// Describes every group that is named.
pub(super) async fn describe<G: Described>(
    broker: &Broker,
    context: &RequestContext,
    asked: Asked,
    describe: impl Fn(&GroupShard, &GroupId) -> G,
) -> Vec<G> {
    let refused = |group_id: &GroupId, error| G::refused(group_id, error, None);
    if !broker.has_groups(asked.feature) {
        let unsupported = |group_id| refused(group_id, ErrorCode::UnsupportedVersion);
        return asked.group_ids.iter().map(unsupported).collect();
    }
    let mut groups = Vec::with_capacity(asked.group_ids.len());
    let rights = broker.rights(context);
    let may_describe = |group_id: &GroupId| rights.on_group(AclOperation::Describe, group_id);
    let (named, forbidden): (Vec<_>, Vec<_>) = asked.group_ids.into_iter().partition(may_describe);
    for group_id in forbidden {
        groups.push(refused(&group_id, ErrorCode::GroupAuthorizationFailed));
    }
    let (named, nameless): (Vec<_>, Vec<_>) = named.into_iter().partition(|id| !id.is_empty());
    for group_id in nameless {
        groups.push(refused(&group_id, ErrorCode::InvalidGroupId));
    }
    for group_id in broker.groups().by_shard(named).into_iter().flatten() {
        let described = broker
            .groups()
            .request(&group_id, |core, _| Ok((Vec::new(), describe(core, &group_id))));
        let mut group = described.await.unwrap_or_else(|error| refused(&group_id, error));
        if asked.include_authorized_operations && group.error_code() == 0 {
            group.set_authorized_operations(rights.operations(ResourceType::Group, &group_id));
        }
        if !rights.are_unlimited() && !group.show_to(rights) {
            let message = StrBytes::from_static_str(G::FORBIDDEN_TOPICS);
            group = G::refused(&group_id, ErrorCode::TopicAuthorizationFailed, Some(message));
        }
        groups.push(group);
    }
    groups
}
