//! `cub kafka-ready` and `ub kafka-ready` of Confluent's images: wait until a cluster has enough brokers.

use std::time::{Duration, Instant};

use crate::arguments::{key_values, properties_file};
use crate::client::Cluster;
use crate::console::Console;
use crate::failure::{Outcome, said};

const USAGE: &str = "usage: kafka-ready [-b BOOTSTRAP_SERVERS] [-c CONFIG_FILE] MIN_BROKERS TIMEOUT_SECONDS";
const PAUSE: Duration = Duration::from_millis(100);

/// Runs the tool.
///
/// # Errors
/// The brokers have not come in time.
pub fn run(arguments: &[String], console: &mut Console) -> Outcome {
    let Some(("kafka-ready", arguments)) = arguments
        .split_first()
        .map(|(first, rest)| (first.as_str(), rest))
    else {
        return said(USAGE);
    };
    let (mut servers, mut file, mut numbers) = (None, None, Vec::new());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "-b" | "--bootstrap-servers" | "--bootstrap_broker_list" => servers = rest.next(),
            "-c" | "--config" => file = rest.next(),
            // ZooKeeper, and the protocol, which the file says too.
            "-z" | "-s" | "--zookeeper_connect" | "--security-protocol" => drop(rest.next()),
            number => numbers.push(number.parse::<u64>()),
        }
    }
    let [Ok(brokers), Ok(seconds)] = numbers[..] else {
        return said(USAGE);
    };
    let mut properties = match file {
        Some(path) => properties_file(path)?,
        None => key_values(&[]),
    };
    if let Some(servers) = servers {
        properties.insert("bootstrap.servers".to_owned(), servers.clone());
    }
    for timeout in ["default.api.timeout.ms", "request.timeout.ms"] {
        properties.insert(timeout.to_owned(), "1000".to_owned());
    }
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut found = 0;
    loop {
        // Also a name that isn't known yet may be soon.
        if let Ok(cluster) = Cluster::new(&properties)
            && let Ok(known) = cluster.brokers("listNodes")
        {
            found = known.list.len() as u64;
        }
        if found >= brokers {
            return Ok(());
        }
        if Instant::now() >= until {
            console.error(format!(
                "Expected {brokers} brokers but found only {found} within {seconds} seconds."
            ));
            return said("kafka-ready has failed");
        }
        std::thread::sleep(PAUSE);
    }
}
