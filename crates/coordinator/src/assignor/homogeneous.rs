//! Uniform, where all members subscribe to the same topics: shares differ by one partition at most, and a
//! member keeps what it has up to its share.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{AssigneeMember, Partitions, insert, remove};

pub(super) fn assign(members: &[AssigneeMember<'_>], sizes: &BTreeMap<Uuid, i32>) -> Vec<Partitions> {
    let Some(topics) = members.first().map(|member| member.topics) else {
        return Vec::new();
    };
    let taken: BTreeSet<(Uuid, i32)> = members
        .iter()
        .flat_map(|member| member.had.iter())
        .flat_map(|(topic, partitions)| partitions.iter().map(|partition| (*topic, *partition)))
        .collect();
    let size = |topic: &Uuid| sizes.get(topic).copied().unwrap_or(0).max(0);
    let mut free: Vec<(Uuid, i32)> = Vec::new();
    for topic in topics {
        free.extend(
            (0..size(topic))
                .map(|partition| (*topic, partition))
                .filter(|partition| !taken.contains(partition)),
        );
    }
    let total: usize = topics
        .iter()
        .map(|topic| usize::try_from(size(topic)).unwrap_or(0))
        .sum();
    let least = total / members.len();
    let mut extras = total % members.len();

    let mut assigned: Vec<Partitions> = Vec::with_capacity(members.len());
    let mut unfilled: Vec<(usize, usize)> = Vec::new();
    for (index, member) in members.iter().enumerate() {
        let mut partitions = member.had.clone();
        let mut takes_extra = extras > 0;
        let mut quota = least + usize::from(takes_extra);
        for (topic, had) in member.had {
            if !topics.contains(topic) {
                partitions.remove(topic);
                continue;
            }
            for partition in had {
                // A topic that was deleted and made again with fewer partitions has another id; this is for
                // the fool.
                let exists = *partition < size(topic);
                if exists && quota > 0 {
                    quota -= 1;
                    continue;
                }
                remove(&mut partitions, topic, *partition);
                if exists {
                    free.push((*topic, *partition));
                }
            }
        }
        // The extra partitions stay with members that have one, as long as there are others left to take
        // them.
        if quota > 0 && takes_extra && members.len() - index > extras {
            quota -= 1;
            takes_extra = false;
        }
        if quota > 0 {
            unfilled.push((index, quota));
        }
        extras -= usize::from(takes_extra);
        assigned.push(partitions);
    }

    let mut free = free.into_iter();
    for (index, quota) in unfilled {
        for (topic, partition) in free.by_ref().take(quota) {
            insert(&mut assigned[index], topic, partition);
        }
    }
    assigned
}
