//! The persister of share partitions: keeps their state with the share coordinator, wherever that is.
//!
//! The coordinator of each share partition is whoever leads its partition of `__share_group_state`: this
//! broker, which is asked directly, or another, over the connections between brokers. What may be answered
//! differently a moment later (a coordinator that moves, loads or can't be reached) is asked again for a
//! while; all five requests may be repeated, since they say what is to be and not what is to change.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use barnabas_coordinator::{SharePartition, partition_for};
use barnabas_metadata::image::MetadataImage;
use barnabas_metadata::internal_topics::SHARE_GROUP_STATE;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::*;
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use crate::broker::Broker;
use crate::broker_peers::Purpose;
use crate::coordinator::internal_topics;
use crate::coordinator::share_state_api::{ShareStateApi, refuse_all};

/// How long is waited before a coordinator is asked again: longer each time.
const BACKOFF_MIN: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_secs(1);
/// How long is asked again, before the last answer counts.
const PATIENCE: Duration = Duration::from_secs(15);

/// Begins the state of share partitions.
pub async fn initialize(
    broker: &Arc<Broker>,
    request: InitializeShareGroupStateRequest,
) -> InitializeShareGroupStateResponse {
    ask(broker, request).await
}

/// The state of share partitions, for who leads them in the epochs that the request says.
pub async fn read(broker: &Arc<Broker>, request: ReadShareGroupStateRequest) -> ReadShareGroupStateResponse {
    ask(broker, request).await
}

/// Changes the state of share partitions.
pub async fn write(
    broker: &Arc<Broker>,
    request: WriteShareGroupStateRequest,
) -> WriteShareGroupStateResponse {
    ask(broker, request).await
}

/// Forgets share partitions.
pub async fn delete(
    broker: &Arc<Broker>,
    request: DeleteShareGroupStateRequest,
) -> DeleteShareGroupStateResponse {
    ask(broker, request).await
}

/// Where share partitions stand.
pub async fn read_summary(
    broker: &Arc<Broker>,
    request: ReadShareGroupStateSummaryRequest,
) -> ReadShareGroupStateSummaryResponse {
    ask(broker, request).await
}

/// Has every partition of the request answered by its coordinator. The answer has each partition once, in the
/// request's order.
async fn ask<A: ShareStateApi>(broker: &Arc<Broker>, request: A) -> A::Response {
    if let Err(error) = internal_topics::ensure(broker, SHARE_GROUP_STATE).await {
        return refuse_all(request, &error.into());
    }
    let (group, mut due) = request.into_parts();
    let order: Vec<(Uuid, i32)> = due
        .iter()
        .map(|(topic_id, ask)| (*topic_id, A::partition(ask)))
        .collect();
    let mut answered: HashMap<(Uuid, i32), A::Result> = HashMap::new();
    let deadline = Instant::now() + PATIENCE;
    let mut backoff = BACKOFF_MIN;
    loop {
        for (topic_id, result) in ask_once::<A>(broker, &group, &due).await {
            answered.insert((topic_id, A::outcome(&result).0), result);
        }
        due.retain(|(topic_id, ask)| {
            let partition = A::partition(ask);
            // A coordinator leaves out all of a group without a name: asking again is no use.
            let result = answered
                .entry((*topic_id, partition))
                .or_insert_with(|| A::refused(partition, ErrorCode::UnknownServerError.into()));
            is_retriable(A::outcome(result).1)
        });
        if due.is_empty() || Instant::now() + backoff > deadline {
            break;
        }
        tokio::select! {
            biased;
            () = broker.stopping.cancelled() => break,
            () = tokio::time::sleep(backoff) => {}
        }
        backoff = BACKOFF_MAX.min(backoff * 2);
    }
    let results = order.into_iter().filter_map(|place| {
        let result = answered.remove(&place)?;
        Some((place.0, result))
    });
    A::response(results.collect())
}

/// Asks each coordinator once.
async fn ask_once<A: ShareStateApi>(
    broker: &Arc<Broker>,
    group: &Arc<str>,
    asks: &[(Uuid, A::Ask)],
) -> Vec<(Uuid, A::Result)> {
    let image = Arc::clone(&broker.image());
    let mut coordinators: BTreeMap<i32, Vec<(Uuid, A::Ask)>> = BTreeMap::new();
    for (topic_id, ask) in asks {
        let of = SharePartition {
            group: group.clone(),
            topic_id: *topic_id,
            partition: A::partition(ask),
        };
        // Nobody is -1, which no broker is.
        let coordinator = coordinator_of(&image, &of.to_string()).unwrap_or(-1);
        coordinators
            .entry(coordinator)
            .or_default()
            .push((*topic_id, ask.clone()));
    }
    let mut asked = coordinators
        .into_iter()
        .map(|(coordinator, asks)| (coordinator, A::from_parts(group, asks)));
    let first = asked.next();
    let mut others = JoinSet::new();
    for (coordinator, request) in asked {
        let (broker, image) = (broker.clone(), image.clone());
        others.spawn(async move { ask_at(&broker, &image, coordinator, request).await });
    }
    let mut results = match first {
        Some((coordinator, request)) => A::results(ask_at(broker, &image, coordinator, request).await),
        None => Vec::new(),
    };
    while let Some(joined) = others.join_next().await {
        // The runtime is ending where a task fails: its partitions have no answer.
        results.extend(joined.map(A::results).unwrap_or_default());
    }
    results
}

async fn ask_at<A: ShareStateApi>(
    broker: &Broker,
    image: &MetadataImage,
    coordinator: i32,
    request: A,
) -> A::Response {
    if coordinator == broker.node_id {
        return broker.share_states().answer(image, request).await;
    }
    if coordinator < 0 {
        return refuse_all(request, &ErrorCode::CoordinatorNotAvailable.into());
    }
    let peers = broker.peers();
    match peers
        .ask(image, coordinator, Purpose::ShareState, A::VERSION, &request)
        .await
    {
        Ok(response) => response,
        Err(error) => {
            tracing::debug!(coordinator, %error, "a share coordinator has not answered");
            refuse_all(request, &ErrorCode::NetworkException.into())
        }
    }
}

/// The broker that leads the partition of `__share_group_state` for a key; `None` while nobody does.
fn coordinator_of(image: &MetadataImage, key: &str) -> Option<i32> {
    let topic = image.topics.by_name(SHARE_GROUP_STATE)?;
    let count = i32::try_from(topic.partitions.len()).ok()?;
    let partition = topic.partition(partition_for(key, count))?;
    image
        .alive_broker(partition.leader)
        .map(|leader| leader.broker_id)
}

/// Whether the same question may be answered differently later.
fn is_retriable(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::CoordinatorLoadInProgress
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::NetworkException
            | ErrorCode::NotCoordinator
    )
}
