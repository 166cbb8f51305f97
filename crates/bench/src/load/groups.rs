//! `commit` and `join`: what consumer groups ask of their coordinator.

use std::rc::Rc;

use super::Links;
use super::target::{Target, window};
use crate::admin::{Admin, until_ready};
use crate::answers::check_error;
use crate::engine::{self, Report};
use crate::error::Failure;
use crate::frames;
use crate::options::Options;
use crate::roles::joiner::Joiner;
use crate::roles::sender::{Manner, Prepared, Sender};
use crate::shared::{Class, Shared};

/// Offsets each group commits in turn, so that a commit is never the one before.
const OFFSETS: i64 = 16;

/// A committer's frames: its own group, one partition.
pub(super) fn commits(target: &Target, number: usize) -> Result<Rc<[Prepared]>, Failure> {
    let group = group(target, number);
    (0..OFFSETS)
        .map(|offset| {
            let frame = frames::offset_commit(&group, &target.topic, 0, offset)?;
            Ok(Prepared {
                frame,
                batch_bytes: 0,
                records: 0,
            })
        })
        .collect()
}

/// How a committer behaves.
pub(super) fn committing(target: &Target, open_loop: bool) -> Manner {
    Manner {
        class: Class::Commit,
        error_at: frames::OFFSET_COMMIT_ERROR_AT + target.topic.len(),
        in_flight_max: 1,
        open_loop,
        answered: true,
        gated: false,
    }
}

/// Connections that commit offsets, each for a group of its own.
pub fn commit(mut options: Options) -> Result<Report, Failure> {
    let target = Target::open(&mut options)?;
    let window = window(&mut options)?;
    let connections: usize = options.take("connections", 64)?;
    options.finish()?;

    ready(&target, connections)?;
    let mut links: Links = Vec::with_capacity(connections);
    for (number, stream) in target.streams(connections)?.enumerate() {
        let manner = committing(&target, window.rate.is_some());
        links.push((
            stream,
            Box::new(Sender::new(commits(&target, number)?, 0, manner, None)?),
        ));
    }
    let report = engine::run(links, Shared::new(None), window)?;
    target.close()?;
    Ok(report)
}

/// Connections that join a group of their own, get the assignment and leave, over and over.
pub fn join(mut options: Options) -> Result<Report, Failure> {
    let target = Target::open(&mut options)?;
    let window = window(&mut options)?;
    let connections: usize = options.take("connections", 32)?;
    options.finish()?;

    ready(&target, connections)?;
    let mut links: Links = Vec::with_capacity(connections);
    for (number, stream) in target.streams(connections)?.enumerate() {
        links.push((stream, Box::new(Joiner::new(group(&target, number)))));
    }
    let report = engine::run(links, Shared::new(None), window)?;
    target.close()?;
    Ok(report)
}

/// Waits until each group's coordinator takes its commits.
pub(super) fn ready(target: &Target, groups: usize) -> Result<(), Failure> {
    let error_at = committing(target, false).error_at;
    let mut admin = Admin::connect(target.address)?;
    for number in 0..groups {
        let group = group(target, number);
        admin.find_coordinator(0, &group)?;
        let commit = frames::offset_commit(&group, &target.topic, 0, 0)?;
        until_ready("OffsetCommit", || {
            let answer = admin.exchange(&commit)?;
            match check_error("OffsetCommit", &answer, error_at) {
                Err(Failure::Refused { code, .. }) => Ok((code, ())),
                result => result.map(|()| (0, ())),
            }
        })?;
    }
    Ok(())
}

fn group(target: &Target, number: usize) -> String {
    format!("{}-{number}", target.topic)
}
