//! The exchanges of the RFCs, and what Kafka makes of others.

use super::message::{ClientFinalMessage, ClientFirstMessage};
use super::*;
use crate::sasl::Refusal;
use crate::sasl::base64;

/// The exchange of RFC 7677, section 3.
const CLIENT_NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const SALT: &str = "W22ZaJ0SNY7soEsUEjb6gQ==";
const SERVER_FIRST: &str =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const CLIENT_FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                            p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

fn pencil(hash: ScramHash) -> ScramCredential {
    ScramCredential::of_password(hash, b"pencil", base64::decode(SALT).unwrap(), 4096)
}

fn begin(first: &str) -> Result<(ScramServer, String), Refusal> {
    let first = ClientFirst::parse(first.as_bytes())?;
    let (server, answer) =
        ScramServer::begin(ScramHash::Sha256, &first, pencil(ScramHash::Sha256), SERVER_NONCE)?;
    Ok((server, String::from_utf8(answer).unwrap()))
}

#[test]
fn the_exchange_of_the_rfc_from_both_sides() {
    let nonce = CLIENT_NONCE.to_owned();
    let mut client = ScramClient::new(ScramHash::Sha256, "user", "pencil", false, nonce);
    let first = client.first();
    assert_eq!(first, b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    let (server, answer) = begin(std::str::from_utf8(&first).unwrap()).unwrap();
    assert_eq!(answer, SERVER_FIRST);
    let proof = client.prove(answer.as_bytes()).unwrap();
    assert_eq!(proof, CLIENT_FINAL.as_bytes());
    let signature = server.finish(&proof).unwrap();
    assert_eq!(signature, SERVER_FINAL.as_bytes());
    assert_eq!(client.verify(&signature), Ok(()));
}

#[test]
fn both_hash_functions_and_names_with_signs() {
    for hash in [ScramHash::Sha256, ScramHash::Sha512] {
        for (user, is_token) in [("a,b=c", false), ("token-id", true)] {
            let mut client = ScramClient::new(hash, user, "pencil", is_token, "abc".to_owned());
            let first = ClientFirst::parse(&client.first()).unwrap();
            assert_eq!((first.name.as_str(), first.is_token), (user, is_token));
            let (server, answer) = ScramServer::begin(hash, &first, pencil(hash), "def").unwrap();
            let signature = server.finish(&client.prove(&answer).unwrap()).unwrap();
            assert_eq!(client.verify(&signature), Ok(()));
            let mut wrong = ScramClient::new(hash, user, "pencils", is_token, "abc".to_owned());
            assert_eq!(
                server.finish(&wrong.prove(&answer).unwrap()),
                Err(Refusal::Credentials)
            );
            assert_eq!(wrong.verify(&signature), Err(ScramClientError::Signature));
        }
    }
}

#[test]
fn first_messages_as_kafka_takes_them() {
    let parse = |text: &str| ClientFirstMessage::parse(text.as_bytes());
    for (text, user, bare) in [
        ("n,,n=user,r=abc", "user", "n=user,r=abc"),
        ("n,a=user,n=user,r=abc", "user", "n=user,r=abc"),
        ("n,,m=ext,n=user,r=abc", "user", "n=user,r=abc"),
        (
            "n,,n=u=2Cs=3D,r=a=b,x=y,tokenauth=false",
            "u,s=",
            "n=u=2Cs=3D,r=a=b,x=y,tokenauth=false",
        ),
    ] {
        let message = parse(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!((message.user.as_str(), message.bare.as_str()), (user, bare));
    }
    for text in [
        "",
        "n",
        "n,",
        "n,,",
        "y,,n=user,r=abc",
        "p=tls-unique,,n=user,r=abc",
        "n,,r=abc,n=user",
        "n,,n=,r=abc",
        "n,,n=user",
        "n,,n=user,r=",
        "n,,n=user,r=a b",
        "n,,n=us=er,r=abc",
        "n,,n=us=2cer,r=abc",
        "n,,n=user,r=abc,",
        "n,,n=user,r=abc,x",
        "n,,n=user,r=abc,x=",
        "n,,n=user,r=abc,1=x",
        "n,b=x,n=user,r=abc",
        "n,a=,n=user,r=abc",
        "n,,m=,n=user,r=abc",
        "n,,n=us\u{e9}r,r=abc",
        "n,,n=us\0r,r=abc",
        "N,,n=user,r=abc",
    ] {
        assert_eq!(parse(text), None, "{text:?}");
    }
}

#[test]
fn an_authorization_id_is_the_users_own() {
    assert!(begin("n,a=user,n=user,r=abc").is_ok());
    let refused = begin("n,a=admin,n=user,r=abc").map(|_| ());
    assert!(matches!(refused, Err(Refusal::Says(_))), "{refused:?}");
}

#[test]
fn proofs_as_kafka_judges_them() {
    let (server, _) = begin("n,,n=user,r=rOprNGfwEbeRWgbNEkqO").unwrap();
    let nonce = format!("{CLIENT_NONCE}{SERVER_NONCE}");
    let table: &[(String, Refusal)] = &[
        // Of another nonce, also of one that begins alike (CVE-2024-56128).
        (CLIENT_FINAL.replace("$k0", "$k1"), Refusal::Credentials),
        (CLIENT_FINAL.replace("$k0", ""), Refusal::Credentials),
        (
            CLIENT_FINAL.replace(CLIENT_NONCE, &format!("{CLIENT_NONCE}{CLIENT_NONCE}")),
            Refusal::Credentials,
        ),
        // Of another channel binding than was proven.
        (CLIENT_FINAL.replace("biws", "eSws"), Refusal::Credentials),
        (CLIENT_FINAL.replace("p=d", "p=e"), Refusal::Credentials),
        (CLIENT_FINAL.replace("VQ=", "V="), Refusal::Credentials),
        (format!("r={nonce},c=biws,p=AAAA"), Refusal::Credentials),
        (format!("c=biws,r={nonce}"), Refusal::Credentials),
        (
            format!("c=biws,r={nonce},p=AAAA"),
            Refusal::Broken("a SCRAM proof of the wrong length"),
        ),
        (
            format!("c=biws,r={nonce},p="),
            Refusal::Broken("a SCRAM proof of the wrong length"),
        ),
        (String::new(), Refusal::Credentials),
    ];
    for (message, expected) in table {
        assert_eq!(
            server.finish(message.as_bytes()),
            Err(expected.clone()),
            "{message}"
        );
    }
    // An extension is passed over.
    assert!(
        server
            .finish(CLIENT_FINAL.replace(",p=", ",x=y,p=").as_bytes())
            .is_ok()
    );
    assert_eq!(ClientFinalMessage::parse(b"c=biws,r=abc,p=AAA"), None);
}

#[test]
fn a_credential_that_is_too_weak_is_of_no_use() {
    let first = ClientFirst::parse(b"n,,n=user,r=abc").unwrap();
    let weak = ScramCredential {
        iterations: 4095,
        ..pencil(ScramHash::Sha256)
    };
    let begun = ScramServer::begin(ScramHash::Sha256, &first, weak, "def");
    assert!(matches!(begun, Err(Refusal::Credentials)));
    assert_eq!(
        format!("{:?}", pencil(ScramHash::Sha256)),
        "ScramCredential(4096 iterations)"
    );
}

#[test]
fn a_client_trusts_no_server_that_does_not_know_the_credential() {
    let client = || ScramClient::new(ScramHash::Sha256, "user", "pencil", false, "abc".to_owned());
    for (answer, expected) in [
        ("r=abcdef,s=W22Z,i=4095", ScramClientError::Iterations(4095)),
        (
            "r=abcdef,s=W22Z,i=2000000000",
            ScramClientError::Iterations(2_000_000_000),
        ),
        ("r=abc,s=W22Z,i=4096", ScramClientError::Nonce),
        ("r=xabcdef,s=W22Z,i=4096", ScramClientError::Nonce),
        ("r=abcdef,s=W22,i=4096", ScramClientError::Malformed),
        ("r=abcdef,s=W22Z,i=+4096", ScramClientError::Malformed),
        ("r=abcdef,s=W22Z,i=99999999999", ScramClientError::Malformed),
        ("e=other-error", ScramClientError::Malformed),
    ] {
        assert_eq!(client().prove(answer.as_bytes()), Err(expected), "{answer}");
    }
    assert_eq!(client().verify(b"v="), Err(ScramClientError::Signature));
    assert_eq!(
        client().verify(b"e=invalid-proof"),
        Err(ScramClientError::Malformed)
    );
}
