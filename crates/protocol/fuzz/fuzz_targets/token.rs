//! Any bytes as the keys of an issuer, and as what a client brings with OAUTHBEARER: nobody is let in.
#![no_main]

use std::sync::{Arc, OnceLock};

use barnabas_security::sasl::scram::{ScramCredential, ScramHash};
use barnabas_security::sasl::{
    CredentialSource, JaasFile, KeySet, ListenerSasl, Login, NoKerberos, Progress, SaslSettings, Surroundings,
    TokenCredential,
};

const PACKAGE: &str = "org.apache.kafka.common.security.oauthbearer";

struct Nobody;

impl CredentialSource for Nobody {
    fn user(&self, _: ScramHash, _: &str) -> Option<ScramCredential> {
        None
    }

    fn token(&self, _: ScramHash, _: &str) -> Option<TokenCredential> {
        None
    }
}

fn listener() -> Arc<ListenerSasl> {
    let setting = |name: &str| match name {
        "sasl.enabled.mechanisms" => Some("OAUTHBEARER".to_owned()),
        "oauthbearer.sasl.server.callback.handler.class" => {
            Some(format!("{PACKAGE}.OAuthBearerValidatorCallbackHandler"))
        }
        "sasl.oauthbearer.jwks.endpoint.url" => Some("file:/keys".to_owned()),
        "sasl.oauthbearer.allow.unverified.audience" | "sasl.oauthbearer.allow.unverified.issuer" => {
            Some("true".to_owned())
        }
        _ => None,
    };
    let file = format!("KafkaServer {{ {PACKAGE}.OAuthBearerLoginModule required; }};");
    let settings = SaslSettings {
        listener: "SASL",
        setting: &setting,
        jaas_file: Some(&JaasFile::parse(&file).expect("it is a JAAS file")),
        kerberos: &NoKerberos,
    };
    Arc::new(ListenerSasl::read(&settings).expect("they are settings of OAUTHBEARER"))
}

static LISTENER: OnceLock<Arc<ListenerSasl>> = OnceLock::new();

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let sasl = LISTENER.get_or_init(listener);
    if let Ok(keys) = KeySet::parse(data) {
        sasl.jwks().expect("it has signed tokens").keys.store(keys);
    }
    let surroundings = Surroundings {
        now_ms: 1_000_000_000,
        nonce: &|| "nonce".to_owned(),
        credentials: &Nobody,
    };
    let bearer = [b"n,,\x01auth=Bearer ", data, b"\x01\x01"].concat();
    for message in [data, &bearer] {
        let mut login = Login::new(sasl.clone());
        login.handshake(1, "OAUTHBEARER");
        assert!(!matches!(login.token(message, &surroundings), Progress::Done(..)));
    }
});
