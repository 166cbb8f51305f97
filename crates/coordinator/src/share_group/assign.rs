//! The assignor `simple` (KIP-932): every partition has a member, and every member a partition, as evenly as
//! that can be; who has a partition keeps it where there is room.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;

use crate::assignor::Partitions;

/// A member as the assignor sees it: the topics that it reads, and what it had.
pub(super) struct Assignee {
    pub(super) topics: BTreeSet<Uuid>,
    pub(super) had: Arc<Partitions>,
}

/// A partition.
type Place = (Uuid, i32);

/// What each of `members` gets of `partitions`, in their order.
pub(super) fn assign(members: &[Assignee], partitions: &Partitions) -> Vec<Partitions> {
    let mut assigned = vec![Partitions::new(); members.len()];
    let alike = members.windows(2).all(|pair| pair[0].topics == pair[1].topics);
    let places_of = |topics: &mut dyn Iterator<Item = &Uuid>| -> Vec<Place> {
        let mut places = Vec::new();
        for topic in topics {
            let indexes = partitions.get(topic).into_iter().flatten();
            places.extend(indexes.map(|index| (*topic, *index)));
        }
        places
    };
    if alike {
        let everybody: Vec<usize> = (0..members.len()).collect();
        let topics = members.first().map(|member| &member.topics);
        share(
            members,
            &everybody,
            &places_of(&mut topics.into_iter().flatten()),
            &mut assigned,
        );
        return assigned;
    }
    for topic in partitions.keys() {
        let mut readers: Vec<usize> = (0..members.len())
            .filter(|index| members[*index].topics.contains(topic))
            .collect();
        // Who has least comes first to what does not divide evenly.
        readers.sort_by_key(|index| assigned[*index].values().map(BTreeSet::len).sum::<usize>());
        share(members, &readers, &places_of(&mut [*topic].iter()), &mut assigned);
    }
    assigned
}

/// Shares some partitions among some members.
fn share(members: &[Assignee], readers: &[usize], places: &[Place], assigned: &mut [Partitions]) {
    if readers.is_empty() || places.is_empty() {
        return;
    }
    // How many members a partition has, and how many partitions a member.
    let sharing = readers.len().div_ceil(places.len());
    let slots = places.len() * sharing;
    let (quota, larger) = (slots / readers.len(), slots % readers.len());
    let mut sharers: BTreeMap<Place, usize> = places.iter().map(|place| (*place, 0)).collect();
    let mut counts = vec![0; readers.len()];
    let mut larger_left = larger;
    for (nth, reader) in readers.iter().enumerate() {
        let had = &members[*reader].had;
        for place in places.iter().rev() {
            if !had
                .get(&place.0)
                .is_some_and(|indexes| indexes.contains(&place.1))
            {
                continue;
            }
            let has_room = counts[nth] < quota || (counts[nth] == quota && larger_left > 0);
            let sharer = sharers.entry(*place).or_default();
            if !has_room || *sharer >= sharing {
                continue;
            }
            larger_left -= usize::from(counts[nth] == quota);
            counts[nth] += 1;
            *sharer += 1;
            assigned[*reader].entry(place.0).or_default().insert(place.1);
        }
    }
    // Those that nobody has come first, then the next that may have one more.
    let mut open: Vec<Place> = Vec::new();
    for round in 0..sharing {
        open.extend(places.iter().filter(|place| sharers[place] <= round));
    }
    for place in open {
        let fits = |nth: &usize| {
            let had = assigned[readers[*nth]].get(&place.0);
            !had.is_some_and(|indexes| indexes.contains(&place.1))
        };
        let Some(nth) = (0..readers.len()).filter(fits).min_by_key(|nth| counts[*nth]) else {
            continue;
        };
        if counts[nth] > quota {
            continue;
        }
        counts[nth] += 1;
        assigned[readers[nth]].entry(place.0).or_default().insert(place.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(topics: &[u128], had: &[(u128, &[i32])]) -> Assignee {
        Assignee {
            topics: topics.iter().map(|topic| Uuid::from_u128(*topic)).collect(),
            had: Arc::new(partitions(had)),
        }
    }

    fn partitions(of: &[(u128, &[i32])]) -> Partitions {
        of.iter()
            .map(|(topic, indexes)| (Uuid::from_u128(*topic), indexes.iter().copied().collect()))
            .collect()
    }

    #[test]
    fn one_has_all_and_two_share_as_kafkas_do() {
        let all = partitions(&[(1, &[0, 1, 2])]);
        assert_eq!(assign(&[], &all), []);
        assert_eq!(assign(&[member(&[1], &[])], &all), std::slice::from_ref(&all));
        let both = [member(&[1], &[(1, &[0, 1, 2])]), member(&[1], &[])];
        assert_eq!(
            assign(&both, &all),
            [partitions(&[(1, &[1, 2])]), partitions(&[(1, &[0])])]
        );
        let both = [member(&[1], &[]), member(&[1], &[])];
        assert_eq!(
            assign(&both, &all),
            [partitions(&[(1, &[0, 2])]), partitions(&[(1, &[1])])]
        );
    }

    #[test]
    fn every_partition_has_a_member_and_every_member_a_partition() {
        for members_count in 1..8_usize {
            for (first, second) in [(1, 0), (1, 1), (3, 2), (5, 4), (10, 1)] {
                let indexes: Vec<i32> = (0..10).collect();
                let all = partitions(&[(1, &indexes[..first]), (2, &indexes[..second])]);
                let mut had = vec![Partitions::new(); members_count];
                // Alike, and every other one without the second topic.
                for differ in [false, true, false] {
                    let members: Vec<Assignee> = (0..members_count)
                        .map(|nth| {
                            let topics: &[u128] = if differ && nth % 2 == 1 { &[1] } else { &[1, 2] };
                            Assignee {
                                had: Arc::new(had[nth].clone()),
                                ..member(topics, &[])
                            }
                        })
                        .collect();
                    had = assign(&members, &all);
                    let what = format!("{members_count} members, {first} and {second}, {differ}");
                    for (topic, indexes) in &all {
                        for index in indexes {
                            let has = |of: &Partitions| of.get(topic).is_some_and(|has| has.contains(index));
                            assert!(had.iter().any(has), "{topic} {index} of {what}: {had:?}");
                        }
                    }
                    for (member, has) in members.iter().zip(&had) {
                        assert!(
                            has.keys().all(|topic| member.topics.contains(topic)),
                            "{what}: {had:?}"
                        );
                        assert!(!has.is_empty(), "{what}: {had:?}");
                    }
                    let sizes = had.iter().map(|of| of.values().map(BTreeSet::len).sum::<usize>());
                    let (least, most) = (sizes.clone().min().unwrap(), sizes.max().unwrap());
                    assert!(differ || most - least <= 1, "{what}: {had:?}");
                }
                let members: Vec<Assignee> = had
                    .iter()
                    .map(|had| Assignee {
                        had: Arc::new(had.clone()),
                        ..member(&[1, 2], &[])
                    })
                    .collect();
                assert_eq!(assign(&members, &all), had, "who has enough keeps it");
            }
        }
    }
}
