//! `kafka-streams-groups`: Kafka's `StreamsGroupCommand`.

mod delete;
mod describe;
mod options;
mod reset;
mod topology;

use barnabas_protocol::messages::streams_group_describe_response::{DescribedGroup, Subtopology};

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
        // Kafka's tool says such things on its standard output.
        Err(Failure::Kafka(error)) => {
            said(
                &format!("Executing streams group command failed due to {}", error.message),
                console,
            );
            console.error(error.to_string());
            Err(Failure::Exit(1))
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

/// An error as Kafka's tool tells it among its results.
fn said(what: &str, console: &mut Console) {
    console.line(format!("\nError: {what}"));
}

fn of_streams(cluster: &Cluster, states: &[String]) -> Outcome<Vec<GroupListing>> {
    Ok(cluster.list_groups(&["streams".to_owned()], states)?)
}

/// The groups that `--group` and `--all-groups` mean.
fn named(options: &Options, cluster: &Cluster) -> Outcome<Vec<String>> {
    if options.has("all-groups") {
        let groups = of_streams(cluster, &[])?;
        return Ok(groups.into_iter().map(|group| group.id).collect());
    }
    Ok(options.values("group").into_iter().map(str::to_owned).collect())
}

fn list(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    if !options.has("state") {
        for group in of_streams(cluster, &[])? {
            console.line(group.id);
        }
        return Ok(());
    }
    let states = options::states(options.value("state")?.unwrap_or_default())?;
    let groups = of_streams(cluster, &states)?;
    let longest = groups.iter().map(|group| group.id.chars().count()).max();
    let width = longest.unwrap_or(0).max(15);
    console.line(format!("{:<width$} STATE", "GROUP"));
    for group in groups {
        console.line(format!("{:<width$} {}", group.id, group.state));
    }
    Ok(())
}

fn subtopologies(group: &DescribedGroup) -> &[Subtopology] {
    let topology = group.topology.as_ref();
    topology
        .and_then(|topology| topology.subtopologies.as_deref())
        .unwrap_or_default()
}

/// Whether a name is that of a topic which Kafka Streams makes for a group.
fn is_internal(group: &str, topic: &str) -> bool {
    let own = topic.strip_prefix(group).and_then(|rest| rest.strip_prefix('-'));
    own.is_some_and(|rest| {
        ["-changelog", "-repartition", "-topic"]
            .iter()
            .any(|ending| rest.ends_with(ending))
    })
}

/// The topics that Kafka Streams has made for a group.
fn internal_topics(id: &str, group: &DescribedGroup) -> Vec<String> {
    let mut found = Vec::new();
    for subtopology in subtopologies(group) {
        let changelogs = subtopology.state_changelog_topics.iter();
        let repartitions = subtopology.repartition_source_topics.iter();
        found.extend(changelogs.chain(repartitions).map(|topic| topic.name.to_string()));
    }
    found.retain(|topic| is_internal(id, topic));
    found.sort();
    found.dedup();
    found
}
