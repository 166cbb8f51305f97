//! What an operator does meanwhile: partitions are moved, leaders elected.

use barnabas_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use barnabas_protocol::messages::{
    AlterPartitionReassignmentsRequest, BrokerId, ElectLeadersRequest, TopicName,
};
use barnabas_storage::disk::simulated::Loss;
use tokio::time::sleep;

use super::{Fault, Running};
use crate::cluster::client::{To, text};
use crate::cluster::{PARTITIONS, TOPIC};

const ALTER_PARTITION_REASSIGNMENTS: i16 = 0;
const ELECT_LEADERS: i16 = 2;
const TIMEOUT_MS: i32 = 3_000;

impl Running {
    pub(super) async fn change(&mut self, fault: Fault) {
        match fault {
            Fault::Reassign => {
                self.counted(fault);
                let replicas = self.some_replicas();
                self.reassign(Some(replicas)).await;
            }
            Fault::CancelReassignment => {
                let replicas = self.some_replicas();
                let partition = self.reassign(Some(replicas)).await;
                sleep(self.ms(0, 300)).await;
                self.counted(fault);
                self.ask_to_reassign(partition, None).await;
            }
            Fault::DeathInReassignment => {
                let replicas = self.some_replicas();
                self.reassign(Some(replicas)).await;
                sleep(self.ms(0, 300)).await;
                let victim = self.victim();
                let machines = self.shared.machines.clone();
                let Ok(mut machine) = machines[victim].try_lock() else {
                    return;
                };
                self.counted(fault);
                machine.lose_power(Loss::Nothing).await;
                sleep(self.ms(0, 5_000)).await;
                machine.start().await;
            }
            _ => {
                self.counted(fault);
                let request = ElectLeadersRequest::default()
                    .with_election_type(0)
                    .with_topic_partitions(None)
                    .with_timeout_ms(TIMEOUT_MS);
                // Whether it was heard doesn't matter.
                drop(self.client.try_ask(To::Any, ELECT_LEADERS, &request).await);
            }
        }
    }

    /// Two or three nodes, in any order.
    fn some_replicas(&self) -> Vec<i32> {
        let mut left = self.shared.nodes.to_vec();
        let count = 2 + self.random.below(2) as usize;
        let mut draw = || left.swap_remove(self.random.below(left.len() as u64) as usize);
        (0..count).map(|_| draw()).collect()
    }

    async fn reassign(&mut self, replicas: Option<Vec<i32>>) -> i32 {
        let partition = self.random.below(PARTITIONS as u64) as i32;
        self.ask_to_reassign(partition, replicas).await;
        partition
    }

    async fn ask_to_reassign(&mut self, partition: i32, replicas: Option<Vec<i32>>) {
        let replicas = replicas.map(|replicas| replicas.into_iter().map(BrokerId).collect());
        let partition = ReassignablePartition::default()
            .with_partition_index(partition)
            .with_replicas(replicas);
        let topic = ReassignableTopic::default()
            .with_name(TopicName(text(TOPIC)))
            .with_partitions(vec![partition]);
        let request = AlterPartitionReassignmentsRequest::default()
            .with_timeout_ms(TIMEOUT_MS)
            .with_topics(vec![topic]);
        // It may be refused, or its answer be lost.
        let version = ALTER_PARTITION_REASSIGNMENTS;
        drop(self.client.try_ask(To::Any, version, &request).await);
    }
}
