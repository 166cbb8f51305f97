//! Settings, as `kafka-configs --bootstrap-controller` describes and alters them.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::describe_configs_request::DescribeConfigsResource;
use barnabas_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use barnabas_protocol::messages::{DescribeConfigsRequest, IncrementalAlterConfigsRequest, StrBytes};

use crate::support::{Cluster, ask};

/// `ConfigResource.Type.BROKER`.
const BROKER: i8 = 4;

fn set(broker: &'static str, name: &'static str, value: &'static str) -> IncrementalAlterConfigsRequest {
    let config = AlterableConfig::default()
        .with_name(StrBytes::from_static_str(name))
        .with_value(Some(StrBytes::from_static_str(value)));
    let resource = AlterConfigsResource::default()
        .with_resource_type(BROKER)
        .with_resource_name(StrBytes::from_static_str(broker))
        .with_configs(vec![config]);
    IncrementalAlterConfigsRequest::default().with_resources(vec![resource])
}

fn describe(broker: String, name: &'static str) -> DescribeConfigsRequest {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(BROKER)
        .with_resource_name(StrBytes::from_string(broker))
        .with_configuration_keys(Some(vec![StrBytes::from_static_str(name)]));
    DescribeConfigsRequest::default().with_resources(vec![resource])
}

#[test]
fn a_controller_tells_its_settings_and_alters_those_of_any_node() {
    let cluster = Cluster::start();
    let leader = cluster.active();
    let other = cluster.another(leader);

    // (asked, broker, setting, value) ─→ error
    let none = 0;
    for (asked, broker, name, value, error) in [
        (
            other,
            "",
            "log.retention.ms",
            "5",
            ErrorCode::NotController.code(),
        ),
        (leader, "", "log.retention.ms", "5", none),
        (
            leader,
            "77",
            "log.retention.ms",
            "6",
            ErrorCode::BrokerIdNotRegistered.code(),
        ),
        (
            leader,
            "x",
            "log.retention.ms",
            "6",
            ErrorCode::InvalidRequest.code(),
        ),
    ] {
        let altered = ask(&cluster, asked, &set(broker, name, value));
        let told = &altered.responses[0];
        assert_eq!(told.error_code, error, "{asked} {broker}: {told:?}");
    }

    for (asked, broker, error) in [
        (leader, leader.to_string(), none),
        (other, other.to_string(), none),
        (leader, other.to_string(), ErrorCode::InvalidRequest.code()),
    ] {
        let described = ask(&cluster, asked, &describe(broker, "node.id"));
        let result = &described.results[0];
        assert_eq!(result.error_code, error, "{result:?}");
        let own = StrBytes::from_string(asked.to_string());
        assert!(
            result
                .configs
                .iter()
                .all(|config| config.value == Some(own.clone()))
        );
        assert_eq!(result.configs.len(), usize::from(error == none));
    }
}
