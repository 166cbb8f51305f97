//! What had been counted some minutes ago, so that percentiles tell of what happened lately.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use barnabas_network::metrics::{RequestMetrics, RequestSums};
use parking_lot::Mutex;

/// How often the counts are kept.
const STEP: Duration = Duration::from_secs(60);
/// How many of them: percentiles are of the last five to six minutes, as Apache Kafka's samples are.
const STEPS: usize = 6;

/// See the module.
#[derive(Default)]
pub struct History(Mutex<VecDeque<Arc<RequestSums>>>);

impl History {
    /// Keeps what is counted, for ever.
    pub async fn keep(&self, requests: &RequestMetrics) {
        let mut turns = tokio::time::interval(STEP);
        loop {
            turns.tick().await;
            let mut kept = self.0.lock();
            if kept.len() == STEPS {
                kept.pop_front();
            }
            kept.push_back(Arc::new(requests.sum()));
        }
    }

    /// The oldest that is kept; of a listener that has just started there is none.
    pub fn oldest(&self) -> Option<Arc<RequestSums>> {
        self.0.lock().front().cloned()
    }
}
