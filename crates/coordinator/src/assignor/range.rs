//! Range: of every topic each member gets a contiguous range, the same one of topics with as many partitions,
//! so that they can be joined. Static members come first, by their instance ids, so that a restart doesn't
//! move ranges.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use uuid::Uuid;

use super::{AssigneeMember, Partitions};

/// How far a topic has been handed out.
struct Handout {
    members: i32,
    next: i32,
    extras: i32,
}

pub(super) fn assign(members: &[AssigneeMember<'_>], sizes: &BTreeMap<Uuid, i32>) -> Vec<Partitions> {
    let mut topics: BTreeMap<Uuid, Handout> = BTreeMap::new();
    for topic in members.iter().flat_map(|member| member.topics) {
        let handout = topics.entry(*topic).or_insert(Handout {
            members: 0,
            next: 0,
            extras: 0,
        });
        handout.members += 1;
    }
    for (topic, handout) in &mut topics {
        handout.extras = sizes.get(topic).copied().unwrap_or(0) % handout.members;
    }
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by(|a, b| static_first(&members[*a], &members[*b]));
    let mut assigned = vec![Partitions::new(); members.len()];
    for index in order {
        for topic in members[index].topics {
            let size = sizes.get(topic).copied().unwrap_or(0);
            let Some(handout) = topics.get_mut(topic) else {
                continue;
            };
            let mut quota = size / handout.members;
            if handout.extras > 0 {
                quota += 1;
                handout.extras -= 1;
            }
            let end = (handout.next + quota).min(size);
            if handout.next < end {
                assigned[index].insert(*topic, (handout.next..end).collect());
            }
            handout.next = end;
        }
    }
    assigned
}

fn static_first(a: &AssigneeMember<'_>, b: &AssigneeMember<'_>) -> Ordering {
    match (a.instance_id, b.instance_id) {
        (Some(a), Some(b)) => a.cmp(b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.id.cmp(b.id),
    }
}
