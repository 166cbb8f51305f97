//! Which resources are meant, and which entries for each.

use barnabas_security::{
    AclBinding, AclFilter, AclOperation, CLUSTER_NAME, PatternType, PermissionType, ResourceType,
    supported_operations,
};

use crate::arguments::Options;
use crate::failure::{Outcome, said, usage};

/// A resource, or resources, as a filter names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its type.
    pub kind: ResourceType,
    /// Its name.
    pub name: String,
    /// How that is meant.
    pub pattern: PatternType,
}

/// Who may do what, or may not: operation, principal, host, permission.
pub type Entry = (AclOperation, String, String, PermissionType);

impl Resource {
    /// As Kafka's `ResourcePattern` is written.
    pub fn shown(&self) -> String {
        format!(
            "ResourcePattern(resourceType={}, name={}, patternType={})",
            self.kind.name(),
            self.name,
            self.pattern.name()
        )
    }

    /// The filter for all entries, or for one.
    pub fn filter(&self, entry: Option<&Entry>) -> AclFilter {
        AclFilter {
            resource_type: self.kind,
            resource_name: Some(self.name.clone()),
            pattern_type: self.pattern,
            operation: entry.map_or(AclOperation::Any, |entry| entry.0),
            principal: entry.map(|entry| entry.1.clone()),
            host: entry.map(|entry| entry.2.clone()),
            permission_type: entry.map_or(PermissionType::Any, |entry| entry.3),
        }
    }

    /// The ACL that gives an entry to it.
    pub fn binding(&self, (operation, principal, host, permission): &Entry) -> AclBinding {
        AclBinding {
            resource_type: self.kind,
            resource_name: self.name.clone(),
            pattern_type: self.pattern,
            operation: *operation,
            principal: principal.clone(),
            host: host.clone(),
            permission_type: *permission,
        }
    }
}

/// `--resource-pattern-type`.
pub fn pattern(options: &Options) -> Outcome<PatternType> {
    let Some(given) = options.value("resource-pattern-type")? else {
        return Ok(PatternType::Literal);
    };
    let all = [
        PatternType::Any,
        PatternType::Match,
        PatternType::Literal,
        PatternType::Prefixed,
    ];
    match all
        .into_iter()
        .find(|pattern| pattern.name().eq_ignore_ascii_case(given))
    {
        Some(pattern) => Ok(pattern),
        None => said(format!(
            "Cannot parse argument '{given}' of option resource-pattern-type"
        )),
    }
}

/// The resources that are named; there must be one if `is_required`.
pub fn resources(options: &Options, is_required: bool) -> Outcome<Vec<Resource>> {
    let pattern = pattern(options)?;
    let mut found = Vec::new();
    let mut add = |option: &str, kind: ResourceType| {
        for name in options.values(option) {
            let resource = Resource {
                kind,
                name: name.trim().to_owned(),
                pattern,
            };
            if !found.contains(&resource) {
                found.push(resource);
            }
        }
    };
    add("topic", ResourceType::Topic);
    add("group", ResourceType::Group);
    add("transactional-id", ResourceType::TransactionalId);
    add("delegation-token", ResourceType::DelegationToken);
    add("user-principal", ResourceType::User);
    if pattern == PatternType::Literal && (options.has("cluster") || options.has("idempotent")) {
        found.push(Resource {
            kind: ResourceType::Cluster,
            name: CLUSTER_NAME.to_owned(),
            pattern,
        });
    }
    if found.is_empty() && is_required {
        return usage(
            "You must provide at least one resource: --topic <topic> or --cluster or --group <group> or \
             --delegation-token <Delegation Token ID>",
        );
    }
    Ok(found)
}

/// The principals of an option, each `type:name`.
pub fn principals(options: &Options, option: &str) -> Outcome<Vec<String>> {
    let check = |given: &str| match given.split_once(':') {
        Some((kind, _)) if !kind.is_empty() => Ok(given.to_owned()),
        _ => said(format!(
            "expected a string in format principalType:principalName but got {given}"
        )),
    };
    let principals = options
        .values(option)
        .into_iter()
        .map(|given| check(given.trim()));
    principals.collect()
}

