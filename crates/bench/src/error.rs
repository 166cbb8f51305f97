//! What can end a measurement.

use std::io;

/// Why a measurement has no result.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line asks for something that isn't there.
    #[error("{0}")]
    Usage(String),
    /// The connection to the server, or a file.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The server answered with an error code where the workload needs success.
    #[error("{what}: error {code}")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// The protocol's error code.
        code: i16,
    },
    /// An answer that isn't what the request asks for.
    #[error("{0}")]
    Unexpected(String),
    /// A message that can't be encoded.
    #[error(transparent)]
    Unencodable(#[from] barnabas_protocol::malformed::Unencodable),
    /// A batch that can't be built.
    #[error(transparent)]
    Records(#[from] barnabas_protocol::records::RecordsError),
    /// No answer came in time.
    #[error("no answer for {seconds} s; connections that wait: {waiting:?}")]
    Stalled {
        /// How long nothing came.
        seconds: u64,
        /// Their numbers, in the order they were opened; the first few.
        waiting: Vec<usize>,
    },
}

impl Failure {
    /// For `map_err`: names what was being done when the system refused.
    pub fn io(what: &'static str) -> impl FnOnce(io::Error) -> Failure {
        move |source| Failure::Io { what, source }
    }
}
