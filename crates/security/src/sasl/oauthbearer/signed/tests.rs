//! Signatures, claims and keys as Kafka's validator judges them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

use super::super::super::jaas::{JaasEntry, parse_jaas};
use super::super::TokenError;
use super::super::keys::{KeySet, SharedKeys};
use super::super::settings::{self, Validator};
use super::*;

const NOW_MS: i64 = 1_000_000_000;

fn url(bytes: &[u8]) -> String {
    let text = base64::encode(bytes);
    text.trim_end_matches('=').replace('+', "-").replace('/', "_")
}

struct Issuer(EcdsaKeyPair);

impl Issuer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Issuer(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random).unwrap())
    }

    fn keys(&self, more: &str) -> KeySet {
        let point = self.0.public_key().as_ref();
        let (x, y) = (url(&point[1..33]), url(&point[33..]));
        let json = format!(
            r#"{{"keys":[{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"{more}}},{{"kty":"oct","k":"AA"}}]}}"#
        );
        KeySet::parse(json.as_bytes()).unwrap()
    }

    fn token(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", url(header.as_bytes()), url(claims.as_bytes()));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", url(signature.as_ref()))
    }
}

fn validator(keys: KeySet) -> SignedValidator {
    let shared = SharedKeys::default();
    shared.store(keys);
    SignedValidator {
        keys: Arc::new(shared),
        audience: ["kafka".to_owned()].into(),
        issuer: Some("https://issuer".to_owned()),
        scope_claim: "scope".to_owned(),
        principal_claim: "sub".to_owned(),
        clock_skew_ms: 30_000,
    }
}

const HEADER: &str = r#"{"alg":"ES256","kid":"a"}"#;
const CLAIMS: &str = r#"{"sub":"alice","iss":"https://issuer","aud":"kafka","iat":999000,"exp":1000600}"#;

