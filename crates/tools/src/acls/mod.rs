//! `kafka-acls`: Kafka's `AclCommand`.

mod wanted;

use std::io::BufRead;

use barnabas_security::{AclBinding, AclFilter, AclOperation, PatternType, PermissionType, ResourceType};

use self::wanted::{Resource, entries, pattern, principals, resources};
use crate::arguments::{BOOTSTRAP_SERVER, COMMAND_CONFIG, Options, Takes, Word, connect, word};
use crate::client::Cluster;
use crate::console::Console;
use crate::failure::{Failure, Outcome, usage};

const NAME: Takes = Takes::Value("name");
const PRINCIPAL: Takes = Takes::Value("type:name");
const HOST: Takes = Takes::Value("host");

/// The tool's options.
#[rustfmt::skip]
pub const WORDS: &[Word] = &[
    BOOTSTRAP_SERVER,
    COMMAND_CONFIG,
    word("bootstrap-controller", Takes::Value("host:port,..."), "Controllers to connect to, instead."),
    word("add", Takes::Nothing, "Add ACLs."),
    word("remove", Takes::Nothing, "Remove ACLs."),
    word("list", Takes::Nothing, "List ACLs."),
    word("topic", NAME, "A topic; * is every topic; may be repeated, as other names."),
    word("group", NAME, "A group."),
    word("cluster", Takes::Nothing, "The cluster."),
    word("transactional-id", NAME, "A transactional id."),
    word("delegation-token", NAME, "A delegation token."),
    word("user-principal", PRINCIPAL, "A user, for whom delegation tokens are made."),
    word("resource-pattern-type", Takes::Value("type"), "How names are meant: literal (the default) or prefixed; \
        to list and to remove also any and match."),
    word("operation", Takes::Value("operation"), "What is done, by default All; may be repeated."),
    word("allow-principal", PRINCIPAL, "Who may do it."),
    word("deny-principal", PRINCIPAL, "Who may not."),
    word("allow-host", HOST, "From where, by default everywhere."),
    word("deny-host", HOST, "From where it is denied, by default everywhere."),
    word("principal", PRINCIPAL, "List only ACLs of this principal; may be repeated."),
    word("producer", Takes::Nothing, "What a producer needs: WRITE, DESCRIBE and CREATE on --topic."),
    word("idempotent", Takes::Nothing, "With --producer: also what an idempotent one of old needs."),
    word("consumer", Takes::Nothing, "What a consumer needs: READ and DESCRIBE on --topic, READ on --group."),
    word("force", Takes::Nothing, "Don't ask before ACLs are removed."),
];

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(options: &Options, console: &mut Console) -> Outcome {
    options.stop_for_help("This tool helps to manage acls on kafka.")?;
    check(options)?;
    let done = connect(options, "command-config").and_then(|cluster| {
        if options.has("add") {
            add(options, &cluster, console)
        } else if options.has("remove") {
            remove(options, &cluster, console)
        } else {
            list(options, &cluster, console)
        }
    });
    match done {
        Err(Failure::Said(_) | Failure::Kafka(_)) => {
            let said = match done {
                Err(Failure::Kafka(error)) => error.to_string(),
                Err(failure) => failure.message(),
                Ok(()) => String::new(),
            };
            console.line(format!("Error while executing ACL command: {said}"));
            Err(Failure::Exit(1))
        }
        done => done,
    }
}

fn check(options: &Options) -> Outcome {
    match (
        options.has("bootstrap-server"),
        options.has("bootstrap-controller"),
    ) {
        (true, true) => {
            return usage("Only one of --bootstrap-server or --bootstrap-controller must be specified");
        }
        (false, false) => {
            return usage("One of --bootstrap-server or --bootstrap-controller must be specified");
        }
        _ => {}
    }
    let actions = ["add", "remove", "list"];
    if actions.iter().filter(|action| options.has(action)).count() != 1 {
        return usage("Command must include exactly one action: --list, --add, --remove. ");
    }
    let hosts_and_principals = ["allow-host", "allow-principal", "deny-host", "deny-principal"];
    options.exclude("list", &["producer", "consumer"])?;
    options.exclude("list", &hosts_and_principals)?;
    options.exclude("producer", &["operation", "deny-principal", "deny-host"])?;
    options.exclude("consumer", &["operation", "deny-principal", "deny-host"])?;
    if options.has("principal") && !options.has("list") {
        return usage("The --principal option is only available if --list is set");
    }
    if options.has("producer") && !options.has("topic") {
        return usage("With --producer you must specify a --topic");
    }
    if options.has("idempotent") && !options.has("producer") {
        return usage("The --idempotent option is only available if --producer is set");
    }
    let is_more = !options.has("producer") && (options.has("cluster") || options.has("transactional-id"));
    if options.has("consumer") && (!options.has("topic") || !options.has("group") || is_more) {
        return usage(
            "With --consumer you must specify a --topic and a --group and no --cluster or --transactional-id option \
             should be specified.",
        );
    }
    Ok(())
}

