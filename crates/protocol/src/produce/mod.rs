//! Produce 3–13, by hand: the records stay where they were received.

mod request;
mod response;

pub use crate::topic_ref::TopicRef;
pub use request::{OnlyAt, ProducePartition, ProduceRequest};
pub use response::{ProducePartitionResponse, ProduceResponse, RecordError};