#[test]
fn a_signed_token_says_who_comes_and_until_when() {
    let issuer = Issuer::new();
    let validator = validator(issuer.keys(r#","kid":"a","use":"sig","alg":"ES256""#));
    let alice = Ok(Token {
        principal: "alice".to_owned(),
        expires_at_ms: 1_000_600_000,
    });
    for header in [HEADER, r#"{"alg":"ES256"}"#, r#"{"alg":"ES256","typ":"JWT"}"#] {
        assert_eq!(
            validator.validate(&issuer.token(header, CLAIMS), NOW_MS),
            alice,
            "{header}"
        );
    }
    for claims in [
        CLAIMS.replace(r#""kafka""#, r#"["other","kafka"]"#),
        CLAIMS.replace("1000600", "1000600,\"scope\":[\"a\",\"b\"]"),
        CLAIMS.replace("1000600", "1000600,\"nbf\":1000029"),
    ] {
        assert_eq!(
            validator.validate(&issuer.token(HEADER, &claims), NOW_MS),
            alice,
            "{claims}"
        );
    }
}

#[test]
fn what_is_not_verified_is_refused() {
    let (issuer, other) = (Issuer::new(), Issuer::new());
    let validator = validator(issuer.keys(r#","kid":"a""#));
    let good = issuer.token(HEADER, CLAIMS);
    let (signed, _) = good.rsplit_once('.').unwrap();
    let header = |header: &str| issuer.token(header, CLAIMS);
    let claims = |from: &str, to: &str| issuer.token(HEADER, &CLAIMS.replace(from, to));
    for token in [
        String::new(),
        "..".to_owned(),
        format!("{signed}."),
        format!("{good}A"),
        format!(
            "{}.",
            signed.replacen(&url(HEADER.as_bytes()), &url(br#"{"alg":"none"}"#), 1)
        ),
        other.token(HEADER, CLAIMS),
        header(r#"{"alg":"none","kid":"a"}"#),
        header(r#"{"alg":"HS256","kid":"a"}"#),
        header(r#"{"alg":"RS256","kid":"a"}"#),
        header(r#"{"alg":"ES384","kid":"a"}"#),
        header(r#"{"alg":"es256","kid":"a"}"#),
        header(r#"{"kid":"a"}"#),
        header(r#"{"alg":"ES256","kid":7}"#),
        header(r#"{"alg":"ES256","kid":"b"}"#),
        header(r#"{"alg":"ES256","kid":"a","crit":["b64"],"b64":false}"#),
        claims("alice", " "),
        claims(r#""sub":"alice","#, ""),
        claims("https://issuer", "https://issuer/"),
        claims(r#""iss":"https://issuer","#, ""),
        claims("kafka", "Kafka"),
        claims(r#""aud":"kafka","#, ""),
        claims(r#""iat":999000,"#, ""),
        claims("999000", "\"999000\""),
        claims("1000600", "999970"),
        claims(r#","exp":1000600"#, ""),
        claims("1000600", "1000600,\"nbf\":1000031"),
        claims("1000600", "1000600,\"scope\":7"),
        claims("1000600", "1000600,\"scope\":[\"\"]"),
    ] {
        assert_eq!(
            validator.validate(&token, NOW_MS),
            Err(TokenError::INVALID),
            "{token}"
        );
    }
}

#[test]
fn an_unknown_key_is_asked_for() {
    let (old, new) = (Issuer::new(), Issuer::new());
    let validator = validator(old.keys(r#","kid":"old""#));
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    validator.keys.fetched_by(move || {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let token = new.token(HEADER, CLAIMS);
    assert!(validator.validate(&token, NOW_MS).is_err());
    let wrong = new.token(r#"{"alg":"ES256","kid":"old"}"#, CLAIMS);
    assert!(validator.validate(&wrong, NOW_MS).is_err());
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    validator.keys.store(new.keys(r#","kid":"a""#));
    assert!(validator.validate(&token, NOW_MS).is_ok());
}

#[test]
fn sets_of_keys_are_bounded() {
    for (json, count) in [
        (r#"{"keys":[]}"#.to_owned(), Some(0)),
        (r#"{"keys":[{"kty":"RSA","n":"AQ","e":"AQAB","use":"enc"},{"kty":"RSA","n":"AQ","e":"AQAB"},7,{}]}"#.to_owned(), Some(1)),
        (r#"{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}"#.to_owned(), Some(0)),
        (format!(r#"{{"keys":[{}]}}"#, vec!["{}"; 101].join(",")), None),
        ("[]".to_owned(), None),
        ("{}".to_owned(), None),
        (String::new(), None),
    ] {
        let read = KeySet::parse(json.as_bytes()).ok().map(|keys| keys.len());
        assert_eq!(read, count, "{json}");
    }
}

#[test]
fn settings_leave_no_token_unverified_without_a_word() {
    let handler = "oauthbearer.sasl.server.callback.handler.class";
    let class = "org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler";
    let url = ("sasl.oauthbearer.jwks.endpoint.url", "https://issuer/keys");
    let audience = ("sasl.oauthbearer.expected.audience", "a, b");
    let issuer = ("sasl.oauthbearer.expected.issuer", "i");
    let read = |given: &[(&str, &str)]| {
        let entry = parse_jaas(&format!(
            "{} required ssl.truststore.type=PEM x=y;",
            JaasEntry::OAUTHBEARER
        ))
        .unwrap();
        let setting = |name: &str| {
            given
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        settings::read(&setting, &[entry])
    };
    let (validator, endpoint) = read(&[(handler, class), url, audience, issuer]).unwrap();
    let Validator::Signed(validator) = validator else {
        panic!("{validator:?}")
    };
    assert_eq!((validator.audience.len(), validator.clock_skew_ms), (2, 30_000));
    let endpoint = endpoint.unwrap();
    assert_eq!(
        endpoint.trust,
        [("ssl.truststore.type".to_owned(), "PEM".to_owned())]
    );
    assert!(matches!(read(&[]), Ok((Validator::Unsecured(_), None))));
    let any = ("sasl.oauthbearer.allow.unverified.audience", "true");
    assert!(read(&[(handler, class), url, any, issuer]).is_ok());
    for (given, why) in [
        (&[url][..], "would not be verified by it"),
        (&[(handler, class)], "jwks.endpoint.url is not set"),
        (&[(handler, class), url, issuer], "expected.audience is not set"),
        (&[(handler, class), url, audience], "expected.issuer is not set"),
        (
            &[(handler, "my.Handler"), url, audience, issuer],
            "my.Handler is refused",
        ),
        (
            &[
                (handler, class),
                url,
                audience,
                issuer,
                ("sasl.oauthbearer.jwt.validator.class", "my.Validator"),
            ],
            "my.Validator is refused",
        ),
        (
            &[
                (handler, class),
                url,
                audience,
                issuer,
                ("sasl.oauthbearer.clock.skew.seconds", "x"),
            ],
            "Not a number",
        ),
    ] {
        let said = read(given).unwrap_err();
        assert!(said.contains(why), "{said}");
    }
}