fn entry(acl: &AclBinding) -> String {
    format!(
        "(principal={}, host={}, operation={}, permissionType={})",
        acl.principal,
        acl.host,
        acl.operation.name(),
        acl.permission_type.name()
    )
}

fn lines(acls: &[AclBinding]) -> String {
    let lines: Vec<String> = acls.iter().map(|acl| format!("\t{}", entry(acl))).collect();
    lines.join("\n")
}

fn add(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let pattern = pattern(options)?;
    if !matches!(pattern, PatternType::Literal | PatternType::Prefixed) {
        return usage(format!(
            "A '--resource-pattern-type' value of '{}' is not valid when adding acls.",
            pattern.name()
        ));
    }
    let wanted = entries(options)?;
    if wanted.iter().any(|(_, entries)| entries.is_empty()) {
        return usage(
            "You must specify one of: --allow-principal, --deny-principal when trying to add ACLs.",
        );
    }
    for (resource, entries) in wanted {
        let there = cluster.acls(&resource.filter(None))?;
        let acls = entries.iter().map(|entry| resource.binding(entry));
        let (old, new): (Vec<AclBinding>, Vec<AclBinding>) = acls.partition(|acl| there.contains(acl));
        for acl in &old {
            console.line(format!(
                "Acl (pattern={}, entry={}) already exists.",
                resource.shown(),
                entry(acl)
            ));
        }
        if !new.is_empty() {
            console.line(format!(
                "Adding ACLs for resource `{}`: \n {}\n",
                resource.shown(),
                lines(&new)
            ));
            cluster.create_acls(&new)?;
        }
    }
    Ok(())
}

fn remove(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    for (resource, entries) in entries(options)? {
        let shown = resource.shown();
        let (question, filters): (String, Vec<AclFilter>) = if entries.is_empty() {
            (
                format!("Are you sure you want to delete all ACLs for resource filter `{shown}`? (y/n)"),
                vec![resource.filter(None)],
            )
        } else {
            let acls: Vec<AclBinding> = entries.iter().map(|entry| resource.binding(entry)).collect();
            (
                format!(
                    "Are you sure you want to remove ACLs: \n {}\n from resource filter `{shown}`? (y/n)",
                    lines(&acls)
                ),
                entries.iter().map(|entry| resource.filter(Some(entry))).collect(),
            )
        };
        if options.has("force") || is_confirmed(&question, console) {
            cluster.delete_acls(&filters)?;
        }
    }
    Ok(())
}

fn is_confirmed(question: &str, console: &mut Console) -> bool {
    console.line(question);
    console.flush();
    let mut answer = String::new();
    let is_read = std::io::stdin().lock().read_line(&mut answer).is_ok();
    is_read && answer.trim_end_matches(['\r', '\n']).eq_ignore_ascii_case("y")
}

fn list(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let resources = resources(options, false)?;
    let principals = principals(options, "principal")?;
    let everything = AclFilter {
        resource_type: ResourceType::Any,
        resource_name: None,
        pattern_type: PatternType::Any,
        principal: None,
        host: None,
        operation: AclOperation::Any,
        permission_type: PermissionType::Any,
    };
    let mut acls = Vec::new();
    if resources.is_empty() {
        acls = cluster.acls(&everything)?;
    }
    for resource in &resources {
        acls.extend(cluster.acls(&resource.filter(None))?);
    }
    acls.sort();
    acls.dedup();
    if principals.is_empty() {
        print(&acls, console);
    }
    for principal in &principals {
        console.line(format!("ACLs for principal `{principal}`"));
        let own: Vec<AclBinding> = acls
            .iter()
            .filter(|acl| acl.principal == *principal)
            .cloned()
            .collect();
        print(&own, console);
    }
    Ok(())
}

/// Shows sorted ACLs, those of a resource together.
fn print(acls: &[AclBinding], console: &mut Console) {
    let resource = |acl: &AclBinding| Resource {
        kind: acl.resource_type,
        name: acl.resource_name.clone(),
        pattern: acl.pattern_type,
    };
    for of_one in acls.chunk_by(|a, b| resource(a) == resource(b)) {
        let shown = resource(&of_one[0]).shown();
        console.line(format!(
            "Current ACLs for resource `{shown}`:\n{}\n",
            lines(of_one)
        ));
    }
}
