//! Environment variables over a file and below the command line: what a node starts with.

use super::*;

/// Names and values.
type Pairs<'a> = &'a [(&'a str, &'a str)];

fn no_file(path: &str) -> Result<String, String> {
    Err(format!("there is no {path}"))
}

fn read(variables: &[(&str, &str)]) -> Variables {
    let owned = variables.iter().map(|(name, value)| (name.into(), value.into()));
    Variables::read(owned, &no_file).unwrap_or_else(|error| panic!("{error}"))
}

fn start(variables: &[(&str, &str)]) -> Result<StartSettings, String> {
    load(&Sources {
        variables: Some(read(variables)),
        default_data_dir: "/data".into(),
        ..Sources::default()
    })
    .map_err(|error| error.to_string())
}

#[test]
fn listeners_follow_from_less() {
    let of = |variables: &[(&str, &str)]| {
        let start = start(variables).unwrap();
        let shown = start.listeners.iter().map(|listener| {
            let host = listener.advertised_host.as_deref().unwrap_or("-");
            format!("{listener} as {host}:{}", listener.advertised_port)
        });
        shown.collect::<Vec<_>>().join(" ")
    };
    let table: &[(&[(&str, &str)], &str)] = &[
        (&[], "PLAINTEXT://localhost:9092 as localhost:9092"),
        (&[("BARNABAS_LISTEN", ":9092")], "PLAINTEXT://:9092 as -:9092"),
        (
            &[
                (
                    "KAFKA_ADVERTISED_LISTENERS",
                    "PLAINTEXT://kafka:9092,OUTSIDE://[::1]:1,",
                ),
                (MAP, BOTH),
            ],
            "PLAINTEXT://0.0.0.0:9092 as kafka:9092 OUTSIDE://0.0.0.0:1 as ::1:1",
        ),
        (
            &[
                ("KAFKA_ADVERTISED_HOST_NAME", "me"),
                ("KAFKA_PORT", "1"),
                ("KAFKA_ADVERTISED_PORT", "2"),
            ],
            "PLAINTEXT://:1 as me:2",
        ),
        (&[("KAFKA_PORT", "1")], "PLAINTEXT://:1 as -:1"),
        (
            &[
                ("KAFKA_LISTENERS", "PLAINTEXT://:7"),
                ("KAFKA_ADVERTISED_HOST_NAME", "me"),
            ],
            "PLAINTEXT://:7 as -:7",
        ),
    ];
    for (variables, expected) in table {
        assert_eq!(of(variables), *expected, "{variables:?}");
    }
    let error = Variables::read([("KAFKA_ADVERTISED_PORT".into(), "99999".into())], &no_file).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("KAFKA_ADVERTISED_PORT=99999 is not valid: it is no port")
    );
}

const MAP: &str = "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP";
const BOTH: &str = "PLAINTEXT:PLAINTEXT,OUTSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT";

#[test]
fn a_node_by_itself_gets_along_with_one_replica_and_several_have_kafkas_defaults() {
    let factor = |variables: &[(&str, &str)]| {
        let config = start(variables).unwrap().config;
        (
            config.offsets_topic_replication_factor,
            config.group_initial_rebalance_delay_ms,
        )
    };
    assert_eq!(factor(&[]), (1, 0));
    assert_eq!(
        factor(&[("KAFKA_CONTROLLER_QUORUM_VOTERS", "1@localhost:9094")]),
        (1, 0)
    );
    let three = [
        ("KAFKA_LISTENERS", "PLAINTEXT://:1,CONTROLLER://:2"),
        ("KAFKA_CONTROLLER_QUORUM_VOTERS", "1@a:2,2@b:2,3@c:2"),
    ];
    assert_eq!(factor(&three), (3, 3000));
}

