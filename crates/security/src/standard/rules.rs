//! The rules of one principal, found by resource and host.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use super::patterns::Patterns;
use crate::acl_binding::WILDCARD;
use crate::{AclBinding, AclOperation, PatternType, PermissionType, ResourceType};

/// The types of resources that there are.
const TYPES: usize = 8;

/// From where a rule counts. A host that is no address as Java writes it comes from nowhere, as in Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Host {
    Any,
    Is(IpAddr),
    Never,
}

impl Host {
    fn of(text: &str) -> Host {
        if text == WILDCARD {
            return Host::Any;
        }
        match text.parse::<IpAddr>() {
            Ok(address) if java_address(address) == text => Host::Is(address),
            _ => Host::Never,
        }
    }
}

/// An address as `InetAddress.getHostAddress` writes it: IPv6 without its short form.
pub fn java_address(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, e, f, g, h] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}:{e:x}:{f:x}:{g:x}:{h:x}")
        }
    }
}

/// One ACL, and the operations that it speaks of, as bits by their codes.
#[derive(Debug)]
struct Rule {
    operations: u32,
    acl: Arc<AclBinding>,
}

/// What the ACLs of one pattern say of those who come from one host.
#[derive(Debug, Default)]
struct Rules {
    deny: Vec<Rule>,
    allow: Vec<Rule>,
}

/// The rules of one pattern by host.
type ByHost = HashMap<Host, Rules>;

/// What was found for an action.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// It is denied.
    Denied(&'a AclBinding),
    /// It is allowed, unless it is denied elsewhere.
    Allowed(&'a AclBinding),
}

/// All rules of one principal.
#[derive(Debug)]
pub struct PrincipalRules {
    by_type: [Patterns<ByHost>; TYPES],
}

impl PrincipalRules {
    /// Those of its ACLs.
    pub fn new(acls: Vec<Arc<AclBinding>>) -> Self {
        let mut patterns: [BTreeMap<(PatternType, String), ByHost>; TYPES] = Default::default();
        for acl in &acls {
            let pattern = (acl.pattern_type, acl.resource_name.clone());
            let by_host = patterns[place(acl.resource_type)].entry(pattern).or_default();
            let rules = by_host.entry(Host::of(&acl.host)).or_default();
            let rule = Rule {
                operations: operations(acl),
                acl: acl.clone(),
            };
            match acl.permission_type {
                PermissionType::Deny => rules.deny.push(rule),
                PermissionType::Allow => rules.allow.push(rule),
                PermissionType::Any => {}
            }
        }
        PrincipalRules {
            by_type: patterns.map(Patterns::new),
        }
    }

    /// What they say of an operation on a resource, asked for from `host`; `None` where they say nothing.
    pub fn find(
        &self,
        operation: AclOperation,
        resource_type: ResourceType,
        name: &str,
        host: IpAddr,
    ) -> Option<Found<'_>> {
        let bit = bit(operation);
        let mut allowed = None;
        for by_host in self.by_type[place(resource_type)].covering(name) {
            for host in [Host::Any, Host::Is(host)] {
                let Some(rules) = by_host.get(&host) else {
                    continue;
                };
                if let Some(rule) = first(&rules.deny, bit) {
                    return Some(Found::Denied(&rule.acl));
                }
                allowed = allowed.or_else(|| first(&rules.allow, bit));
            }
        }
        allowed.map(|rule| Found::Allowed(&rule.acl))
    }

    /// Whether an operation itself, or all operations, are denied and allowed by rules of these hosts. What
    /// an operation implies doesn't count (KIP-679).
    fn says(by_host: &ByHost, operation: AclOperation, host: IpAddr) -> Says {
        let is = |rule: &Rule| [operation, AclOperation::All].contains(&rule.acl.operation);
        let mut says = Says::default();
        for rules in [Host::Any, Host::Is(host)]
            .iter()
            .filter_map(|host| by_host.get(host))
        {
            says.denied |= rules.deny.iter().any(is);
            says.allowed |= rules.allow.iter().any(is);
        }
        says
    }
}

#[derive(Clone, Copy, Default)]
struct Says {
    denied: bool,
    allowed: bool,
}

/// Whether there can be a resource of this type to which `operation` is allowed by the rules of `principals`
/// (KIP-679): something is allowed that nothing of the same name, and nothing that it begins with, denies.
pub fn allow_any(
    principals: &[&PrincipalRules],
    operation: AclOperation,
    resource_type: ResourceType,
    host: IpAddr,
) -> bool {
    let says = |by_host: &ByHost| PrincipalRules::says(by_host, operation, host);
    let patterns = || {
        principals
            .iter()
            .map(|rules| &rules.by_type[place(resource_type)])
    };
    let everything: Vec<Says> = patterns().filter_map(Patterns::wildcard).map(says).collect();
    if everything.iter().any(|says| says.denied) {
        return false;
    }
    if everything.iter().any(|says| says.allowed) {
        return true;
    }
    let begins_denied =
        |name: &str| patterns().any(|patterns| patterns.beginning(name).any(|found| says(found).denied));
    let denied = |name: &str| {
        let literal =
            patterns().any(|patterns| patterns.literal(name).is_some_and(|found| says(found).denied));
        literal || begins_denied(name)
    };
    patterns().any(|patterns| {
        let mut names = patterns.literals().filter(|(_, found)| says(found).allowed);
        let mut beginnings = patterns.prefixes().filter(|(_, found)| says(found).allowed);
        names.any(|(name, _)| !denied(name)) || beginnings.any(|(text, _)| !begins_denied(text))
    })
}

/// The operations that an ACL speaks of. What is allowed implies DESCRIBE and DESCRIBE_CONFIGS, what is
/// denied implies nothing.
fn operations(acl: &AclBinding) -> u32 {
    use AclOperation::{All, Alter, AlterConfigs, Delete, Describe, DescribeConfigs, Read, Write};
    let implied = match (acl.permission_type, acl.operation) {
        (_, All) => u32::MAX,
        (PermissionType::Allow, Read | Write | Delete | Alter) => bit(Describe),
        (PermissionType::Allow, AlterConfigs) => bit(DescribeConfigs),
        _ => 0,
    };
    implied | bit(acl.operation)
}

fn bit(operation: AclOperation) -> u32 {
    1 << operation.code()
}

fn place(resource_type: ResourceType) -> usize {
    resource_type as usize
}

fn first(rules: &[Rule], bit: u32) -> Option<&Rule> {
    rules.iter().find(|rule| rule.operations & bit != 0)
}
