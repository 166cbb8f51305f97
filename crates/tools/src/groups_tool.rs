//! `kafka-groups`: Kafka's `GroupsCommand`.

use crate::arguments::{BOOTSTRAP_SERVER, COMMAND_CONFIG, Options, Takes, Word, connect, word};
use crate::client::groups::GroupListing;
use crate::console::Console;
use crate::failure::{Failure, Outcome, said, usage};

/// The tool's options.
#[rustfmt::skip]
pub const WORDS: &[Word] = &[
    BOOTSTRAP_SERVER,
    COMMAND_CONFIG,
    word("list", Takes::Nothing, "List the groups."),
    word("group-type", Takes::Value("type"), "Only those of this type: classic, consumer, share or streams."),
    word("protocol", Takes::Value("protocol"), "Only those of this type of protocol."),
    word("consumer", Takes::Nothing, "Only groups of consumers, of every type."),
    word("share", Takes::Nothing, "Only share groups."),
    word("streams", Takes::Nothing, "Only groups of Kafka Streams."),
];

const TYPES: &[&str] = &["Classic", "Consumer", "Share", "Streams"];

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(options: &Options, console: &mut Console) -> Outcome {
    options.stop_for_help("Lists the groups of all types.")?;
    if !options.has("bootstrap-server") {
        return usage("Missing required option(s) [bootstrap-server]");
    }
    if !options.has("list") {
        return usage("Command must include exactly one action: --list.");
    }
    let kind = match options.value("group-type")? {
        None => None,
        Some(given) => match TYPES.iter().find(|kind| kind.eq_ignore_ascii_case(given)) {
            Some(kind) => Some(*kind),
            None => return said("--group-type must be a valid group type."),
        },
    };
    options.exclude("consumer", &["group-type", "protocol", "share", "streams"])?;
    options.exclude("share", &["consumer", "group-type", "protocol", "streams"])?;
    options.exclude("streams", &["consumer", "group-type", "protocol", "share"])?;
    let protocol = options.value("protocol")?;
    let found = connect(options, "command-config").and_then(|cluster| Ok(cluster.list_groups(&[], &[])?));
    let mut groups = found.map_err(|failure| {
        console.line(format!(
            "Error while executing groups command : {}",
            failure.message()
        ));
        Failure::Exit(1)
    })?;
    let is = |group: &GroupListing, kind: &str| group.group_type.eq_ignore_ascii_case(kind);
    groups.retain(|group| match (kind, protocol) {
        (Some(kind), protocol) => {
            is(group, kind) && protocol.is_none_or(|protocol| group.protocol_type == protocol)
        }
        (None, Some(protocol)) => group.protocol_type == protocol,
        _ if options.has("consumer") => {
            matches!(group.protocol_type.as_str(), "consumer" | "") || is(group, "Consumer")
        }
        _ if options.has("share") => is(group, "Share"),
        _ if options.has("streams") => is(group, "Streams"),
        _ => true,
    });
    let shown = |group: &GroupListing| {
        let kind = TYPES
            .iter()
            .find(|kind| kind.eq_ignore_ascii_case(&group.group_type));
        [
            group.id.clone(),
            kind.map_or("", |kind| *kind).to_owned(),
            group.protocol_type.clone(),
        ]
    };
    let rows: Vec<[String; 3]> = groups.iter().map(shown).collect();
    let width = rows.iter().flatten().map(String::len).max().unwrap_or(0).max(20);
    console.line(format!(
        "{:<width$} {:<width$} {:<width$}",
        "GROUP", "TYPE", "PROTOCOL"
    ));
    for [id, kind, protocol] in rows {
        console.line(format!("{id:<width$} {kind:<width$} {protocol:<width$} "));
    }
    Ok(())
}
