//! Threads for work that must not be felt by those who produce and consume: cleaning logs, removing files,
//! copying partitions.

use std::io;
use std::thread::{Builder, JoinHandle};

/// How far such a thread stands back; at 5 a compaction was still felt (docs/PERFORMANCE.md).
const NICE: i32 = 10;

/// Starts a thread of low priority.
///
/// # Errors
/// The system refuses the thread.
pub fn spawn<T: Send + 'static>(
    name: String,
    run: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    Builder::new().name(name).spawn(move || {
        // Of this thread alone, on Linux; who may not do it works at full priority.
        let _ = rustix::process::nice(NICE);
        run()
    })
}
