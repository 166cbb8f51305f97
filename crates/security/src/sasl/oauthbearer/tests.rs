//! Messages and tokens as Kafka takes them.

use super::super::jaas::{JaasEntry, parse_jaas};
use super::unsecured::UnsecuredValidator;
use super::*;

const NOW_MS: i64 = 1_000_000;

fn url(text: &str) -> String {
    crate::sasl::base64::encode(text.as_bytes())
        .trim_end_matches('=')
        .replace('+', "-")
        .replace('/', "_")
}

fn token(claims: &str) -> String {
    format!("{}.{}.", url(r#"{"alg":"none"}"#), url(claims))
}

fn server(options: &str) -> OAuthBearerServer {
    let entry = parse_jaas(&format!("{} required {options};", JaasEntry::OAUTHBEARER)).unwrap();
    OAuthBearerServer::new(read(&|_| None, &[entry]).unwrap().0)
}

fn taken(options: &str, claims: &str) -> Result<Taken, Refusal> {
    let message = format!("n,,\u{1}auth=Bearer {}\u{1}\u{1}", token(claims));
    server(options).step(message.as_bytes(), NOW_MS)
}

fn told(text: &str) -> Result<Taken, Refusal> {
    Ok(Taken::Error(text.as_bytes().to_vec()))
}

#[test]
fn a_token_says_who_comes_and_until_when() {
    let alice = Token {
        principal: "alice".to_owned(),
        expires_at_ms: 2_000_500,
    };
    let claims = r#"{"sub":"alice","exp":2000.5,"iat":999,"scope":"kafka other"}"#;
    assert_eq!(taken("", claims), Ok(Taken::Token(alice.clone())));
    assert_eq!(
        taken("unsecuredValidatorRequiredScope=kafka", claims),
        Ok(Taken::Token(alice.clone()))
    );
    let by_mail = r#"{"mail":"alice","exp":2000.5,"scp":["kafka"]}"#;
    let options = "unsecuredValidatorPrincipalClaimName=mail unsecuredValidatorScopeClaimName=scp \
                   unsecuredValidatorRequiredScope=kafka";
    assert_eq!(taken(options, by_mail), Ok(Taken::Token(alice)));
    let late = r#"{"sub":"alice","exp":999}"#;
    assert!(matches!(
        taken("unsecuredValidatorAllowableClockSkewMs=\"2000\"", late),
        Ok(Taken::Token(_))
    ));
}

#[test]
fn a_token_that_is_no_good_is_told_so() {
    let invalid = told(r#"{"status":"invalid_token"}"#);
    for claims in [
        "",
        "[]",
        "{}",
        r#"{"sub":"alice"}"#,
        r#"{"exp":2000}"#,
        r#"{"sub":"","exp":2000}"#,
        r#"{"sub":7,"exp":2000}"#,
        r#"{"sub":"alice","exp":"2000"}"#,
        r#"{"sub":"alice","exp":1000}"#,
        r#"{"sub":"alice","exp":2000,"iat":1001}"#,
        r#"{"sub":"alice","exp":1001,"iat":"x"}"#,
    ] {
        assert_eq!(taken("", claims), invalid, "{claims}");
    }
    let scope = "unsecuredValidatorRequiredScope=\"kafka more\"";
    let claims = r#"{"sub":"alice","exp":2000,"scope":"kafka"}"#;
    let insufficient = told(r#"{"status":"insufficient_scope", "scope":"[kafka, more]"}"#);
    assert_eq!(taken(scope, claims), insufficient);
    let good = token(claims);
    let claims_part = good.split('.').nth(1).unwrap();
    for signed in [
        format!("{good}c2ln"),
        format!("{}.{claims_part}.", url(r#"{"alg":"HS256"}"#)),
        format!("{}.{claims_part}.", url("{}")),
        format!("{good}."),
        claims_part.to_owned(),
    ] {
        let message = format!("n,,\u{1}auth=Bearer {signed}\u{1}\u{1}");
        assert_eq!(server("").step(message.as_bytes(), NOW_MS), invalid, "{signed}");
    }
}

#[test]
fn a_refusal_takes_two_steps() {
    let mut server = server("");
    let message = format!("n,,\u{1}auth=Bearer {}\u{1}\u{1}", token("{}"));
    let error = r#"{"status":"invalid_token"}"#;
    assert_eq!(server.step(message.as_bytes(), NOW_MS), told(error));
    assert_eq!(server.step(&[1], NOW_MS), Err(Refusal::says(error)));
}

#[test]
fn messages_as_kafka_takes_them() {
    for (message, expected) in [
        ("n,,\u{1}auth=Bearer a.b.\u{1}\u{1}", Some(("", "a.b."))),
        (
            "n,a=x=2Cy,\u{1}auth=bearer   a.b.\u{1}extra=1 2\u{1}\u{1}",
            Some(("x,y", "a.b.")),
        ),
        ("", None),
        ("n,,", None),
        ("n,,\u{1}\u{1}", None),
        ("y,,\u{1}auth=Bearer a.b.\u{1}\u{1}", None),
        ("n,b=x,\u{1}auth=Bearer a.b.\u{1}\u{1}", None),
        ("n,,\u{1}auth=Basic a.b.\u{1}\u{1}", None),
        ("n,,\u{1}auth=Bearer\u{1}\u{1}", None),
        ("n,,\u{1}auth=Bearer a b\u{1}\u{1}", None),
        ("n,,\u{1}=x\u{1}auth=Bearer a.b.\u{1}\u{1}", None),
        ("n,,auth=Bearer a.b.\u{1}\u{1}", None),
        ("\u{1}", None),
    ] {
        let parsed = parse(message);
        assert_eq!(
            parsed.as_ref().ok().map(|(id, token)| (id.as_str(), *token)),
            expected,
            "{message:?}"
        );
    }
}

#[test]
fn what_is_no_bearer_token_is_not_answered() {
    let basic = "n,,\u{1}auth=Basic abc\u{1}\u{1}";
    assert!(matches!(parse(basic), Err(Refusal::Broken(_))));
    assert_eq!(parse("n,,\u{1}\u{1}"), Err(Refusal::Credentials));
}

#[test]
fn an_authorization_id_is_the_tokens_own() {
    let claims = r#"{"sub":"alice","exp":2000}"#;
    let message = |id: &str| format!("n,a={id},\u{1}auth=Bearer {}\u{1}\u{1}", token(claims));
    assert!(server("").step(message("alice").as_bytes(), NOW_MS).is_ok());
    assert!(matches!(
        server("").step(message("bob").as_bytes(), NOW_MS),
        Err(Refusal::Says(_))
    ));
    let bad = parse_jaas("a.B required unsecuredValidatorAllowableClockSkewMs=x;").unwrap();
    assert!(UnsecuredValidator::of(&bad).is_err());
}
