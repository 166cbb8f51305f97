//! Requests to the controller as data: what can wait in a queue, be decided with others, and be sent to
//! another node.

use serde::{Deserialize, Serialize};

use super::{
    AllocateProducerIds, AlterClientQuotas, AlterConfigs, AlterPartitionReassignments,
    AlterUserScramCredentials, CreatePartitions, CreateTopics, Decide, DecideContext, Decision, DeleteTopics,
    ElectLeaders, ImportCluster, IncrementalAlterConfigs, RegisterBroker, UnregisterBroker, UpdateFeatures,
};
use crate::image::MetadataImage;

/// A request that is one of [`ControllerRequest`]'s kinds.
pub trait Request: Decide + Into<ControllerRequest> {
    /// The reply, if it is the reply to a request of this kind.
    fn reply_of(reply: ControllerReply) -> Option<Self::Reply>;
}

macro_rules! requests {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Any request to the controller.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub enum ControllerRequest {
            $($(#[$doc])* $name($name),)*
        }

        /// The reply to a request of the same name.
        #[derive(Clone, Debug, PartialEq)]
        pub enum ControllerReply {
            $($(#[$doc])* $name(<$name as Decide>::Reply),)*
        }

        impl Decide for ControllerRequest {
            type Reply = ControllerReply;

            fn decide(self, image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Decision<ControllerReply> {
                match self {
                    $(Self::$name(request) => {
                        let Decision { records, reply } = request.decide(image, ctx);
                        Decision { records, reply: ControllerReply::$name(reply) }
                    })*
                }
            }
        }

        $(
            impl From<$name> for ControllerRequest {
                fn from(request: $name) -> Self {
                    Self::$name(request)
                }
            }

            impl Request for $name {
                fn reply_of(reply: ControllerReply) -> Option<Self::Reply> {
                    match reply {
                        ControllerReply::$name(reply) => Some(reply),
                        _ => None,
                    }
                }
            }
        )*
    };
}

requests! {
    /// See [`CreateTopics`].
    CreateTopics,
    /// See [`DeleteTopics`].
    DeleteTopics,
    /// See [`CreatePartitions`].
    CreatePartitions,
    /// See [`AlterConfigs`].
    AlterConfigs,
    /// See [`IncrementalAlterConfigs`].
    IncrementalAlterConfigs,
    /// See [`AlterClientQuotas`].
    AlterClientQuotas,
    /// See [`AlterUserScramCredentials`].
    AlterUserScramCredentials,
    /// See [`AlterPartitionReassignments`].
    AlterPartitionReassignments,
    /// See [`ElectLeaders`].
    ElectLeaders,
    /// See [`UpdateFeatures`].
    UpdateFeatures,
    /// See [`RegisterBroker`].
    RegisterBroker,
    /// See [`UnregisterBroker`].
    UnregisterBroker,
    /// See [`AllocateProducerIds`].
    AllocateProducerIds,
    /// See [`ImportCluster`].
    ImportCluster,
}

impl ControllerRequest {
    /// Whether the decision needs an offset of its own: a broker's epoch is the offset of its registration.
    pub(crate) fn takes_offset(&self) -> bool {
        matches!(self, Self::RegisterBroker(_))
    }
}

/// Kafka's own messages in a [`ControllerRequest`]: the version and the bytes of the wire.
pub(super) mod wire {
    use barnabas_protocol::codec::decode_request;
    use barnabas_protocol::messages::{Message, Request};
    use bytes::BytesMut;
    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Writes the message in its newest version.
    pub fn serialize<T: Request, S: Serializer>(message: &T, serializer: S) -> Result<S::Ok, S::Error> {
        let version = <T as Message>::VERSIONS.max;
        let mut bytes = BytesMut::new();
        message.encode(&mut bytes, version).map_err(S::Error::custom)?;
        (version, bytes.to_vec()).serialize(serializer)
    }

    /// Reads a message, once its lengths are proven.
    pub fn deserialize<'de, T: Request, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        let (version, bytes) = <(i16, Vec<u8>)>::deserialize(deserializer)?;
        decode_request(version, bytes.into()).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use barnabas_protocol::messages::create_topics_request::CreatableTopic;
    use barnabas_protocol::messages::{
        AlterPartitionReassignmentsRequest, AlterUserScramCredentialsRequest, CreatePartitionsRequest,
        CreateTopicsRequest, DeleteTopicsRequest, ElectLeadersRequest, StrBytes, TopicName,
        UpdateFeaturesRequest,
    };

    use super::*;
    use crate::controller::{AlterConfigOp, QuotaAlteration};
    use crate::records::ConfigResource;

    #[test]
    fn requests_are_the_same_at_the_other_end() {
        let topic = CreatableTopic::default()
            .with_name(TopicName(StrBytes::from_static_str("orders")))
            .with_num_partitions(3)
            .with_replication_factor(-1);
        let create = CreateTopicsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(5);
        let set = vec![("a".to_owned(), AlterConfigOp::Append("b".to_owned()))];
        let quota = QuotaAlteration {
            entity: vec![("user".into(), None)],
            quotas: vec![("producer_byte_rate".into(), Some(0.5))],
        };
        let requests: Vec<ControllerRequest> = vec![
            CreateTopics(create).into(),
            DeleteTopics(DeleteTopicsRequest::default()).into(),
            CreatePartitions(CreatePartitionsRequest::default()).into(),
            AlterConfigs {
                resources: vec![(ConfigResource::topic("t"), vec![("a".into(), None)])],
                validate_only: true,
            }
            .into(),
            IncrementalAlterConfigs {
                resources: vec![(ConfigResource::broker(1), set)],
                validate_only: false,
            }
            .into(),
            AlterClientQuotas {
                alterations: vec![quota],
                ..AlterClientQuotas::default()
            }
            .into(),
            AlterUserScramCredentials(AlterUserScramCredentialsRequest::default()).into(),
            AlterPartitionReassignments(AlterPartitionReassignmentsRequest::default()).into(),
            ElectLeaders(ElectLeadersRequest::default()).into(),
            UpdateFeatures(UpdateFeaturesRequest::default()).into(),
            UnregisterBroker { broker_id: 3 }.into(),
            ImportCluster::default().into(),
        ];
        for request in requests {
            let bytes = serde_json::to_vec(&request).unwrap();
            assert_eq!(
                serde_json::from_slice::<ControllerRequest>(&bytes).unwrap(),
                request
            );
        }
        let lying = r#"{"CreateTopics":[7,[127,255,255,255,15]]}"#;
        assert!(serde_json::from_str::<ControllerRequest>(lying).is_err());
    }
}
