use super::*;

fn read_with(variables: &[(&str, &str)], file: ReadFile<'_>) -> Result<Variables, VariableError> {
    let owned = variables.iter().map(|(name, value)| (name.into(), value.into()));
    Variables::read(owned, file)
}

fn no_file(path: &str) -> Result<String, String> {
    Err(format!("there is no {path}"))
}

fn read(variables: &[(&str, &str)]) -> Variables {
    read_with(variables, &no_file).unwrap_or_else(|error| panic!("{error}"))
}

fn settings(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    read(variables).named_values().collect()
}

#[test]
fn names_are_mapped_as_the_images_map_them() {
    let table = [
        ("KAFKA_NUM_PARTITIONS", "num.partitions"),
        ("KAFKA_A_B__C", "a.b_c"),
        ("KAFKA_D___E", "d-e"),
        ("KAFKA_F____G", "f-.g"),
        ("KAFKA_H_____I", "h-_i"),
        ("KAFKA_KAFKA_X", "kafka.x"),
        (
            "KAFKA_LISTENER_NAME_SASL__SSL_PLAIN_SASL_JAAS_CONFIG",
            "listener.name.sasl_ssl.plain.sasl.jaas.config",
        ),
        (
            "KAFKA_CFG_LISTENER_NAME_SASL_SSL_SSL_CLIENT_AUTH",
            "listener.name.sasl_ssl.ssl.client.auth",
        ),
        (
            "KAFKA_CFG_LISTENER_NAME_SASL_PLAINTEXT_X",
            "listener.name.sasl_plaintext.x",
        ),
        ("KAFKA_CFG_LOG_DIRS", "log.dirs"),
        ("KAFKA_LOGS_DIRS", "log.dirs"),
        ("KAFKA_MAX_MESSAGE_BYTES", "message.max.bytes"),
        ("KAFKA_CFG_SEGMENT_BYTES", "log.segment.bytes"),
    ];
    for (variable, setting) in table {
        assert_eq!(
            settings(&[(variable, "1")]),
            [(setting.to_owned(), "1".to_owned())],
            "{variable}"
        );
    }
    assert_eq!(
        settings(&[("KAFKA_EMPTY", "")]),
        [("empty".to_owned(), String::new())]
    );
}

#[test]
fn a_value_is_what_a_properties_file_makes_of_it() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let table: &[(&str, &[(&str, &str)])] = &[
        ("  5", &[("x", "5")]),
        ("a\\:b", &[("x", "a:b")]),
        ("a=b c", &[("x", "a=b c")]),
        ("1\ny.z=2\n", &[("x", "1"), ("y.z", "2")]),
        ("caf\u{e9} \u{1F600}", &[("x", "caf\u{e9} \u{1F600}")]),
    ];
    for (value, expected) in table {
        let expected: Vec<_> = expected.iter().map(|(name, value)| pair(name, value)).collect();
        assert_eq!(settings(&[("KAFKA_X", value)]), expected, "{value:?}");
    }
    let error = read_with(&[("KAFKA_X", "\\u12")], &no_file)
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("KAFKA_X=\\u12 is not valid: "), "{error}");
}

#[test]
fn what_belongs_to_others_is_passed_over_in_silence() {
    let variables = [
        ("PATH", "/bin"),
        ("KAFKA", "1"),
        ("KAFKA_", "1"),
        ("KAFKA_OPTS", "-Dx"),
        ("KAFKA_HEAP_OPTS", "-Xmx1G"),
        ("KAFKA_JMX_PORT", "9999"),
        ("KAFKA_JMX_HOSTNAME", "x"),
        ("KAFKA_LOG4J_LOGGERS", "kafka=INFO"),
        ("KAFKA_LOG4J_ROOT_LOGLEVEL", "DEBUG"),
        ("KAFKA_REST_HOST_NAME", "x"),
        ("KAFKA_ENABLE_KRAFT", "yes"),
        ("ALLOW_PLAINTEXT_LISTENER", "yes"),
        ("KAFKA_PORT", "tcp://10.0.0.1:9092"),
        ("KAFKA_SERVICE_HOST", "10.0.0.1"),
        ("KAFKA_SERVICE_PORT", "9092"),
        ("KAFKA_SERVICE_PORT_CLIENTS", "9092"),
        ("KAFKA_PORT_9092_TCP", "tcp://10.0.0.1:9092"),
        ("KAFKA_PORT_9092_TCP_ADDR", "10.0.0.1"),
        ("KAFKA_HEADLESS_PORT", "tcp://10.0.0.1:9092"),
        ("KAFKA_HEADLESS_PORT_9092_TCP_PROTO", "tcp"),
        ("BARNABAS_PORT", "tcp://10.0.0.1:9092"),
        ("BARNABAS_LOG", "debug"),
    ];
    assert_eq!(read(&variables), Variables::default());
}

