//! The upkeep of a node that has no threads of its own: what the threads do is done in turns on the runtime,
//! by its time.

use std::sync::Arc;
use std::time::Duration;

use super::retention::Retention;
use super::{log_cleaner, log_moves};
use crate::ReplicaManager;

/// How often there is a turn.
const PERIOD: Duration = Duration::from_secs(1);

/// Takes turns until the node stops.
pub async fn run(replicas: Arc<ReplicaManager>) {
    let mut retention = Retention::new(&replicas);
    let cleans = replicas.config().log_cleaner_enable;
    if cleans {
        log_cleaner::load(&replicas);
    }
    let mut next_cleaning_ms = replicas.clock().monotonic_ms();
    loop {
        tokio::select! {
            biased;
            () = replicas.stopping().cancelled() => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
        retention.turn(&replicas);
        log_moves::run_once(&replicas);
        if cleans && replicas.clock().monotonic_ms() >= next_cleaning_ms {
            let config = replicas.config().clone();
            while !log_cleaner::clean_all(&replicas, &config, 0) && !replicas.stopping().is_cancelled() {}
            next_cleaning_ms = replicas.clock().monotonic_ms() + config.log_cleaner_backoff_ms;
        }
    }
}
