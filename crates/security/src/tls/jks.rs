//! Java's own key store, JKS.
//!
//! ```text
//! FEEDFEED version:4 count:4 { tag:4 alias created:8 … }… SHA-1(password, "Mighty Aphrodite", all before):20
//! tag 1: key:4+bytes, count:4 certificates    tag 2: one certificate    certificate: type, bytes:4+bytes
//! ```
//! A private key is covered by a stream of SHA-1 over its password.

use super::der::{Der, OCTET_STRING, SEQUENCE};
use super::encryption;

/// What the file begins with.
pub const MAGIC: [u8; 4] = [0xFE, 0xED, 0xFE, 0xED];
const WHITENER: &[u8] = b"Mighty Aphrodite";
const DIGEST_BYTES: usize = 20;

/// An entry.
#[derive(Debug)]
pub enum Entry<'a> {
    /// A key, still covered, and its certificates.
    Key {
        alias: String,
        covered: &'a [u8],
        chain: Vec<&'a [u8]>,
    },
    /// A certificate to be trusted.
    Trusted(&'a [u8]),
}

/// Reads the entries; without a password nothing says that they are authentic.
pub fn entries<'a>(bytes: &'a [u8], password: Option<&str>) -> Result<Vec<Entry<'a>>, String> {
    let damaged = || "the JKS store is damaged".to_owned();
    let end = bytes.len().checked_sub(DIGEST_BYTES).ok_or_else(damaged)?;
    let (content, digest) = bytes.split_at(end);
    if let Some(password) = password
        && encryption::sha1(&[&utf16(password), WHITENER, content]) != digest
    {
        return Err("the store's password is wrong, or the store was tampered with".to_owned());
    }
    read(content).ok_or_else(damaged)
}

fn read(content: &[u8]) -> Option<Vec<Entry<'_>>> {
    let mut rest = content.strip_prefix(&MAGIC)?;
    let version = number(&mut rest)?;
    let count = number(&mut rest)?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let tag = number(&mut rest)?;
        let alias = text(&mut rest)?;
        take(&mut rest, 8)?;
        match tag {
            1 => {
                let covered = sized(&mut rest)?;
                let mut chain = Vec::new();
                for _ in 0..number(&mut rest)? {
                    chain.push(certificate(&mut rest, version)?);
                }
                entries.push(Entry::Key {
                    alias,
                    covered,
                    chain,
                });
            }
            2 => entries.push(Entry::Trusted(certificate(&mut rest, version)?)),
            _ => return None,
        }
    }
    rest.is_empty().then_some(entries)
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (front, back) = rest.split_at_checked(len)?;
    *rest = back;
    Some(front)
}

fn number(rest: &mut &[u8]) -> Option<usize> {
    let bytes = take(rest, 4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(bytes)).ok()
}

fn sized<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = number(rest)?;
    take(rest, len)
}

fn text(rest: &mut &[u8]) -> Option<String> {
    let len = u16::from_be_bytes(take(rest, 2)?.try_into().ok()?);
    Some(String::from_utf8_lossy(take(rest, usize::from(len))?).into_owned())
}

fn certificate<'a>(rest: &mut &'a [u8], version: usize) -> Option<&'a [u8]> {
    if version > 1 {
        text(rest)?;
    }
    sized(rest)
}

fn utf16(password: &str) -> Vec<u8> {
    password.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// Uncovers a key; `None` where the password is wrong.
pub fn uncover(covered: &[u8], password: &str) -> Option<Vec<u8>> {
    let mut info = Der::new(covered).inner(SEQUENCE).ok()?;
    info.expect(SEQUENCE).ok()?;
    let bytes = info.expect(OCTET_STRING).ok()?;
    let (salt, bytes) = bytes.split_at_checked(DIGEST_BYTES)?;
    let (bytes, check) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST_BYTES)?)?;
    let password = utf16(password);
    let mut stream = salt.to_vec();
    let mut key = Vec::with_capacity(bytes.len());
    for part in bytes.chunks(DIGEST_BYTES) {
        stream = encryption::sha1(&[&password, &stream]);
        key.extend(part.iter().zip(&stream).map(|(byte, cover)| byte ^ cover));
    }
    (encryption::sha1(&[&password, &key]) == check).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(entries: &[u8], count: u32, password: &str) -> Vec<u8> {
        let mut bytes = [&MAGIC[..], &2_u32.to_be_bytes(), &count.to_be_bytes(), entries].concat();
        let digest = encryption::sha1(&[&utf16(password), WHITENER, &bytes]);
        bytes.extend(digest);
        bytes
    }

    #[test]
    fn a_trusted_certificate_is_found_and_the_password_checked() {
        let entry = [
            &2_u32.to_be_bytes()[..],
            b"\0\x01a",
            &[0; 8],
            b"\0\x05X.509",
            &3_u32.to_be_bytes(),
            b"abc",
        ]
        .concat();
        let bytes = store(&entry, 1, "secret");
        for password in [Some("secret"), None] {
            let found = entries(&bytes, password).unwrap();
            assert!(matches!(found[..], [Entry::Trusted(b"abc")]));
        }
        assert!(entries(&bytes, Some("other")).unwrap_err().contains("password"));
        for cut in 0..bytes.len() {
            assert!(entries(&bytes[..cut], None).is_err());
        }
        assert!(entries(&store(&[], u32::MAX, "x"), Some("x")).is_err());
    }
}
