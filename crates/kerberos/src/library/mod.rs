//! The GSS-API (RFC 2744) of the system's library, and the only unsafe code of the project: each handle of
//! the library is owned by a type that frees it, each buffer is copied and given back at once.
#![allow(unsafe_code)]

mod abi;
mod handles;

use std::ffi::{CString, c_int};
use std::fmt;
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

use barnabas_security::sasl::KerberosError;

use self::abi::{Functions, KeyValue, KeyValueSet, Oid, OidSet, kerberos, oid};
pub use self::handles::{Context, Credential, Name};
use self::handles::{Owned, borrowed};

const FILE: &str = "libgssapi_krb5.so.2";

/// The one status without an error that is not 0: the context needs another token. Others tell of messages
/// that come twice or out of order.
const CONTINUE_NEEDED: u32 = 1;
const GSS_CODE: c_int = 1;
const MECHANISM_CODE: c_int = 2;

/// How a name is written.
#[derive(Clone, Copy, Debug)]
pub enum NameType {
    /// A principal of Kerberos, `a/b@REALM`.
    Principal,
    /// `service@host`.
    Service,
    /// A user of the system's.
    User,
}

impl NameType {
    fn oid(self) -> Oid {
        oid(match self {
            // 1.2.840.113554.1.2.2.1
            Self::Principal => &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2, 1],
            // 1.2.840.113554.1.2.1.4
            Self::Service => &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 1, 4],
            // 1.2.840.113554.1.2.1.1
            Self::User => &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 1, 1],
        })
    }
}

/// What a credential is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// A client's.
    Initiate = 1,
    /// A service's.
    Accept = 2,
}

/// The library, once it is loaded. It is never let go.
pub struct Library(Functions);

static LOADED: OnceLock<Result<Library, String>> = OnceLock::new();

impl Library {
    /// The library; loaded with the first call.
    ///
    /// # Errors
    /// It is not there, or this program can't load any.
    pub fn get() -> Result<&'static Library, KerberosError> {
        let loaded = LOADED.get_or_init(Library::load).as_ref();
        loaded.map_err(|why| KerberosError::new(format!("Kerberos needs the system's library {FILE}: {why}")))
    }

    #[cfg(target_feature = "crt-static")]
    fn load() -> Result<Library, String> {
        Err(
            "this binary is linked statically and can't load it; one that `cargo build --release` makes can"
                .to_owned(),
        )
    }

    #[cfg(not(target_feature = "crt-static"))]
    fn load() -> Result<Library, String> {
        // SAFETY: what this library does when it is loaded is to set up its own state.
        let file = unsafe { libloading::Library::new(FILE) }.map_err(|error| error.to_string())?;
        macro_rules! find {
            ($($field:ident),*) => {
                // SAFETY: the fields' types are those of the functions of these names, in MIT's headers.
                Functions { $($field: unsafe {
                    *file
                        .get(concat!("gss_", stringify!($field)).as_bytes())
                        .map_err(|error| error.to_string())?
                }),* }
            };
        }
        let found = find!(
            acquire_cred_from,
            release_cred,
            import_name,
            canonicalize_name,
            display_name,
            release_name,
            accept_sec_context,
            init_sec_context,
            delete_sec_context,
            wrap,
            unwrap,
            display_status,
            release_buffer
        );
        // The functions live as long as it is loaded, which is as long as the program runs.
        std::mem::forget(file);
        Ok(Library(found))
    }

    /// A name.
    ///
    /// # Errors
    /// It is none of this type.
    pub fn name(&'static self, text: &str, name_type: NameType) -> Result<Name, KerberosError> {
        let (mut minor, mut name) = (0, null_mut());
        let (text, name_type) = (borrowed(text.as_bytes()), name_type.oid());
        // SAFETY: all pointers are to values that outlive the call, which copies what it keeps.
        let major = unsafe { (self.0.import_name)(&mut minor, &text, &name_type, &mut name) };
        self.check(major, minor)?;
        Ok(Name::new(self, name))
    }

    /// The credential of a principal, or the default one, from where `store` says.
    ///
    /// # Errors
    /// There is none.
    pub fn credential(
        &'static self,
        name: Option<&Name>,
        usage: Usage,
        store: &[(&str, &str)],
    ) -> Result<Credential, KerberosError> {
        let zero = |_| KerberosError::new("a path or a name holds a zero byte");
        let texts: Vec<(CString, CString)> = store
            .iter()
            .map(|(key, value)| {
                Ok((
                    CString::new(*key).map_err(zero)?,
                    CString::new(*value).map_err(zero)?,
                ))
            })
            .collect::<Result<_, KerberosError>>()?;
        let elements: Vec<KeyValue> = texts
            .iter()
            .map(|(key, value)| KeyValue {
                key: key.as_ptr(),
                value: value.as_ptr(),
            })
            .collect();
        let set = KeyValueSet {
            count: elements.len() as u32,
            elements: elements.as_ptr(),
        };
        let set: *const KeyValueSet = if elements.is_empty() { null() } else { &set };
        let kerberos = kerberos();
        let mechanisms = OidSet {
            count: 1,
            elements: &kerberos,
        };
        let name = name.map_or(null_mut(), Name::handle);
        let (mut minor, mut credential) = (0, null_mut());
        // SAFETY: all pointers are null where that is allowed, or to values that outlive the call, which
        // copies what it keeps; `texts` and `elements` are borrowed by `set`, and live on.
        let major = unsafe {
            (self.0.acquire_cred_from)(
                &mut minor,
                name,
                u32::MAX,
                &mechanisms,
                usage as c_int,
                set,
                &mut credential,
                null_mut(),
                null_mut(),
            )
        };
        self.check(major, minor)?;
        Ok(Credential::new(self, credential))
    }

    /// Says what is wrong, if something is.
    fn check(&self, major: u32, minor: u32) -> Result<(), KerberosError> {
        if major & !CONTINUE_NEEDED == 0 {
            return Ok(());
        }
        let (general, own) = (self.status(major, GSS_CODE), self.status(minor, MECHANISM_CODE));
        Err(KerberosError::new(match own.is_empty() {
            true => general,
            false => format!("{general}: {own}"),
        }))
    }

    fn status(&self, status: u32, kind: c_int) -> String {
        let (mut minor, mut more) = (0, 0);
        let mut text = Owned::new(self);
        let kerberos = kerberos();
        // SAFETY: all pointers are to values that outlive the call; `text` gives back what it is given.
        let major = unsafe {
            (self.0.display_status)(&mut minor, status, kind, &kerberos, &mut more, &mut text.buffer)
        };
        match major {
            0 => String::from_utf8_lossy(text.bytes()).into_owned(),
            _ => format!("status {status:#x}"),
        }
    }
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(FILE)
    }
}
