//! Exchanges over a Kerberos that trusts everybody.

use super::*;

/// The client's name is its first token, which begins with `=` where it asks for a proof. Messages are signed
/// by a byte before them.
#[derive(Debug)]
struct Trusting;

const SIGNATURE: u8 = 0x60;

impl KerberosContext for Trusting {
    fn step(&mut self, token: &[u8]) -> Result<ContextStep, KerberosError> {
        let text = String::from_utf8_lossy(token).into_owned();
        match text.as_str() {
            "" => Err(KerberosError::new("no token")),
            "more" => Ok(ContextStep {
                token: b"go on".to_vec(),
                peer: None,
            }),
            text => Ok(ContextStep {
                token: if text.starts_with('=') {
                    b"proof".to_vec()
                } else {
                    Vec::new()
                },
                peer: Some(text.trim_start_matches('=').to_owned()),
            }),
        }
    }

    fn wrap(&mut self, message: &[u8]) -> Result<Vec<u8>, KerberosError> {
        Ok([&[SIGNATURE], message].concat())
    }

    fn take_out(&mut self, wrapped: &[u8]) -> Result<Vec<u8>, KerberosError> {
        match wrapped.split_first() {
            Some((&SIGNATURE, message)) => Ok(message.to_vec()),
            _ => Err(KerberosError::new("not signed")),
        }
    }
}

#[derive(Debug)]
struct Keys;

impl KerberosAcceptor for Keys {
    fn begin(&self) -> Box<dyn KerberosContext> {
        Box::new(Trusting)
    }
}

/// What comes of the last of these tokens; the others are taken.
fn last(tokens: &[&[u8]]) -> Result<Taken, Refusal> {
    let names = LocalNames::parse("DEFAULT", "R").unwrap();
    let mut server = GssapiService::new(Arc::new(Keys), names).begin();
    let (last, before) = tokens.split_last().unwrap();
    for token in before {
        assert!(matches!(server.step(token), Ok(Taken::Challenge(_))), "{token:?}");
    }
    let taken = server.step(last);
    if !matches!(taken, Ok(Taken::Challenge(_))) {
        assert!(matches!(server.step(b"x"), Err(Refusal::Broken(_))), "it goes on");
    }
    taken
}

#[test]
fn the_exchange_is_javas() {
    let challenge = |bytes: &[u8]| Ok(Taken::Challenge(bytes.to_vec()));
    let offer = [SIGNATURE, 1, 1, 0, 0];
    let choice = [SIGNATURE, 1, 0, 0, 0];
    assert_eq!(last(&[b"more"]), challenge(b"go on"));
    assert_eq!(last(&[b"more", b"=a@R"]), challenge(b"proof"));
    assert_eq!(last(&[b"=a@R", b""]), challenge(&offer));
    assert_eq!(last(&[b"a@R"]), challenge(&offer));
    assert_eq!(last(&[b"=a@R", b"", &choice]), Ok(Taken::Name("a".to_owned())));
    let as_another = [&choice[..], b"root@R"].concat();
    assert_eq!(last(&[b"a@R", &as_another]), Ok(Taken::Name("a".to_owned())));
}

#[test]
fn who_is_refused_and_who_is_closed() {
    let credentials = Err(Refusal::Credentials);
    let signed = |message: &[u8]| [&[SIGNATURE], message].concat();
    assert_eq!(last(&[b""]), credentials);
    assert_eq!(last(&[b"=a@R", b"not empty"]), credentials);
    assert_eq!(last(&[b"a@R", b"\x01\0\0\0"]), credentials, "not signed");
    assert_eq!(
        last(&[b"a@R", &signed(b"\x04\0\0\0")]),
        credentials,
        "confidentiality"
    );
    for closed in [
        &[&b"a@R"[..], &signed(b"\x01\0\0")][..],
        &[b"a@R", &signed(b"")],
        &[b"a@ELSEWHERE", &signed(b"\x01\0\0\0")],
    ] {
        assert!(matches!(last(closed), Err(Refusal::Broken(_))), "{closed:?}");
    }
}

#[test]
fn a_client_takes_what_is_signed_and_leaves_the_rest_unprotected() {
    let client = || GssapiClient::new(Box::new(Trusting));
    let mut good = client();
    assert_eq!(good.step(b"kafka@R"), Ok(Some(Vec::new())));
    assert_eq!(
        good.step(&[SIGNATURE, 7, 1, 0, 0]),
        Ok(Some(vec![SIGNATURE, 1, 0, 0, 0]))
    );
    assert_eq!(good.step(b""), Ok(None));
    for (offer, expected) in [
        (&[SIGNATURE, 6, 1, 0, 0][..], GssapiClientError::NoOffer),
        (&[SIGNATURE, 1][..], GssapiClientError::NoOffer),
        (&[7, 1, 0, 0][..], KerberosError::new("not signed").into()),
    ] {
        let mut client = client();
        assert!(client.step(b"kafka@R").is_ok());
        assert_eq!(client.step(offer), Err(expected), "{offer:?}");
    }
}
