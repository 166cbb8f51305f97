//! The process's log: where it goes, and a filter that can be changed while it runs (the root logger of
//! KIP-412).

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use barnabas_metadata::quorum::RAFT_LOG_TARGET;
use parking_lot::Mutex;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

use crate::log_format::{Lines, LogFormat};

/// The levels that clients may set (`LogLevelConfig`); log4j's FATAL is our error.
pub const LEVELS: &[&str] = &["DEBUG", "ERROR", "FATAL", "INFO", "TRACE", "WARN"];

struct Root {
    filter: reload::Handle<Targets, Registry>,
    level: Mutex<String>,
}

static ROOT: OnceLock<Root> = OnceLock::new();

/// Where the log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Standard error.
    Stderr,
    /// Standard output, as Apache Kafka's.
    Stdout,
}

impl Output {
    fn writer(self) -> Box<dyn Write> {
        match self {
            Self::Stderr => Box::new(io::stderr()),
            Self::Stdout => Box::new(io::stdout()),
        }
    }

    fn is_terminal(self) -> bool {
        match self {
            Self::Stderr => io::stderr().is_terminal(),
            Self::Stdout => io::stdout().is_terminal(),
        }
    }
}

/// Sends logs to `output`. `filter` is a level or directives as in RUST_LOG.
///
/// # Errors
/// The filter can't be read, or logs go somewhere already.
pub fn start(filter: &str, format: LogFormat, output: Output) -> Result<(), String> {
    let directives = directives(filter);
    let not_valid = || {
        format!(
            "{filter} is not valid: give error, warn, info, debug, trace or off, or directives such as \
             warn,barnabas_network=debug"
        )
    };
    if !is_filter(&directives) {
        return Err(not_valid());
    }
    let parsed: Targets = directives.parse().map_err(|_| not_valid())?;
    let (layer, handle) = reload::Layer::new(parsed);
    let lines = fmt::layer()
        .with_writer(move || output.writer())
        // Nobody may read it any more, and there is nowhere else to say so.
        .log_internal_errors(false)
        .with_ansi(format == LogFormat::Text && output.is_terminal())
        .event_format(Lines::new(format));
    tracing_subscriber::registry()
        .with(layer)
        .with(lines)
        .try_init()
        .map_err(|error| error.to_string())?;
    let upper = filter.to_ascii_uppercase();
    let level = if LEVELS.contains(&upper.as_str()) {
        upper
    } else {
        "INFO".to_owned()
    };
    // Only the first start gets here: a second one has failed to take the subscriber's place.
    let _ = ROOT.set(Root {
        filter: handle,
        level: Mutex::new(level),
    });
    Ok(())
}

/// The root logger's level, one of [`LEVELS`].
pub fn root_level() -> String {
    match ROOT.get() {
        Some(root) => root.level.lock().clone(),
        None => "INFO".to_owned(),
    }
}

/// Sets the root logger's level, one of [`LEVELS`].
pub fn set_root_level(level: &str) {
    let Some(root) = ROOT.get() else { return };
    match directives(level)
        .parse()
        .map(|filter: Targets| root.filter.reload(filter))
    {
        Ok(Ok(())) => *root.level.lock() = level.to_owned(),
        Ok(Err(error)) => tracing::error!(%error, level, "the log level could not be changed"),
        Err(error) => tracing::error!(%error, level, "not a log level"),
    }
}

/// Whether each directive names a level, or code of this program alone; `Targets` takes any word for the name
/// of code.
fn is_filter(directives: &str) -> bool {
    let is_level = |word: &str| {
        let levels = ["error", "warn", "info", "debug", "trace", "off"];
        levels.iter().any(|level| word.eq_ignore_ascii_case(level))
    };
    directives
        .split(',')
        .map(str::trim)
        .all(|directive| match directive.rsplit_once('=') {
            Some((_, level)) => is_level(level),
            None => is_level(directive) || directive.starts_with("barnabas"),
        })
}

/// A plain level is about this program: the libraries under it tell every heartbeat at info, and raft every
/// heartbeat to a voter that is away as an error.
fn directives(filter: &str) -> String {
    match filter.to_ascii_lowercase().as_str() {
        level @ ("trace" | "debug" | "info") => format!("warn,{RAFT_LOG_TARGET}=off,barnabas={level}"),
        "fatal" => "error".to_owned(),
        _ => {
            let each: Vec<&str> = filter.split(',').map(str::trim).collect();
            each.join(",")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_no_level_is_no_filter() {
        for filter in [
            "info",
            "OFF",
            "warn,barnabas=debug",
            "info,barnabas_network",
            "a::b=trace",
            "warn, a=off",
        ] {
            assert!(is_filter(filter), "{filter}");
            assert!(directives(filter).parse::<Targets>().is_ok(), "{filter}");
        }
        for filter in [
            "nonsense",
            "debugg",
            "info,barnabas=loud",
            "a=b=c",
            "",
            "info,,warn",
            "5",
        ] {
            assert!(!is_filter(filter), "{filter}");
        }
    }

    #[test]
    fn plain_levels_are_about_this_program() {
        assert_eq!(
            directives("INFO"),
            format!("warn,{RAFT_LOG_TARGET}=off,barnabas=info")
        );
        assert_eq!(directives("FATAL"), "error");
        assert_eq!(directives("warn"), "warn");
        assert_eq!(
            directives("info,barnabas_network=debug"),
            "info,barnabas_network=debug"
        );
        assert_eq!(directives(" warn, barnabas=info"), "warn,barnabas=info");
    }
}
