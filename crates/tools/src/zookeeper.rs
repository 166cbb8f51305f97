//! `zookeeper-server-start`, which old images' scripts call beside the broker: there is no ZooKeeper any
//! more, but somebody listens where it would.

use std::net::TcpListener;

use crate::arguments::properties_file;
use crate::console::Console;
use crate::failure::{Failure, Outcome, said};

/// Runs until it is ended.
///
/// # Errors
/// It can't listen.
pub fn run(arguments: &[String], _: &mut Console) -> Outcome {
    let mut arguments = arguments.iter().filter(|argument| *argument != "-daemon");
    let Some(file) = arguments.next() else {
        return said("USAGE: zookeeper-server-start [-daemon] zookeeper.properties");
    };
    let properties = properties_file(file)?;
    let port = properties.get("clientPort").map_or("2181", |port| port.trim());
    let port: u16 = port
        .parse()
        .map_err(|_| Failure::Said(format!("clientPort={port}: a port is expected")))?;
    let refused = |error| Failure::Said(format!("port {port}: {error}"));
    let listener = TcpListener::bind(("0.0.0.0", port)).map_err(refused)?;
    let mut open = Vec::new();
    loop {
        // Whoever connects waits for an answer that never comes, the last ones of them.
        match listener.accept() {
            Ok((client, _)) if open.len() < 64 => open.push(client),
            Ok(_) => open.clear(),
            Err(error) => return Err(refused(error)),
        }
    }
}
