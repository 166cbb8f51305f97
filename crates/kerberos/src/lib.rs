//! Kerberos by the system's library, MIT's `libgssapi_krb5.so.2`, which is loaded when it is first asked
//! for: who has no listener with GSSAPI needs none. A binary that is linked statically can't load it.
//!
//! The library's own settings count: `krb5.conf` (`KRB5_CONFIG`), where tickets and keys are when nothing
//! else is said, how far clocks may be off.

mod context;
mod library;

use std::fmt;
use std::sync::Arc;

use barnabas_security::sasl::{
    Kerberos, KerberosAcceptor, KerberosContext, KerberosError, KerberosInitiator, KerberosLogin,
    KerberosSecret,
};

use self::context::{Accepting, Initiating};
use self::library::{Credential, Library, NameType, Usage};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct SystemKerberos;

impl Kerberos for SystemKerberos {
    fn default_realm(&self) -> Option<String> {
        let name = Library::get().ok()?.name("realm", NameType::User).ok()?;
        let name = name.canonical().ok()?.display().ok()?;
        name.rsplit_once('@').map(|(_, realm)| realm.to_owned())
    }

    fn acceptor(&self, login: &KerberosLogin) -> Result<Arc<dyn KerberosAcceptor>, KerberosError> {
        let credential = credential(login, Usage::Accept)?;
        Ok(Arc::new(Acceptor(Arc::new(credential))))
    }

    fn initiator(&self, login: &KerberosLogin) -> Result<Arc<dyn KerberosInitiator>, KerberosError> {
        Library::get()?;
        Ok(Arc::new(Initiator(login.clone())))
    }
}

/// The key or the tickets of a login.
fn credential(login: &KerberosLogin, usage: Usage) -> Result<Credential, KerberosError> {
    let library = Library::get()?;
    let name = login.principal.as_deref();
    let name = name
        .map(|name| library.name(name, NameType::Principal))
        .transpose()?;
    // Tickets that come of a key are kept in memory, those of each principal by themselves.
    let own_cache = format!(
        "MEMORY:barnabas {}",
        login.principal.as_deref().unwrap_or_default()
    );
    let mut store: Vec<(&str, &str)> = Vec::new();
    match (&login.secret, usage) {
        (KerberosSecret::KeyTab(path), Usage::Accept) => {
            store.extend(path.as_deref().map(|path| ("keytab", path)))
        }
        (KerberosSecret::KeyTab(path), Usage::Initiate) => {
            store.push(("client_keytab", path.as_deref().unwrap_or("/etc/krb5.keytab")));
            store.push(("ccache", &own_cache));
        }
        (KerberosSecret::TicketCache(path), _) => store.extend(path.as_deref().map(|path| ("ccache", path))),
    }
    library.credential(name.as_ref(), usage, &store)
}

#[derive(Debug)]
struct Acceptor(Arc<Credential>);

impl KerberosAcceptor for Acceptor {
    fn begin(&self) -> Box<dyn KerberosContext> {
        Box::new(Accepting::new(self.0.clone()))
    }
}

struct Initiator(KerberosLogin);

impl KerberosInitiator for Initiator {
    fn begin(&self, service: &str, host: &str) -> Box<dyn KerberosContext> {
        Box::new(Initiating::new(self.0.clone(), format!("{service}@{host}")))
    }
}

impl fmt::Debug for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Initiator({:?})", self.0.principal)
    }
}

#[cfg(test)]
mod tests;
