//! How often something is tried.

use std::time::Duration;

use barnabas_protocol::error::ErrorCode;
use tokio::time::{Instant, sleep};

use super::{KafkaError, Settings};

/// The longest pause between two attempts (`retry.backoff.max.ms`).
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// How often something was tried, and until when it may be.
pub struct Attempts {
    name: String,
    /// How often.
    pub tries: u32,
    backoff: Duration,
    deadline: Instant,
}

impl Attempts {
    /// Not yet; `name` is the call in Kafka's Admin.
    pub fn new(settings: &Settings, name: &str) -> Self {
        Attempts {
            name: name.to_owned(),
            tries: 0,
            backoff: settings.retry_backoff,
            deadline: Instant::now() + settings.api_timeout,
        }
    }

    /// Whether another attempt may be made.
    ///
    /// # Errors
    /// The time is over.
    pub fn check(&self) -> Result<(), KafkaError> {
        if Instant::now() < self.deadline {
            return Ok(());
        }
        Err(KafkaError::new(
            ErrorCode::RequestTimedOut,
            format!("Timed out waiting for a node assignment. Call: {}", self.name),
        ))
    }

    /// Waits before another attempt, each time longer.
    ///
    /// # Errors
    /// The time is over.
    pub async fn pause(&mut self) -> Result<(), KafkaError> {
        self.check()?;
        let rest = self.deadline.saturating_duration_since(Instant::now());
        sleep(self.backoff.min(rest)).await;
        self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
        self.check()
    }
}
