//! Parsers get what no client or administrator would write: none may panic, and none may build more than it
//! was given.

use std::sync::Arc;

use barnabas_environment::Random;
use barnabas_security::sasl::scram::message::{
    ClientFinalMessage, ClientFirstMessage, ServerFirstMessage, parse_server_final,
};
use barnabas_security::sasl::scram::{ClientFirst, ScramCredential, ScramHash};
use barnabas_security::sasl::{
    CredentialSource, JaasFile, KeySet, ListenerSasl, Login, NoKerberos, Progress, SaslSettings,
    Surroundings, TokenCredential, base64, parse_jaas,
};

const SEEDS: u64 = 20_000;
const WELL_FORMED: &[&str] = &[
    "n,a=user,n=us=2Cer,r=rOprNGfwEbeRWgbNEkqO,x=y,tokenauth=true",
    "m=x,r=abc%hvYDpWUa2RaTCAfuxFIlj,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    "c=biws,r=abc%hvYDpWUa2RaTCAfuxFIlj,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    "\0alice\0alice-secret",
    "a.B required user_a=\"b\\101\" c='d' /* e */ f=g; // h\n",
    r#"{"keys":[{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}"#,
    "KafkaServer { a.B required user_a=\"b\"; c.D optional; };",
];
const PIECES: &[&str] = &[
    "n,",
    "=",
    ",",
    "r=",
    "p=",
    "m=",
    "\0",
    "\"",
    "'",
    "\\",
    "\\7",
    "/*",
    "*/",
    "//",
    "{",
    "}",
    ";",
    "=2C",
    "\u{e9}",
    "\u{10ffff}",
    "\n",
    "9999999999",
    "-",
    ".",
];

/// A well-formed text with pieces cut, doubled and put in, and now and then a byte of anything.
fn spoiled(random: &Random) -> Vec<u8> {
    let mut text = WELL_FORMED[random.index(WELL_FORMED.len())].as_bytes().to_vec();
    for _ in 0..random.index(6) {
        let at = random.index(text.len() + 1);
        match random.index(4) {
            0 => text.truncate(at),
            1 => {
                let end = at + random.index(text.len() - at + 1);
                text.drain(at..end);
            }
            2 => {
                let piece = PIECES[random.index(PIECES.len())];
                text.splice(at..at, piece.bytes());
            }
            _ => text.insert(at, random.u64() as u8),
        }
    }
    text
}

/// A user that nobody has the password of.
struct Nobody;

impl CredentialSource for Nobody {
    fn user(&self, hash: ScramHash, _: &str) -> Option<ScramCredential> {
        let (stored_key, server_key) = hash.keys(b"nobody's");
        Some(ScramCredential {
            salt: vec![1],
            stored_key,
            server_key,
            iterations: 4096,
        })
    }

    fn token(&self, _: ScramHash, _: &str) -> Option<TokenCredential> {
        None
    }
}

fn listener() -> Arc<ListenerSasl> {
    let setting = |name: &str| match name {
        "sasl.enabled.mechanisms" => Some("PLAIN,SCRAM-SHA-256".to_owned()),
        _ => None,
    };
    let file = "KafkaServer { org.apache.kafka.common.security.plain.PlainLoginModule required; };";
    let settings = SaslSettings {
        listener: "SASL",
        setting: &setting,
        jaas_file: Some(&JaasFile::parse(file).unwrap()),
        kerberos: &NoKerberos,
    };
    Arc::new(ListenerSasl::read(&settings).unwrap())
}

#[test]
fn no_input_is_too_bad() {
    let random = Random::seeded(14);
    let sasl = listener();
    let surroundings = Surroundings {
        now_ms: 0,
        nonce: &|| "nonce".to_owned(),
        credentials: &Nobody,
    };
    let mut taken = [0; 6];
    for _ in 0..SEEDS {
        let bytes = spoiled(&random);
        let text = String::from_utf8_lossy(&bytes);
        let first = ClientFirstMessage::parse(&bytes);
        assert_eq!(first.is_some(), ClientFirst::parse(&bytes).is_ok());
        if let Some(first) = &first {
            assert!(first.user.len() + first.nonce.len() <= bytes.len());
        }
        let server_first = ServerFirstMessage::parse(&bytes);
        if let Some(message) = &server_first {
            assert_eq!(
                ServerFirstMessage::parse(message.write().as_bytes()).as_ref(),
                Some(message)
            );
        }
        let client_final = ClientFinalMessage::parse(&bytes);
        let server_final = parse_server_final(&bytes);
        for mechanism in ["PLAIN", "SCRAM-SHA-256"] {
            let mut login = Login::new(sasl.clone());
            login.handshake(1, mechanism);
            let progress = login.token(&bytes, &surroundings);
            assert!(!matches!(progress, Progress::Done(..)), "{mechanism}: {bytes:?}");
        }
        let entry = parse_jaas(&text);
        if let Ok(entry) = &entry {
            let size: usize = entry
                .options
                .iter()
                .map(|(name, value)| name.len() + value.len())
                .sum();
            assert!(size <= 2 * text.len(), "{text:?}");
        }
        drop(JaasFile::parse(&text));
        for decode in [base64::decode, base64::decode_lenient, base64::decode_url] {
            assert!(decode(&text).is_none_or(|bytes| bytes.len() <= text.len()));
        }
        let keys = KeySet::parse(&bytes);
        assert!(keys.as_ref().is_ok_and(|keys| keys.len() <= bytes.len()) || keys.is_err());
        let outcomes = [
            keys.is_ok(),
            first.is_some(),
            server_first.is_some(),
            client_final.is_some(),
            server_final.is_some(),
            entry.is_ok(),
        ];
        taken
            .iter_mut()
            .zip(outcomes)
            .for_each(|(count, is_taken)| *count += usize::from(is_taken));
    }
    // Else nothing was tried behind the first check.
    assert!(taken.iter().all(|count| *count > 100), "{taken:?}");
}
