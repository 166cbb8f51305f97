//! The operations that clients are told they may do on a resource (KIP-430).

use crate::AclOperation::{
    self, Alter, AlterConfigs, ClusterAction, Create, CreateTokens, Delete, Describe, DescribeConfigs,
    DescribeTokens, IdempotentWrite, Read, TwoPhaseCommit, Write,
};
use crate::ResourceType;

/// What a client may do, when it hasn't asked.
pub const NOT_ASKED: i32 = i32::MIN;

/// The operations that make sense on a type of resource (Kafka's `AclEntry.supportedOperations`).
pub const fn supported_operations(resource_type: ResourceType) -> &'static [AclOperation] {
    match resource_type {
        ResourceType::Topic => &[
            Read,
            Write,
            Create,
            Delete,
            Alter,
            Describe,
            DescribeConfigs,
            AlterConfigs,
        ],
        ResourceType::Group => &[Read, Delete, Describe, DescribeConfigs, AlterConfigs],
        ResourceType::Cluster => &[
            Create,
            Alter,
            Describe,
            ClusterAction,
            DescribeConfigs,
            AlterConfigs,
            IdempotentWrite,
        ],
        ResourceType::TransactionalId => &[Write, Describe, TwoPhaseCommit],
        ResourceType::DelegationToken => &[Describe],
        ResourceType::User => &[CreateTokens, DescribeTokens],
        ResourceType::Any => &[],
    }
}

/// Operations as bits by their codes.
pub(crate) fn bits(operations: impl Iterator<Item = AclOperation>) -> i32 {
    operations.fold(0, |bits, operation| bits | 1 << operation.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_do_everything_is_told_what_apache_kafka_tells() {
        let all = |resource_type| bits(supported_operations(resource_type).iter().copied());
        assert_eq!(all(ResourceType::Topic), 3576);
        assert_eq!(all(ResourceType::Cluster), 8096);
        assert_eq!(all(ResourceType::Group), 3400);
    }
}
