//! What the library gives out, each owned by a type that gives it back.

use std::ptr::{null, null_mut};
use std::slice;

use barnabas_security::sasl::KerberosError;

use super::abi::{Buffer, Handle, kerberos};
use super::{CONTINUE_NEEDED, Library};

/// Both sides prove who they are; messages are signed, and in order.
const FLAGS: u32 = 2 | 8 | 32;

/// Bytes that the library reads during a call.
pub fn borrowed(bytes: &[u8]) -> Buffer {
    Buffer {
        length: bytes.len(),
        value: bytes.as_ptr().cast_mut().cast(),
    }
}

/// A buffer that the library fills, and that goes back to it.
pub struct Owned<'a> {
    library: &'a Library,
    pub buffer: Buffer,
}

impl<'a> Owned<'a> {
    /// An empty one.
    pub fn new(library: &'a Library) -> Self {
        let buffer = Buffer {
            length: 0,
            value: null_mut(),
        };
        Owned { library, buffer }
    }

    /// What is in it.
    pub fn bytes(&self) -> &[u8] {
        if self.buffer.value.is_null() {
            return &[];
        }
        // SAFETY: the library has said that so many bytes are there; they live until `drop`.
        unsafe { slice::from_raw_parts(self.buffer.value.cast(), self.buffer.length) }
    }
}

impl Drop for Owned<'_> {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: it is empty, or of the library and given back once.
        unsafe { (self.library.0.release_buffer)(&mut minor, &mut self.buffer) };
    }
}

