//! ACLs as they are kept and looked for (KIP-290): a pattern of resources, and who may do what to them.

use std::fmt;

use crate::acl::{AclOperation, PatternType, PermissionType, ResourceType};

/// The name, host and principal that stand for all.
pub(crate) const WILDCARD: &str = "*";

/// One entry of the access control lists. Sorted as Kafka lists the entries of a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AclBinding {
    /// What type of resource.
    pub resource_type: ResourceType,
    /// The resource's name, `*` for all, or how the names begin.
    pub resource_name: String,
    /// Whether the name is a whole one or a beginning.
    pub pattern_type: PatternType,
    /// What is done to it.
    pub operation: AclOperation,
    /// By whom: `User:alice`, `User:*`.
    pub principal: String,
    /// From where: an address as Java writes it, or `*`.
    pub host: String,
    /// Whether that is denied or allowed.
    pub permission_type: PermissionType,
}

impl AclBinding {
    /// Whether its pattern covers the resource of this name.
    pub fn covers(&self, name: &str) -> bool {
        match self.pattern_type {
            PatternType::Literal => self.resource_name == name || self.resource_name == WILDCARD,
            PatternType::Prefixed => name.starts_with(&self.resource_name),
            PatternType::Any | PatternType::Match => false,
        }
    }
}

/// As the audit log names it.
impl fmt::Display for AclBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "StandardAcl[resourceType={}, resourceName={}, patternType={}, principal={}, host={}, operation={}, \
             permissionType={}]",
            self.resource_type.name(),
            self.resource_name,
            self.pattern_type.name(),
            self.principal,
            self.host,
            self.operation.name(),
            self.permission_type.name(),
        )
    }
}

/// Which ACLs are looked for; what is `None` may be anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclFilter {
    /// The type of resource, or any.
    pub resource_type: ResourceType,
    /// The name of the pattern; where patterns are matched, the resource that they are to cover.
    pub resource_name: Option<String>,
    /// The type of pattern, any, or whatever covers the name.
    pub pattern_type: PatternType,
    /// The principal.
    pub principal: Option<String>,
    /// The host.
    pub host: Option<String>,
    /// The operation, or any. ALL is one of its own.
    pub operation: AclOperation,
    /// Whether it denies or allows, or any.
    pub permission_type: PermissionType,
}

impl AclFilter {
    /// Whether an ACL is looked for.
    pub fn matches(&self, acl: &AclBinding) -> bool {
        let is =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        (self.resource_type == ResourceType::Any || self.resource_type == acl.resource_type)
            && self.matches_pattern(acl)
            && is(&self.principal, &acl.principal)
            && is(&self.host, &acl.host)
            && (self.operation == AclOperation::Any || self.operation == acl.operation)
            && (self.permission_type == PermissionType::Any || self.permission_type == acl.permission_type)
    }

    fn matches_pattern(&self, acl: &AclBinding) -> bool {
        let is_type = match self.pattern_type {
            PatternType::Any | PatternType::Match => true,
            wanted => wanted == acl.pattern_type,
        };
        let Some(name) = &self.resource_name else {
            return is_type;
        };
        match self.pattern_type {
            PatternType::Match => acl.covers(name),
            _ => is_type && *name == acl.resource_name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acl(pattern_type: PatternType, name: &str) -> AclBinding {
        AclBinding {
            resource_type: ResourceType::Topic,
            resource_name: name.to_owned(),
            pattern_type,
            operation: AclOperation::Read,
            principal: "User:bob".to_owned(),
            host: "*".to_owned(),
            permission_type: PermissionType::Allow,
        }
    }

    fn any() -> AclFilter {
        AclFilter {
            resource_type: ResourceType::Any,
            resource_name: None,
            pattern_type: PatternType::Any,
            principal: None,
            host: None,
            operation: AclOperation::Any,
            permission_type: PermissionType::Any,
        }
    }

    #[test]
    fn names_are_meant_by_the_type_of_the_pattern() {
        use PatternType::{Any, Literal, Match, Prefixed};
        let acls = [
            acl(Literal, "foo"),
            acl(Literal, "*"),
            acl(Prefixed, "fo"),
            acl(Prefixed, "foo"),
        ];
        for (pattern_type, name, expected) in [
            (Any, None, [true, true, true, true]),
            (Literal, None, [true, true, false, false]),
            (Prefixed, None, [false, false, true, true]),
            (Any, Some("foo"), [true, false, false, true]),
            (Literal, Some("foo"), [true, false, false, false]),
            (Literal, Some("*"), [false, true, false, false]),
            (Prefixed, Some("fo"), [false, false, true, false]),
            (Match, Some("foo"), [true, true, true, true]),
            (Match, Some("foe"), [false, true, true, false]),
            (Match, None, [true, true, true, true]),
        ] {
            let filter = AclFilter {
                pattern_type,
                resource_name: name.map(str::to_owned),
                ..any()
            };
            let found = acls.each_ref().map(|acl| filter.matches(acl));
            assert_eq!(found, expected, "{pattern_type:?} {name:?}");
        }
    }

    #[test]
    fn every_part_of_a_filter_counts() {
        let found = acl(PatternType::Literal, "t");
        let cases = [
            (
                AclFilter {
                    resource_type: ResourceType::Topic,
                    ..any()
                },
                true,
            ),
            (
                AclFilter {
                    resource_type: ResourceType::Group,
                    ..any()
                },
                false,
            ),
            (
                AclFilter {
                    principal: Some("User:bob".into()),
                    ..any()
                },
                true,
            ),
            (
                AclFilter {
                    principal: Some("User:*".into()),
                    ..any()
                },
                false,
            ),
            (
                AclFilter {
                    host: Some("*".into()),
                    ..any()
                },
                true,
            ),
            (
                AclFilter {
                    host: Some("10.0.0.1".into()),
                    ..any()
                },
                false,
            ),
            (
                AclFilter {
                    operation: AclOperation::Read,
                    ..any()
                },
                true,
            ),
            (
                AclFilter {
                    operation: AclOperation::All,
                    ..any()
                },
                false,
            ),
            (
                AclFilter {
                    permission_type: PermissionType::Allow,
                    ..any()
                },
                true,
            ),
            (
                AclFilter {
                    permission_type: PermissionType::Deny,
                    ..any()
                },
                false,
            ),
        ];
        for (filter, expected) in cases {
            assert_eq!(filter.matches(&found), expected, "{filter:?}");
        }
    }

    #[test]
    fn the_log_names_an_acl_as_java_prints_a_record() {
        assert_eq!(
            acl(PatternType::Prefixed, "fo").to_string(),
            "StandardAcl[resourceType=TOPIC, resourceName=fo, patternType=PREFIXED, principal=User:bob, host=*, \
             operation=READ, permissionType=ALLOW]"
        );
    }
}
