//! Which cluster a node belongs to that has no data yet.
//!
//! A node that is the only controller founds a cluster, with an id that nobody else has. Nodes that are told
//! their voters must all arrive at the same id without having asked each other: `cluster.id`, or else one
//! that follows from the list of voters, which is the same on all of them. Two clusters with the same list
//! (one made anew, or on one machine after the other) have the same id then, unless `cluster.id` tells them
//! apart.

use barnabas_config::{BrokerConfig, QuorumSettings};
use barnabas_environment::Random;
use barnabas_storage::kafka_uuid;
use uuid::Uuid;

use super::error::StartError;

/// The cluster's id for log directories that are all new; `None` where the settings leave it open. `given` is
/// that of the environment.
pub fn of_new_folders(
    config: &BrokerConfig,
    given: Option<&str>,
    quorum: &QuorumSettings,
    random: &Random,
) -> Option<String> {
    if !config.cluster_id.is_empty() {
        Some(config.cluster_id.clone())
    } else if let Some(given) = given {
        Some(given.to_owned())
    } else if quorum.is_alone() {
        Some(kafka_uuid::encode(random.uuid()))
    } else {
        quorum.is_static().then(|| kafka_uuid::encode(of_voters(quorum)))
    }
}

/// Refuses folders of another cluster than the settings name.
///
/// # Errors
/// They are.
pub fn check(config: &BrokerConfig, found: &str) -> Result<(), StartError> {
    if config.cluster_id.is_empty() || config.cluster_id == found {
        return Ok(());
    }
    Err(StartError::OtherCluster {
        found: found.to_owned(),
        configured: config.cluster_id.clone(),
    })
}

/// FNV-1a over the controllers' ids and addresses, 128 bits.
fn of_voters(quorum: &QuorumSettings) -> Uuid {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let text: String = quorum
        .voters
        .iter()
        .map(|(id, address)| format!("{id}@{address},"))
        .collect();
    let hash = text
        .bytes()
        .fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    // Ids that begin with a dash would be taken for options by Kafka's tools.
    Uuid::from_u128(hash & (u128::MAX >> 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use barnabas_config::load::{Sources, load};

    fn id(pairs: &[(&str, &str)], seed: u64) -> String {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let settings = load(&Sources {
            overrides: pairs.iter().map(owned).collect(),
            default_data_dir: "/data".into(),
            ..Sources::default()
        });
        let settings = settings.unwrap();
        let id = of_new_folders(&settings.config, None, &settings.quorum, &Random::seeded(seed));
        id.unwrap_or_default()
    }

    #[test]
    fn all_nodes_with_the_same_voters_arrive_at_the_same_id() {
        let both = ("listeners", "PLAINTEXT://:1,CONTROLLER://:2");
        let voters = ("controller.quorum.voters", "1@a:1,2@b:1");
        let one = id(&[voters, both], 1);
        assert_eq!(one.len(), 22);
        let other = ("controller.quorum.voters", "2@b:1, 1@a:1");
        assert_eq!(id(&[other, both, ("node.id", "2")], 2), one);
        assert_eq!(
            id(&[other, ("process.roles", "broker"), ("node.id", "9")], 3),
            one
        );
        let moved = ("controller.quorum.voters", "1@a:1,2@b:2");
        assert_ne!(id(&[moved, both], 1), one);
        assert_eq!(id(&[voters, both, ("cluster.id", "mine")], 1), "mine");
    }

    #[test]
    fn a_node_by_itself_founds_a_cluster_that_nobody_else_has() {
        assert_ne!(id(&[], 1), id(&[], 2));
        assert_eq!(id(&[("cluster.id", "mine")], 1), "mine");
        let servers = ("controller.quorum.bootstrap.servers", "a:1");
        assert_eq!(id(&[servers, ("process.roles", "broker")], 1), "");
    }
}
