//! The orders in which Java's and Kafka's hash tables list their keys. Kafka's answers come in them, and it
//! costs little to answer the same, so that two brokers can be compared answer by answer.

/// Java's `String.hashCode`: over UTF-16 units, modulo 2^32.
pub fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    })
}

/// The bucket of a key in a `java.util.HashMap` of `capacity` buckets.
fn bucket(hash: i32, capacity: usize) -> usize {
    let hash = hash as u32;
    (hash ^ (hash >> 16)) as usize & (capacity - 1)
}

/// Brings distinct keys, given as they were put in, into the order of a `java.util.HashMap` that grew with
/// them.
pub fn hash_map_order<T>(keys: &mut [T], hash: impl Fn(&T) -> i32) {
    let mut capacity = 16;
    while keys.len() > capacity / 4 * 3 {
        capacity *= 2;
    }
    keys.sort_by_key(|key| bucket(hash(key), capacity));
}

/// Brings distinct keys, given as they were put in, into the order of a `java.util.HashMap` that was made
/// for `room` of them.
pub fn sized_hash_map_order<T>(keys: &mut [T], room: usize, hash: impl Fn(&T) -> i32) {
    let mut capacity = room.next_power_of_two();
    while keys.len() > capacity * 3 / 4 {
        capacity *= 2;
    }
    keys.sort_by_key(|key| bucket(hash(key), capacity));
}

/// Brings distinct keys into the order of a `java.util.HashSet` that was made as a copy of their list.
pub fn hash_set_order<T>(keys: &mut [T], hash: impl Fn(&T) -> i32) {
    let capacity = (keys.len() * 4 / 3 + 1).max(16).next_power_of_two();
    keys.sort_by_key(|key| bucket(hash(key), capacity));
}

/// Brings distinct keys, given as they were put in, into the order of Kafka's `TimelineHashMap`: of those
/// that share a slot the last comes first.
pub fn timeline_map_order<T>(keys: &mut [T], hash: impl Fn(&T) -> i32) {
    // It doubles when an element more would fill it to four thirds.
    let mut capacity: usize = 2;
    while keys.len() * 3 > capacity * 4 {
        capacity *= 2;
    }
    let slot = |hash: i32| {
        let scattered = i64::from(hash).wrapping_mul(-7_046_029_254_386_353_131) as u64;
        scattered >> (64 - capacity.trailing_zeros())
    };
    keys.reverse();
    keys.sort_by_key(|key| slot(hash(key)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_javas() {
        for (text, hash) in [
            ("", 0),
            ("a", 97),
            ("console-consumer-12345", 158_455_506),
            ("polygenelubricants", i32::MIN),
            ("gruppe-ä", 673_522_898),
            ("\u{1f600}", 1_772_899),
        ] {
            assert_eq!(java_hash(text), hash, "{text:?}");
        }
    }

    // The orders below were printed by Java 21 and by the class of Apache Kafka 4.4.
    #[test]
    fn orders_are_javas() {
        let names =
            |prefix: &str, count: usize| (0..count).map(|i| format!("{prefix}{i}")).collect::<Vec<_>>();
        let listed = |names: &[String]| names.join(" ");
        let mut map = names("group-", 14);
        hash_map_order(&mut map, |name| java_hash(name));
        assert_eq!(listed(&map), MAP);
        for (room, count, expected) in SIZED {
            let mut sized = names("group-", count);
            sized_hash_map_order(&mut sized, room, |name| java_hash(name));
            assert_eq!(listed(&sized), expected, "{count} in a map for {room}");
        }
        let mut set = names("group-", 12);
        hash_set_order(&mut set, |name| java_hash(name));
        assert_eq!(listed(&set), SET);
        let mut timeline = names("topic-", 6);
        timeline_map_order(&mut timeline, |name| java_hash(name));
        assert_eq!(listed(&timeline), TIMELINE);
    }

    /// The room a map was made with, how many keys came, and their order.
    const SIZED: [(usize, usize, &str); 4] = [
        (0, 4, "group-3 group-2 group-1 group-0"),
        (3, 3, "group-2 group-1 group-0"),
        (5, 5, "group-3 group-2 group-4 group-1 group-0"),
        (20, 3, "group-2 group-1 group-0"),
    ];
    const MAP: &str = "group-10 group-12 group-11 group-7 group-6 group-9 group-8 group-3 group-2 group-5 group-4 \
                       group-13 group-1 group-0";
    const SET: &str =
        "group-10 group-11 group-7 group-6 group-9 group-8 group-3 group-2 group-5 group-4 group-1 group-0";
    const TIMELINE: &str = "topic-2 topic-4 topic-1 topic-3 topic-5 topic-0";

    #[test]
    fn numbers_are_their_own_hashes() {
        let mut partitions: Vec<i32> = (0..9).collect();
        timeline_map_order(&mut partitions, |partition| *partition);
        assert_eq!(partitions, [5, 0, 2, 7, 4, 1, 6, 3, 8]);
    }
}