/// A name.
#[derive(Debug)]
pub struct Name(&'static Library, Handle);

impl Name {
    pub(super) fn new(library: &'static Library, handle: Handle) -> Self {
        Name(library, handle)
    }

    pub(super) fn handle(&self) -> Handle {
        self.1
    }

    /// As Kerberos knows it, in the system's realm where it says none.
    ///
    /// # Errors
    /// There is no realm.
    pub fn canonical(&self) -> Result<Name, KerberosError> {
        let (mut minor, mut name) = (0, null_mut());
        let kerberos = kerberos();
        // SAFETY: the name is one of the library's, all other pointers are to values that outlive the call.
        let major = unsafe { (self.0.0.canonicalize_name)(&mut minor, self.1, &kerberos, &mut name) };
        self.0.check(major, minor)?;
        Ok(Name(self.0, name))
    }

    /// As text.
    ///
    /// # Errors
    /// The library has none for it.
    pub fn display(&self) -> Result<String, KerberosError> {
        let mut minor = 0;
        let mut text = Owned::new(self.0);
        // SAFETY: the name is one of the library's, all other pointers are null where that is allowed, or to
        // values that outlive the call; `text` gives back what it is given.
        let major = unsafe { (self.0.0.display_name)(&mut minor, self.1, &mut text.buffer, null_mut()) };
        self.0.check(major, minor)?;
        let text = String::from_utf8(text.bytes().to_vec());
        text.map_err(|_| KerberosError::new("the principal's name is no UTF-8"))
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the name is of the library, and given back once.
        unsafe { (self.0.0.release_name)(&mut minor, &mut self.1) };
    }
}

/// A key, or tickets.
#[derive(Debug)]
pub struct Credential(&'static Library, Handle);

// SAFETY: the library locks a credential whenever it uses it.
unsafe impl Send for Credential {}
// SAFETY: as above.
unsafe impl Sync for Credential {}

impl Credential {
    pub(super) fn new(library: &'static Library, handle: Handle) -> Self {
        Credential(library, handle)
    }

    /// A context that has not begun.
    pub fn context(&self) -> Context {
        Context(self.0, null_mut())
    }
}

impl Drop for Credential {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the credential is of the library, and given back once.
        unsafe { (self.0.0.release_cred)(&mut minor, &mut self.1) };
    }
}

/// A context between two sides; null before its first step.
#[derive(Debug)]
pub struct Context(&'static Library, Handle);

// SAFETY: a context may be used by any thread, as long as it is one at a time: all its methods that use it
// take it for themselves.
unsafe impl Send for Context {}

impl Context {
    /// Takes a client's token; answers what it gets, and who it is once that is known.
    ///
    /// # Errors
    /// The client is not who it says, or the token none.
    pub fn accept(
        &mut self,
        credential: &Credential,
        token: &[u8],
    ) -> Result<(Vec<u8>, Option<Name>), KerberosError> {
        let library = self.0;
        let (mut minor, mut peer) = (0, null_mut());
        let (token, mut answer) = (borrowed(token), Owned::new(library));
        // SAFETY: context and credential are null or of the library, all other pointers are null where that
        // is allowed, or to values that outlive the call; `answer` gives back what it is given.
        let major = unsafe {
            (library.0.accept_sec_context)(
                &mut minor,
                &mut self.1,
                credential.1,
                &token,
                null(),
                &mut peer,
                null_mut(),
                &mut answer.buffer,
                null_mut(),
                null_mut(),
                null_mut(),
            )
        };
        let peer = Name(library, peer);
        library.check(major, minor)?;
        let is_established = major & CONTINUE_NEEDED == 0;
        Ok((answer.bytes().to_vec(), is_established.then_some(peer)))
    }

    /// Takes a service's token, an empty one at first; answers what it gets, and whether it is known.
    ///
    /// # Errors
    /// There are no tickets for it, or it is not who it should be.
    pub fn initiate(
        &mut self,
        credential: &Credential,
        target: &Name,
        token: &[u8],
    ) -> Result<(Vec<u8>, bool), KerberosError> {
        let library = self.0;
        let mut minor = 0;
        let (token, mut answer) = (borrowed(token), Owned::new(library));
        let kerberos = kerberos();
        // SAFETY: context, credential and name are null or of the library, all other pointers are null where
        // that is allowed, or to values that outlive the call; `answer` gives back what it is given.
        let major = unsafe {
            (library.0.init_sec_context)(
                &mut minor,
                credential.1,
                &mut self.1,
                target.1,
                &kerberos,
                FLAGS,
                0,
                null(),
                &token,
                null_mut(),
                &mut answer.buffer,
                null_mut(),
                null_mut(),
            )
        };
        library.check(major, minor)?;
        Ok((answer.bytes().to_vec(), major & CONTINUE_NEEDED == 0))
    }

    /// Signs a message, and leaves it readable.
    ///
    /// # Errors
    /// The context doesn't stand.
    pub fn wrap(&mut self, message: &[u8]) -> Result<Vec<u8>, KerberosError> {
        self.check_begun()?;
        let mut minor = 0;
        let (message, mut wrapped) = (borrowed(message), Owned::new(self.0));
        // SAFETY: the context is of the library, all other pointers are null where that is allowed, or to
        // values that outlive the call; `wrapped` gives back what it is given.
        let major = unsafe {
            (self.0.0.wrap)(
                &mut minor,
                self.1,
                0,
                0,
                &message,
                null_mut(),
                &mut wrapped.buffer,
            )
        };
        self.0.check(major, minor)?;
        Ok(wrapped.bytes().to_vec())
    }

    /// Verifies a message and takes it out of its wrapping.
    ///
    /// # Errors
    /// It is not the other side's, not the next one, or the context doesn't stand.
    pub fn take_out(&mut self, wrapped: &[u8]) -> Result<Vec<u8>, KerberosError> {
        self.check_begun()?;
        let mut minor = 0;
        let (wrapped, mut message) = (borrowed(wrapped), Owned::new(self.0));
        // SAFETY: the context is of the library, all other pointers are null where that is allowed, or to
        // values that outlive the call; `message` gives back what it is given.
        let major = unsafe {
            (self.0.0.unwrap)(
                &mut minor,
                self.1,
                &wrapped,
                &mut message.buffer,
                null_mut(),
                null_mut(),
            )
        };
        self.0.check(major, minor)?;
        Ok(message.bytes().to_vec())
    }

    fn check_begun(&self) -> Result<(), KerberosError> {
        match self.1.is_null() {
            true => Err(KerberosError::new("the exchange has not begun")),
            false => Ok(()),
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the context is null or of the library, and given back once.
        unsafe { (self.0.0.delete_sec_context)(&mut minor, &mut self.1, null_mut()) };
    }
}
