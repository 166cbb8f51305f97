//! Groups and transactions that this broker coordinates.

use std::collections::BTreeMap;

use barnabas_broker::broker::Broker;
use barnabas_coordinator::TransactionFilter;
use barnabas_protocol::messages::list_groups_response::ListedGroup;
use barnabas_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use barnabas_protocol::messages::offset_fetch_response::OffsetFetchResponseGroup;

use super::page::Page;
use super::table;

/// Groups that are coordinated here, and what they have committed. While a coordinator loads, what it has is
/// left out.
async fn groups(broker: &Broker) -> (Vec<ListedGroup>, Vec<OffsetFetchResponseGroup>) {
    let listed = broker.groups().request_all(|core| {
        let groups = core.list(&[], &[]);
        let offsets = groups.iter().map(|group| {
            let all = OffsetFetchRequestGroup::default()
                .with_group_id(group.group_id.clone())
                .with_topics(None);
            core.fetch_offsets(&all, false)
        });
        let offsets: Vec<OffsetFetchResponseGroup> = offsets.collect();
        (groups, offsets)
    });
    let (groups, offsets): (Vec<_>, Vec<_>) = listed.await.unwrap_or_default().into_iter().unzip();
    (groups.concat(), offsets.concat())
}

/// How far each group is behind in all, of those coordinated here and partitions led here.
pub async fn lags(broker: &Broker) -> BTreeMap<String, u64> {
    let (_, offsets) = groups(broker).await;
    let mut found = BTreeMap::new();
    for group in &offsets {
        for (_, _, behind) in behind(broker, group) {
            *found.entry(group.group_id.to_string()).or_default() += behind;
        }
    }
    found
}

/// Adds what there is of both.
pub async fn look(page: &mut Page, broker: &Broker) {
    let (groups, offsets) = groups(broker).await;
    states(page, &groups);
    shares(page, broker, &groups);
    for group in &offsets {
        for (topic, index, behind) in behind(broker, group) {
            let labels = [
                ("group", group.group_id.as_str()),
                ("topic", topic),
                ("partition", &index.to_string()),
            ];
            page.put(&table::GROUP_LAG, &labels, behind as f64);
        }
    }
    let every = TransactionFilter::default();
    let transactions = broker
        .transactions()
        .request_all(|core, wall_ms| core.list(&every, wall_ms));
    let mut by_state: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, transaction) in transactions.await.unwrap_or_default().iter().flatten() {
        *by_state.entry(transaction.state.name()).or_default() += 1;
    }
    for (state, count) in by_state {
        page.count(&table::TRANSACTIONS, &[("state", state)], count);
    }
    let sessions = broker.fetch_sessions().len();
    page.count(&table::FETCH_SESSIONS, &[], sessions as u64);
}

fn states(page: &mut Page, groups: &[ListedGroup]) {
    page.count(&table::GROUPS, &[], groups.len() as u64);
    let mut states: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for group in groups {
        *states.entry((&group.group_type, &group.group_state)).or_default() += 1;
    }
    for ((kind, state), count) in states {
        let labels = [("protocol", kind), ("state", state)];
        page.count(&table::GROUPS_BY_STATE, &labels, count);
    }
}

/// What share groups have open in the partitions that this broker leads.
fn shares(page: &mut Page, broker: &Broker, groups: &[ListedGroup]) {
    let image = broker.image().clone();
    for group in groups.iter().filter(|group| group.group_type.as_str() == "share") {
        for held in broker.shares().of_group(&group.group_id) {
            let Some(topic) = image.topics.by_id(&held.key.topic_id) else {
                continue;
            };
            let mut states: BTreeMap<String, i64> = BTreeMap::new();
            let start = {
                let mut state = held.lock();
                let Some(core) = state.core() else { continue };
                for run in core.in_flight() {
                    let name = format!("{:?}", run.state).to_lowercase();
                    *states.entry(name).or_default() += run.last - run.first + 1;
                }
                core.start_offset()
            };
            let number = held.key.partition.to_string();
            let of = [
                ("group", group.group_id.as_str()),
                ("topic", &*topic.name),
                ("partition", number.as_str()),
            ];
            for (state, count) in &states {
                let labels = [of[0], of[1], of[2], ("state", state.as_str())];
                page.put(&table::SHARE_RECORDS, &labels, *count as f64);
            }
            let partition = broker.partitions().by_name(&topic.name, held.key.partition).ok();
            if let Some(end) = partition.and_then(|partition| partition.with_log(|_, end| end)) {
                page.put(&table::SHARE_BACKLOG, &of, (end - start).max(0) as f64);
            }
        }
    }
}

/// How far a group is behind what is committed to the partitions that this broker leads.
fn behind<'g>(
    broker: &'g Broker,
    group: &'g OffsetFetchResponseGroup,
) -> impl Iterator<Item = (&'g str, i32, u64)> {
    let all = group
        .topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(move |of| (topic, of)));
    all.filter_map(|(topic, committed)| {
        let index = committed.partition_index;
        let partition = broker.partitions().by_name(&topic.name, index).ok()?;
        let is_led = broker
            .image()
            .topics
            .partition(&topic.name, index)
            .is_some_and(|state| state.leader == broker.node_id);
        let end = partition.with_log(|_, high_watermark| high_watermark)?;
        let behind = u64::try_from(end - committed.committed_offset).unwrap_or(0);
        (is_led && committed.committed_offset >= 0).then(|| (topic.name.as_str(), index, behind))
    })
}
