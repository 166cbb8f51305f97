//! `barnabas format`, `barnabas info` and `barnabas random-uuid`: their arguments, which are those of Kafka's
//! `kafka-storage.sh`.

use std::path::PathBuf;

use lexopt::prelude::*;

use super::Command;
use crate::format::{Format, Quorum};

/// What `barnabas format --help` prints.
pub const HELP: &str = "\
Prepares the data folders of a new node: of which cluster they are, and what that cluster begins with. A node that is a
cluster by itself, or has controller.quorum.voters, needs no format.

Usage: barnabas format -t CLUSTER_ID -c FILE [OPTIONS]
       barnabas info -c FILE
       barnabas random-uuid

  format       Prepare the folders
  info         Tell which folders there are, and whose
  random-uuid  Make an id, for a cluster or a folder

Options:
  -c, --config FILE              The node's settings
  -t, --cluster-id ID            The cluster's id
  -g, --ignore-formatted         Leave folders alone that are formatted, in place of failing
  -r, --release-version VERSION  The features of this release of Apache Kafka, such as 4.0; the newest unless given
  -f, --feature NAME=LEVEL       The level of one feature; may be given several times
  -S, --add-scram CREDENTIAL     A user, such as SCRAM-SHA-256=[name=alice,password=secret]; may be given several times
  -s, --standalone               This controller is the only voter of a new quorum
  -I, --initial-controllers LIST The voters of a new quorum: ID@HOST:PORT:DIRECTORY_ID,...; the same for all nodes
  -N, --no-initial-controllers   The voters are others
  -h, --help                     Print this help

The options and the folders are those of Apache Kafka's kafka-storage.sh: what it has formatted is taken as it is.
Exit code: 1 when nothing was formatted, or something is wrong with the folders.
";

/// Reads the arguments behind `format`.
///
/// # Errors
/// A sentence about what was not understood.
pub fn parse(parser: &mut lexopt::Parser) -> Result<Command, String> {
    let mut format = Format::default();
    let (mut config, mut cluster_id, mut quorum) = (None, None, None);
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        let asked = match argument {
            Short('h') | Long("help") => return Ok(Command::FormatHelp),
            Short('c') | Long("config") => {
                config = Some(file(parser)?);
                continue;
            }
            Short('t') | Long("cluster-id") => {
                cluster_id = Some(super::text(parser.value())?);
                continue;
            }
            Short('g') | Long("ignore-formatted") => {
                format.ignore_formatted = true;
                continue;
            }
            Short('r') | Long("release-version") => {
                format.release_version = Some(super::text(parser.value())?);
                continue;
            }
            Short('f') | Long("feature") => {
                format.features.push(super::text(parser.value())?);
                continue;
            }
            Short('S') | Long("add-scram") => {
                format.scram.push(super::text(parser.value())?);
                continue;
            }
            Short('s') | Long("standalone") => Quorum::Standalone,
            Short('N') | Long("no-initial-controllers") => Quorum::NoInitialControllers,
            Short('I') | Long("initial-controllers") => {
                Quorum::InitialControllers(super::text(parser.value())?)
            }
            Value(value) => return Err(format!("unrecognized arguments: '{}'", value.to_string_lossy())),
            other => return Err(other.unexpected().to_string()),
        };
        if quorum.replace(asked).is_some() {
            return Err(
                "--standalone, --initial-controllers and --no-initial-controllers exclude each other"
                    .to_owned(),
            );
        }
    }
    format.quorum = quorum;
    format.cluster_id = cluster_id.ok_or("argument --cluster-id/-t is required")?;
    let config = config.ok_or("argument --config/-c is required")?;
    Ok(Command::Format(format, config))
}

/// Reads the arguments behind `info`.
///
/// # Errors
/// A sentence about what was not understood.
pub fn parse_info(parser: &mut lexopt::Parser) -> Result<Command, String> {
    let mut config = None;
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::FormatHelp),
            Short('c') | Long("config") => config = Some(file(parser)?),
            other => return Err(other.unexpected().to_string()),
        }
    }
    let config = config.ok_or("argument --config/-c is required")?;
    Ok(Command::Info(config))
}

fn file(parser: &mut lexopt::Parser) -> Result<PathBuf, String> {
    let value = parser.value().map_err(|error| error.to_string())?;
    Ok(value.into())
}
