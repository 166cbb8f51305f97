//! Serving a request where there are rules.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use barnabas_config::faults::Action;
use barnabas_controller::throttling::told;
use barnabas_network::response::{Outcome, Reply};
use barnabas_network::rpc::RequestContext;
use barnabas_protocol::api::ApiKey;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::leave_group_request::MemberIdentity;
use barnabas_protocol::messages::{
    ConsumerGroupHeartbeatRequest, InitProducerIdRequest, LeaveGroupRequest, StrBytes,
};
use tokio::sync::watch;
use tokio::time::sleep;

use super::answer;
use super::engine::{Decision, Subject};
use super::subject::{Body, Named};
use crate::broker::Broker;
use crate::handlers::{k13_leave_group, k22_init_producer_id, k68_consumer_group_heartbeat};

/// Serves a request without faults.
pub type Serve = fn(&Arc<Broker>, RequestContext, &mut [u8]) -> Outcome;

/// Nothing is held up for longer: its client has long given up.
const HELD_MAX: Duration = Duration::from_secs(600);
/// A producer that is fenced gets this time-out for its transactions, in ms: that of Kafka's clients.
const TRANSACTION_TIMEOUT_MS: i32 = 60_000;
/// A version of LeaveGroup that names several members.
const LEAVE_GROUP_VERSION: i16 = 5;
const INIT_PRODUCER_ID_VERSION: i16 = 4;
/// The epoch of a member that leaves its consumer group.
const LEAVING: i32 = -1;

/// Serves a request as the first rule says that applies to it; `serve` without any.
pub fn start(broker: &Arc<Broker>, context: RequestContext, body: &mut [u8], serve: Serve) -> Outcome {
    let Some(named) = Named::of(broker, &context, body).filter(|named| !named.is_of_broker) else {
        return serve(broker, context, body);
    };
    let principal = context.principal.to_string();
    let decision = broker.metadata.faults().decide(&Subject {
        api: context.api_key,
        client: &context.client_id,
        principal: &principal,
        partitions: &named.partitions,
        group: named.group.as_deref(),
        transactional_id: named.transactional_id.as_deref(),
    });
    let Some(decision) = decision else {
        return serve(broker, context, body);
    };
    tracing::info!(
        rule = %decision.rule,
        number = decision.number,
        api = context.api_key.name(),
        client = %context.client_id,
        delay_ms = decision.delay_ms,
        "a fault rule applies"
    );
    if decision.delay_ms == 0 {
        match decision.action {
            Action::Error(error) => {
                let reply = answer::error(&context, &named.body, error);
                return Outcome::Ready(throttled(&context, reply, &decision));
            }
            Action::CloseBefore => return Outcome::Ready(Reply::Close),
            _ => {}
        }
    }
    let request = Request {
        broker: broker.clone(),
        changes: broker.metadata.faults().changes(),
        context,
        body: body.to_vec(),
        named,
        decision,
    };
    Outcome::Exclusive(Box::pin(request.run(serve)))
}

/// A request that waits, or whose answer doesn't reach the client.
struct Request {
    broker: Arc<Broker>,
    changes: watch::Receiver<()>,
    context: RequestContext,
    body: Vec<u8>,
    named: Named,
    decision: Decision,
}

impl Request {
    async fn run(mut self, serve: Serve) -> Reply {
        if self.decision.delay_ms > 0 {
            let delay = Duration::from_millis(self.decision.delay_ms);
            if !self.waited(sleep(delay)).await {
                return Reply::Close;
            }
        }
        match self.decision.action {
            Action::Error(error) => {
                let reply = answer::error(&self.context, &self.named.body, error);
                return throttled(&self.context, reply, &self.decision);
            }
            Action::CloseBefore => return Reply::Close,
            Action::Hold => {
                let mut changes = self.changes.clone();
                let _held = self.broker.metadata.faults().hold();
                if !self.waited(async move { drop(changes.changed().await) }).await {
                    return Reply::Close;
                }
            }
            Action::Expire => self.expire().await,
            Action::Fence => self.fence().await,
            Action::Serve | Action::CloseAfter | Action::Drop => {}
        }
        let reply = match serve(&self.broker, self.context.clone(), &mut self.body) {
            Outcome::Ready(reply) => reply,
            Outcome::Staged(reply) | Outcome::Exclusive(reply) => reply.await,
        };
        match self.decision.action {
            Action::CloseAfter => Reply::Close,
            Action::Drop => {
                // Nothing more comes by this connection, until somebody gives it up.
                self.changes.mark_unchanged();
                let _held = self.broker.metadata.faults().hold();
                let mut changes = self.changes.clone();
                let until_changed = async move {
                    if changes.changed().await.is_err() {
                        pending::<()>().await;
                    }
                };
                self.waited(until_changed).await;
                Reply::Close
            }
            _ => throttled(&self.context, reply, &self.decision),
        }
    }

