//! Listeners as Apache Kafka 4.4 reads them.

use super::*;
use crate::Layers;

fn read_all(pairs: &[(&str, &str)]) -> Result<NodeListeners, String> {
    let mut all: Vec<(&str, &str)> = vec![
        ("node.id", "1"),
        ("process.roles", "broker,controller"),
        ("controller.listener.names", "CONTROLLER"),
    ];
    all.extend_from_slice(pairs);
    let settings = all
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let config = BrokerConfig::resolve(&Layers::of_static(settings)).unwrap();
    let quorum = QuorumSettings::of(&config).unwrap();
    node_listeners(&config, &quorum).map_err(|error| error.to_string())
}

fn read(pairs: &[(&str, &str)]) -> Result<Vec<ListenerConfig>, String> {
    read_all(pairs).map(|listeners| listeners.broker)
}

#[test]
fn kafkas_stock_listeners_are_read() {
    let listeners = read(&[
        ("listeners", "PLAINTEXT://:9092,CONTROLLER://:9093"),
        (
            "advertised.listeners",
            "PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093",
        ),
    ])
    .unwrap();
    let expected = ListenerConfig {
        name: "PLAINTEXT".to_owned(),
        protocol: SecurityProtocol::Plaintext,
        host: None,
        port: 9092,
        advertised_host: Some("localhost".to_owned()),
        advertised_port: 9092,
    };
    assert_eq!(listeners, [expected]);
}

#[test]
fn several_listeners_with_names_of_their_own() {
    let listeners = read(&[
        ("listeners", "inside://[::1]:0,OUTSIDE://0.0.0.0:9094"),
        (
            "advertised.listeners",
            "INSIDE://one.example:1,OUTSIDE://two.example:2",
        ),
        (
            "listener.security.protocol.map",
            "INSIDE:PLAINTEXT, OUTSIDE:PLAINTEXT",
        ),
    ])
    .unwrap();
    let short: Vec<_> = listeners
        .iter()
        .map(|l| (l.name.as_str(), l.host.as_deref(), l.port, l.advertised_port))
        .collect();
    assert_eq!(
        short,
        [
            ("INSIDE", Some("::1"), 0, 1),
            ("OUTSIDE", Some("0.0.0.0"), 9094, 2)
        ]
    );
}

