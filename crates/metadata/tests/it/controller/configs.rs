//! Configs are set, deleted, appended to and replaced.

use barnabas_metadata::controller::{AlterConfigOp, AlterConfigs, IncrementalAlterConfigs};
use barnabas_metadata::records::{ConfigResource, ConfigResourceType, MetadataRecord};
use barnabas_protocol::error::ErrorCode;
use uuid::Uuid;

use super::fixture::Cluster;

fn cluster_with_topic() -> Cluster {
    let mut cluster = Cluster::of_one();
    cluster.apply(&[MetadataRecord::Topic {
        name: "a".into(),
        topic_id: Uuid::from_u128(9),
    }]);
    cluster
}

fn change(
    cluster: &mut Cluster,
    resource: ConfigResource,
    operations: &[(&str, AlterConfigOp)],
) -> Result<(), ErrorCode> {
    let operations = operations
        .iter()
        .map(|(name, operation)| ((*name).to_owned(), operation.clone()))
        .collect();
    let request = IncrementalAlterConfigs {
        resources: vec![(resource, operations)],
        validate_only: false,
    };
    let outcome = cluster.submit(request).unwrap().remove(0).1;
    outcome.map_err(|error| error.code)
}

fn value(cluster: &Cluster, name: &str) -> Option<String> {
    value_of(cluster, &ConfigResource::topic("a"), name)
}

fn value_of(cluster: &Cluster, resource: &ConfigResource, name: &str) -> Option<String> {
    cluster.image.configs.value(resource, name).map(str::to_owned)
}

#[test]
fn operations_build_on_what_is_set_and_on_defaults() {
    let mut cluster = cluster_with_topic();
    // A broker's values are checked before they get here, so any will do.
    let (brokers, policy) = (ConfigResource::default_broker(), "log.cleanup.policy");
    let append = |items: &str| AlterConfigOp::Append(items.into());
    let subtract = |items: &str| AlterConfigOp::Subtract(items.into());
    let set = |value: &str| AlterConfigOp::Set(Some(value.into()));
    let steps = [
        (append("compact,delete"), Some("delete,compact")),
        (subtract("delete"), Some("compact")),
        (append(",x,"), Some("compact,,x")),
        (set("delete"), Some("delete")),
        (subtract("delete"), Some("")),
        (AlterConfigOp::Delete, None),
        (subtract("compact"), Some("delete")),
    ];
    for (operation, expected) in steps {
        assert_eq!(
            change(&mut cluster, brokers.clone(), &[(policy, operation)]),
            Ok(())
        );
        assert_eq!(value_of(&cluster, &brokers, policy).as_deref(), expected);
    }
    let wrong = [("retention.ms", append("1"))];
    assert_eq!(
        change(&mut cluster, ConfigResource::topic("a"), &wrong),
        Err(ErrorCode::InvalidConfig)
    );
}

#[test]
fn a_resource_changes_whole_or_not_at_all() {
    let mut cluster = cluster_with_topic();
    let set = |value: &str| AlterConfigOp::Set(Some(value.into()));
    let mixed = [("cleanup.policy", set("compact")), ("retention.ms", set("soon"))];
    assert_eq!(
        change(&mut cluster, ConfigResource::topic("a"), &mixed),
        Err(ErrorCode::InvalidConfig)
    );
    assert_eq!(value(&cluster, "cleanup.policy"), None);
    let long = [("cleanup.policy", set(&"x".repeat(32_768)))];
    assert_eq!(
        change(&mut cluster, ConfigResource::topic("a"), &long),
        Err(ErrorCode::InvalidConfig)
    );
}

#[test]
fn resources_have_to_exist() {
    let mut cluster = cluster_with_topic();
    let set = [("retention.ms", AlterConfigOp::Set(Some("1".into())))];
    let unknown = change(&mut cluster, ConfigResource::topic("b"), &set);
    assert_eq!(unknown, Err(ErrorCode::UnknownTopicOrPartition));
    let unknown = change(&mut cluster, ConfigResource::broker(7), &set);
    assert_eq!(unknown, Err(ErrorCode::BrokerIdNotRegistered));
    assert_eq!(change(&mut cluster, ConfigResource::broker(1), &set), Ok(()));
    assert_eq!(
        change(&mut cluster, ConfigResource::default_broker(), &set),
        Ok(())
    );
    let set = [(
        "consumer.session.timeout.ms",
        AlterConfigOp::Set(Some("45000".into())),
    )];
    assert_eq!(change(&mut cluster, ConfigResource::group("any"), &set), Ok(()));
}

