//! What `gssapi.h` and `gssapi_ext.h` of MIT declare, as far as it is asked for.

use std::ffi::{c_char, c_int, c_void};

/// A name, a credential, a context.
pub type Handle = *mut c_void;

/// Bytes, of either side.
#[repr(C)]
pub struct Buffer {
    pub length: usize,
    pub value: *mut c_void,
}

/// A mechanism, or a type of names.
#[repr(C)]
pub struct Oid {
    pub length: u32,
    pub elements: *const u8,
}

/// Some of them.
#[repr(C)]
pub struct OidSet {
    pub count: usize,
    pub elements: *const Oid,
}

/// One of what says where a credential is.
#[repr(C)]
pub struct KeyValue {
    pub key: *const c_char,
    pub value: *const c_char,
}

/// All of it.
#[repr(C)]
pub struct KeyValueSet {
    pub count: u32,
    pub elements: *const KeyValue,
}

/// 1.2.840.113554.1.2.2
static KERBEROS: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2];

/// Kerberos, of the mechanisms.
pub fn kerberos() -> Oid {
    oid(&KERBEROS)
}

/// One of these bytes.
pub fn oid(elements: &'static [u8]) -> Oid {
    Oid {
        length: elements.len() as u32,
        elements: elements.as_ptr(),
    }
}

/// The functions.
pub struct Functions {
    pub acquire_cred_from: unsafe extern "C" fn(
        *mut u32,
        Handle,
        u32,
        *const OidSet,
        c_int,
        *const KeyValueSet,
        *mut Handle,
        *mut *mut OidSet,
        *mut u32,
    ) -> u32,
    pub release_cred: unsafe extern "C" fn(*mut u32, *mut Handle) -> u32,
    pub import_name: unsafe extern "C" fn(*mut u32, *const Buffer, *const Oid, *mut Handle) -> u32,
    pub canonicalize_name: unsafe extern "C" fn(*mut u32, Handle, *const Oid, *mut Handle) -> u32,
    pub display_name: unsafe extern "C" fn(*mut u32, Handle, *mut Buffer, *mut *const Oid) -> u32,
    pub release_name: unsafe extern "C" fn(*mut u32, *mut Handle) -> u32,
    pub accept_sec_context: unsafe extern "C" fn(
        *mut u32,
        *mut Handle,
        Handle,
        *const Buffer,
        *const c_void,
        *mut Handle,
        *mut *const Oid,
        *mut Buffer,
        *mut u32,
        *mut u32,
        *mut Handle,
    ) -> u32,
    pub init_sec_context: unsafe extern "C" fn(
        *mut u32,
        Handle,
        *mut Handle,
        Handle,
        *const Oid,
        u32,
        u32,
        *const c_void,
        *const Buffer,
        *mut *const Oid,
        *mut Buffer,
        *mut u32,
        *mut u32,
    ) -> u32,
    pub delete_sec_context: unsafe extern "C" fn(*mut u32, *mut Handle, *mut Buffer) -> u32,
    pub wrap:
        unsafe extern "C" fn(*mut u32, Handle, c_int, u32, *const Buffer, *mut c_int, *mut Buffer) -> u32,
    pub unwrap:
        unsafe extern "C" fn(*mut u32, Handle, *const Buffer, *mut Buffer, *mut c_int, *mut u32) -> u32,
    pub display_status: unsafe extern "C" fn(*mut u32, u32, c_int, *const Oid, *mut u32, *mut Buffer) -> u32,
    pub release_buffer: unsafe extern "C" fn(*mut u32, *mut Buffer) -> u32,
}
