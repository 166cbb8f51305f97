//! The arguments.

use crate::arguments::{BOOTSTRAP_SERVER, COMMAND_CONFIG, Options, Takes, Word, word};
use crate::failure::{Outcome, said, usage};

const NUMBER: Takes = Takes::Value("number");

/// The tool's options.
#[rustfmt::skip]
pub const WORDS: &[Word] = &[
    BOOTSTRAP_SERVER,
    COMMAND_CONFIG,
    word("timeout", Takes::Value("ms"), "How long is waited (by default 30000)."),
    word("list", Takes::Nothing, "List the groups."),
    word("describe", Takes::Nothing, "Show groups, by default their offsets and lag."),
    word("delete", Takes::Nothing, "Delete groups."),
    word("reset-offsets", Takes::Nothing, "Set the offsets of a group without members."),
    word("delete-offsets", Takes::Nothing, "Delete a group's offsets of some topics."),
    word("group", Takes::Value("group"), "The group; may be repeated."),
    word("all-groups", Takes::Nothing, "All streams groups."),
    word("input-topic", Takes::Value("topic[:0,1]"), "The topic, or some partitions of it; may be repeated."),
    word("all-input-topics", Takes::Nothing, "All topics that the application reads."),
    word("delete-internal-topic", Takes::Value("topic"), "Delete this topic of the application too; may be repeated."),
    word("delete-all-internal-topics", Takes::Nothing, "Delete all topics that were made for the application too."),
    word("members", Takes::Nothing, "With --describe: the members."),
    word("offsets", Takes::Nothing, "With --describe: the offsets."),
    word("topology", Takes::Nothing, "With --describe: the topology."),
    word("verbose", Takes::Nothing, "With --describe: more of it."),
    word("state", Takes::Perhaps("states"), "With --describe: the state. With --list: show it, and only groups in one of these."),
    word("dry-run", Takes::Nothing, "Only show what would be reset."),
    word("execute", Takes::Nothing, "Reset it."),
    word("export", Takes::Nothing, "Show it as comma separated values."),
    word("to-offset", NUMBER, "Reset to this offset."),
    word("to-earliest", Takes::Nothing, "Reset to the beginning."),
    word("to-latest", Takes::Nothing, "Reset to the end."),
    word("to-current", Takes::Nothing, "Reset to what is committed."),
    word("to-datetime", Takes::Value("YYYY-MM-DDThh:mm:ss.sss"), "Reset to the first record since then."),
    word("by-duration", Takes::Value("PnDTnHnMnS"), "Reset to the first record since so long ago."),
    word("shift-by", NUMBER, "Reset by so many records."),
    word("from-file", Takes::Value("file"), "Reset to what --export has shown."),
];

const ACTIONS: &[&str] = &["list", "describe", "delete", "reset-offsets", "delete-offsets"];
const SCENARIOS: &[&str] = &[
    "to-offset",
    "to-datetime",
    "by-duration",
    "to-earliest",
    "to-latest",
    "to-current",
    "shift-by",
    "from-file",
];
const STATES: &[&str] = &["Stable", "Dead", "Assigning", "Reconciling", "Empty", "NotReady"];

/// Refuses what makes no sense, in the order of Kafka's tool.
pub fn check(options: &Options) -> Outcome {
    options.stop_for_help(
        "This tool helps to list, describe, delete and manage the offsets of streams groups.",
    )?;
    options.require(&["bootstrap-server"])?;
    let any = |names: &[&str]| names.iter().any(|name| options.has(name));
    for action in ["describe", "delete"] {
        if options.has(action) && !any(&["group", "all-groups"]) {
            return usage(format!(
                "Option [{action}] takes one of these options: [all-groups], [group]"
            ));
        }
    }
    if options.has("describe") {
        let parts = ["members", "offsets", "state", "topology"];
        if parts.iter().filter(|part| options.has(part)).count() > 1 {
            return usage(
                "Option [describe] takes at most one of these options: [members], [offsets], [state], [topology]",
            );
        }
        if !options.value("state")?.unwrap_or_default().is_empty() {
            return usage("Option [describe] does not take a value for [state]");
        }
    }
    let of_topics = ["input-topic", "all-input-topics"];
    if options.has("delete") && any(&of_topics) {
        return usage("Kafka Streams does not support topic-specific offset deletion from a streams group.");
    }
    if options.has("delete-offsets") {
        if !any(&of_topics) || !options.has("group") {
            return usage(
                "Option [delete-offsets] takes the [group] and one of these options: [all-input-topics], [input-topic]",
            );
        }
        one_group("delete-offsets", options)?;
    }
    if options.has("reset-offsets") {
        check_reset(options)?;
    }
    if any(&["delete-all-internal-topics", "delete-internal-topic"]) {
        check_internal(options)?;
    }
    if any(&["dry-run", "execute"]) && !options.has("reset-offsets") {
        return usage("Only Option [reset-offsets] accepts [execute] or [dry-run]");
    }
    options.exclude("list", &["members", "offsets", "topology"])?;
    options.exclude("group", &["all-groups", "list"])?;
    options.exclude("input-topic", &["list", "describe"])?;
    if ACTIONS.iter().filter(|action| options.has(action)).count() != 1 {
        return usage(
            "Command must include exactly one action: --list, --describe, --delete, --reset-offsets, or --delete-offsets.",
        );
    }
    Ok(())
}

fn one_group(action: &str, options: &Options) -> Outcome {
    let groups = options.values("group");
    if groups.len() > 1 {
        return usage(format!(
            "Option [{action}] supports only one [group] at a time, but found: [{}]",
            groups.join(", ")
        ));
    }
    Ok(())
}

fn check_reset(options: &Options) -> Outcome {
    if options.has("dry-run") && options.has("execute") {
        return usage("Option [reset-offsets] only accepts one of [execute] and [dry-run]");
    }
    if !options.has("dry-run") && !options.has("execute") {
        return usage("Option [reset-offsets] takes the option: [execute] or [dry-run]");
    }
    if !options.has("group") && !options.has("all-groups") {
        return usage("Option [reset-offsets] takes one of these options: [all-groups], [group]");
    }
    for scenario in SCENARIOS {
        let others: Vec<&str> = SCENARIOS
            .iter()
            .copied()
            .filter(|other| other != scenario)
            .collect();
        options.exclude(scenario, &others)?;
    }
    Ok(())
}

fn check_internal(options: &Options) -> Outcome {
    if options.has("delete-all-internal-topics") && !options.has("delete") && !options.has("reset-offsets") {
        return usage(
            "Option [delete-all-internal-topics] takes one of these options: [delete], [reset-offsets]",
        );
    }
    if options.has("delete-internal-topic") && !options.has("reset-offsets") {
        return usage("Option [delete-internal-topic] takes the option: [reset-offsets]");
    }
    if options.has("reset-offsets") && !options.has("execute") {
        return usage("Option [delete-all-internal-topics] takes [execute] when [reset-offsets] is used.");
    }
    options.exclude("delete-internal-topic", &["delete-all-internal-topics"])
}

/// The states that a list names; none means all.
pub fn states(list: &str) -> Outcome<Vec<String>> {
    let found = list.split(',').filter(|_| !list.is_empty()).map(|name| {
        let known = STATES
            .iter()
            .find(|state| state.eq_ignore_ascii_case(name.trim()));
        known.map(|state| (*state).to_owned())
    });
    match found.collect() {
        Some(states) => Ok(states),
        None => said(format!(
            "Invalid state list '{list}'. Valid states are: {}",
            STATES.join(", ")
        )),
    }
}
