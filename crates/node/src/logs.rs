//! Where a node's log goes and how it looks: the flags win over the environment, which is asked only where
//! that is wanted, but for RUST_LOG.

use barnabas_controller::log_format::LogFormat;
use barnabas_controller::logging::{self, Output};
use barnabas_metadata::quorum::QUIET;

use crate::cli::Start;

/// Starts the log of a node; answers its format. As Apache Kafka's lines do, those of its form go to standard
/// output; all others to standard error.
///
/// # Errors
/// A level or a format that there is none of, with the flag or the variable.
pub fn start(start: &Start) -> Result<LogFormat, String> {
    let variable = |name: &str| {
        std::env::var(name)
            .ok()
            .filter(|value| start.env && !value.is_empty())
    };
    let format = match (start.log_format, variable("BARNABAS_LOG_FORMAT")) {
        (Some(format), _) => format,
        (None, Some(word)) => word.parse().map_err(|why| format!("BARNABAS_LOG_FORMAT={why}"))?,
        (None, None) => LogFormat::default(),
    };
    let output = match format {
        LogFormat::Kafka => Output::Stdout,
        LogFormat::Text | LogFormat::Json => Output::Stderr,
    };
    let level = variable("BARNABAS_LOG");
    let filter = match (&start.log, &level) {
        (Some(filter), _) => Some(("--log ", filter)),
        (None, Some(filter)) => Some(("BARNABAS_LOG=", filter)),
        (None, None) => None,
    };
    match filter {
        Some((by, filter)) => {
            logging::start(filter, format, output).map_err(|why| format!("{by}{why}"))?;
        }
        None => at_default_level(format, output)?,
    }
    Ok(format)
}

/// Starts the log of a command, at this level.
///
/// # Errors
/// It goes somewhere already.
pub fn start_at(filter: &str) -> Result<(), String> {
    logging::start(filter, LogFormat::Text, Output::Stderr).map_err(|why| format!("--log {why}"))
}

/// RUST_LOG wins over `info`.
fn at_default_level(format: LogFormat, output: Output) -> Result<(), String> {
    match std::env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty()) {
        Some(filter) => logging::start(&filter, format, output).map_err(|why| format!("RUST_LOG={why}")),
        None => logging::start(&format!("info,{QUIET}"), format, output),
    }
}
