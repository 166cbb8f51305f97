//! Settings as they stop the start, and as they don't.

use super::super::gssapi::NoKerberos;
use super::*;

const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule required username=admin password=\"admin-secret\";";

fn read(settings: &[(&str, &str)], file: Option<&str>) -> Result<ListenerSasl, String> {
    let jaas_file = file.map(|text| JaasFile::parse(text).unwrap());
    let setting = |name: &str| {
        let given = settings.iter().find(|(given, _)| *given == name);
        given.map(|(_, value)| (*value).to_owned())
    };
    let settings = SaslSettings {
        listener: "INSIDE",
        setting: &setting,
        jaas_file: jaas_file.as_ref(),
        kerberos: &NoKerberos,
    };
    ListenerSasl::read(&settings).map_err(|error| error.to_string())
}

#[test]
fn mechanisms_need_an_entry_each() {
    let both = [
        ("sasl.enabled.mechanisms", " PLAIN , SCRAM-SHA-512,PLAIN"),
        ("plain.sasl.jaas.config", PLAIN),
    ];
    let missing = "Could not find a 'KafkaServer' or 'inside.KafkaServer' entry in the JAAS configuration: \
                   listener.name.inside.scram-sha-512.sasl.jaas.config is not given, and \
                   java.security.auth.login.config is not set";
    assert_eq!(read(&both, None).unwrap_err(), missing);
    let file = "KafkaServer { org.apache.kafka.common.security.scram.ScramLoginModule required; };";
    assert_eq!(read(&both, Some(file)).unwrap().mechanisms().len(), 2);
}

#[test]
fn what_stops_the_start() {
    let handler = "plain.sasl.server.callback.handler.class";
    let plain = ("plain.sasl.jaas.config", PLAIN);
    for (settings, expected) in [
        (
            vec![("sasl.enabled.mechanisms", "")],
            "No SASL mechanisms are enabled",
        ),
        (
            vec![("sasl.enabled.mechanisms", "GSSAPI")],
            "java.security.auth.login.config is not set; GSSAPI (Kerberos) is Kafka's default",
        ),
        (
            vec![("sasl.enabled.mechanisms", "plain")],
            "the SASL mechanism plain",
        ),
        (
            vec![
                ("sasl.enabled.mechanisms", "PLAIN"),
                ("plain.sasl.jaas.config", "a.B required;"),
            ],
            "No LoginModule found for a.B",
        ),
        (
            vec![
                ("sasl.enabled.mechanisms", "PLAIN"),
                ("plain.sasl.jaas.config", "a.B required"),
            ],
            "listener.name.inside.plain.sasl.jaas.config: JAAS config entry not terminated by semi-colon",
        ),
        (
            vec![
                ("sasl.enabled.mechanisms", "PLAIN"),
                plain,
                (handler, "my.Handler"),
            ],
            "my.Handler is refused",
        ),
        (
            vec![
                ("sasl.enabled.mechanisms", "PLAIN"),
                plain,
                ("connections.max.reauth.ms", "soon"),
            ],
            "Invalid value soon for configuration connections.max.reauth.ms",
        ),
    ] {
        let error = read(&settings, None).unwrap_err();
        assert!(
            error.contains(expected) && !error.contains("admin-secret"),
            "{error}"
        );
    }
    let own = "org.apache.kafka.common.security.plain.internals.PlainServerCallbackHandler";
    assert!(
        read(
            &[("sasl.enabled.mechanisms", "PLAIN"), plain, (handler, own)],
            None
        )
        .is_ok()
    );
}

#[test]
fn a_node_is_to_others_who_its_entry_says() {
    let client = |text: &'static str| {
        let setting = move |_: &str| Some(text.to_owned());
        let settings = SaslSettings {
            listener: "INSIDE",
            setting: &setting,
            jaas_file: None,
            kerberos: &NoKerberos,
        };
        settings
            .client(SaslMechanism::Plain)
            .map_err(|error| error.to_string())
    };
    let shown = client(PLAIN).map(|credentials| format!("{credentials:?}"));
    assert_eq!(shown.as_deref(), Ok("ClientCredentials(admin by PLAIN)"));
    let none = client("org.apache.kafka.common.security.plain.PlainLoginModule required user_a=b;");
    assert!(none.unwrap_err().contains("has no username and password"));
}
