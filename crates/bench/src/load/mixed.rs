//! `mixed`: producers, consumers and committing groups at once, at a fixed rate: what the same work costs
//! each server.

use std::rc::Rc;

use super::Links;
use super::groups::{commits, committing, ready};
use super::target::{Content, Target, limits, window};
use crate::engine::{self, Report, Role};
use crate::error::Failure;
use crate::options::Options;
use crate::roles::consumer::{Consumer, Way};
use crate::roles::sender::Sender;
use crate::shared::Shared;

/// Of each 40 requests 30 are a Produce and 10 an OffsetCommit; one consumer follows each partition.
const PRODUCERS: usize = 30;
const COMMITTERS: usize = 10;

/// Runs at `--rate` requests a second.
pub fn mixed(mut options: Options) -> Result<Report, Failure> {
    let target = Target::open(&mut options)?;
    let content = Content::take(&mut options)?;
    let window = window(&mut options)?;
    let limits = limits(&mut options)?;
    options.finish()?;
    if window.rate.is_none() {
        return Err(Failure::Usage("mixed needs a --rate".to_owned()));
    }

    ready(&target, COMMITTERS)?;
    let frames = content.frames(&target)?;
    let mut links: Links = Vec::new();
    let count = PRODUCERS + COMMITTERS + target.partitions as usize;
    for (number, stream) in target.streams(count)?.enumerate() {
        let role: Box<dyn Role> = if number < PRODUCERS {
            let manner = content.manner(1, true, false);
            Box::new(Sender::new(Rc::clone(&frames), number, manner, None)?)
        } else if number < PRODUCERS + COMMITTERS {
            let frames = commits(&target, number - PRODUCERS)?;
            Box::new(Sender::new(frames, 0, committing(&target, true), None)?)
        } else {
            let partition = (number - PRODUCERS - COMMITTERS) as i32;
            Box::new(Consumer::new(
                target.topic_id,
                [partition],
                content.shape(),
                limits,
                Way::Follow,
            ))
        };
        links.push((stream, role));
    }
    let report = engine::run(links, Shared::new(None), window)?;
    target.close()?;
    Ok(report)
}
