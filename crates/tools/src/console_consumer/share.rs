//! `kafka-console-share-consumer`: Kafka's `ConsoleShareConsumer`.

use std::time::Duration;

use super::options::ShareReading;
use super::read::{Incoming, end, show};
use super::source::share_settings;
use crate::arguments::Options;
use crate::client::records::Fetched;
use crate::client::share_member::ShareMember;
use crate::client::share_session::AcknowledgeType;
use crate::client::{Cluster, KafkaError, Stop};
use crate::console::Console;
use crate::failure::Outcome;

/// A member, and what it says of records that were shown.
struct Sharing<'a> {
    member: ShareMember<'a>,
    kind: AcknowledgeType,
}

impl Incoming for Sharing<'_> {
    fn poll(&mut self, patience: Duration) -> Result<Vec<Fetched>, KafkaError> {
        self.member.poll(patience)
    }

    fn shown(&mut self, record: &Fetched, is_shown: bool) {
        let kind = match is_shown {
            true => self.kind,
            false => AcknowledgeType::Reject,
        };
        self.member.settle(record, kind);
    }
}

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(options: &Options, console: &mut Console) -> Outcome {
    let reading = ShareReading::of(options, console)?;
    let cluster = Cluster::new(&reading.properties)?;
    let stop = Stop::listen(&cluster)?;
    let settings = share_settings(&reading.properties)?;
    let mut shown = 0;
    let done = match ShareMember::join(&cluster, &reading.group, settings, &reading.topic) {
        Ok(member) => {
            let kind = reading.kind;
            let mut sharing = Sharing { member, kind };
            let done = show(&mut sharing, &reading.showing, &stop, console, &mut shown);
            sharing.member.close();
            done
        }
        Err(error) => Err(error.into()),
    };
    end(options, done, shown, &stop, console)
}
