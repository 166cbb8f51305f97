//! What is counted of a topic.

/// What is counted of a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TopicCounts {
    /// Records that producers sent.
    pub messages_in: u64,
    /// Bytes of records that producers sent.
    pub bytes_in: u64,
    /// Bytes of records that consumers got.
    pub bytes_out: u64,
    /// Bytes of records that followers got.
    pub replication_bytes_out: u64,
    /// Partitions that producers were refused.
    pub failed_produces: u64,
    /// Partitions that consumers were refused.
    pub failed_fetches: u64,
}

impl TopicCounts {
    /// A partition of a Produce that was refused.
    pub const REFUSED_PRODUCE: TopicCounts = TopicCounts {
        messages_in: 0,
        bytes_in: 0,
        bytes_out: 0,
        replication_bytes_out: 0,
        failed_produces: 1,
        failed_fetches: 0,
    };

    /// A partition of a Produce that was written.
    pub fn produced(messages: i64, bytes: u32) -> TopicCounts {
        TopicCounts {
            messages_in: u64::try_from(messages).unwrap_or(0),
            bytes_in: u64::from(bytes),
            ..TopicCounts::default()
        }
    }

    /// Adds other counts.
    pub fn add(&mut self, more: &TopicCounts) {
        self.messages_in += more.messages_in;
        self.bytes_in += more.bytes_in;
        self.bytes_out += more.bytes_out;
        self.replication_bytes_out += more.replication_bytes_out;
        self.failed_produces += more.failed_produces;
        self.failed_fetches += more.failed_fetches;
    }
}
