//! How many small changes a quorum of one decides a second, by how many clients wait at a time.
//!
//! `cargo run --release -p barnabas-metadata --example decisions -- FOLDER`

use std::path::Path;
use std::time::{Duration, Instant};

use barnabas_config::{ControllerRules, Layers};
use barnabas_environment::Environment;
use barnabas_metadata::controller::{
    AllocateProducerIds, ControllerSettings, RegisterBroker, registration_request,
};
use barnabas_metadata::quorum::{MetadataDisk, SNAPSHOT_EVERY};
use barnabas_metadata::records::BrokerRegistration;
use barnabas_metadata::{MetadataError, Quorum, QuorumOptions};
use barnabas_protocol::messages::{AllocateProducerIdsRequest, BrokerId};
use tokio::task::JoinSet;

const EACH: Duration = Duration::from_secs(3);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("say in which folder")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    for clients in [1, 16, 256, 1024] {
        let dir = Path::new(&folder).join(format!("decisions-{clients}"));
        let rate = runtime.block_on(measure(&dir, clients))?;
        println!("{clients} clients: {rate:.0}/s");
        std::fs::remove_dir_all(&dir)?;
    }
    Ok(())
}

async fn measure(dir: &Path, clients: usize) -> Result<f64, MetadataError> {
    let options = QuorumOptions {
        disk: MetadataDisk::open(dir)?,
        cluster_id: "decisions".into(),
        settings: ControllerSettings {
            node_id: 1,
            default_num_partitions: 1,
            default_replication_factor: 1,
            broker_session_timeout_ms: 9000,
            leader_rebalance_interval_ms: None,
            tokens: None,
        },
        rules: ControllerRules::new(Layers::default()),
        bootstrap: vec![],
        snapshot_every: SNAPSHOT_EVERY,
        environment: Environment::system(),
        voters: None,
    };
    let quorum = Quorum::start(options, |_, _| ()).await?;
    let broker = BrokerRegistration {
        broker_id: 1,
        ..BrokerRegistration::default()
    };
    let register = RegisterBroker(registration_request("decisions", &broker, -1));
    let broker_epoch = quorum.handle().submit(register).await?.broker_epoch;
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let handle = quorum.handle();
        tasks.spawn(async move {
            let mut decided = 0u32;
            while started.elapsed() < EACH {
                let request = AllocateProducerIdsRequest::default()
                    .with_broker_id(BrokerId(1))
                    .with_broker_epoch(broker_epoch);
                handle.submit(AllocateProducerIds(request)).await?;
                decided += 1;
            }
            Ok::<_, MetadataError>(decided)
        });
    }
    let mut total = 0.0;
    while let Some(decided) = tasks.join_next().await {
        total += f64::from(decided.unwrap_or(Ok(0))?);
    }
    let rate = total / started.elapsed().as_secs_f64();
    quorum.shutdown().await?;
    Ok(rate)
}
