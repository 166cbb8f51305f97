//! SASL: who a client is, proven before its connection may do anything else.
//!
//! ```text
//! settings, JAAS ─→ ListenerSasl ─→ Login, one for a connection ─→ SaslServer, one for an exchange ─→ principal
//! ```
//! Pure: credentials, the time and random nonces are arguments ([`Surroundings`]), and Kerberos is behind a
//! trait ([`Kerberos`]). A client's half is in [`SaslClient`]; nodes log in to each other by it.

pub mod base64;
mod client;
mod gssapi;
mod jaas;
mod listener;
mod login;
mod mechanism;
mod nonce;
mod oauthbearer;
mod plain;
pub mod scram;
mod server;

pub use client::{ClientCredentials, SaslClient, SaslClientError};
pub use gssapi::{
    ContextStep, Kerberos, KerberosAcceptor, KerberosContext, KerberosError, KerberosInitiator,
    KerberosLogin, KerberosSecret, LocalNames, NoKerberos,
};
pub use jaas::{JaasEntry, JaasError, JaasFile, parse_jaas};
pub use listener::{ListenerSasl, SaslSettings, SaslSettingsError};
pub use login::{Awaited, HandshakeAnswer, Login, Progress, Session};
pub use mechanism::SaslMechanism;
pub use nonce::nonce;
pub use oauthbearer::{JwksEndpoint, KeySet, SharedKeys};
pub use server::{CredentialSource, Identity, Refusal, SaslServer, Step, Surroundings, TokenCredential};
