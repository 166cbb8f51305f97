//! What is asked of Kerberos. It is the system's: whoever reads a listener's settings is given the way to it.

use std::fmt;
use std::sync::Arc;

use super::login::KerberosLogin;

/// Why Kerberos refuses, in its own words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KerberosError(pub String);

impl KerberosError {
    /// One that says this.
    pub fn new(message: impl Into<String>) -> Self {
        KerberosError(message.into())
    }
}

/// Kerberos, as a system has it.
pub trait Kerberos: Send + Sync {
    /// The realm of this system, if it has one.
    fn default_realm(&self) -> Option<String>;

    /// The keys of a service that clients authenticate to.
    ///
    /// # Errors
    /// There is no Kerberos, or no key for the principal.
    fn acceptor(&self, login: &KerberosLogin) -> Result<Arc<dyn KerberosAcceptor>, KerberosError>;

    /// A client that authenticates to services.
    ///
    /// # Errors
    /// There is no Kerberos.
    fn initiator(&self, login: &KerberosLogin) -> Result<Arc<dyn KerberosInitiator>, KerberosError>;
}

/// The keys of a service.
pub trait KerberosAcceptor: Send + Sync + fmt::Debug {
    /// Begins an exchange with a client.
    fn begin(&self) -> Box<dyn KerberosContext>;
}

/// A client of services.
pub trait KerberosInitiator: Send + Sync + fmt::Debug {
    /// Begins an exchange with a service on a host. What it does may ask the realm's servers, and take its
    /// time.
    fn begin(&self, service: &str, host: &str) -> Box<dyn KerberosContext>;
}

/// What a token leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextStep {
    /// What the other side gets, which may be nothing.
    pub token: Vec<u8>,
    /// Who the other side is, as soon as both know each other.
    pub peer: Option<String>,
}

/// A security context between two sides (RFC 2743).
pub trait KerberosContext: Send + fmt::Debug {
    /// Takes the other side's next token, nothing at first where this one begins.
    ///
    /// # Errors
    /// The other side is not who it should be.
    fn step(&mut self, token: &[u8]) -> Result<ContextStep, KerberosError>;

    /// Signs a message.
    ///
    /// # Errors
    /// The context doesn't stand (any more).
    fn wrap(&mut self, message: &[u8]) -> Result<Vec<u8>, KerberosError>;

    /// Verifies a message and takes it out of its wrapping.
    ///
    /// # Errors
    /// It is not the other side's.
    fn take_out(&mut self, wrapped: &[u8]) -> Result<Vec<u8>, KerberosError>;
}

/// A system without Kerberos.
#[derive(Clone, Copy, Debug)]
pub struct NoKerberos;

impl Kerberos for NoKerberos {
    fn default_realm(&self) -> Option<String> {
        None
    }

    fn acceptor(&self, _: &KerberosLogin) -> Result<Arc<dyn KerberosAcceptor>, KerberosError> {
        Err(KerberosError::new("there is no Kerberos here"))
    }

    fn initiator(&self, _: &KerberosLogin) -> Result<Arc<dyn KerberosInitiator>, KerberosError> {
        Err(KerberosError::new("there is no Kerberos here"))
    }
}
