//! What a large cluster asks of a controller: a million partitions of 100 brokers, held, written, read, and a
//! broker fenced that leads 30,000 of them.
//!
//! `cargo run --release -p barnabas-metadata --example scale`

use std::time::Instant;

use barnabas_config::{ControllerRules, Layers};
use barnabas_environment::Random;
use barnabas_metadata::controller::{BrokerHeartbeats, ControllerSettings, FenceBroker};
use barnabas_metadata::records::{BrokerRegistration, MetadataRecord, PartitionRecord, encoding};
use barnabas_metadata::{Decide, DecideContext, MetadataImage};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const BROKERS: i32 = 100;
const TOPICS: u128 = 10_000;
const PARTITIONS: i32 = 100;
/// Of a million partitions with three replicas, so many are led by the broker that is fenced.
const LED_BY_ONE: usize = 30_000;

/// Records as a snapshot has them.
#[derive(Serialize, Deserialize)]
struct Snapshot {
    #[serde(with = "encoding::records")]
    records: Vec<MetadataRecord>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let records = cluster();
    println!("{} records", records.len());
    let before = resident_mb()?;
    let began = Instant::now();
    let (image, _) = MetadataImage::empty().apply(&records, 1, 1);
    println!("applied in {:.2} s", began.elapsed().as_secs_f64());
    println!("the image: {:.0} MB", resident_mb()? - before);

    let began = Instant::now();
    let bytes = serde_json::to_vec(&Snapshot {
        records: image.to_records(),
    })?;
    let megabytes = bytes.len() as f64 / 1e6;
    println!(
        "a snapshot: {megabytes:.0} MB, written in {:.2} s",
        began.elapsed().as_secs_f64()
    );
    drop((records, image));
    let began = Instant::now();
    let read: Snapshot = serde_json::from_slice(&bytes)?;
    let (image, _) = MetadataImage::empty().apply(&read.records, 1, 1);
    println!("read and applied in {:.2} s", began.elapsed().as_secs_f64());
    drop((bytes, read));

    let settings = ControllerSettings {
        node_id: 1,
        default_num_partitions: 1,
        default_replication_factor: 3,
        broker_session_timeout_ms: 9000,
        leader_rebalance_interval_ms: None,
        tokens: None,
    };
    let rules = ControllerRules::new(Layers::default());
    let mut context = DecideContext {
        now_ms: 0,
        now_monotonic_ms: 0,
        alone: false,
        heartbeats: &mut BrokerHeartbeats::default(),
        settings: &settings,
        random: &mut Random::seeded(1),
        rules: &rules,
        next_offset: 2,
    };
    let fence = FenceBroker {
        broker_id: 0,
        broker_epoch: 1,
    };
    let began = Instant::now();
    let decision = fence.decide(&image, &mut context);
    println!(
        "fencing a broker: {} changes decided in {:.0} ms",
        decision.records.len(),
        began.elapsed().as_secs_f64() * 1e3
    );
    let changes = decision.records.len();
    let bytes = serde_json::to_vec(&Snapshot {
        records: decision.records.clone(),
    })?;
    println!(
        "{:.1} MB, {} bytes for each change",
        bytes.len() as f64 / 1e6,
        bytes.len() / changes
    );
    let began = Instant::now();
    image.apply(&decision.records, 2, 1);
    println!("applied in {:.0} ms", began.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

/// 100 brokers, and topics whose leaders are spread evenly, but for the first broker, which leads more.
fn cluster() -> Vec<MetadataRecord> {
    let mut records = Vec::new();
    for broker_id in 0..BROKERS {
        records.push(MetadataRecord::RegisterBroker(BrokerRegistration {
            broker_id,
            broker_epoch: 1,
            ..BrokerRegistration::default()
        }));
    }
    let mut number = 0;
    for topic in 0..TOPICS {
        let topic_id = Uuid::from_u128(topic + 1);
        let name = format!("a-topic-of-some-length-{topic}");
        records.push(MetadataRecord::Topic { name, topic_id });
        for partition_id in 0..PARTITIONS {
            number += 1;
            let leader = if number <= LED_BY_ONE {
                0
            } else {
                1 + (number % (BROKERS as usize - 1)) as i32
            };
            let replicas = vec![leader, (leader + 1) % BROKERS, (leader + 2) % BROKERS];
            records.push(MetadataRecord::Partition(PartitionRecord {
                topic_id,
                partition_id,
                isr: replicas.clone(),
                directories: replicas
                    .iter()
                    .map(|broker| Uuid::from_u128(*broker as u128 + 1))
                    .collect(),
                replicas,
                leader,
                ..PartitionRecord::default()
            }));
        }
    }
    records
}

/// Memory of this process, in MB.
fn resident_mb() -> std::io::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    Ok(kilobytes.unwrap_or(0.0) / 1024.0)
}
