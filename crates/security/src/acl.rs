//! The words of ACLs (KIP-11, KIP-290), with the codes that they have on the wire and in the metadata log.

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i8)]
        pub enum $name {
            $($(#[$variant_doc])* $variant = $code,)*
        }

        impl $name {
            /// Its code.
            pub const fn code(self) -> i8 {
                self as i8
            }

            /// The one with this code; `None` for UNKNOWN and whatever does not exist.
            pub const fn from_code(code: i8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// What is done to a resource.
    AclOperation {
        /// In a filter: any operation.
        Any = 1,
        /// In an ACL: all operations.
        All = 2,
        /// READ
        Read = 3,
        /// WRITE
        Write = 4,
        /// CREATE
        Create = 5,
        /// DELETE
        Delete = 6,
        /// ALTER
        Alter = 7,
        /// DESCRIBE
        Describe = 8,
        /// CLUSTER_ACTION: what brokers do among themselves.
        ClusterAction = 9,
        /// DESCRIBE_CONFIGS
        DescribeConfigs = 10,
        /// ALTER_CONFIGS
        AlterConfigs = 11,
        /// IDEMPOTENT_WRITE
        IdempotentWrite = 12,
        /// CREATE_TOKENS
        CreateTokens = 13,
        /// DESCRIBE_TOKENS
        DescribeTokens = 14,
        /// TWO_PHASE_COMMIT
        TwoPhaseCommit = 15,
    }
}

codes! {
    /// What something is done to.
    ResourceType {
        /// In a filter: any type.
        Any = 1,
        /// A topic, by its name.
        Topic = 2,
        /// A group, by its id.
        Group = 3,
        /// The cluster, whose one name is [`crate::CLUSTER_NAME`].
        Cluster = 4,
        /// A transactional id.
        TransactionalId = 5,
        /// A delegation token, by its id.
        DelegationToken = 6,
        /// A user for whom delegation tokens are made, as `User:name`.
        User = 7,
    }
}

codes! {
    /// How an ACL's resource name is meant.
    PatternType {
        /// In a filter: however it is meant.
        Any = 1,
        /// In a filter: what would apply to the name.
        Match = 2,
        /// The one resource of this name, or, named `*`, every one.
        Literal = 3,
        /// Every resource whose name begins so.
        Prefixed = 4,
    }
}

codes! {
    /// Whether an ACL denies or allows.
    PermissionType {
        /// In a filter: both.
        Any = 1,
        /// It denies.
        Deny = 2,
        /// It allows.
        Allow = 3,
    }
}

/// `UNKNOWN` among the types of resources, the pattern types, the operations and the permission types.
const UNKNOWN: i8 = 0;

/// Whether none of an ACL's codes is UNKNOWN. Apache Kafka closes the connection of a client that sends that;
/// other codes that don't exist it lets pass, as without an authorizer nobody looks at them.
pub fn are_known(resource_type: i8, pattern_type: i8, operation: i8, permission_type: i8) -> bool {
    ![resource_type, pattern_type, operation, permission_type].contains(&UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_stand_for_what_has_them() {
        for code in i8::MIN..=i8::MAX {
            let known = AclOperation::from_code(code);
            assert_eq!(known.is_some(), (1..=15).contains(&code), "{code}");
            assert!(known.is_none_or(|operation| operation.code() == code));
        }
        assert_eq!(ResourceType::from_code(7), Some(ResourceType::User));
        assert_eq!(ResourceType::from_code(8), None);
        assert_eq!(PatternType::from_code(4), Some(PatternType::Prefixed));
        assert_eq!(PermissionType::from_code(3), Some(PermissionType::Allow));
    }

    #[test]
    fn one_unknown_code_is_enough() {
        assert!(are_known(2, 3, 3, 3));
        assert!(are_known(99, 3, 3, 3));
        assert!(!are_known(2, 3, 0, 3));
    }
}
