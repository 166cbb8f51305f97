//! Each rule by values that satisfy it and values that don't.

use super::*;
use crate::definitions::{ConfigKey, broker, group, topic};

fn key(name: &str) -> &'static ConfigKey {
    topic()
        .get(name)
        .or_else(|| group().get(name))
        .or_else(|| broker().get(name))
        .unwrap()
}

#[test]
fn broken_rules_are_named_in_kafkas_words() {
    let table = [
        (
            "compression.type",
            "rar",
            "Invalid value rar for configuration compression.type: String must be one of: uncompressed, zstd, \
             lz4, snappy, gzip, producer",
        ),
        (
            "cleanup.policy",
            "compact,shred",
            "Invalid value shred for configuration cleanup.policy: String must be one of: compact, delete",
        ),
        (
            "cleanup.policy",
            "delete,",
            "Configuration 'cleanup.policy' values must not be empty.",
        ),
        (
            "process.roles",
            "",
            "Configuration 'process.roles' must not be empty. Valid values include: [broker, controller]",
        ),
        (
            "leader.replication.throttled.replicas",
            "1-2",
            "Invalid value [1-2] for configuration leader.replication.throttled.replicas: \
             leader.replication.throttled.replicas must be the literal '*' or a list of replicas in the following \
             format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
        ),
        (
            "controller.quorum.voters",
            "a:1",
            "Invalid configuration value for controller.quorum.voters. Each entry should be in the form \
             `{id}@{host}:{port}`.",
        ),
        (
            "controller.quorum.voters",
            "x@a:1",
            "Failed to parse voter ID as an integer from x",
        ),
        (
            "controller.quorum.voters",
            "2@b:1,1@a",
            "Failed to parse host name from entry 1@a for the configuration controller.quorum.voters. Each entry \
             should be in the form `{id}@{host}:{port}`.",
        ),
        (
            "controller.quorum.bootstrap.servers",
            "localhost",
            "Failed to parse host name from localhost for the configuration controller.quorum.bootstrap.servers. \
             Each entry should be in the form \"{host}:{port}\"",
        ),
        (
            "compression.gzip.level",
            "0",
            "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1",
        ),
    ];
    for (name, raw, expected) in table {
        assert_eq!(Value::parse(key(name), raw).unwrap_err().to_string(), expected);
    }
}

#[test]
fn good_values_pass() {
    let table = [
        ("leader.replication.throttled.replicas", "*"),
        ("leader.replication.throttled.replicas", "0:1,1:2"),
        ("share.auto.offset.reset", "by_duration:P1DT2H"),
        ("group.consumer.migration.policy", "upgrade"),
        ("controller.quorum.voters", "1@localhost:9093,2@[::1]:9093"),
        ("compression.gzip.level", "-1"),
    ];
    for (name, raw) in table {
        assert!(Value::parse(key(name), raw).is_ok(), "{name}={raw}");
    }
}