    /// Waits, but not beyond the end of the broker; false when that has come, or it takes too long.
    async fn waited(&self, wait: impl Future<Output = ()>) -> bool {
        tokio::select! {
            () = wait => true,
            () = self.broker.stopping.cancelled() => false,
            () = sleep(HELD_MAX) => false,
        }
    }

    /// Ends the session of the member whose request it is, as if nothing had been heard of it for long.
    async fn expire(&self) {
        let ended = match &self.named.body {
            Body::Heartbeat(request) => {
                let member = MemberIdentity::default()
                    .with_member_id(request.member_id.clone())
                    .with_group_instance_id(request.group_instance_id.clone());
                self.leave(&request.group_id, member).await
            }
            Body::OffsetCommit(request) => {
                let member = MemberIdentity::default()
                    .with_member_id(request.member_id.clone())
                    .with_group_instance_id(request.group_instance_id.clone());
                self.leave(&request.group_id, member).await
            }
            Body::ConsumerGroupHeartbeat(request) => {
                let leaving = ConsumerGroupHeartbeatRequest::default()
                    .with_group_id(request.group_id.clone())
                    .with_member_id(request.member_id.clone())
                    .with_member_epoch(LEAVING);
                let answer = k68_consumer_group_heartbeat::handle(&self.broker, &self.context, leaving).await;
                answer.error_code
            }
            _ => 0,
        };
        self.tell(ended, "the session of a member could not be ended");
    }

    async fn leave(&self, group: &barnabas_protocol::messages::GroupId, member: MemberIdentity) -> i16 {
        let context = RequestContext {
            api_key: ApiKey::LeaveGroup,
            api_version: LEAVE_GROUP_VERSION,
            ..self.context.clone()
        };
        let request = LeaveGroupRequest::default()
            .with_group_id(group.clone())
            .with_members(vec![member]);
        let answer = k13_leave_group::handle(&self.broker, &context, request).await;
        match answer.error_code {
            0 => answer.members.first().map_or(0, |member| member.error_code),
            code => code,
        }
    }

    /// Fences the producer, as another one with its transactional id would.
    async fn fence(&self) {
        let Some(id) = &self.named.transactional_id else {
            return;
        };
        let context = RequestContext {
            api_key: ApiKey::InitProducerId,
            api_version: INIT_PRODUCER_ID_VERSION,
            ..self.context.clone()
        };
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(StrBytes::from_string(id.clone()).into()))
            .with_transaction_timeout_ms(TRANSACTION_TIMEOUT_MS)
            .with_producer_id((-1).into())
            .with_producer_epoch(-1);
        let answer = k22_init_producer_id::handle(&self.broker, &context, request).await;
        // Its open transaction is being aborted, and the producer is fenced by that.
        let code = match answer.error_code {
            code if code == ErrorCode::ConcurrentTransactions.code() => 0,
            code => code,
        };
        self.tell(code, "a producer could not be fenced");
    }

    fn tell(&self, code: i16, what: &str) {
        if code != 0 {
            let error = ErrorCode::from_code(code).map_or("", ErrorCode::name);
            tracing::warn!(rule = %self.decision.rule, error, "{what}");
        }
    }
}

/// The answer that tells the client to pause, which its connection does then.
fn throttled(context: &RequestContext, reply: Reply, decision: &Decision) -> Reply {
    match decision.throttle_ms {
        None => reply,
        Some(pause_ms) => {
            context
                .connection
                .pause_for(Duration::from_millis(pause_ms.unsigned_abs().into()));
            told(context, reply, pause_ms)
        }
    }
}
