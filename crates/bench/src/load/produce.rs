//! `produce`: connections that send batches, each to one partition after the other. `transact`: the same in
//! transactions.

use std::rc::Rc;

use barnabas_protocol::records::Compression;

use super::Links;
use super::bad::BadClients;
use super::target::{Content, Target, now_ms, window};
use crate::admin::Admin;
use crate::batch::Batch;
use crate::engine::{self, Report, Window};
use crate::error::Failure;
use crate::frames;
use crate::options::Options;
use crate::roles::sender::{Identity, Sender};
use crate::roles::transactor::{Transactions, Transactor};
use crate::shared::Shared;

/// acks=0: bytes that a connection is ahead of the server, about.
const UNANSWERED_BYTES: usize = 256 << 10;

/// Closed loop with `--in-flight` requests on each connection, open loop with `--rate`; `--bad` clients
/// misbehave meanwhile.
pub fn produce(mut options: Options) -> Result<Report, Failure> {
    let target = Target::open(&mut options)?;
    let content = Content::take(&mut options)?;
    let window = window(&mut options)?;
    let connections: usize = options.take("connections", 4)?;
    let in_flight = options.take("in-flight", 4)?;
    let idempotent = options.flag("idempotent");
    let bad = options.take("bad", 0)?;
    options.finish()?;

    if target.partitions > 1 && !target.is_floor && !target.is_old {
        content.fill(&target, 0)?; // The first batch of a partition makes its files: not what is measured.
    }
    let bad = if bad > 0 {
        Some(BadClients::start(&target, bad)?)
    } else {
        None
    };
    let frames = content.frames(&target)?;
    let manner = content.manner(in_flight, window.rate.is_some(), false);
    let mut links: Links = Vec::with_capacity(connections);
    for (number, stream) in target.streams(connections)?.enumerate() {
        if content.acks == 0 {
            rustix::net::sockopt::set_socket_send_buffer_size(&stream, UNANSWERED_BYTES).map_err(
                |error| Failure::Io {
                    what: "connect",
                    source: error.into(),
                },
            )?;
        }
        let identity = if idempotent && !target.is_floor {
            let (producer_id, producer_epoch) = Admin::connect(target.address)?.init_producer_id(None)?;
            Some(Identity {
                producer_id,
                producer_epoch,
            })
        } else {
            None
        };
        let first = number * frames.len() / connections;
        links.push((
            stream,
            Box::new(Sender::new(Rc::clone(&frames), first, manner.clone(), identity)?),
        ));
    }
    let report = if content.acks == 0 && !target.is_floor {
        unanswered(&target, &content, links, window)
    } else {
        engine::run(links, Shared::new(None), window)
    };
    let misbehaved = bad.map_or(Ok(()), BadClients::stop);
    let report = report?;
    misbehaved?;
    target.close()?;
    Ok(report)
}

/// acks=0: what counts is what the logs have grown by.
fn unanswered(target: &Target, content: &Content, links: Links, window: Window) -> Result<Report, Failure> {
    let mut admin = Admin::connect(target.address)?;
    let mut records = || {
        let ends = admin.latest_offsets(&target.topic, target.partitions)?;
        Ok(ends.iter().map(|end| end.unsigned_abs()).sum())
    };
    let mut report = engine::run_metered(links, Shared::new(None), window, Some(&mut records))?;
    let shape = content.shape();
    if let (Some(records), Some(produced)) = (report.metered, report.classes.get_mut("produce")) {
        produced.records = records;
        produced.requests = records / u64::from(shape.records);
        produced.bytes = produced.requests * shape.bytes as u64;
    }
    Ok(report)
}

/// Transactional producers on a connection each; a transaction has `--batches` batches, all to one partition.
pub fn transact(mut options: Options) -> Result<Report, Failure> {
    let target = Target::open(&mut options)?;
    let window = window(&mut options)?;
    let connections: usize = options.take("connections", 4)?;
    let batches = options.take("batches", 16)?;
    let batch_bytes = options.bytes("batch", 16 << 10)? as usize;
    options.finish()?;

    let mut admin = Admin::connect(target.address)?;
    let mut links: Links = Vec::with_capacity(connections);
    for (number, stream) in target.streams(connections)?.enumerate() {
        let transactional_id = format!("{}-{number}", target.topic);
        admin.find_coordinator(1, &transactional_id)?;
        let (producer_id, producer_epoch) = admin.init_producer_id(Some(&transactional_id))?;
        let batch = Batch::transactional(batch_bytes, 1000, Compression::None, now_ms())?;
        let partition = number as i32 % target.partitions;
        let (bytes, records) = (batch.bytes.len(), batch.records);
        let frame = frames::produce(
            target.topic_id,
            partition,
            -1,
            Some(&transactional_id),
            batch.bytes,
        )?;
        let what = Transactions {
            transactional_id,
            frame,
            batch_bytes: bytes,
            records,
            batches,
        };
        let identity = Identity {
            producer_id,
            producer_epoch,
        };
        links.push((stream, Box::new(Transactor::new(what, identity))));
    }
    let report = engine::run(links, Shared::new(None), window)?;
    target.close()?;
    Ok(report)
}
