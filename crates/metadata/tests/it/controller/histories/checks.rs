//! What must hold of every partition, and between it and what it was.

use std::collections::BTreeSet;

use barnabas_metadata::image::{MetadataImage, PartitionImage};
use barnabas_metadata::records::NO_LEADER;

/// Of a partition alone.
pub fn of_one(now: &PartitionImage, image: &MetadataImage, elr: bool) {
    let serves = |id: &i32| {
        let broker = image.alive_broker(*id);
        broker.is_some_and(|broker| !broker.in_controlled_shutdown)
    };
    let isr: BTreeSet<i32> = now.isr.iter().copied().collect();
    assert_eq!(isr.len(), now.isr.len(), "{now:?}");
    assert!(isr.iter().all(|id| now.replicas.contains(id)), "{now:?}");
    assert!(
        now.leader == NO_LEADER || (isr.contains(&now.leader) && serves(&now.leader)),
        "{now:?}"
    );
    assert!(isr.iter().all(serves) || (!elr && isr.len() == 1), "{now:?}");
    assert!(elr || !isr.is_empty(), "{now:?}");
    let eligible = &now.eligible_leader_replicas;
    let eligible_well = |id: &i32| !isr.contains(id) && now.replicas.contains(id);
    assert!(eligible.iter().all(eligible_well), "{now:?}");
    assert!(elr || eligible.is_empty(), "{now:?}");
    assert!(now.last_known_elr.len() <= 1, "{now:?}");
    assert_eq!(now.directories.len(), now.replicas.len(), "{now:?}");
}

/// Of a step.
pub fn of_step(was: &PartitionImage, now: &PartitionImage) {
    if was == now {
        return;
    }
    assert!(
        now.partition_epoch > was.partition_epoch,
        "{was:?} became {now:?}"
    );
    let removed = was.replicas.iter().any(|id| !now.replicas.contains(id));
    let rises = now.leader_epoch > was.leader_epoch;
    assert!(now.leader_epoch >= was.leader_epoch, "{was:?} became {now:?}");
    assert_eq!(
        rises,
        now.leader != was.leader || removed,
        "{was:?} became {now:?}"
    );
}
