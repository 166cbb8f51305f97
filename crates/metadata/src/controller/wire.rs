//! Kafka's own messages in requests and replies that travel between nodes: as the version and the bytes of
//! Kafka's wire, and read only once their lengths are proven.

use barnabas_protocol::codec::decode_response;
use barnabas_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use barnabas_protocol::messages::delete_topics_response::DeletableTopicResult;
use barnabas_protocol::messages::elect_leaders_response::ReplicaElectionResult;
use barnabas_protocol::messages::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, AlterPartitionReassignmentsRequest,
    AlterPartitionReassignmentsResponse, AlterPartitionRequest, AlterPartitionResponse,
    AssignReplicasToDirsRequest, AssignReplicasToDirsResponse, BrokerHeartbeatRequest,
    BrokerHeartbeatResponse, BrokerRegistrationRequest, BrokerRegistrationResponse,
    ControllerRegistrationRequest, ControllerRegistrationResponse, CreateDelegationTokenRequest,
    CreateDelegationTokenResponse, CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest,
    CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse, ElectLeadersRequest,
    ElectLeadersResponse, Encodable, ExpireDelegationTokenRequest, ExpireDelegationTokenResponse, Message,
    RenewDelegationTokenRequest, RenewDelegationTokenResponse,
};
use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

/// A message as it travels: its version and its bytes.
#[derive(Serialize, Deserialize)]
struct Wire(i16, Vec<u8>);

impl Wire {
    /// The message in its newest version.
    fn of<T: Message + Encodable>(message: &T) -> Result<Self, String> {
        let version = T::VERSIONS.max;
        let mut bytes = BytesMut::new();
        message
            .encode(&mut bytes, version)
            .map_err(|error| error.to_string())?;
        Ok(Self(version, bytes.to_vec()))
    }

    fn response<T: Response>(self) -> Result<T, String> {
        T::read(self.0, self.1.into())
    }
}

/// A response that can be read where it comes from another node.
pub trait Response: Message + Encodable {
    /// Reads it once its lengths are proven.
    fn read(version: i16, body: Bytes) -> Result<Self, String>;
}

macro_rules! responses {
    ($($response:ident to $request:ident,)*) => {
        $(impl Response for $response {
            fn read(version: i16, body: Bytes) -> Result<Self, String> {
                decode_response::<$request>(version, body).map_err(|error| error.to_string())
            }
        })*
    };
}

responses! {
    AllocateProducerIdsResponse to AllocateProducerIdsRequest,
    AlterPartitionReassignmentsResponse to AlterPartitionReassignmentsRequest,
    AlterPartitionResponse to AlterPartitionRequest,
    AssignReplicasToDirsResponse to AssignReplicasToDirsRequest,
    BrokerHeartbeatResponse to BrokerHeartbeatRequest,
    BrokerRegistrationResponse to BrokerRegistrationRequest,
    ControllerRegistrationResponse to ControllerRegistrationRequest,
    CreateDelegationTokenResponse to CreateDelegationTokenRequest,
    CreatePartitionsResponse to CreatePartitionsRequest,
    CreateTopicsResponse to CreateTopicsRequest,
    DeleteTopicsResponse to DeleteTopicsRequest,
    ElectLeadersResponse to ElectLeadersRequest,
    ExpireDelegationTokenResponse to ExpireDelegationTokenRequest,
    RenewDelegationTokenResponse to RenewDelegationTokenRequest,
}

/// What a response consists of, where a reply is no more than that.
pub trait Item: Sized + Clone {
    /// The response.
    type Of: Response;
    /// The response with these.
    fn wrap(items: Vec<Self>) -> Self::Of;
    /// What is in a response.
    fn unwrap(response: Self::Of) -> Vec<Self>;
}

macro_rules! items {
    ($($item:ident of $response:ident by $with:ident $field:ident,)*) => {
        $(impl Item for $item {
            type Of = $response;

            fn wrap(items: Vec<Self>) -> $response {
                $response::default().$with(items)
            }

            fn unwrap(response: $response) -> Vec<Self> {
                response.$field
            }
        })*
    };
}

items! {
    CreatePartitionsTopicResult of CreatePartitionsResponse by with_results results,
    DeletableTopicResult of DeleteTopicsResponse by with_responses responses,
    ReplicaElectionResult of ElectLeadersResponse by with_replica_election_results replica_election_results,
}

/// A request.
pub mod request {
    use barnabas_protocol::codec::decode_request;
    use barnabas_protocol::messages::Request;
    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Wire;

    /// Writes the request in its newest version.
    pub fn serialize<T: Request, S: Serializer>(message: &T, serializer: S) -> Result<S::Ok, S::Error> {
        Wire::of(message).map_err(S::Error::custom)?.serialize(serializer)
    }

    /// Reads a request, once its lengths are proven.
    pub fn deserialize<'de, T: Request, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        let Wire(version, bytes) = Wire::deserialize(deserializer)?;
        decode_request(version, bytes.into()).map_err(D::Error::custom)
    }
}

/// A response.
pub mod response {
    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Response, Wire};

    /// Writes the response in its newest version.
    pub fn serialize<T: Response, S: Serializer>(message: &T, serializer: S) -> Result<S::Ok, S::Error> {
        Wire::of(message).map_err(S::Error::custom)?.serialize(serializer)
    }

    /// Reads a response, once its lengths are proven.
    pub fn deserialize<'de, T: Response, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        Wire::deserialize(deserializer)?
            .response()
            .map_err(D::Error::custom)
    }
}

/// A response, or an error about the whole.
pub mod answered {
    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Response, Wire};
    use crate::controller::ApiError;

    /// Writes the outcome.
    pub fn serialize<T: Response, S: Serializer>(
        outcome: &Result<T, ApiError>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let outcome: Result<Wire, &ApiError> = match outcome {
            Ok(message) => Ok(Wire::of(message).map_err(S::Error::custom)?),
            Err(error) => Err(error),
        };
        outcome.serialize(serializer)
    }

    /// Reads an outcome.
    pub fn deserialize<'de, T: Response, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Result<T, ApiError>, D::Error> {
        match Result::<Wire, ApiError>::deserialize(deserializer)? {
            Ok(wire) => wire.response().map(Ok).map_err(D::Error::custom),
            Err(error) => Ok(Err(error)),
        }
    }
}

/// What a response consists of, or an error about the whole.
pub mod items {
    use serde::{Deserializer, Serializer};

    use super::{Item, answered};
    use crate::controller::ApiError;

    /// Writes the outcome.
    pub fn serialize<T: Item, S: Serializer>(
        outcome: &Result<Vec<T>, ApiError>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        answered::serialize(&outcome.clone().map(T::wrap), serializer)
    }

    /// Reads an outcome.
    pub fn deserialize<'de, T: Item, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Result<Vec<T>, ApiError>, D::Error> {
        Ok(answered::deserialize::<T::Of, D>(deserializer)?.map(T::unwrap))
    }
}
