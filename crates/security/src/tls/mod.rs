//! TLS as Kafka's settings ask for it: bytes of stores in, configurations of rustls out. No files are read
//! here and no sockets used: `network::transport` speaks TLS with what this module makes. Both ends can be
//! read again at run time (KIP-226); connections keep what they began with.
//!
//! ```text
//! settings of a listener ─→ TlsSettings ─┬→ ServerTls: the listener's end
//!             files, as bytes ─→ Stores ─┴→ ClientTls: the end of a node that asks another
//! ```

mod certificate;
mod cipher_suites;
mod client;
mod der;
mod distinguished_name;
mod encryption;
mod host_name;
mod identity;
pub mod issuing;
mod java_store;
mod jks;
mod mapping_rules;
mod pem;
mod pkcs12;
mod server;
mod settings;
mod source;
mod store;
mod verifier;

pub use client::ClientTls;
pub use server::ServerTls;
pub use settings::ReadFile;

/// Why TLS can't be had: which setting, file and entry, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(String);

impl TlsError {
    /// An error with a message of its own.
    pub fn new(message: impl Into<String>) -> Self {
        TlsError(message.into())
    }

    /// A setting, and what is wrong with it.
    pub(crate) fn of(setting: &str, why: impl std::fmt::Display) -> Self {
        TlsError(format!("{setting}: {why}"))
    }
}