#[test]
fn a_wildcard_advertises_no_host() {
    for host in ["", "0.0.0.0", "[::]", "[0:0::0]"] {
        let listeners = read(&[("listeners", &format!("PLAINTEXT://{host}:9092"))]).unwrap();
        assert_eq!(
            (
                listeners[0].advertised_host.as_deref(),
                listeners[0].advertised_port
            ),
            (None, 9092)
        );
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let table: &[(&[(&str, &str)], &str)] = &[
        (
            &[("listeners", "abc")],
            "Error creating broker listeners from '[abc]': Unable to parse abc to a broker endpoint",
        ),
        (
            &[("listeners", "X://:1")],
            "No security protocol defined for listener X",
        ),
        (
            &[("listener.security.protocol.map", "PLAINTEXT")],
            "Invalid value PLAINTEXT for configuration listener.security.protocol.map: an entry is NAME:PROTOCOL",
        ),
        (
            &[("listener.security.protocol.map", "PLAINTEXT:TLS")],
            "Invalid value TLS for configuration listener.security.protocol.map: a protocol is one of PLAINTEXT, SSL, \
             SASL_PLAINTEXT, SASL_SSL",
        ),
        (
            &[
                ("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT"),
                ("inter.broker.listener.name", "INSIDE"),
            ],
            "Listener with name INSIDE defined in inter.broker.listener.name not found in \
             listener.security.protocol.map.",
        ),
        (
            &[("advertised.listeners", "PLAINTEXT://[::]:1")],
            "advertised.listeners=PLAINTEXT://[::]:1 is not valid: nobody can connect to ::. Name the host or the \
             address by which clients reach this machine, or leave the setting out: then each is told the address by \
             which it came",
        ),
        (
            &[("inter.broker.listener.name", "SSL")],
            "requirement failed: inter.broker.listener.name must be a listener name defined in advertised.listeners. \
             The valid options based on currently configured listeners are PLAINTEXT",
        ),
        (
            &[("listeners", "CONTROLLER://:1")],
            "requirement failed: There must be at least one broker advertised listener. Perhaps all listeners appear \
             in controller.listener.names?",
        ),
        (
            &[("listeners", "PLAINTEXT://:1,SSL://:1")],
            "requirement failed: Each listener must have a different port, listeners: PLAINTEXT://:1,SSL://:1",
        ),
        (
            &[("advertised.listeners", "OTHER://a:1")],
            "requirement failed: advertised.listeners listener names must be equal to or a subset of the ones \
             defined in listeners. Found OTHER. The valid options based on the current configuration are PLAINTEXT",
        ),
    ];
    for (pairs, expected) in table {
        assert_eq!(read(pairs).unwrap_err(), *expected);
    }
}

const VOTERS: (&str, &str) = ("controller.quorum.voters", "1@one.example:9093,2@b:2");
const ALONE: (&str, &str) = ("controller.quorum.voters", "1@a:1");
const ELSEWHERE: (&str, &str) = ("controller.quorum.voters", "2@a:1");
const BROKER: (&str, &str) = ("process.roles", "broker");
const CONTROLLER: (&str, &str) = ("process.roles", "controller");
const BOTH: &str = "PLAINTEXT://:1,CONTROLLER://:2";

#[test]
fn a_controllers_listener_is_told_where_the_voters_are_told() {
    let told = |pairs: &[(&str, &str)]| {
        let listeners = read_all(pairs).unwrap().controller;
        let told = listeners
            .iter()
            .map(|l| (l.advertised_host.clone(), l.advertised_port));
        told.collect::<Vec<_>>()
    };
    let listeners = ("listeners", BOTH);
    assert_eq!(
        told(&[VOTERS, listeners]),
        [(Some("one.example".to_owned()), 9093)]
    );
    let advertised = ("advertised.listeners", "PLAINTEXT://h:1,CONTROLLER://h:7");
    assert_eq!(
        told(&[VOTERS, listeners, advertised]),
        [(Some("h".to_owned()), 7)]
    );
    assert_eq!(told(&[listeners]), [(None, 2)]);
    assert_eq!(
        told(&[CONTROLLER, ALONE, ("listeners", "CONTROLLER://:3")]).len(),
        1
    );
    assert_eq!(told(&[BROKER, ELSEWHERE]), []);
}

#[test]
fn roles_and_listeners_fit_together_as_in_kafka() {
    let map = (
        "listener.security.protocol.map",
        "INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT,C2:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    );
    let only = "requirement failed: The listeners config must only contain KRaft controller listeners from \
                controller.listener.names when process.roles=controller";
    let inside = "requirement failed: inter.broker.listener.name must be a listener name defined in \
                  advertised.listeners. The valid options based on currently configured listeners are INSIDE";
    let table: &[(&[(&str, &str)], &str)] = &[
        (
            &[BROKER, ELSEWHERE, ("listeners", BOTH)],
            "requirement failed: controller.listener.names must not contain a value appearing in the 'listeners' \
             configuration when running KRaft with just the broker role",
        ),
        (&[CONTROLLER, VOTERS], only),
        (&[CONTROLLER, VOTERS, ("listeners", BOTH)], only),
        (
            &[VOTERS],
            "requirement failed: controller.listener.names must contain at least one value appearing in the \
             'listeners' configuration when running the KRaft controller role",
        ),
        (
            &[
                VOTERS,
                map,
                ("controller.listener.names", "CONTROLLER,C2"),
                ("listeners", BOTH),
            ],
            "requirement failed: controller.listener.names must only contain values appearing in the 'listeners' \
             configuration when running the KRaft controller role",
        ),
        (
            &[VOTERS, map, ("listeners", "INSIDE://:1,CONTROLLER://:2")],
            inside,
        ),
        (
            &[
                VOTERS,
                map,
                ("listeners", "PLAINTEXT://:1,INSIDE://:3,CONTROLLER://:2"),
                ("advertised.listeners", "INSIDE://a:3"),
            ],
            inside,
        ),
    ];
    for (pairs, expected) in table {
        assert_eq!(read_all(pairs).unwrap_err(), *expected);
    }
    let named = [
        VOTERS,
        map,
        ("listeners", "INSIDE://:1,CONTROLLER://:2"),
        ("inter.broker.listener.name", "inside"),
    ];
    assert_eq!(read_all(&named).unwrap().broker[0].name, "INSIDE");
}

#[test]
fn each_listener_has_the_protocol_that_the_map_gives_it() {
    let map = "INSIDE:SSL,outside:SASL_SSL , CONTROLLER:SSL,PLAINTEXT:PLAINTEXT";
    let protected = [
        VOTERS,
        ("listener.security.protocol.map", map),
        ("listeners", "INSIDE://:1,CONTROLLER://:2,OUTSIDE://:3"),
        ("inter.broker.listener.name", "inside"),
    ];
    let listeners = read_all(&protected).unwrap();
    let protocols: Vec<_> = listeners.broker.iter().map(|l| l.protocol).collect();
    assert_eq!(protocols, [SecurityProtocol::Ssl, SecurityProtocol::SaslSsl]);
    assert_eq!(listeners.controller[0].protocol, SecurityProtocol::Ssl);
    let named = |name: &str| ListenerProtocol {
        name: name.to_owned(),
        protocol: SecurityProtocol::Ssl,
    };
    assert_eq!(listeners.inter_broker, named("INSIDE"));
    assert_eq!(listeners.to_controllers, named("CONTROLLER"));
}

#[test]
fn names_that_are_protocols_need_no_map_but_then_the_controllers_do() {
    let alone = read_all(&[("listeners", "PLAINTEXT://:1,SSL://:2,SASL_SSL://:3")]).unwrap();
    let protocols: Vec<_> = alone.broker.iter().map(|l| l.protocol.name()).collect();
    assert_eq!(protocols, ["PLAINTEXT", "SSL", "SASL_SSL"]);
    let by_protocol = [
        ("listeners", "SSL://:2"),
        ("security.inter.broker.protocol", "SSL"),
    ];
    assert_eq!(read_all(&by_protocol).unwrap().inter_broker.name, "SSL");
    let unmapped = read_all(&[VOTERS, ("listeners", "PLAINTEXT://:1,SSL://:2,CONTROLLER://:3")]);
    assert_eq!(
        unmapped.unwrap_err(),
        "Controller listener with name CONTROLLER defined in controller.listener.names not found in \
         listener.security.protocol.map  (an explicit security mapping for each controller listener is required if \
         listener.security.protocol.map is non-empty, or if there are security protocols other than PLAINTEXT in use)"
    );
}