#[test]
fn what_is_refused_names_the_variable_its_value_and_what_is_valid() {
    let table: &[(Pairs<'_>, &[&str])] = &[
        (
            &[("KAFKA_NUM_PARTITIONS", "many")],
            &[
                "num.partitions=many is not valid",
                "(valid: int, ",
                "(set by KAFKA_NUM_PARTITIONS=many)",
            ],
        ),
        (
            &[
                ("KAFKA_LISTENERS", "PLAINTEXT://:1"),
                ("KAFKA_ADVERTISED_LISTENERS", "OTHER://a:1"),
            ],
            &[
                "Found OTHER. The valid options",
                "KAFKA_ADVERTISED_LISTENERS=OTHER://a:1",
                "KAFKA_LISTENERS=PLAINTEXT://:1",
            ],
        ),
        (
            &[("KAFKA_PROCESS_ROLES", "controller")],
            &["process.roles", "KAFKA_PROCESS_ROLES=controller"],
        ),
    ];
    for (variables, expected) in table {
        let error = start(variables).unwrap_err();
        for part in *expected {
            assert!(error.contains(part), "{error}\n lacks {part}");
        }
    }
}

#[test]
fn unknown_settings_name_their_variable() {
    let warnings = start(&[("KAFKA_NUM_PARTITION", "1"), ("KAFKA_BROKERCONNECT", "x")])
        .unwrap()
        .warnings;
    assert_eq!(
        warnings,
        [
            "unknown setting: brokerconnect (set by KAFKA_BROKERCONNECT)",
            "unknown setting: num.partition (did you mean num.partitions?) (set by KAFKA_NUM_PARTITION)",
        ]
    );
}

#[test]
fn values_seen_in_the_wild_are_taken() {
    let start = start(&[
        (
            "KAFKA_LISTENERS",
            "PLAINTEXT://0.0.0.0:9093,BROKER://0.0.0.0:9092,CONTROLLER://0.0.0.0:9094",
        ),
        (
            "KAFKA_ADVERTISED_LISTENERS",
            "PLAINTEXT://localhost:32768,BROKER://3f2a:9092,",
        ),
        (MAP, "BROKER:PLAINTEXT,PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"),
        ("KAFKA_INTER_BROKER_LISTENER_NAME", "BROKER"),
        ("KAFKA_PROCESS_ROLES", "controller,broker"),
        ("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER"),
        ("KAFKA_CONTROLLER_QUORUM_VOTERS", "1@localhost:9094"),
        ("KAFKA_BROKER_ID", "1"),
        ("KAFKA_NODE_ID", "1"),
        ("KAFKA_LOG_FLUSH_INTERVAL_MESSAGES", "9223372036854775807"),
        ("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0"),
        ("KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS", "1"),
    ]);
    let start = start.unwrap();
    assert_eq!(start.listeners.len(), 2);
    assert_eq!(start.warnings, Vec::<String>::new());
}

#[test]
fn the_environment_stands_between_file_and_command_line() {
    let start = load(&Sources {
        file: Some((
            "a.properties".into(),
            b"num.partitions=1\nnode.id=1\nlog.dirs=/a\n".to_vec(),
        )),
        variables: Some(read(&[
            ("KAFKA_NUM_PARTITIONS", "2"),
            ("KAFKA_NODE_ID", "2"),
            ("CLUSTER_ID", "abc"),
        ])),
        overrides: vec![("node.id".to_owned(), "3".to_owned())],
        ..Sources::default()
    });
    let start = start.unwrap();
    assert_eq!((start.config.num_partitions, start.config.node_id), (2, 3));
    assert_eq!(start.new_cluster_id.as_deref(), Some("abc"));
    assert_eq!(start.config.offsets_topic_replication_factor, 3);
}

#[test]
fn topics_come_from_the_file_and_the_environment() {
    let start = start(&[("BARNABAS_TOPICS", "a:1;b:1"), ("KAFKA_CREATE_TOPICS", "b:2:1")]).unwrap();
    let topics: Vec<_> = start
        .topics
        .iter()
        .map(|topic| (topic.name.as_str(), topic.partitions))
        .collect();
    assert_eq!(topics, [("a", Some(1)), ("b", Some(2))]);
}

/// Seeded: names and values put together from what has a meaning somewhere in here.
#[test]
fn hostile_variables_never_panic() {
    let pieces = [
        "KAFKA_",
        "CFG_",
        "BARNABAS_",
        "LISTENERS",
        "ADVERTISED_",
        "PORT",
        "_FILE",
        "___",
        "HOST_NAME",
        "SSL_",
        "CREDENTIALS",
        "CLUSTER_ID",
        "PLAINTEXT://",
        "[::1",
        "]:",
        ":9092",
        ",",
        ";",
        "=",
        "\\",
        "\\u",
        "\\u00e9",
        "\n",
        "\r",
        "#",
        "\0",
        "\u{1F600}",
        "\u{e9}",
        "-1",
        "99999999999999999999",
        "tcp://",
        "SERVICE_PORT_",
        "NODE_ID",
        "PROCESS_ROLES",
        "broker,controller",
        " ",
        "%",
        "@",
        "CONTROLLER_QUORUM_VOTERS",
        "1@a:1",
        "LISTENER_NAME_X_",
        "SASL_JAAS_CONFIG",
        "CREATE_TOPICS",
        "TOPICS",
        "a:1:1",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap_or(0) % below
    };
    let file = |path: &str| {
        if path.len().is_multiple_of(2) {
            Ok(path.to_owned())
        } else {
            no_file(path)
        }
    };
    let mut taken = 0;
    for round in 0..20_000_u32 {
        let mut word = |most: usize| -> String {
            let count = next(most) + 1;
            (0..count).map(|_| pieces[next(pieces.len())]).collect()
        };
        let variables: Vec<(String, String)> =
            (0..3).map(|_| (format!("KAFKA_{}", word(4)), word(6))).collect();
        let owned = variables.iter().map(|(name, value)| (name.into(), value.into()));
        let Ok(found) = Variables::read(owned, &file) else {
            continue;
        };
        found.behind(&format!("{variables:?}"));
        if !round.is_multiple_of(20) {
            continue;
        }
        let sources = Sources {
            variables: Some(found),
            default_data_dir: "/d".into(),
            ..Sources::default()
        };
        taken += usize::from(load(&sources).is_ok());
    }
    assert!(taken > 10, "only {taken} of them start a node");
}
