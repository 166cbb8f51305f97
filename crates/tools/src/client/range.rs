//! Kafka's `RangeAssignor` without racks: of each topic the members that read it, in order of their names,
//! get as many partitions as the next, the first ones one more where it doesn't come out even.

use std::collections::BTreeMap;

use super::leaders::TopicPartition;

/// A member and the topics that it reads.
#[derive(Clone, Debug)]
pub struct Subscriber {
    /// Its member id.
    pub id: String,
    /// Its `group.instance.id`; such members come first.
    pub instance: Option<String>,
    /// The topics.
    pub topics: Vec<String>,
}

/// Who gets which partitions, by member id.
pub fn assign(
    partitions_of: &BTreeMap<String, i32>,
    mut members: Vec<Subscriber>,
) -> BTreeMap<String, Vec<TopicPartition>> {
    members.sort_by(|a, b| {
        let static_first = b.instance.is_some().cmp(&a.instance.is_some());
        static_first
            .then_with(|| a.instance.cmp(&b.instance))
            .then_with(|| a.id.cmp(&b.id))
    });
    let mut assigned: BTreeMap<String, Vec<TopicPartition>> = members
        .iter()
        .map(|member| (member.id.clone(), Vec::new()))
        .collect();
    for (topic, count) in partitions_of {
        let readers: Vec<&Subscriber> = members
            .iter()
            .filter(|member| member.topics.contains(topic))
            .collect();
        let readers_count = readers.len() as i32;
        let mut next = 0;
        for (index, reader) in readers.iter().enumerate() {
            let more = i32::from((index as i32) < count % readers_count);
            let share = count / readers_count + more;
            let partitions = (next..next + share).map(|partition| (topic.clone(), partition));
            if let Some(assigned) = assigned.get_mut(&reader.id) {
                assigned.extend(partitions);
            }
            next += share;
        }
    }
    assigned
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str, instance: Option<&str>, topics: &[&str]) -> Subscriber {
        Subscriber {
            id: id.to_owned(),
            instance: instance.map(str::to_owned),
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
        }
    }

    #[test]
    fn partitions_are_shared_as_kafkas_assignor_does() {
        let partitions_of = BTreeMap::from([("t".to_owned(), 3), ("u".to_owned(), 1)]);
        let members = vec![
            member("b", None, &["t", "u"]),
            member("a", None, &["t"]),
            member("z", Some("i"), &["t"]),
        ];
        let assigned = assign(&partitions_of, members[..2].to_vec());
        let of = |id: &str, assigned: &BTreeMap<String, Vec<TopicPartition>>| {
            let shown: Vec<String> = assigned[id]
                .iter()
                .map(|(topic, index)| format!("{topic}{index}"))
                .collect();
            shown.join(" ")
        };
        assert_eq!(
            (of("a", &assigned), of("b", &assigned)),
            ("t0 t1".into(), "t2 u0".into())
        );
        let assigned = assign(&partitions_of, members);
        assert_eq!(
            (of("z", &assigned), of("a", &assigned), of("b", &assigned)),
            ("t0".into(), "t1".into(), "t2 u0".into())
        );
    }
}
