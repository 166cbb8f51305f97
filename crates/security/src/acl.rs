//! The words of ACLs (KIP-11, KIP-290), with the codes that they have on the wire and in the metadata log.

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal $word:literal,)* }) => {
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

            /// Its name, as Kafka's tools and logs write it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
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
        Any = 1 "ANY",
        /// In an ACL: all operations.
        All = 2 "ALL",
        /// READ
        Read = 3 "READ",
        /// WRITE
        Write = 4 "WRITE",
        /// CREATE
        Create = 5 "CREATE",
        /// DELETE
        Delete = 6 "DELETE",
        /// ALTER
        Alter = 7 "ALTER",
        /// DESCRIBE
        Describe = 8 "DESCRIBE",
        /// CLUSTER_ACTION: what brokers do among themselves.
        ClusterAction = 9 "CLUSTER_ACTION",
        /// DESCRIBE_CONFIGS
        DescribeConfigs = 10 "DESCRIBE_CONFIGS",
        /// ALTER_CONFIGS
        AlterConfigs = 11 "ALTER_CONFIGS",
        /// IDEMPOTENT_WRITE
        IdempotentWrite = 12 "IDEMPOTENT_WRITE",
        /// CREATE_TOKENS
        CreateTokens = 13 "CREATE_TOKENS",
        /// DESCRIBE_TOKENS
        DescribeTokens = 14 "DESCRIBE_TOKENS",
        /// TWO_PHASE_COMMIT
        TwoPhaseCommit = 15 "TWO_PHASE_COMMIT",
    }
}

codes! {
    /// What something is done to.
    ResourceType {
        /// In a filter: any type.
        Any = 1 "ANY",
        /// A topic, by its name.
        Topic = 2 "TOPIC",
        /// A group, by its id.
        Group = 3 "GROUP",
        /// The cluster, whose one name is [`crate::CLUSTER_NAME`].
        Cluster = 4 "CLUSTER",
        /// A transactional id.
        TransactionalId = 5 "TRANSACTIONAL_ID",
        /// A delegation token, by its id.
        DelegationToken = 6 "DELEGATION_TOKEN",
        /// A user for whom delegation tokens are made, as `User:name`.
        User = 7 "USER",
    }
}

codes! {
    /// How an ACL's resource name is meant.
    PatternType {
        /// In a filter: however it is meant.
        Any = 1 "ANY",
        /// In a filter: what would apply to the name.
        Match = 2 "MATCH",
        /// The one resource of this name, or, named `*`, every one.
        Literal = 3 "LITERAL",
        /// Every resource whose name begins so.
        Prefixed = 4 "PREFIXED",
    }
}

codes! {
    /// Whether an ACL denies or allows.
    PermissionType {
        /// In a filter: both.
        Any = 1 "ANY",
        /// It denies.
        Deny = 2 "DENY",
        /// It allows.
        Allow = 3 "ALLOW",
    }
}

impl ResourceType {
    /// Its name in the audit log.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Any => "Any",
            Self::Topic => "Topic",
            Self::Group => "Group",
            Self::Cluster => "Cluster",
            Self::TransactionalId => "TransactionalId",
            Self::DelegationToken => "DelegationToken",
            Self::User => "User",
        }
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
        assert_eq!(AclOperation::TwoPhaseCommit.name(), "TWO_PHASE_COMMIT");
        assert_eq!(ResourceType::TransactionalId.name(), "TRANSACTIONAL_ID");
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
