use super::*;

fn topic(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// Members by name with the topics they read and what they had.
struct Case {
    members: Vec<(&'static str, Option<&'static str>, BTreeSet<Uuid>, Partitions)>,
    sizes: BTreeMap<Uuid, i32>,
}

impl Case {
    fn new(sizes: &[(u128, i32)]) -> Self {
        Case {
            members: Vec::new(),
            sizes: sizes.iter().map(|(id, size)| (topic(*id), *size)).collect(),
        }
    }

    fn member(mut self, id: &'static str, topics: &[u128]) -> Self {
        let topics = topics.iter().map(|id| topic(*id)).collect();
        self.members.push((id, None, topics, Partitions::new()));
        self
    }

    fn static_member(mut self, id: &'static str, instance_id: &'static str, topics: &[u128]) -> Self {
        self = self.member(id, topics);
        self.members.last_mut().unwrap().1 = Some(instance_id);
        self
    }

    /// Assigns and keeps the result as what the members had.
    fn assign(&mut self, assignor: Assignor) -> Vec<Partitions> {
        let alike = self.members.windows(2).all(|pair| pair[0].2 == pair[1].2);
        let members: Vec<_> = self
            .members
            .iter()
            .map(|(id, instance_id, topics, had)| AssigneeMember {
                id,
                instance_id: *instance_id,
                topics,
                had,
            })
            .collect();
        let assigned = assignor.assign(&members, alike, &self.sizes);
        for (member, assigned) in self.members.iter_mut().zip(&assigned) {
            member.3 = assigned.clone();
        }
        self.check_owners(&assigned);
        assigned
    }

    /// Every partition of a topic that someone reads has one owner, who reads it.
    fn check_owners(&self, assigned: &[Partitions]) {
        let mut seen = BTreeSet::new();
        for ((_, _, topics, _), assigned) in self.members.iter().zip(assigned) {
            for (id, partitions) in assigned {
                assert!(topics.contains(id));
                assert!(partitions.iter().all(|partition| seen.insert((*id, *partition))));
            }
        }
        let read: BTreeSet<Uuid> = self.members.iter().flat_map(|member| member.2.clone()).collect();
        let all: i32 = read.iter().map(|id| self.sizes[id]).sum();
        assert_eq!(seen.len(), all as usize);
    }
}

fn sets(assigned: &[Partitions], id: u128) -> Vec<Vec<i32>> {
    let of_topic = |partitions: &Partitions| {
        let set = partitions.get(&topic(id)).cloned().unwrap_or_default();
        set.into_iter().collect()
    };
    assigned.iter().map(of_topic).collect()
}

#[test]
fn uniform_spreads_and_sticks() {
    let mut case = Case::new(&[(1, 7)]).member("a", &[1]).member("b", &[1]);
    assert_eq!(
        sets(&case.assign(Assignor::Uniform), 1),
        [vec![0, 1, 2], vec![3, 4, 5, 6]]
    );
    case = case.member("c", &[1]);
    // Whoever has more than its share gives, the others keep what they have.
    assert_eq!(
        sets(&case.assign(Assignor::Uniform), 1),
        [vec![0, 1, 2], vec![3, 4], vec![5, 6]]
    );
    case.members.remove(0);
    assert_eq!(
        sets(&case.assign(Assignor::Uniform), 1),
        [vec![0, 3, 4], vec![1, 2, 5, 6]]
    );
}

#[test]
fn uniform_drops_topics_that_are_read_no_more() {
    let mut case = Case::new(&[(1, 4), (2, 4)])
        .member("a", &[1, 2])
        .member("b", &[1, 2]);
    case.assign(Assignor::Uniform);
    for member in &mut case.members {
        member.2 = BTreeSet::from([topic(2)]);
    }
    let assigned = case.assign(Assignor::Uniform);
    assert_eq!(sets(&assigned, 1), [vec![], Vec::<i32>::new()]);
}

#[test]
fn range_gives_the_same_range_of_each_topic() {
    let mut case = Case::new(&[(1, 5), (2, 5)])
        .member("b", &[1, 2])
        .member("a", &[1, 2])
        .static_member("z", "i", &[1, 2]);
    let assigned = case.assign(Assignor::Range);
    // The static member comes first, then by id.
    assert_eq!(sets(&assigned, 1), [vec![4], vec![2, 3], vec![0, 1]]);
    assert_eq!(sets(&assigned, 2), sets(&assigned, 1));
    case = case.member("c", &[1]);
    let assigned = case.assign(Assignor::Range);
    assert_eq!(sets(&assigned, 1), [vec![3], vec![2], vec![0, 1], vec![4]]);
}

#[test]
fn different_subscriptions_are_balanced() {
    let mut case = Case::new(&[(1, 6), (2, 6)])
        .member("a", &[1])
        .member("b", &[1, 2])
        .member("c", &[2]);
    let loads = |assigned: &[Partitions]| -> Vec<usize> {
        assigned
            .iter()
            .map(|partitions| partitions.values().map(BTreeSet::len).sum())
            .collect()
    };
    // Each topic's subscribers differ by one; moving on would take a chain of moves over two topics.
    assert_eq!(loads(&case.assign(Assignor::Uniform)), [3, 4, 5]);
    let before = case.members.clone_had();
    // Nothing moves without a reason.
    case.assign(Assignor::Uniform);
    assert_eq!(case.members.clone_had(), before);
    case = case.member("d", &[1]);
    let assigned = case.assign(Assignor::Uniform);
    let most = loads(&assigned).into_iter().max();
    assert!(most <= Some(5), "{:?}", loads(&assigned));
}

trait CloneHad {
    fn clone_had(&self) -> Vec<Partitions>;
}

impl CloneHad for Vec<(&'static str, Option<&'static str>, BTreeSet<Uuid>, Partitions)> {
    fn clone_had(&self) -> Vec<Partitions> {
        self.iter().map(|member| member.3.clone()).collect()
    }
}

#[test]
fn more_members_than_partitions() {
    for assignor in [Assignor::Uniform, Assignor::Range] {
        let mut case = Case::new(&[(1, 2)])
            .member("a", &[1])
            .member("b", &[1])
            .member("c", &[1]);
        let assigned = case.assign(assignor);
        assert_eq!(
            assigned.iter().filter(|partitions| partitions.is_empty()).count(),
            1
        );
    }
}
