//! Where slow work is done: syncing the log, writing snapshots, letting images take effect.

use crate::error::MetadataError;

/// Where slow work is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Threads {
    /// On threads of its own, so that the quorum's runtime never waits.
    #[default]
    Own,
    /// On the quorum's runtime, one thing after the other: for simulations, in which everything happens in one order.
    Runtime,
}

impl Threads {
    /// Does slow work.
    pub async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> Result<T, MetadataError> + Send + 'static,
    ) -> Result<T, MetadataError> {
        match self {
            Self::Runtime => work(),
            Self::Own => tokio::task::spawn_blocking(work)
                .await
                .unwrap_or_else(|error| Err(MetadataError::Storage(error.to_string()))),
        }
    }
}
