//! `/metrics`: what the node counts and what it looks at when it is asked, in the text formats of
//! Prometheus and OpenMetrics.
//!
//! [`table`] has every metric; docs/METRICS.md is written from it. Names are those that the usual rules of
//! the JMX exporter give Apache Kafka's metrics, so that dashboards for Kafka go on working, and
//! `barnabas_…` where Kafka has none. The other modules each look at one part of the node.

mod cluster;
mod coordinators;
pub(crate) mod history;
mod page;
mod partitions;
mod process;
mod pushed;
mod requests;
pub mod table;

pub use coordinators::lags;
pub use page::Format;

use crate::node::Node;
use page::Page;

/// All metrics, as they are now.
pub async fn page(node: &Node, format: Format) -> String {
    let mut page = Page::default();
    process::look(&mut page);
    if let Some(running) = node.running() {
        if let Some(broker) = &running.broker {
            let sums = node.requests.sum();
            requests::look(&mut page, &sums, node.history.oldest().as_deref());
            partitions::look(&mut page, broker, &sums);
            let image = broker.image().clone();
            node.requests
                .keep_topics(|topic| image.topics.by_id(topic).is_some());
            coordinators::look(&mut page, broker).await;
        }
        cluster::look(&mut page, running);
    }
    pushed::look(&mut page, &node.pushed);
    page.write(format, |text| pushed::write(text, &node.pushed, format))
}
