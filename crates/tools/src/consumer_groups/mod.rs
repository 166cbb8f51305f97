//! `kafka-consumer-groups`: Kafka's `ConsumerGroupCommand`.

pub mod delete;
mod describe;
mod options;
pub mod positions;
pub mod reset;
mod times;

use regex::Regex;

use crate::arguments::{Options, key_values, properties_file};
use crate::client::Cluster;
use crate::client::groups::GroupListing;
use crate::console::Console;
use crate::failure::{Failure, Outcome, usage};

pub use options::WORDS;
pub use positions::{ends, starts};
pub use reset::{Offsets, by_time, check, in_order, partitions, show, within};
pub use times::date_time;

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(options: &Options, console: &mut Console) -> Outcome {
    options::check(options, console)?;
    if let Some(pattern) = options.value("validate-regex")? {
        console.line(match Regex::new(pattern) {
            Ok(_) => format!("The regular expression `{pattern}` is valid."),
            Err(error) => format!("The regular expression `{pattern}` is invalid: {error}."),
        });
        return Ok(());
    }
    match act(options, console) {
        // Kafka's tool says such things on its standard output, and ends well.
        Err(Failure::Kafka(error)) => {
            let said = &error.message;
            console.line(format!(
                "\nError: Executing consumer group command failed due to {said}"
            ));
            console.error(error.to_string());
            Ok(())
        }
        Err(Failure::Said(why)) => usage(why),
        done => done,
    }
}

fn act(options: &Options, console: &mut Console) -> Outcome {
    let mut properties = match options.value("command-config")? {
        Some(path) => properties_file(path)?,
        None => key_values(&[]),
    };
    let servers = options.value("bootstrap-server")?.unwrap_or_default();
    properties.insert("bootstrap.servers".to_owned(), servers.to_owned());
    let timeout: i64 = options.number("timeout")?.unwrap_or(30_000);
    properties.insert("default.api.timeout.ms".to_owned(), timeout.to_string());
    let cluster = Cluster::new(&properties)?;
    if options.has("list") {
        list(options, &cluster, console)
    } else if options.has("describe") {
        describe::describe(options, &cluster, console)
    } else if options.has("delete") {
        delete::groups(options, &cluster, console)
    } else if options.has("reset-offsets") {
        reset::reset(options, &cluster, console)
    } else {
        delete::offsets(options, &cluster, console)
    }
}

/// The groups that `--group` and `--all-groups` mean.
fn named(options: &Options, cluster: &Cluster) -> Outcome<Vec<String>> {
    if options.has("all-groups") {
        let groups = consumers(cluster, &[], &[]).map_err(wrapped_twice)?;
        return Ok(groups.into_iter().map(|group| group.id).collect());
    }
    Ok(options.values("group").into_iter().map(str::to_owned).collect())
}

/// The error as it looks where Kafka's tool lets a future's exception through.
fn wrapped(failure: Failure) -> Failure {
    let Failure::Kafka(mut error) = failure else {
        return failure;
    };
    error.message = error.to_string();
    Failure::Kafka(error)
}

/// The same where it wraps that in another.
fn wrapped_twice(failure: Failure) -> Failure {
    let Failure::Kafka(mut error) = failure else {
        return failure;
    };
    error.message = format!("java.util.concurrent.ExecutionException: {error}");
    Failure::Kafka(error)
}

fn consumers(cluster: &Cluster, types: &[String], states: &[String]) -> Outcome<Vec<GroupListing>> {
    let of_consumers = ["classic".to_owned(), "consumer".to_owned()];
    let types = if types.is_empty() {
        &of_consumers[..]
    } else {
        types
    };
    let mut groups = cluster.list_groups(types, states)?;
    groups.retain(|group| group.protocol_type.is_empty() || group.protocol_type == "consumer");
    Ok(groups)
}

fn list(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let (with_type, with_state) = (options.has("type"), options.has("state"));
    if !with_type && !with_state {
        for group in consumers(cluster, &[], &[]).map_err(wrapped_twice)? {
            console.line(group.id);
        }
        return Ok(());
    }
    let types = options::types(options.value("type")?.unwrap_or_default())?;
    let states = options::states(options.value("state")?.unwrap_or_default())?;
    let groups = consumers(cluster, &types, &states).map_err(wrapped)?;
    let width = groups
        .iter()
        .map(|group| group.id.chars().count())
        .max()
        .unwrap_or(0)
        .max(15)
        + 10;
    let row = |id: &str, kind: &str, state: &str| {
        let mut row = format!("{id:<width$}");
        if with_type {
            row += &format!(" {kind:<20}");
        }
        if with_state {
            row += &format!(" {state:<20}");
        }
        row
    };
    console.line(row("GROUP", "TYPE", "STATE"));
    for group in &groups {
        let known = |text: &str| {
            if text.is_empty() {
                "Unknown".to_owned()
            } else {
                capitalised(text)
            }
        };
        console.line(row(&group.id, &known(&group.group_type), &known(&group.state)));
    }
    Ok(())
}

/// A type of group as Kafka's tools show it.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_ascii_uppercase().to_string() + letters.as_str()
    })
}
