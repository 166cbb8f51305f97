//! Uniform, where members subscribe to different topics: free partitions go to the least loaded subscribers,
//! then topic by topic partitions move from the most to the least loaded until no move helps.
//!
//! Where all subscribers of a topic subscribe alike the result is balanced in one round; overlapping
//! subscriptions may take more, and [`ROUNDS_MAX`] bounds them.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{AssigneeMember, Partitions, insert, kafka_uuid_order, remove};

/// Rounds over all topics after which an assignment is balanced enough (Apache Kafka's number).
const ROUNDS_MAX: usize = 16;

struct Topic {
    id: Uuid,
    /// The members that subscribe to it, ascending.
    subscribers: Vec<usize>,
    /// The member that has each partition.
    owners: Vec<Option<usize>>,
}

pub(super) fn assign(members: &[AssigneeMember<'_>], sizes: &BTreeMap<Uuid, i32>) -> Vec<Partitions> {
    let mut topics = subscribed(members, sizes);
    let mut loads = vec![0usize; members.len()];
    let mut assigned: Vec<Partitions> = Vec::with_capacity(members.len());
    let places: BTreeMap<Uuid, usize> = topics
        .iter()
        .enumerate()
        .map(|(place, topic)| (topic.id, place))
        .collect();
    for (index, member) in members.iter().enumerate() {
        let mut kept = Partitions::new();
        for (id, had) in member.had.iter().filter(|(id, _)| member.topics.contains(id)) {
            let Some(topic) = places.get(id).and_then(|place| topics.get_mut(*place)) else {
                continue;
            };
            for partition in had {
                let owner = usize::try_from(*partition)
                    .ok()
                    .and_then(|place| topic.owners.get_mut(place));
                if let Some(owner) = owner
                    && owner.is_none()
                {
                    *owner = Some(index);
                    loads[index] += 1;
                    insert(&mut kept, *id, *partition);
                }
            }
        }
        assigned.push(kept);
    }

    // The topics with the most partitions for each subscriber first, for they are the hardest to place.
    topics.sort_by(|a, b| {
        let share = |topic: &Topic| topic.owners.len() as f64 / topic.subscribers.len() as f64;
        let by_share = share(b).total_cmp(&share(a));
        by_share
            .then(a.subscribers.len().cmp(&b.subscribers.len()))
            .then(kafka_uuid_order(&a.id).cmp(&kafka_uuid_order(&b.id)))
    });
    for topic in &mut topics {
        let mut balancer = Balancer::new(&topic.subscribers, &loads);
        for place in 0..topic.owners.len() {
            if topic.owners[place].is_none() {
                let index = balancer.next_least_loaded(&loads);
                give(topic, place, index, &mut assigned, &mut loads);
            }
        }
    }
    balance(&mut topics, &mut assigned, &mut loads);
    assigned
}

fn subscribed(members: &[AssigneeMember<'_>], sizes: &BTreeMap<Uuid, i32>) -> Vec<Topic> {
    let mut subscribers: BTreeMap<Uuid, Vec<usize>> = BTreeMap::new();
    for (index, member) in members.iter().enumerate() {
        for topic in member.topics {
            subscribers.entry(*topic).or_default().push(index);
        }
    }
    let topic = |(id, subscribers): (Uuid, Vec<usize>)| {
        let size = usize::try_from(sizes.get(&id).copied().unwrap_or(0)).unwrap_or(0);
        Topic {
            id,
            subscribers,
            owners: vec![None; size],
        }
    };
    subscribers.into_iter().map(topic).collect()
}

fn give(topic: &mut Topic, place: usize, to: usize, assigned: &mut [Partitions], loads: &mut [usize]) {
    let partition = i32::try_from(place).unwrap_or(i32::MAX);
    if let Some(from) = topic.owners[place].replace(to) {
        remove(&mut assigned[from], &topic.id, partition);
        loads[from] -= 1;
    }
    insert(&mut assigned[to], topic.id, partition);
    loads[to] += 1;
}

fn balance(topics: &mut [Topic], assigned: &mut [Partitions], loads: &mut [usize]) {
    let mut shared: Vec<&mut Topic> = topics
        .iter_mut()
        .filter(|topic| topic.subscribers.len() >= 2)
        .collect();
    let mut last_changed = None;
    for _ in 0..ROUNDS_MAX {
        for (place, topic) in shared.iter_mut().enumerate() {
            if last_changed == Some(place) {
                // Once around without a move.
                return;
            }
            let moved = balance_topic(topic, assigned, loads);
            if moved || last_changed.is_none() {
                last_changed = Some(place);
            }
        }
    }
}

/// Moves partitions of one topic; says whether any moved.
fn balance_topic(topic: &mut Topic, assigned: &mut [Partitions], loads: &mut [usize]) -> bool {
    let mut balancer = Balancer::new(&topic.subscribers, loads);
    if balancer.imbalance(loads) <= 1 {
        return false;
    }
    // What each member can give, its last partition first.
    let mut gives: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (place, owner) in topic.owners.iter().enumerate() {
        if let Some(owner) = owner {
            gives.entry(*owner).or_default().push(place);
        }
    }
    let mut moved = false;
    while !balancer.is_balanced() {
        let place = loop {
            let Some(from) = balancer.next_most_loaded(loads) else {
                return moved;
            };
            match gives.get_mut(&from).and_then(Vec::pop) {
                Some(place) => break place,
                None => balancer.exclude_most_loaded(),
            }
        };
        let to = balancer.next_least_loaded(loads);
        if balancer.is_balanced() {
            break;
        }
        give(topic, place, to, assigned, loads);
        moved = true;
    }
    moved
}

/// Goes through a topic's subscribers from both ends of their loads at once.
///
/// ```text
/// load ^            ##[#######]##
///      | [..->   ]  ##[##...<-]##      [least loaded range) grows to the right, [most loaded range) to the left;
///      | [#######]####[#######]##      members on the far right were excluded: they have nothing to give
///      +------------------------> members, sorted by load
/// ```
struct Balancer {
    sorted: Vec<usize>,
    least_end: usize,
    least_load: i64,
    next_least: usize,
    most_start: usize,
    most_end: usize,
    most_load: i64,
    /// One past the place of the next most loaded member.
    next_most: usize,
}

impl Balancer {
    /// `subscribers` is not empty.
    fn new(subscribers: &[usize], loads: &[usize]) -> Balancer {
        let mut sorted = subscribers.to_vec();
        sorted.sort_by_key(|index| (loads[*index], *index));
        let load = |place: Option<&usize>| place.map_or(0, |index| loads[*index] as i64);
        Balancer {
            least_end: 0,
            least_load: load(sorted.first()) - 1,
            next_least: 0,
            most_start: sorted.len(),
            most_end: sorted.len(),
            most_load: load(sorted.last()) + 1,
            next_most: sorted.len(),
            sorted,
        }
    }

    fn imbalance(&self, loads: &[usize]) -> usize {
        let ends = self.sorted.first().zip(self.sorted.last());
        ends.map_or(0, |(least, most)| loads[*most] - loads[*least])
    }

    fn is_balanced(&self) -> bool {
        self.most_load - self.least_load <= 1
    }

    fn next_least_loaded(&mut self, loads: &[usize]) -> usize {
        if self.next_least >= self.least_end {
            self.least_load += 1;
            while self.least_end < self.sorted.len()
                && loads[self.sorted[self.least_end]] as i64 == self.least_load
            {
                self.least_end += 1;
            }
            self.next_least = 0;
        }
        let index = self.sorted[self.next_least];
        self.next_least += 1;
        index
    }

    fn next_most_loaded(&mut self, loads: &[usize]) -> Option<usize> {
        if self.next_most <= self.most_start {
            if self.most_end <= self.most_start && self.most_start > 0 {
                // All of the range were excluded: go on with whoever comes next.
                self.most_load = loads[self.sorted[self.most_start - 1]] as i64;
            } else {
                self.most_load -= 1;
            }
            while self.most_start > 0 && loads[self.sorted[self.most_start - 1]] as i64 == self.most_load {
                self.most_start -= 1;
            }
            self.next_most = self.most_end;
        }
        self.next_most = self.next_most.checked_sub(1)?;
        Some(self.sorted[self.next_most])
    }

    /// The member that [`Self::next_most_loaded`] returned last has nothing to give.
    fn exclude_most_loaded(&mut self) {
        self.most_end -= 1;
        self.sorted.swap(self.next_most, self.most_end);
    }
}
