//! `fetch`, `tail` and `session`: consumers.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::Links;
use super::target::{Content, Target, limits, window};
use crate::admin::Admin;
use crate::engine::{self, Report, Role};
use crate::error::Failure;
use crate::options::Options;
use crate::roles::consumer::{Consumer, Way};
use crate::roles::sender::Sender;
use crate::roles::session::SessionConsumer;
use crate::shared::{Shared, Tail};

/// Fills the topic, then consumers read it from the start again and again (hot: out of the page cache). With
/// `--evict` the topic's files in that folder are dropped from the page cache before (cold).
pub fn fetch(mut options: Options) -> Result<Report, Failure> {
    let target = Target::open(&mut options)?;
    let content = Content::take(&mut options)?;
    let window = window(&mut options)?;
    let connections: usize = options.take("connections", 1)?;
    let preload = options.bytes("preload", 512 << 20)?;
    let limits = limits(&mut options)?;
    let evicted: Option<PathBuf> = options.take_given("evict")?;
    options.finish()?;

    if !target.is_floor && !target.is_old {
        content.fill(&target, preload)?;
    }
    if let Some(folder) = evicted {
        evict(&folder, &target.topic)?;
    }
    let mut links: Links = Vec::with_capacity(connections);
    let step = connections.min(target.partitions as usize);
    for (number, stream) in target.streams(connections)?.enumerate() {
        let partitions = (number as i32 % target.partitions..target.partitions).step_by(step);
        let consumer = Consumer::new(
            target.topic_id,
            partitions,
            content.shape(),
            limits,
            Way::AgainAndAgain,
        );
        links.push((stream, Box::new(consumer)));
    }
    let report = engine::run(links, Shared::new(None), window)?;
    target.close()?;
    Ok(report)
}

/// A producer and consumers that follow it; the producer waits while the slowest is `--window` batches
/// behind. With a window of 1 and one record in a batch: end to end, one record at a time.
pub fn tail(mut options: Options) -> Result<Report, Failure> {
    let target = Target::open(&mut options)?;
    let content = Content::take(&mut options)?;
    let window = window(&mut options)?;
    let consumers: usize = options.take("consumers", 1)?;
    let ahead: u64 = options.take("window", 256)?;
    let in_flight = options.take("in-flight", 4)?;
    let limits = limits(&mut options)?;
    options.finish()?;

    let frames = content.frames(&target)?;
    let manner = content.manner(in_flight, window.rate.is_some(), true);
    let mut links: Links = Vec::with_capacity(consumers + 1);
    for (number, stream) in target.streams(consumers + 1)?.enumerate() {
        let role: Box<dyn Role> = match number.checked_sub(1) {
            None => Box::new(Sender::new(Rc::clone(&frames), 0, manner.clone(), None)?),
            Some(number) => {
                let way = Way::Tail(number);
                Box::new(Consumer::new(target.topic_id, [0], content.shape(), limits, way))
            }
        };
        links.push((stream, role));
    }
    let tail = Tail::new(consumers, ahead * u64::from(content.batch.records));
    let report = engine::run(links, Shared::new(Some(tail)), window)?;
    target.close()?;
    Ok(report)
}

/// Consumers that each follow all partitions in one fetch session (KIP-227), while `--producers` send
/// `--rate` batches a second.
pub fn session(mut options: Options) -> Result<Report, Failure> {
    let target = Target::open(&mut options)?;
    let content = Content::take(&mut options)?;
    let window = window(&mut options)?;
    let consumers: usize = options.take("consumers", 1)?;
    let producers: usize = options.take("producers", 4)?;
    let limits = limits(&mut options)?;
    options.finish()?;

    if !target.is_old {
        content.fill(&target, 0)?; // The first batch of a partition makes its files: not what is measured.
    }
    let latest = Admin::connect(target.address)?.latest_offsets(&target.topic, target.partitions)?;
    let latest: Vec<u64> = latest.into_iter().map(|offset| offset.max(0) as u64).collect();
    let frames = content.frames(&target)?;
    let manner = content.manner(1, window.rate.is_some(), false);
    let mut links: Links = Vec::with_capacity(consumers + producers);
    for (number, stream) in target.streams(producers + consumers)?.enumerate() {
        let role: Box<dyn Role> = if number < producers {
            let first = number * frames.len() / producers;
            Box::new(Sender::new(Rc::clone(&frames), first, manner.clone(), None)?)
        } else {
            let shape = content.shape();
            Box::new(SessionConsumer::new(
                target.topic_id,
                latest.clone(),
                shape,
                limits,
            ))
        };
        links.push((stream, role));
    }
    let report = engine::run(links, Shared::new(None), window)?;
    target.close()?;
    Ok(report)
}

/// Writes a topic's segments back and drops them from the page cache.
fn evict(folder: &Path, topic: &str) -> Result<(), Failure> {
    let partitions = std::fs::read_dir(folder).map_err(Failure::io("evict"))?;
    for partition in partitions {
        let partition = partition.map_err(Failure::io("evict"))?;
        if !partition
            .file_name()
            .to_string_lossy()
            .starts_with(&format!("{topic}-"))
        {
            continue;
        }
        for file in std::fs::read_dir(partition.path()).map_err(Failure::io("evict"))? {
            let path = file.map_err(Failure::io("evict"))?.path();
            if path.extension().is_some_and(|extension| extension == "log") {
                let file = std::fs::File::open(&path).map_err(Failure::io("evict"))?;
                file.sync_all().map_err(Failure::io("evict"))?;
                drop_cache(&file).map_err(Failure::io("evict"))?;
            }
        }
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn drop_cache(file: &std::fs::File) -> std::io::Result<()> {
    Ok(rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed)?)
}

#[cfg(not(target_os = "linux"))]
fn drop_cache(_file: &std::fs::File) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
