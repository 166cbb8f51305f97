//! What needs no realm; the rest is in compat-tests/security. Without the library there is nothing to try.

use super::*;

const PRINCIPAL: &str = "kafka/localhost@SEC.TEST";

fn login(key_tab: &str) -> KerberosLogin {
    KerberosLogin {
        principal: Some(PRINCIPAL.to_owned()),
        secret: KerberosSecret::KeyTab(Some(key_tab.to_owned())),
    }
}

fn is_there() -> bool {
    Library::get().is_ok()
}

/// A file with one key: version, then an entry with its length before it.
fn key_tab() -> Vec<u8> {
    let counted = |text: &[u8]| [&(text.len() as u16).to_be_bytes()[..], text].concat();
    let entry = [
        &2_u16.to_be_bytes()[..],
        &counted(b"SEC.TEST"),
        &counted(b"kafka"),
        &counted(b"localhost"),
        &1_u32.to_be_bytes(),
        &0_u32.to_be_bytes(),
        &[1],
        // AES-256
        &18_u16.to_be_bytes(),
        &counted(&[7; 32]),
    ]
    .concat();
    [&[5, 2][..], &(entry.len() as u32).to_be_bytes(), &entry].concat()
}

#[test]
fn what_is_missing_is_said() {
    let error = SystemKerberos
        .acceptor(&login("/nowhere.keytab"))
        .unwrap_err()
        .to_string();
    let expected = if is_there() {
        "/nowhere.keytab"
    } else {
        "libgssapi_krb5.so.2"
    };
    assert!(error.contains(expected), "{error}");
    let zero = SystemKerberos.acceptor(&login("/a\0b")).unwrap_err().to_string();
    assert!(!is_there() || zero.contains("zero byte"), "{zero}");
}

#[test]
fn tokens_of_any_kind_are_refused() {
    if !is_there() {
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), key_tab()).unwrap();
    let keys = SystemKerberos
        .acceptor(&login(file.path().to_str().unwrap()))
        .unwrap();
    // The beginning of a token of Kerberos, and of one that negotiates.
    let kerberos = [
        0x60, 0x81, 0xff, 0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2, 1, 0, 0x6e,
    ];
    let negotiating = [0x60, 0x20, 0x06, 6, 0x2b, 6, 1, 5, 5, 2, 0xa0];
    for token in [&kerberos[..], &negotiating, b"", b"\0", &[0x60; 70_000]] {
        for end in [token.len(), token.len() / 2] {
            let mut context = keys.begin();
            assert!(context.wrap(b"x").is_err() && context.take_out(token).is_err());
            assert!(context.step(&token[..end]).is_err(), "{end} of {token:?}");
            assert!(context.step(token).is_err() && context.wrap(b"x").is_err());
        }
    }
}

#[test]
fn a_client_without_tickets_is_told() {
    let kerberos = SystemKerberos.initiator(&login("/nowhere.keytab"));
    if let Ok(kerberos) = kerberos {
        let mut context = kerberos.begin("kafka", "localhost");
        assert!(context.wrap(b"x").is_err());
        assert!(context.step(b"").is_err());
    }
}
