//! Controllers register and are forgotten.

use barnabas_metadata::controller::{
    RegisterController, UnregisterController, controller_registration_request,
};
use barnabas_metadata::features;
use barnabas_metadata::records::{BrokerEndpoint, ControllerRegistration, MetadataRecord};
use barnabas_protocol::error::ErrorCode;
use uuid::Uuid;

use super::fixture::Cluster;

fn controller(incarnation: u128, port: u16) -> ControllerRegistration {
    ControllerRegistration {
        controller_id: 7,
        incarnation_id: Uuid::from_u128(incarnation),
        endpoints: vec![BrokerEndpoint {
            listener: "CONTROLLER".into(),
            host: "localhost".into(),
            port,
            security_protocol: 0,
        }],
        features: features::broker_features(),
    }
}

fn at_level(level: i16) -> Cluster {
    let mut cluster = Cluster::of_one();
    cluster.apply(&[MetadataRecord::FeatureLevel {
        name: features::METADATA_VERSION.into(),
        level,
    }]);
    cluster
}

#[test]
fn a_controller_is_recorded_when_it_tells_something_new() {
    let unsupported = ErrorCode::UnsupportedVersion.code();
    // (metadata.version, what is told) -> (error, records)
    for (level, told, error, records) in [
        (14, vec![controller(1, 9093)], unsupported, vec![]),
        (33, vec![controller(1, 9093)], 0, vec![controller(1, 9093)]),
        (33, vec![controller(1, 9093), controller(1, 9093)], 0, vec![]),
        (
            33,
            vec![controller(1, 9093), controller(2, 9093)],
            0,
            vec![controller(2, 9093)],
        ),
        (
            33,
            vec![controller(1, 9093), controller(1, 9094)],
            0,
            vec![controller(1, 9094)],
        ),
    ] {
        let mut cluster = at_level(level);
        let (last, before) = told.split_last().unwrap();
        for earlier in before {
            cluster.submit(RegisterController(controller_registration_request(earlier)));
        }
        let decision = cluster.decide(RegisterController(controller_registration_request(last)));
        assert_eq!(decision.reply.error_code, error);
        let expected: Vec<_> = records
            .into_iter()
            .map(MetadataRecord::RegisterController)
            .collect();
        assert_eq!(decision.records, expected);
    }
}

#[test]
fn a_controller_that_is_registered_may_be_forgotten() {
    let refused = |cluster: &mut Cluster| {
        let reply = cluster.submit(UnregisterController { controller_id: 7 });
        reply.err().map(|error| error.code)
    };
    let registered = |level| {
        let mut cluster = at_level(level);
        cluster.apply(&[MetadataRecord::RegisterController(controller(1, 9093))]);
        cluster
    };
    assert_eq!(refused(&mut registered(32)), Some(ErrorCode::UnsupportedVersion));
    let mut cluster = registered(33);
    assert_eq!(refused(&mut cluster), None);
    assert!(cluster.image.controllers.is_empty());
    assert_eq!(refused(&mut cluster), Some(ErrorCode::ControllerIdNotRegistered));
}
