//! Where work is done that may wait for a disk, or that others should not wait for.

use std::io;
use std::thread::Builder;

use tokio::task::{JoinError, spawn_blocking};

/// Where such work is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Threads {
    /// On threads of its own, so that a runtime never waits.
    #[default]
    Own,
    /// On the runtime that asks, one thing after the other: for simulations, in which everything happens in
    /// one order.
    Runtime,
}

impl Threads {
    /// Does work that may wait for a disk, and waits for it.
    ///
    /// # Errors
    /// The work has panicked, or the runtime is ending.
    pub async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        match self {
            Threads::Own => spawn_blocking(work).await,
            Threads::Runtime => Ok(work()),
        }
    }

    /// Has work done that nobody waits for.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn spawn(self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        match self {
            Threads::Own => drop(Builder::new().name(name.to_owned()).spawn(work)?),
            Threads::Runtime => drop(tokio::spawn(async move { work() })),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_where_it_should_be() {
        let here = std::thread::current().id();
        for (threads, same) in [(Threads::Own, false), (Threads::Runtime, true)] {
            let ran = threads.run(|| std::thread::current().id()).await.unwrap();
            assert_eq!(ran == here, same, "{threads:?}");
            let (tell, told) = tokio::sync::oneshot::channel();
            let work = move || tell.send(std::thread::current().id()).unwrap();
            threads.spawn("test", work).unwrap();
            assert_eq!(told.await.unwrap() == here, same, "{threads:?}");
        }
    }
}
