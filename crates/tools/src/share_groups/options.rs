//! The arguments.

use crate::arguments::{BOOTSTRAP_SERVER, COMMAND_CONFIG, Options, Takes, Word, word};
use crate::failure::{Outcome, said, usage};

/// The tool's options.
#[rustfmt::skip]
pub const WORDS: &[Word] = &[
    BOOTSTRAP_SERVER,
    COMMAND_CONFIG,
    word("timeout", Takes::Value("ms"), "How long is waited (by default 30000)."),
    word("list", Takes::Nothing, "List the share groups."),
    word("describe", Takes::Nothing, "Show share groups, by default where they stand."),
    word("delete", Takes::Nothing, "Delete share groups without members."),
    word("reset-offsets", Takes::Nothing, "Set where a share group without members begins."),
    word("delete-offsets", Takes::Nothing, "Have a share group without members forget topics."),
    word("group", Takes::Value("group"), "The share group; may be repeated."),
    word("all-groups", Takes::Nothing, "All share groups."),
    word("topic", Takes::Value("topic[:0,1]"), "The topic, or some partitions of it; may be repeated."),
    word("all-topics", Takes::Nothing, "All topics that the group has state of."),
    word("members", Takes::Nothing, "With --describe: the members."),
    word("offsets", Takes::Nothing, "With --describe: where the group stands."),
    word("verbose", Takes::Nothing, "With --describe: more of it."),
    word("state", Takes::Perhaps("states"), "With --describe: the state. With --list: show it, and only groups in one of these."),
    word("dry-run", Takes::Nothing, "Only show what would be reset."),
    word("execute", Takes::Nothing, "Reset it."),
    word("export", Takes::Nothing, "Show it as comma separated values."),
    word("to-offset", Takes::Value("number"), "Reset to this offset."),
    word("to-earliest", Takes::Nothing, "Reset to the beginning."),
    word("to-latest", Takes::Nothing, "Reset to the end."),
    word("to-current", Takes::Nothing, "Reset to where the group stands."),
    word("to-datetime", Takes::Value("YYYY-MM-DDThh:mm:ss.sss"), "Reset to the first record since then."),
    word("from-file", Takes::Value("file"), "Reset to what --export has shown."),
];

const ACTIONS: &[&str] = &["list", "describe", "delete", "reset-offsets", "delete-offsets"];
const SCENARIOS: &[&str] = &[
    "from-file",
    "to-current",
    "to-datetime",
    "to-earliest",
    "to-latest",
    "to-offset",
];

/// Refuses what makes no sense.
pub fn check(options: &Options) -> Outcome {
    options
        .stop_for_help("This tool helps to list, describe, delete and manage the offsets of share groups.")?;
    for (name, with) in [
        ("members", &["describe"][..]),
        ("verbose", &["describe"]),
        ("offsets", &["describe"]),
        ("state", &["describe", "list"]),
    ] {
        if options.has(name) && !with.iter().any(|other| options.has(other)) {
            return said(format!(
                "Option(s) [{name}] are unavailable given other options on the command line"
            ));
        }
    }
    options.require(&["bootstrap-server"])?;
    if options.has("describe") {
        if !options.has("group") && !options.has("all-groups") {
            return usage("Option [describe] takes one of these options: [all-groups], [group]");
        }
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
        match (options.has("group"), options.has("all-groups")) {
            (false, false) => return usage("Option [delete] takes the options [group] or [all-groups]."),
            (true, true) => {
                return usage("Option [delete] takes either [group] or [all-groups], not both.");
            }
            _ => {}
        }
        if options.has("topic") || options.has("all-topics") {
            return usage("Option [delete] does not take the options [topic] or [all-topics].");
        }
    }
    if options.has("delete-offsets") && !(options.has("group") && options.has("topic")) {
        return usage("Option [delete-offsets] takes the following options: [group], [topic]");
    }
    if options.has("reset-offsets") {
        check_reset(options)?;
    }
    options.exclude("group", &["all-groups"])?;
    for alone in ["group", "topic"] {
        let with: &[&str] = match alone {
            "group" => &["list"],
            _ => &["list", "describe"],
        };
        options.exclude(alone, with)?;
    }
    if ACTIONS.iter().filter(|action| options.has(action)).count() != 1 {
        return usage(
            "Command must include exactly one action: --list, --describe, --delete, --reset-offsets, --delete-offsets.",
        );
    }
    Ok(())
}

fn check_reset(options: &Options) -> Outcome {
    match (options.has("dry-run"), options.has("execute")) {
        (true, true) => {
            return usage("Option [reset-offsets] only accepts one of [execute] and [dry-run]");
        }
        (false, false) => {
            return usage("Option [reset-offsets] takes the option: [execute] or [dry-run]");
        }
        _ => {}
    }
    if !options.has("group") {
        return usage("Option [reset-offsets] takes the option: [group]");
    }
    if !["topic", "all-topics", "from-file"]
        .iter()
        .any(|scope| options.has(scope))
    {
        return usage(
            "Option [reset-offsets] takes one of these options: [all-topics], [from-file], [topic]",
        );
    }
    options.exclude("topic", &["all-topics", "from-file"])?;
    options.exclude("all-topics", &["from-file"])?;
    if !SCENARIOS.iter().any(|scenario| options.has(scenario)) {
        return usage(
            "Option [reset-offsets] takes one of these options: [from-file], [to-current], [to-datetime], \
             [to-earliest], [to-latest], [to-offset]",
        );
    }
    for scenario in [
        "to-offset",
        "to-datetime",
        "to-earliest",
        "to-latest",
        "to-current",
        "from-file",
    ] {
        let others: Vec<&str> = SCENARIOS
            .iter()
            .copied()
            .filter(|other| *other != scenario)
            .collect();
        options.exclude(scenario, &others)?;
    }
    Ok(())
}

/// The states that `--list --state` names, as a cluster writes them.
pub fn states(text: &str) -> Outcome<Vec<String>> {
    let mut states = Vec::new();
    for word in text.split(',').map(str::trim).filter(|_| !text.is_empty()) {
        let known = ["Stable", "Empty", "Dead"];
        match known.iter().find(|known| known.eq_ignore_ascii_case(word)) {
            Some(known) => states.push((*known).to_owned()),
            None => {
                return usage(format!(
                    "Invalid state list '{text}'. Valid states are: Stable, Empty, Dead"
                ));
            }
        }
    }
    Ok(states)
}
