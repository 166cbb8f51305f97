//! `hold`: what a connection costs that does nothing.

use std::time::Duration;

use serde::Serialize;

use super::target::Target;
use crate::admin;
use crate::error::Failure;
use crate::options::Options;
use crate::process::Usage;

/// Long enough for a server to come to rest.
const SETTLE: Duration = Duration::from_millis(1500);

/// Memory of the server before and while the connections are there.
#[derive(Debug, Clone, Serialize)]
pub struct Held {
    /// Connections, each of which has asked for ApiVersions.
    connections: usize,
    /// Bytes resident before.
    before_bytes: u64,
    /// Bytes resident with them.
    with_bytes: u64,
}

/// Opens connections and looks at the server's memory.
pub fn hold(mut options: Options) -> Result<Held, Failure> {
    let pid = options.required("pid")?;
    let target = Target::open(&mut options)?;
    let connections: usize = options.take("connections", 1000)?;
    options.finish()?;
    let resident = || {
        Usage::of(pid)
            .map(|usage| usage.resident_bytes)
            .ok_or_else(|| Failure::Unexpected(format!("no process {pid}")))
    };
    admin::raise_descriptor_limit();
    std::thread::sleep(SETTLE);
    let before_bytes = resident()?;
    let held = admin::connections(target.address, connections)?;
    std::thread::sleep(SETTLE);
    let with_bytes = resident()?;
    drop(held);
    target.close()?;
    Ok(Held {
        connections,
        before_bytes,
        with_bytes,
    })
}
