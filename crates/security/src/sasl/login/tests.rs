//! Logins step by step, as Kafka answers them.

use super::super::client::{ClientCredentials, SaslClient};
use super::super::gssapi::NoKerberos;
use super::super::listener::SaslSettings;
use super::super::scram::{ScramCredential, ScramHash};
use super::super::server::{CredentialSource, TokenCredential};
use super::*;
use crate::KafkaPrincipal;

const PLAIN: SaslMechanism = SaslMechanism::Plain;
const SCRAM: SaslMechanism = SaslMechanism::Scram(ScramHash::Sha256);

/// A user, and a token of hers that expires at 20,000.
struct Alice;

impl CredentialSource for Alice {
    fn user(&self, hash: ScramHash, name: &str) -> Option<ScramCredential> {
        let salt = b"salt".to_vec();
        (name == "alice").then(|| ScramCredential::of_password(hash, b"alice-secret", salt, 4096))
    }

    fn token(&self, hash: ScramHash, id: &str) -> Option<TokenCredential> {
        let credential = ScramCredential::of_password(hash, b"hmac", b"salt".to_vec(), 4096);
        (id == "token").then(|| TokenCredential {
            owner: KafkaPrincipal::user("alice"),
            credential,
            expires_at_ms: 20_000,
        })
    }
}

fn listener(settings: &[(&str, &str)]) -> Arc<ListenerSasl> {
    let setting = |name: &str| {
        let given = settings.iter().find(|(given, _)| *given == name);
        let jaas = match name {
            "plain.sasl.jaas.config" => {
                "org.apache.kafka.common.security.plain.PlainLoginModule required user_alice=alice-secret user_bob=bob-secret;"
            }
            "scram-sha-256.sasl.jaas.config" => {
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            }
            "sasl.enabled.mechanisms" => "PLAIN,SCRAM-SHA-256",
            _ => return given.map(|(_, value)| (*value).to_owned()),
        };
        Some(jaas.to_owned())
    };
    let settings = SaslSettings {
        listener: "SASL",
        setting: &setting,
        jaas_file: None,
        kerberos: &NoKerberos,
    };
    Arc::new(ListenerSasl::read(&settings).unwrap())
}

fn surroundings(now_ms: i64) -> Surroundings<'static> {
    Surroundings {
        now_ms,
        nonce: &|| "server-nonce".to_owned(),
        credentials: &Alice,
    }
}

/// Takes a login to its end with what a client sends.
fn exchange(login: &mut Login, client: &mut SaslClient, now_ms: i64) -> Progress {
    let mut token = client.step(b"").unwrap().unwrap();
    loop {
        match login.token(&token, &surroundings(now_ms)) {
            Progress::Challenge(challenge) => token = client.step(&challenge).unwrap().unwrap(),
            end => return end,
        }
    }
}

fn client(mechanism: SaslMechanism, user: &str, password: &str) -> SaslClient {
    ClientCredentials::new(mechanism, user, password).begin("client-nonce".to_owned(), "localhost")
}

fn logged_in(sasl: &Arc<ListenerSasl>, mechanism: SaslMechanism, user: &str, password: &str) -> Progress {
    let mut login = Login::new(sasl.clone());
    assert_eq!(login.handshake(1, mechanism.name()), HandshakeAnswer::Accepted);
    exchange(&mut login, &mut client(mechanism, user, password), 10_000)
}

