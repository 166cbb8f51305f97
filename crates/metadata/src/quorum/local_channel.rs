//! The way to the controllers of a node that is its quorum alone: it asks itself.

use std::time::Duration;

use barnabas_protocol::messages::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, AlterPartitionRequest, AlterPartitionResponse,
    AssignReplicasToDirsRequest, AssignReplicasToDirsResponse, BrokerHeartbeatRequest,
    BrokerHeartbeatResponse, BrokerRegistrationRequest, BrokerRegistrationResponse,
};

use super::{Changed, ControllerHandle, QuorumStatus, VoterChange};
use crate::channel::{Answer, ControllerChannel};
use crate::controller::{
    AllocateProducerIds, AlterPartition, AssignReplicasToDirs, BrokerHeartbeat, ControllerReply,
    ControllerRequest, RegisterBroker, Request,
};

impl ControllerHandle {
    fn ask<R: Request + Send + 'static>(&self, request: R) -> Answer<R::Reply> {
        let handle = self.clone();
        Box::pin(async move { handle.submit(request).await })
    }
}

impl ControllerChannel for ControllerHandle {
    fn register(&self, request: BrokerRegistrationRequest) -> Answer<BrokerRegistrationResponse> {
        self.ask(RegisterBroker(request))
    }

    fn heartbeat(&self, request: BrokerHeartbeatRequest) -> Answer<BrokerHeartbeatResponse> {
        self.ask(BrokerHeartbeat(request))
    }

    fn alter_partition(&self, request: AlterPartitionRequest) -> Answer<AlterPartitionResponse> {
        self.ask(AlterPartition(request))
    }

    fn assign_replicas_to_dirs(
        &self,
        request: AssignReplicasToDirsRequest,
    ) -> Answer<AssignReplicasToDirsResponse> {
        self.ask(AssignReplicasToDirs(request))
    }

    fn allocate_producer_ids(
        &self,
        request: AllocateProducerIdsRequest,
    ) -> Answer<AllocateProducerIdsResponse> {
        self.ask(AllocateProducerIds(request))
    }

    fn forward(&self, request: ControllerRequest) -> Answer<ControllerReply> {
        let handle = self.clone();
        Box::pin(async move { handle.submit_any(request).await })
    }

    fn status(&self) -> Answer<QuorumStatus> {
        let status = ControllerHandle::status(self);
        Box::pin(std::future::ready(Ok(status)))
    }

    fn change_voters(&self, change: VoterChange, patience: Duration) -> Answer<Changed> {
        let handle = self.clone();
        Box::pin(async move { ControllerHandle::change_voters(&handle, change, patience).await })
    }
}
