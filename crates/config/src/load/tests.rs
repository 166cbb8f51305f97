use super::*;

/// The settings of the config/server.properties that Apache Kafka 4.4 ships.
const STOCK: &str = "process.roles=broker,controller\nnode.id=1\n\
    controller.quorum.bootstrap.servers=localhost:9093\nlisteners=PLAINTEXT://:9092,CONTROLLER://:9093\n\
    inter.broker.listener.name=PLAINTEXT\n\
    advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n\
    controller.listener.names=CONTROLLER\n\
    listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,\
    SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL\n\
    num.network.threads=3\nnum.io.threads=8\nsocket.send.buffer.bytes=102400\n\
    socket.receive.buffer.bytes=102400\nsocket.request.max.bytes=104857600\nlog.dirs=/tmp/kraft-combined-logs\n\
    num.partitions=1\nnum.recovery.threads.per.data.dir=2\noffsets.topic.replication.factor=1\n\
    share.coordinator.state.topic.replication.factor=1\nshare.coordinator.state.topic.min.isr=1\n\
    transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\nlog.retention.hours=168\n\
    log.segment.bytes=1073741824\nlog.retention.check.interval.ms=300000\n";

fn from_file(name: &str, text: &str) -> Result<StartSettings, LoadError> {
    load(&Sources {
        file: Some((name.into(), text.as_bytes().to_vec())),
        ..Sources::default()
    })
}

#[test]
fn listening_elsewhere_leaves_nothing_of_the_files_listeners() {
    let text = "listeners=INSIDE://:1,CONTROLLER://:2\nadvertised.listeners=INSIDE://inside:1\n\
                inter.broker.listener.name=INSIDE\nlistener.security.protocol.map=INSIDE:PLAINTEXT,PLAINTEXT:PLAINTEXT";
    let start = load(&Sources {
        file: Some(("server.properties".into(), text.into())),
        listen: Some("0.0.0.0:9092".to_owned()),
        ..Sources::default()
    })
    .unwrap();
    let shown: Vec<_> = start
        .listeners
        .iter()
        .map(|l| {
            (
                l.name.as_str(),
                l.host.as_deref(),
                l.port,
                l.advertised_host.as_deref(),
            )
        })
        .collect();
    assert_eq!(shown, [("PLAINTEXT", Some("0.0.0.0"), 9092, None)]);
}

fn from_overrides(overrides: &[(&str, &str)]) -> Result<StartSettings, LoadError> {
    let overrides = overrides
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    load(&Sources {
        overrides,
        default_data_dir: "/home/me/data".into(),
        ..Sources::default()
    })
}

#[test]
fn without_a_file_a_node_listens_on_loopback() {
    let start = from_overrides(&[]).unwrap();
    assert_eq!(start.data_dir, Path::new("/home/me/data"));
    let [listener] = start.listeners.as_slice() else {
        panic!("{:?}", start.listeners)
    };
    assert_eq!(
        (listener.host.as_deref(), listener.port),
        (Some("localhost"), 9092)
    );
    assert_eq!(listener.advertised_host.as_deref(), Some("localhost"));
    assert_eq!(start.config.offsets_topic_replication_factor, 1);
    assert_eq!(start.config.group_initial_rebalance_delay_ms, 0);
    assert!(start.warnings.is_empty(), "{:?}", start.warnings);
}

#[test]
fn kafkas_stock_file_starts_a_node() {
    let start = from_file("server.properties", STOCK).unwrap();
    assert_eq!(start.data_dir, Path::new("/tmp/kraft-combined-logs"));
    assert_eq!(
        (
            start.config.node_id,
            start.listeners.len(),
            start.listeners[0].port
        ),
        (1, 1, 9092)
    );
    assert_eq!(start.config.group_initial_rebalance_delay_ms, 3000);
    assert!(start.warnings.is_empty(), "{:?}", start.warnings);
}

#[test]
fn yaml_means_the_same_and_overrides_win() {
    let text = "node.id: 7\nlog:\n  dirs: /data\nlisteners: [\"PLAINTEXT://127.0.0.1:0\"]\n";
    let overrides = vec![("node.id".to_owned(), "8".to_owned())];
    let file = Some(("server.yaml".into(), text.into()));
    let start = load(&Sources {
        file,
        overrides,
        ..Sources::default()
    })
    .unwrap();
    assert_eq!(
        (start.config.node_id, start.data_dir.as_path()),
        (8, Path::new("/data"))
    );
}

#[test]
fn the_metadata_lies_in_the_first_folder_unless_told_otherwise() {
    let folders = ("log.dirs", "/a,//b/,/a");
    let start = from_overrides(&[folders]).unwrap();
    assert_eq!(start.data_dirs, [Path::new("/a"), Path::new("/b")]);
    assert_eq!(start.data_dir, Path::new("/a"));
    let start = from_overrides(&[folders, ("metadata.log.dir", "/b//")]).unwrap();
    assert_eq!(start.data_dir, Path::new("/b"));
}

#[test]
fn unknown_settings_are_warned_of() {
    let start = from_overrides(&[("num.partition", "3"), ("metric.reporters", "a.B")]).unwrap();
    assert_eq!(
        start.warnings,
        [
            "unknown setting: num.partition (did you mean num.partitions?)",
            "without effect: metric.reporters (metrics are read over HTTP (barnabas.http.listener))"
        ]
    );
}

#[test]
fn a_bad_value_is_named_with_what_is_valid() {
    let table = [
        (
            ("num.partitions", "0"),
            "num.partitions=0 is not valid: Invalid value 0 for configuration num.partitions: Value must be at \
             least 1 (valid: int, at least 1)",
        ),
        (
            ("replica.socket.timeout.ms", "400"),
            "requirement failed: replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms to \
             prevent unnecessary socket timeouts",
        ),
        (
            ("replica.lag.time.max.ms", "400"),
            "requirement failed: replica.fetch.wait.max.ms should always be less than or equal to \
             replica.lag.time.max.ms to prevent frequent changes in ISR",
        ),
        (
            ("controller.quorum.voters", "2@a:1"),
            "requirement failed: If process.roles contains the 'controller' role, the node id 1 must be included in \
             the set of voters controller.quorum.voters=Set(2)",
        ),
        (
            ("metadata.log.dir", "/elsewhere"),
            "metadata.log.dir=/elsewhere is not one of log.dirs: a folder for the metadata alone is not supported yet",
        ),
        (
            ("zookeeper.connect", "a:2181"),
            "zookeeper.connect=a:2181 asks for a cluster kept by ZooKeeper, which is gone since Apache Kafka 4. Remove \
             it, or move the cluster to KRaft with Apache Kafka 3.9 first; barnabas import takes over a KRaft node's \
             data",
        ),
        (
            ("create.topic.policy.class.name", "my.Policy"),
            "create.topic.policy.class.name=my.Policy is refused: policies are classes of Java, which cannot be \
             loaded, and nothing would be held to them. Remove it to go without",
        ),
        (
            ("queued.max.request.bytes", "5"),
            "requirement failed: queued.max.request.bytes must be larger or equal to socket.request.max.bytes",
        ),
    ];
    for ((name, value), expected) in table {
        assert_eq!(
            from_overrides(&[(name, value)]).unwrap_err().to_string(),
            expected
        );
    }
    let error = from_file("server.properties", "a=\\u1").unwrap_err().to_string();
    assert!(
        error.starts_with("server.properties: line 1: \\u is not"),
        "{error}"
    );
}