fn session(progress: Progress) -> Session {
    match progress {
        Progress::Done(_, session) => session,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_order_of_things() {
    let sasl = listener(&[]);
    let mut login = Login::new(sasl.clone());
    assert_eq!(login.awaits(), Awaited::VersionsOrHandshake);
    login.versions_told();
    assert_eq!(login.awaits(), Awaited::Handshake);
    assert_eq!(login.handshake(1, "PLAIN"), HandshakeAnswer::Accepted);
    assert_eq!(login.awaits(), Awaited::Authenticate);
    let end = exchange(&mut login, &mut client(PLAIN, "alice", "alice-secret"), 0);
    assert_eq!(session(end).identity.principal, KafkaPrincipal::user("alice"));
    assert_eq!(login.awaits(), Awaited::Nothing);
    assert!(matches!(login.token(b"", &surroundings(0)), Progress::Closed(_)));

    let mut login = Login::new(sasl.clone());
    assert_eq!(login.handshake(0, "SCRAM-SHA-256"), HandshakeAnswer::Accepted);
    assert_eq!(login.awaits(), Awaited::RawToken);
    let end = exchange(&mut login, &mut client(SCRAM, "alice", "alice-secret"), 0);
    assert_eq!(
        (session(end).mechanism, login.awaits()),
        (SCRAM, Awaited::Nothing)
    );

    for name in ["plain", "SCRAM-SHA-512", "GSSAPI", ""] {
        let mut login = Login::new(sasl.clone());
        assert_eq!(login.handshake(1, name), HandshakeAnswer::Unsupported);
        assert_eq!(login.awaits(), Awaited::Nothing);
    }
    assert_eq!(sasl.mechanisms(), ["PLAIN", "SCRAM-SHA-256"]);
}

#[test]
fn refusals_in_kafkas_words() {
    let sasl = listener(&[]);
    let plain = "Authentication failed: Invalid username or password";
    let scram = "Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256";
    for (mechanism, user, password, expected) in [
        (PLAIN, "alice", "wrong", plain),
        (PLAIN, "eve", "alice-secret", plain),
        (SCRAM, "alice", "wrong", scram),
        (SCRAM, "bob", "bob-secret", scram),
    ] {
        let refused = Progress::Refused(expected.to_owned());
        assert_eq!(
            logged_in(&sasl, mechanism, user, password),
            refused,
            "{user} by {mechanism}"
        );
    }
    let mut login = Login::new(sasl);
    login.handshake(1, "SCRAM-SHA-256");
    let token = b"n,,n=token,r=abc,tokenauth=true";
    assert!(matches!(
        login.token(token, &surroundings(0)),
        Progress::Challenge(_)
    ));
    let short = login.token(b"c=biws,r=abcserver-nonce,p=AAAA", &surroundings(0));
    assert!(matches!(short, Progress::Closed(_)), "{short:?}");
}

#[test]
fn sessions_end_with_the_credential_or_the_mechanisms_time() {
    let of = |settings: &[(&str, &str)], mechanism| {
        session(logged_in(&listener(settings), mechanism, "alice", "alice-secret")).lifetime_ms
    };
    assert_eq!(of(&[], PLAIN), None);
    assert_eq!(of(&[("connections.max.reauth.ms", "0")], PLAIN), None);
    assert_eq!(of(&[("connections.max.reauth.ms", "5000")], PLAIN), Some(5000));
    let own = [
        ("connections.max.reauth.ms", "5000"),
        ("plain.connections.max.reauth.ms", "7000"),
    ];
    assert_eq!((of(&own, PLAIN), of(&own, SCRAM)), (Some(7000), Some(5000)));

    let by_token = |settings: &[(&str, &str)], now_ms| {
        let mut login = Login::new(listener(settings));
        login.handshake(1, "SCRAM-SHA-256");
        let hash = ScramHash::Sha256;
        let mut client = super::super::scram::ScramClient::new(hash, "token", "hmac", true, "abc".to_owned());
        let Progress::Challenge(challenge) = login.token(&client.first(), &surroundings(now_ms)) else {
            panic!("no challenge");
        };
        session(login.token(&client.prove(&challenge).unwrap(), &surroundings(now_ms)))
    };
    let by_it = by_token(&[], 500);
    assert!(by_it.identity.is_token && by_it.identity.principal == KafkaPrincipal::user("alice"));
    assert_eq!(by_it.lifetime_ms, Some(19_500));
    assert_eq!(
        by_token(&[("connections.max.reauth.ms", "5000")], 500).lifetime_ms,
        Some(5000)
    );
    assert_eq!(by_token(&[], 30_000).lifetime_ms, Some(0));
}

#[test]
fn who_authenticates_anew_stays_who_it_was() {
    let sasl = listener(&[("connections.max.reauth.ms", "5000")]);
    let before = session(logged_in(&sasl, PLAIN, "alice", "alice-secret"));
    let renew = |mechanism: SaslMechanism, user: &str, password: &str| {
        let mut login = Login::renewing(sasl.clone(), before.clone());
        assert_eq!(login.awaits(), Awaited::Handshake);
        assert_eq!(login.handshake(1, mechanism.name()), HandshakeAnswer::Accepted);
        exchange(&mut login, &mut client(mechanism, user, password), 0)
    };
    assert_eq!(session(renew(PLAIN, "alice", "alice-secret")), before);
    let other = "Cannot change principals during re-authentication from User.alice: User.bob";
    assert_eq!(
        renew(PLAIN, "bob", "bob-secret"),
        Progress::Refused(other.to_owned())
    );
    assert!(matches!(
        renew(SCRAM, "alice", "alice-secret"),
        Progress::Closed(_)
    ));
    let malformed = {
        let before = session(logged_in(&sasl, SCRAM, "alice", "alice-secret"));
        let mut login = Login::renewing(sasl.clone(), before);
        login.handshake(1, "SCRAM-SHA-256");
        login.token(b"x", &surroundings(0))
    };
    let expected = "Authentication failed during re-authentication due to invalid credentials with SASL mechanism \
                    SCRAM-SHA-256";
    assert_eq!(malformed, Progress::Refused(expected.to_owned()));
}
