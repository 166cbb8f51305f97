//! The layers inside the crates, as `architecture.rs` holds those between them (docs/ARCHITECTURE.md).

use crate::workspace::{root, rust_files, without_comments};

/// A crate and its layers, the lowest first. Modules import what stands in their own layer and below it. A
/// module within another, or a name that one exports, may stand apart from the rest of it.
#[rustfmt::skip]
const LAYERS: &[(&str, &[&[&str]])] = &[
    ("protocol", &[
        &["api", "error", "java_order", "kafka_uuid", "malformed", "reader", "security_protocol", "shape", "guard::ELEMENTS_MAX"],
        &["frame", "records", "described", "generated", "messages", "wire", "guard", "leader", "topic_ref"],
        &["codec", "header", "produce", "fetch", "share_fetch", "internal_records", "kraft_voters", "metadata_records", "principal_data"],
    ]),
    ("config", &[
        &["faults", "files", "iso_duration", "paths", "properties", "redpanda", "resource", "selector", "start_topics", "yaml"],
        &["definitions", "rule", "value"],
        &["layers", "unknown"],
        &["providers"],
        &["typed", "variables"],
        &["quorum"],
        &["authorizer", "dynamic", "limits", "listeners"],
        &["effect", "http", "ineffective", "validate"],
        &["controller_rules", "describe", "explain", "load"],
    ]),
    ("storage", &[
        &["error", "kafka_uuid", "layout", "log_config", "platform"],
        &["disk"],
        &["file_io", "index", "open_files", "meta_properties", "deletion", "log::types", "log::AbortedTxn", "log::AppendOrigin", "log::EpochEndOffset"],
        &["checkpoint", "producer_state", "txn_index", "segment", "validate"],
        &["log", "cleaner", "log_dir::recovery::Progress"],
        &["log_dir"],
        &["simulation"],
    ]),
    ("metadata", &[
        &["error", "records", "internal_topics"],
        &["features"],
        &["image"],
        &["controller"],
        &["channel", "quorum"],
    ]),
    ("coordinator", &[
        &["error", "re2", "timers"],
        &["assignor", "placement"],
        &["cluster", "config"],
        &["classic", "consumer", "streams", "group", "offsets", "record", "codec", "effect", "share_group"],
        &["share_state", "transaction"],
        &["runtime::partition_log"],
        &["runtime::load", "runtime::write"],
        &["runtime::led_log"],
        &["runtime::machine"],
        &["runtime::active"],
        &["runtime::shard", "runtime::timers"],
        &["runtime"],
    ]),
    ("share", &[
        &["hold", "key_order", "record_state", "settled", "waiting", "write::WriteId"],
        &["settings"],
        &["delivery", "write::StateBatch", "dead_letter::DeadLetter", "dead_letter::DeadLetterCause"],
        &["batch"],
        &["window"],
        &["partition"],
        &["write", "dead_letter", "restore", "acquire", "acknowledge", "in_flight", "lock_timeout", "look", "waits"],
        &["simulation", "tests"],
    ]),
    ("network", &[
        &["admission", "metrics", "platform", "request_memory", "response", "sasl_authentication"],
        &["connection_context", "simulated"],
        &["transport", "simulated::tests"],
        &["frame_buffer", "listening", "opening", "output", "service"],
        &["authentication", "client", "connection", "rpc", "worker"],
        &["acceptor"],
    ]),
    ("controller", &[
        &["authorization", "credentials", "describe_quorum", "envelope", "forward", "log_format", "logging", "presence", "sessions", "throttling"],
        &["admin", "channel", "peers", "registration"],
        &["controller"],
        &["dispatch", "handlers", "takeover"],
        &["service"],
    ]),
    ("replica", &[
        &["log_dirs", "partition::core", "upkeep::low_priority_thread"],
        &["partition", "upkeep::deletions", "upkeep::log_cleaner::cleanings", "upkeep::log_cleaner::Cleanings", "upkeep::log_cleaner::CleanerTotals", "upkeep::log_cleaner::LastCleaning", "upkeep::log_cleaner::throttle"],
        &["manager", "replication", "upkeep::checkpoints", "upkeep::log_moves"],
        &["upkeep"],
    ]),
    ("broker", &[
        &["broker_peers", "connection_limits", "faults", "lifecycle", "lost_brokers", "producer_ids", "request", "telemetry"],
        &["fetch"],
        &["broker", "coordinator", "forwarding", "leader_hints", "metadata_publisher", "share"],
        &["awaited_leaders", "duplicates", "schemas_topic", "topic_creation", "transaction_verification"],
        &["handlers", "dispatch", "faults::answer", "faults::serve", "faults::subject"],
    ]),
    ("http", &[
        &["body", "lags", "plots", "metrics::history", "metrics::table", "metrics::page", "registry::Kept", "telemetry"],
        &["api::access", "api::asked", "api::door", "api::failure", "api::shown"],
        &["node"],
        &["faults", "health", "metrics"],
        &["api", "registry"],
        &["console"],
        &["routes"],
        &["server"],
    ]),
    ("tools", &[
        &["client", "console", "java"],
        &["failure", "table"],
        &["arguments"],
        &["broker_api_versions", "console_consumer", "console_producer", "topics"],
        &["configs"],
        &["queue::letter", "queue::progress"],
        &["queue::originals"],
        &["acls", "client_metrics", "cluster_tool", "consumer_groups", "consumer_perf", "delegation_tokens", "delete_records", "dump_log", "features", "get_offsets", "groups_tool", "leader_election", "log_dirs", "metadata_quorum", "producer_perf", "queue", "ready", "reassign_partitions", "server_stop", "transactions", "verifiable", "zookeeper"],
        &["share_groups", "streams_groups"],
    ]),
];

