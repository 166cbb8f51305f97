//! `--delete` and `--delete-offsets`.

use std::collections::BTreeSet;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::java_order::{hash_map_order, java_hash};

use super::{named, share_groups};
use crate::arguments::Options;
use crate::client::{Cluster, KafkaError};
use crate::console::Console;
use crate::failure::Outcome;

/// Deletes share groups.
pub fn groups(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let listed = share_groups(cluster, &[])?;
    let known: BTreeSet<String> = listed.into_iter().map(|group| group.id).collect();
    let mut ids = named(options, cluster)?;
    hash_map_order(&mut ids, |id| java_hash(id));
    ids.dedup();
    let (mut deleted, mut failed) = (Vec::new(), Vec::new());
    for id in ids {
        let outcome = if known.contains(&id) {
            delete(cluster, &id)
        } else {
            let said = format!("Group '{id}' is not a share group.");
            Err(KafkaError::new(ErrorCode::GroupIdNotFound, said))
        };
        match outcome {
            Ok(()) => deleted.push(format!("'{id}'")),
            Err(error) => failed.push((id, error)),
        }
    }
    let deleted = deleted.join(", ");
    if failed.is_empty() {
        console.line(format!(
            "Deletion of requested share groups ({deleted}) was successful."
        ));
        return Ok(());
    }
    console.line("\nError: Deletion of some share groups failed:");
    for (id, error) in failed {
        console.line(format!("* Group '{id}' could not be deleted due to: {error}"));
    }
    if !deleted.is_empty() {
        console.line(format!(
            "\nThese share groups were deleted successfully: {deleted}"
        ));
    }
    Ok(())
}

fn delete(cluster: &Cluster, id: &str) -> Result<(), KafkaError> {
    if cluster.describe_share_group(id)?.state != "Empty" {
        let said = format!("Share group '{id}' is not EMPTY.");
        return Err(KafkaError::new(ErrorCode::NonEmptyGroup, said));
    }
    cluster.delete_group(id)
}

/// Has a share group forget topics.
pub fn offsets(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let id = options.value("group")?.unwrap_or_default();
    let mut topics: Vec<String> = options.values("topic").into_iter().map(str::to_owned).collect();
    topics.sort();
    topics.dedup();
    let mut rows: Vec<(String, Option<KafkaError>)> = match cluster.delete_share_group_offsets(id, &topics) {
        Ok(outcomes) => outcomes.into_iter().collect(),
        Err(error) => {
            console.line(format!("\nError: {}", error.message));
            topics
                .into_iter()
                .map(|topic| (topic, Some(error.clone())))
                .collect()
        }
    };
    rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    let width = rows
        .iter()
        .map(|(topic, _)| topic.len())
        .max()
        .unwrap_or(0)
        .max(15);
    console.text(format!("\n{:<width$} STATUS", "TOPIC"));
    for (topic, error) in rows {
        let status = error.map_or("Successful".to_owned(), |error| {
            format!("Error: {}", error.message)
        });
        console.text(format!("\n{topic:<width$} {status}"));
    }
    console.line("");
    Ok(())
}
