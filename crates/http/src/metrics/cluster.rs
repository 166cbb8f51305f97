//! The cluster as its metadata has it, and the quorum behind that.

use super::page::Page;
use super::table;
use crate::node::Running;

/// Looks at the image that has taken effect on this node.
pub fn look(page: &mut Page, running: &Running) {
    let image = match (&running.broker, &running.controller) {
        (Some(broker), _) => broker.image().clone(),
        (None, Some(controller)) => controller.image(),
        (None, None) => return,
    };
    let alive = image.brokers.values().filter(|broker| !broker.fenced).count();
    page.count(&table::ACTIVE_BROKERS, &[], alive as u64);
    page.count(&table::FENCED_BROKERS, &[], (image.brokers.len() - alive) as u64);
    page.count(&table::TOPIC_COUNT, &[], image.topics.len() as u64);
    let (mut all, mut offline, mut elsewhere) = (0, 0, 0);
    for partition in image.topics.iter().flat_map(|topic| &topic.partitions) {
        all += 1;
        offline += u64::from(!partition.has_leader());
        elsewhere += u64::from(!partition.has_preferred_leader());
    }
    page.count(&table::GLOBAL_PARTITION_COUNT, &[], all);
    page.count(&table::OFFLINE_PARTITIONS, &[], offline);
    page.count(&table::PREFERRED_IMBALANCE, &[], elsewhere);
    page.put(&table::METADATA_OFFSET, &[], image.offset as f64);
    let Some(controller) = &running.controller else {
        return;
    };
    page.count(&table::ACTIVE_CONTROLLER, &[], u64::from(controller.is_active()));
    let status = controller.status();
    page.put(&table::RAFT_LEADER, &[], f64::from(status.leader_id));
    page.put(&table::RAFT_EPOCH, &[], f64::from(status.leader_epoch));
    page.put(&table::RAFT_HIGH_WATERMARK, &[], status.high_watermark as f64);
    page.count(&table::RAFT_VOTERS, &[], status.voters.len() as u64);
    let own = status
        .voters
        .iter()
        .find(|voter| voter.node_id == running.node_id);
    if let Some(own) = own {
        page.put(&table::RAFT_LOG_END, &[], own.log_end_offset as f64);
    }
}
