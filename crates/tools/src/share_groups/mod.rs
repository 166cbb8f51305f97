//! `kafka-share-groups`: Kafka's `ShareGroupCommand`.

mod delete;
mod describe;
mod options;
mod reset;

use crate::arguments::{Options, key_values, properties_file};
use crate::client::Cluster;
use crate::client::groups::GroupListing;
use crate::console::Console;
use crate::failure::{Failure, Outcome, usage};

pub use options::WORDS;

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(options: &Options, console: &mut Console) -> Outcome {
    options::check(options)?;
    match act(options, console) {
        // Kafka's tool says such things on its standard output, and ends well.
        Err(Failure::Kafka(error)) => {
            let said = &error.message;
            console.line(format!(
                "\nError: Executing share group command failed due to {said}"
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

fn share_groups(cluster: &Cluster, states: &[String]) -> Outcome<Vec<GroupListing>> {
    Ok(cluster.list_groups(&["share".to_owned()], states)?)
}

/// The groups that `--group` and `--all-groups` mean.
fn named(options: &Options, cluster: &Cluster) -> Outcome<Vec<String>> {
    if options.has("all-groups") {
        let groups = share_groups(cluster, &[])?;
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

fn list(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    if !options.has("state") {
        for group in share_groups(cluster, &[])? {
            console.line(group.id);
        }
        return Ok(());
    }
    let states = options::states(options.value("state")?.unwrap_or_default())?;
    let groups = share_groups(cluster, &states)?;
    let widest = groups.iter().map(|group| group.id.chars().count()).max();
    let width = widest.unwrap_or(0).max(15);
    console.line(format!("{:<width$} STATE", "GROUP"));
    for group in &groups {
        console.line(format!("{:<width$} {}", group.id, group.state));
    }
    Ok(())
}
