//! Groups of Kafka Streams applications (KIP-1071).

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::StreamsGroupDescribeRequest;
use barnabas_protocol::messages::streams_group_describe_response::DescribedGroup;

use super::{Broker, Cluster, KafkaError, group_id};

impl Cluster {
    /// Describes a streams group, with its topology's description if that is asked for, and says who
    /// coordinates it.
    ///
    /// # Errors
    /// There is none, or it can't be described.
    pub fn describe_streams_group(
        &self,
        id: &str,
        with_topology: bool,
    ) -> Result<(DescribedGroup, Option<Broker>), KafkaError> {
        let name = "describeStreamsGroups";
        self.at_coordinator(id, name, |coordinator| {
            let request = |version| {
                StreamsGroupDescribeRequest::default()
                    .with_group_ids(vec![group_id(id)])
                    .with_include_topology_description(with_topology && version >= 1)
            };
            let (_, response) = self.ask_with(coordinator, name, request)?;
            let nothing = || KafkaError::of_code(ErrorCode::GroupIdNotFound.code(), None);
            let group = response.groups.into_iter().next().ok_or_else(nothing)?;
            KafkaError::check(group.error_code, group.error_message.as_deref())?;
            Ok((group, self.known(coordinator)))
        })
    }
}
