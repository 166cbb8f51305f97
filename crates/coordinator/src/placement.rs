//! Which partition of `__consumer_offsets` coordinates a group.

use barnabas_protocol::java_order::java_hash;

/// The partition, out of `num_partitions` (`offsets.topic.num.partitions` when the topic was created), whose
/// leader coordinates the group. Kafka's absolute value of the least int is 0.
pub fn partition_for(group_id: &str, num_partitions: i32) -> i32 {
    java_hash(group_id).checked_abs().unwrap_or(0) % num_partitions.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_as_kafka_places_them() {
        // The first one's hash is the least int.
        for (group_id, partition) in [
            ("polygenelubricants", 0),
            ("a", 47),
            ("", 0),
            ("console-consumer-12345", 6),
        ] {
            assert_eq!(partition_for(group_id, 50), partition, "{group_id}");
        }
    }
}