#[test]
fn the_file_with_users_is_found_among_a_jvms_options() {
    let options = "-Xmx1G -Djava.security.auth.login.config=/etc/kafka/jaas.conf -Dx=y";
    let expected = (
        "java.security.auth.login.config".to_owned(),
        "/etc/kafka/jaas.conf".to_owned(),
    );
    assert_eq!(settings(&[("KAFKA_OPTS", options)]), [expected]);
}

#[test]
fn what_had_a_meaning_once_is_told_in_one_line() {
    let found = read(&[
        ("KAFKA_ZOOKEEPER_CONNECT", "zookeeper:2181"),
        ("KAFKA_CFG_ZOOKEEPER_CONNECTION_TIMEOUT_MS", "1"),
        ("KAFKA_CONFLUENT_LICENSE_TOPIC_REPLICATION_FACTOR", "1"),
        ("KAFKA_CONFLUENT_BALANCER_ENABLE", "1"),
        ("BARNABAS_LISTN", "1"),
    ]);
    assert!(found.settings.is_empty());
    let [zookeeper, confluent, typo] = found.notes.as_slice() else {
        panic!("{:?}", found.notes)
    };
    assert!(
        zookeeper.starts_with(
            "without effect: KAFKA_CFG_ZOOKEEPER_CONNECTION_TIMEOUT_MS, KAFKA_ZOOKEEPER_CONNECT ("
        )
    );
    assert!(
        confluent.starts_with("without effect: KAFKA_CONFLUENT_BALANCER_ENABLE, KAFKA_CONFLUENT_LICENSE")
    );
    assert_eq!(
        typo,
        "unknown variable: BARNABAS_LISTN (did you mean BARNABAS_LISTEN?)"
    );
}

#[test]
fn the_strongest_of_several_counts() {
    let value = |variables: &[(&str, &str)]| settings(variables)[0].1.clone();
    assert_eq!(
        value(&[("KAFKA_CFG_NUM_PARTITIONS", "2"), ("KAFKA_NUM_PARTITIONS", "1")]),
        "2"
    );
    assert_eq!(value(&[("KAFKA_A", "1"), ("KAFKA_CFG_A", "2")]), "2");
    let ids = [
        ("KAFKA_KRAFT_CLUSTER_ID", "c"),
        ("KAFKA_CLUSTER_ID", "b"),
        ("CLUSTER_ID", "a"),
    ];
    for (from, expected) in [(0, "a"), (1, "b"), (2, "c")] {
        let given = &ids[..3 - from];
        assert_eq!(read(given).new_cluster_id().as_deref(), Some(expected));
    }
    for wrong in ["a b", "a\nnode.id=5", &"x".repeat(300)] {
        let error = read_with(&[("CLUSTER_ID", wrong)], &no_file).unwrap_err();
        assert_eq!(error.variable, "CLUSTER_ID");
    }
}

#[test]
fn values_may_lie_in_files() {
    let file = |path: &str| match path {
        "/run/secrets/id" => Ok("abc\n".to_owned()),
        "/etc/kafka/secrets/creds" => Ok("geheim\r\n".to_owned()),
        other => no_file(other),
    };
    let found = read_with(
        &[
            ("KAFKA_KRAFT_CLUSTER_ID_FILE", "/run/secrets/id"),
            ("KAFKA_CFG_NUM_PARTITIONS_FILE", "/run/secrets/id"),
            ("KAFKA_NODE_ID", "7"),
            ("KAFKA_NODE_ID_FILE", "/run/secrets/id"),
            ("KAFKA_SSL_KEYSTORE_FILENAME", "keys.jks"),
            ("KAFKA_SSL_KEY_CREDENTIALS", "creds"),
            ("KAFKA_SASL_OAUTHBEARER_ASSERTION_PRIVATE_KEY_FILE", "/a/key"),
            ("KAFKA_SURPRISE_FILE", "/a"),
        ],
        &file,
    );
    let found = found.unwrap();
    assert_eq!(found.new_cluster_id().as_deref(), Some("abc"));
    let value = |name: &str| found.settings.get(name).map(|given| given.value.as_str());
    assert_eq!(value("num.partitions"), Some("abc"));
    assert_eq!(value("node.id"), Some("abc"));
    assert_eq!(
        value("ssl.keystore.location"),
        Some("/etc/kafka/secrets/keys.jks")
    );
    assert_eq!(value("ssl.key.password"), Some("geheim"));
    assert_eq!(
        value("sasl.oauthbearer.assertion.private.key.file"),
        Some("/a/key")
    );
    assert_eq!(value("surprise.file"), Some("/a"));
    let error = read_with(&[("KAFKA_NODE_ID_FILE", "/none")], &file).unwrap_err();
    assert_eq!(
        error.to_string(),
        "KAFKA_NODE_ID_FILE=/none is not valid: there is no /none (valid: the path of a file that holds the value)"
    );
}
