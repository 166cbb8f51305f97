//! The arguments.

use crate::arguments::{BOOTSTRAP_SERVER, COMMAND_CONFIG, Options, Takes, Word, word};
use crate::console::Console;
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
    word("validate-regex", Takes::Value("regex"), "Say whether this is a regular expression."),
    word("group", Takes::Value("group"), "The group; may be repeated."),
    word("all-groups", Takes::Nothing, "All groups."),
    word("topic", Takes::Value("topic[:0,1]"), "The topic, or some partitions of it; may be repeated."),
    word("all-topics", Takes::Nothing, "All topics that the group has committed."),
    word("members", Takes::Nothing, "With --describe: the members."),
    word("offsets", Takes::Nothing, "With --describe: the offsets."),
    word("verbose", Takes::Nothing, "With --describe: more of it."),
    word("state", Takes::Perhaps("states"), "With --describe: the state. With --list: show it, and only groups in one of these."),
    word("type", Takes::Perhaps("types"), "With --list: show the type, and only groups of one of these: classic,consumer."),
    word("dry-run", Takes::Nothing, "Only show what would be reset (the default)."),
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

const ACTIONS: &[&str] = &[
    "list",
    "describe",
    "delete",
    "reset-offsets",
    "delete-offsets",
    "validate-regex",
];
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
const STATES: &[&str] = &[
    "PreparingRebalance",
    "CompletingRebalance",
    "Stable",
    "Dead",
    "Empty",
    "Assigning",
    "Reconciling",
];

/// Refuses what makes no sense.
pub fn check(options: &Options, console: &mut Console) -> Outcome {
    options.stop_for_help("Lists, describes, resets and deletes groups of consumers.")?;
    let available = [
        ("members", &["describe"][..]),
        ("verbose", &["describe"]),
        ("offsets", &["describe"]),
        ("state", &["describe", "list"]),
        ("type", &["list"]),
    ];
    for (name, with) in available {
        if options.has(name) && !with.iter().any(|other| options.has(other)) {
            return said(format!(
                "Option(s) [{name}] are unavailable given other options on the command line"
            ));
        }
    }
    if !options.has("validate-regex") {
        options.require(&["bootstrap-server"])?;
    }
    let scope = |name: &str| match options.has("group") || options.has("all-groups") {
        true => Ok(()),
        false => usage(format!(
            "Option [{name}] takes one of these options: [group], [all-groups]"
        )),
    };
    if options.has("describe") {
        scope("describe")?;
        let parts = ["members", "offsets", "state"];
        if parts.iter().filter(|part| options.has(part)).count() > 1 {
            return usage(
                "Option [describe] takes at most one of these options: [members], [offsets], [state]",
            );
        }
        if !options.value("state")?.unwrap_or_default().is_empty() {
            return usage("Option [describe] does not take a value for [state]");
        }
    }
    if options.has("delete") {
        scope("delete")?;
        if options.has("topic") {
            return usage(
                "The consumer does not support topic-specific offset deletion from a consumer group.",
            );
        }
    }
    if options.has("delete-offsets") && !(options.has("group") && options.has("topic")) {
        return usage("Option [delete-offsets] takes the following options: [group], [topic]");
    }
    if options.has("reset-offsets") {
        if options.has("dry-run") && options.has("execute") {
            return usage("Option [reset-offsets] only accepts one of [execute] and [dry-run]");
        }
        if !options.has("dry-run") && !options.has("execute") {
            console.error("Nothing is reset without --execute; --dry-run says that this is meant.");
        }
        scope("reset-offsets")?;
        for scenario in SCENARIOS {
            let others: Vec<&str> = SCENARIOS
                .iter()
                .copied()
                .filter(|other| other != scenario)
                .collect();
            options.exclude(scenario, &others)?;
        }
    }
    options.exclude("group", &["all-groups", "list"])?;
    options.exclude("topic", &["list", "describe"])?;
    if ACTIONS.iter().filter(|action| options.has(action)).count() != 1 {
        let actions: Vec<String> = ACTIONS.iter().map(|action| format!("--{action}")).collect();
        return usage(format!(
            "Command must include exactly one action: {}",
            actions.join(", ")
        ));
    }
    Ok(())
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

/// The types that a list names; none means all.
pub fn types(list: &str) -> Outcome<Vec<String>> {
    let found = list.split(',').filter(|_| !list.is_empty()).map(|name| {
        let known = ["classic", "consumer"]
            .into_iter()
            .find(|kind| kind.eq_ignore_ascii_case(name.trim()));
        known.map(str::to_owned)
    });
    match found.collect() {
        Some(types) => Ok(types),
        None => said(format!(
            "Invalid types list '{list}'. Valid types are: Consumer, Classic"
        )),
    }
}