/// Segments of a path from a crate's root.
type Path = Vec<String>;

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The module that a file is, `src/log/append.rs` being `log::append`.
fn module_of(file: &str) -> Path {
    let (_, inside) = file.split_once("/src/").expect("the file is a crate's source");
    let mut path: Path = inside
        .trim_end_matches(".rs")
        .split('/')
        .map(String::from)
        .collect();
    if path
        .last()
        .is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str()))
    {
        path.pop();
    }
    path
}

/// Reads a path, or a tree of them in braces, at the beginning of `text`; answers what is behind it.
fn read_tree<'t>(prefix: &Path, text: &'t str, found: &mut Vec<Path>) -> &'t str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = read_tree(prefix, rest, found).trim_start();
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => return rest.strip_prefix('}').unwrap_or(rest),
            }
        }
    }
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    let mut path = prefix.clone();
    match &text[..end] {
        "" | "self" => {}
        "super" => drop(path.pop()),
        name => path.push(name.to_owned()),
    }
    match text[end..].strip_prefix("::") {
        Some(rest) if end > 0 => read_tree(&path, rest, found),
        _ => {
            found.push(path);
            // Another name for it, or a glob.
            text[end..].trim_start_matches(|c| is_name(c) || c == ' ' || c == '*')
        }
    }
}

/// Everything in its own crate that the file at `module` names, by `crate::` or `super::`, outside of its
/// unit tests.
fn names_of(module: &Path, text: &str) -> Vec<Path> {
    let text = without_comments(text);
    let text = text.split("\nmod tests {").next().unwrap_or_default();
    let mut found = Vec::new();
    for (start, prefix) in [("crate::", Path::new()), ("super::", module.clone())] {
        for (at, _) in text.match_indices(start) {
            let inside_another = text[..at].ends_with(|c: char| is_name(c) || c == ':');
            if !inside_another {
                let from = if start == "crate::" { at + start.len() } else { at };
                read_tree(&prefix, &text[from..], &mut found);
            }
        }
    }
    found
}

/// What the crate's root exports, by the path it lies at.
fn exports(lib: &str) -> Vec<Path> {
    let lib = without_comments(lib);
    let mut found = Vec::new();
    for (at, start) in lib.match_indices("pub use ") {
        read_tree(&Path::new(), &lib[at + start.len()..], &mut found);
    }
    found
}

/// The layer of a path: that of the longest entry it lies in.
fn layer_of(layers: &[&[&str]], path: &Path) -> Option<usize> {
    let path = path.join("::");
    let lies_in = |entry: &str| {
        path.strip_prefix(entry)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let entries = layers
        .iter()
        .enumerate()
        .flat_map(|(layer, entries)| entries.iter().map(move |entry| (layer, entry)));
    let entry = entries
        .filter(|(_, entry)| lies_in(entry))
        .max_by_key(|(_, entry)| entry.len());
    entry.map(|(layer, _)| layer)
}

#[test]
fn no_module_imports_a_higher_layer() {
    let mut wrong = Vec::new();
    for (krate, layers) in LAYERS {
        let lib = std::fs::read_to_string(root().join(format!("crates/{krate}/src/lib.rs"))).unwrap();
        let exports = exports(&lib);
        for (file, text) in rust_files(&format!("crates/{krate}/src")) {
            let module = module_of(&file);
            let Some(own) = layer_of(layers, &module) else {
                if !module.is_empty() {
                    wrong.push(format!("{file} is in no layer"));
                }
                continue;
            };
            for name in names_of(&module, &text) {
                let exported = exports
                    .iter()
                    .find(|path| path.len() > 1 && name.first() == path.last());
                let name = exported.unwrap_or(&name);
                if layer_of(layers, name).is_some_and(|layer| layer > own) {
                    wrong.push(format!("{file} names {}", name.join("::")));
                }
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn names_are_found_in_every_form() {
    let text = "use super::{a::{B, c::*}, D};\nuse crate::e::F as G; // crate::not\nfn f() { crate::h::i(super::super::j::K, other::crate_x) }";
    let mut found: Vec<String> = names_of(&module_of("crates/x/src/m/n.rs"), text)
        .iter()
        .map(|path| path.join("::"))
        .collect();
    found.sort();
    assert_eq!(found, ["e::F", "h::i", "j::K", "m::D", "m::a::B", "m::a::c"]);
}
