//! Measures appends and reads on one thread:
//! `cargo run --release -p barnabas-storage --example append [FOLDER]`.
//!
//! Prints MB/s and calls per second for several batch sizes. Without a folder it works in the system's
//! temporary one, which may be memory.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use barnabas_protocol::records::{BatchBuilder, Compression, RecordFields};
use barnabas_storage::{AppendOrigin, Disk, LogConfig, LogDir, OpenFiles, ReadBound};
use uuid::Uuid;

const BYTES: usize = 1 << 30;

fn main() -> Result<(), Box<dyn Error>> {
    let parent = std::env::args_os()
        .nth(1)
        .map_or_else(std::env::temp_dir, PathBuf::from);
    for batch_bytes in [200, 4 << 10, 16 << 10, 64 << 10] {
        let folder = parent.join(format!("barnabas-append-{}", std::process::id()));
        measure(&folder, batch_bytes)?;
        std::fs::remove_dir_all(folder)?;
    }
    Ok(())
}

fn measure(folder: &std::path::Path, batch_bytes: usize) -> Result<(), Box<dyn Error>> {
    let log_dir = LogDir::open(&Disk::Real, folder, Arc::new(OpenFiles::new(100)))?;
    let mut log = log_dir.create_log("bench".into(), 0, Uuid::nil(), Arc::new(LogConfig::default()));
    let mut builder = BatchBuilder::new(Compression::None);
    builder.append(&RecordFields {
        value: Some(&vec![7; batch_bytes - 80]),
        ..RecordFields::default()
    });
    let mut batch = builder.build()?;
    let calls = (BYTES / batch.len()).min(1_000_000);

    let start = Instant::now();
    for _ in 0..calls {
        log.append(&mut batch, 0, AppendOrigin::Client, 0)?;
    }
    report("append", batch.len(), calls, start);

    let start = Instant::now();
    for offset in 0..calls as i64 {
        let bytes = log.read(offset, 1, ReadBound::LogEnd, true)?.len;
        assert_eq!(bytes as usize, batch.len());
    }
    report("find  ", batch.len(), calls, start);

    let start = Instant::now();
    let end = log.log_end_offset();
    for _ in 0..calls {
        log.read(end - 1, 1 << 20, ReadBound::HighWatermark(end), true)?;
    }
    report("tail  ", batch.len(), calls, start);
    Ok(())
}

fn report(what: &str, bytes: usize, calls: usize, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    let rate = calls as f64 / seconds;
    println!(
        "{what} {bytes:>6} bytes: {:>8.0} MB/s {rate:>10.0} calls/s",
        rate * bytes as f64 / 1e6
    );
}