#[test]
fn only_a_brokers_configs_are_written_again_when_nothing_changes() {
    let cluster = cluster_with_topic();
    let records = |resource: ConfigResource| {
        let delete = vec![("retention.ms".to_owned(), AlterConfigOp::Delete)];
        cluster
            .decide(IncrementalAlterConfigs {
                resources: vec![(resource, delete)],
                validate_only: false,
            })
            .records
            .len()
    };
    assert_eq!(records(ConfigResource::topic("a")), 0);
    assert_eq!(records(ConfigResource::broker(1)), 1);
}

#[test]
fn min_insync_replicas_belongs_to_the_cluster_while_elr_is_on() {
    let mut cluster = cluster_with_topic();
    let elr = "eligible.leader.replicas.version";
    cluster.apply(&[MetadataRecord::FeatureLevel {
        name: elr.into(),
        level: 1,
    }]);
    let set = [("min.insync.replicas", AlterConfigOp::Set(Some("1".into())))];
    let delete = [("min.insync.replicas", AlterConfigOp::Delete)];
    let broker = || ConfigResource::broker(1);
    let all = ConfigResource::default_broker;
    assert_eq!(
        change(&mut cluster, broker(), &set),
        Err(ErrorCode::InvalidConfig)
    );
    assert_eq!(change(&mut cluster, all(), &set), Ok(()));
    assert_eq!(
        change(&mut cluster, all(), &delete),
        Err(ErrorCode::InvalidConfig)
    );
}

#[test]
fn altering_as_a_whole_deletes_what_is_not_named() {
    let mut cluster = cluster_with_topic();
    let alter = |configs: &[(&str, &str)]| AlterConfigs {
        resources: vec![(
            ConfigResource::new(ConfigResourceType::Topic, "a"),
            configs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned())))
                .collect(),
        )],
        validate_only: false,
    };
    cluster
        .submit(alter(&[("retention.ms", "5"), ("cleanup.policy", "compact")]))
        .unwrap();
    let decision = cluster.decide(alter(&[("retention.ms", "5")]));
    assert_eq!(
        decision.records.len(),
        1,
        "one deletion, and nothing for what stays"
    );
    cluster.submit(alter(&[("retention.ms", "5")])).unwrap();
    assert_eq!(
        (
            value(&cluster, "retention.ms").as_deref(),
            value(&cluster, "cleanup.policy")
        ),
        (Some("5"), None)
    );
    let mut only_validated = alter(&[]);
    only_validated.validate_only = true;
    assert_eq!(cluster.decide(only_validated).records, []);
}

#[test]
fn an_unknown_operation_fails_the_request_unless_one_before_it_is_refused() {
    let mut cluster = cluster_with_topic();
    // Java's hash map has `a b` first, whatever comes first in the request.
    let table = [
        (["a b", "retention.ms"], Err(ErrorCode::UnknownServerError)),
        (["retention.ms", "a b"], Err(ErrorCode::InvalidConfig)),
    ];
    for ([unknown, refused], expected) in table {
        let request = IncrementalAlterConfigs {
            resources: vec![
                (
                    ConfigResource::topic("a"),
                    vec![("retention.ms".into(), AlterConfigOp::Delete)],
                ),
                (
                    ConfigResource::group("g"),
                    vec![
                        (refused.into(), AlterConfigOp::Append("x".into())),
                        (unknown.into(), AlterConfigOp::Unknown(-1)),
                    ],
                ),
            ],
            validate_only: false,
        };
        let outcome = cluster.submit(request).map(|mut outcomes| outcomes.remove(1).1);
        let code = outcome.and_then(|outcome| outcome).map_err(|error| error.code);
        assert_eq!(code, expected, "{unknown} unknown, {refused} refused");
    }
}
