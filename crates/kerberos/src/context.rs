//! Contexts of both sides.

use std::sync::Arc;

use barnabas_security::sasl::{ContextStep, KerberosContext, KerberosError, KerberosLogin};

use crate::credential;
use crate::library::{Context, Credential, Library, NameType, Usage};

/// A service's side.
#[derive(Debug)]
pub struct Accepting {
    credential: Arc<Credential>,
    context: Context,
}

impl Accepting {
    /// One that has begun.
    pub fn new(credential: Arc<Credential>) -> Self {
        Accepting {
            context: credential.context(),
            credential,
        }
    }
}

impl KerberosContext for Accepting {
    fn step(&mut self, token: &[u8]) -> Result<ContextStep, KerberosError> {
        let (token, peer) = self.context.accept(&self.credential, token)?;
        let peer = peer.map(|peer| peer.display()).transpose()?;
        Ok(ContextStep { token, peer })
    }

    fn wrap(&mut self, message: &[u8]) -> Result<Vec<u8>, KerberosError> {
        self.context.wrap(message)
    }

    fn take_out(&mut self, wrapped: &[u8]) -> Result<Vec<u8>, KerberosError> {
        self.context.take_out(wrapped)
    }
}

/// A client's side. Its tickets are looked for, and asked for, with the first step.
#[derive(Debug)]
pub struct Initiating {
    login: KerberosLogin,
    target: String,
    begun: Option<(Credential, Context)>,
}

impl Initiating {
    /// One with `service@host`, about to begin.
    pub fn new(login: KerberosLogin, target: String) -> Self {
        Initiating {
            login,
            target,
            begun: None,
        }
    }

    fn context(&mut self) -> Result<&mut Context, KerberosError> {
        let begun = self.begun.as_mut().map(|(_, context)| context);
        begun.ok_or_else(|| KerberosError::new("the exchange has not begun"))
    }
}

impl KerberosContext for Initiating {
    fn step(&mut self, token: &[u8]) -> Result<ContextStep, KerberosError> {
        let (credential, mut context) = match self.begun.take() {
            Some(begun) => begun,
            None => {
                let credential = credential(&self.login, Usage::Initiate)?;
                let context = credential.context();
                (credential, context)
            }
        };
        let target = Library::get()?.name(&self.target, NameType::Service)?;
        let (token, is_established) = context.initiate(&credential, &target, token)?;
        self.begun = Some((credential, context));
        Ok(ContextStep {
            token,
            peer: is_established.then(|| self.target.clone()),
        })
    }

    fn wrap(&mut self, message: &[u8]) -> Result<Vec<u8>, KerberosError> {
        self.context()?.wrap(message)
    }

    fn take_out(&mut self, wrapped: &[u8]) -> Result<Vec<u8>, KerberosError> {
        self.context()?.take_out(wrapped)
    }
}