/// Each resource with its entries, which may be none.
pub fn entries(options: &Options) -> Outcome<Vec<(Resource, Vec<Entry>)>> {
    let resources = resources(options, true)?;
    let (produces, consumes) = (options.has("producer"), options.has("consumer"));
    let mut wanted = Vec::new();
    for resource in resources {
        let mut operations = Vec::new();
        if !produces && !consumes {
            operations = given_operations(options);
        }
        if produces {
            operations.extend_from_slice(match resource.kind {
                ResourceType::Topic => &[AclOperation::Write, AclOperation::Describe, AclOperation::Create],
                ResourceType::TransactionalId => &[AclOperation::Write, AclOperation::Describe],
                ResourceType::Cluster if options.has("idempotent") => &[AclOperation::IdempotentWrite],
                _ => &[],
            });
        }
        if consumes {
            operations.extend_from_slice(match resource.kind {
                ResourceType::Topic => &[AclOperation::Read, AclOperation::Describe],
                ResourceType::Group => &[AclOperation::Read],
                _ => &[],
            });
        }
        operations.sort_unstable();
        operations.dedup();
        // A role has nothing to say of other resources.
        if operations.is_empty() && (produces || consumes) {
            continue;
        }
        wanted.push((resource, of_principals(options, &operations)?));
    }
    for (resource, entries) in &wanted {
        check_operations(resource.kind, entries)?;
    }
    Ok(wanted)
}

/// `--operation`, with 0 for what there isn't: it is refused with what the resource supports.
fn given_operations(options: &Options) -> Vec<AclOperation> {
    let given = options.values("operation");
    if given.is_empty() {
        return vec![AclOperation::All];
    }
    given
        .into_iter()
        .map(|name| operation(name).unwrap_or(AclOperation::Any))
        .collect()
}

/// An operation by its name: `DescribeConfigs`, `describe_configs`.
fn operation(name: &str) -> Option<AclOperation> {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let mut all = (AclOperation::All.code()..).map_while(AclOperation::from_code);
    all.find(|operation| plain(operation.name()) == plain(name.trim()))
}

fn of_principals(options: &Options, operations: &[AclOperation]) -> Outcome<Vec<Entry>> {
    let mut entries = Vec::new();
    for (option, hosts, permission) in [
        ("allow-principal", "allow-host", PermissionType::Allow),
        ("deny-principal", "deny-host", PermissionType::Deny),
    ] {
        let mut hosts: Vec<&str> = options.values(hosts).into_iter().map(str::trim).collect();
        if hosts.is_empty() {
            hosts.push("*");
        }
        for principal in principals(options, option)? {
            for operation in operations {
                for host in &hosts {
                    entries.push((*operation, principal.clone(), (*host).to_owned(), permission));
                }
            }
        }
    }
    Ok(entries)
}

fn check_operations(kind: ResourceType, entries: &[Entry]) -> Outcome {
    let supported = supported_operations(kind);
    let is_good = |(operation, ..): &Entry| *operation == AclOperation::All || supported.contains(operation);
    if entries.iter().all(is_good) {
        return Ok(());
    }
    let names: Vec<&str> = supported
        .iter()
        .chain([&AclOperation::All])
        .map(|operation| operation.name())
        .collect();
    usage(format!(
        "ResourceType {} only supports operations [{}]",
        kind.name(),
        names.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acls::WORDS;

    fn wanted(line: &str) -> String {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let shown = |(resource, entries): (Resource, Vec<Entry>)| {
            let entries = entries.iter().map(|(operation, principal, host, permission)| {
                format!("{} {principal} {host} {}", operation.name(), permission.name())
            });
            format!("{}: {}", resource.name, entries.collect::<Vec<_>>().join(", "))
        };
        match entries(&Options::parse(WORDS, &words).unwrap()) {
            Ok(wanted) => wanted.into_iter().map(shown).collect::<Vec<_>>().join("; "),
            Err(failure) => failure.message(),
        }
    }

    #[test]
    fn entries_follow_from_the_options() {
        for (line, expected) in [
            ("--topic t --allow-principal User:a", "t: ALL User:a * ALLOW"),
            (
                "--topic t --operation Read --allow-principal User:a --deny-principal User:b --deny-host h",
                "t: READ User:a * ALLOW, READ User:b h DENY",
            ),
            (
                "--producer --topic t --transactional-id x --allow-principal User:a",
                "t: WRITE User:a * ALLOW, CREATE User:a * ALLOW, DESCRIBE User:a * ALLOW; \
                 x: WRITE User:a * ALLOW, DESCRIBE User:a * ALLOW",
            ),
            (
                "--consumer --topic t --group g --allow-principal User:a",
                "t: READ User:a * ALLOW, DESCRIBE User:a * ALLOW; g: READ User:a * ALLOW",
            ),
            ("--topic t", "t: "),
            (
                "--topic t --allow-principal a",
                "expected a string in format principalType:principalName but got a",
            ),
        ] {
            assert_eq!(wanted(line), expected, "{line}");
        }
        let refused = wanted("--cluster --operation Read --allow-principal User:a");
        assert!(
            refused.starts_with("ResourceType CLUSTER only supports operations ["),
            "{refused}"
        );
    }
}
