//! `barnabas log dump` and `barnabas log verify`: arguments and exit codes; the work is done by
//! `barnabas-inspect`.
//!
//! Exit code 0: nothing is wrong. 1: something is. 2: the arguments aren't understood, or a file can't be
//! read.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;

use barnabas_inspect::dump::{self, DumpError, Options};
use barnabas_inspect::{Finding, verify};
use barnabas_storage::log_dir::lock;
use barnabas_storage::{Folder, StorageError};
use lexopt::prelude::*;

/// What `barnabas log --help` prints.
pub const HELP: &str = "\
Looks into the files of a log directory, of this broker or of Apache Kafka, without changing anything.

Usage: barnabas log dump [--records] [--json] FILE|FOLDER...
       barnabas log verify [--json] FOLDER...

  dump    Show batches, index entries, aborted transactions, producers, checkpoints; a line for each. FOLDER is a log
          directory or the folder of a partition. Records of internal topics are shown decoded.
  verify  Check every batch (CRC, counts, offsets, decompression), every index entry against the log, aborted
          transactions, producer snapshots, leader epochs and checkpoints. FOLDER is a log directory or the folder
          of a partition. What the next start mends (the torn end of a log that was not closed in order) is a
          warning, anything else a fault; both are told with file and position.

Options:
      --records  Show the records of each batch too (dump)
      --json     Print JSON, one object for each line
  -h, --help     Print this help

Exit code: 0 nothing is wrong, 1 there are faults, 2 the arguments or a file can't be read.
";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum LogCommand {
    /// Print [`HELP`].
    Help,
    /// Show files.
    Dump {
        /// Files and folders.
        paths: Vec<PathBuf>,
        /// How.
        options: Options,
    },
    /// Verify folders.
    Verify {
        /// Log directories or partitions.
        folders: Vec<PathBuf>,
        /// Print JSON.
        json: bool,
    },
}

/// Reads the arguments behind `log`.
///
/// # Errors
/// A sentence about what was not understood.
pub fn parse(parser: &mut lexopt::Parser) -> Result<LogCommand, String> {
    let mut words: Vec<OsString> = Vec::new();
    let mut options = Options::default();
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Short('h') | Long("help") => return Ok(LogCommand::Help),
            Long("json") => options.json = true,
            Long("records") => options.records = true,
            Value(word) => words.push(word),
            other => return Err(other.unexpected().to_string()),
        }
    }
    let mut words = words.into_iter();
    let action = words.next().unwrap_or_default();
    let paths: Vec<PathBuf> = words.map(PathBuf::from).collect();
    match action.to_str() {
        Some("dump") if paths.is_empty() => Err("log dump: a file or folder is expected".to_owned()),
        Some("dump") => Ok(LogCommand::Dump { paths, options }),
        Some("verify") if options.records => Err("log verify: --records is for dump".to_owned()),
        Some("verify") if paths.is_empty() => Err("log verify: a folder is expected".to_owned()),
        Some("verify") => Ok(LogCommand::Verify {
            folders: paths,
            json: options.json,
        }),
        _ => Err("log: dump or verify is expected".to_owned()),
    }
}

/// Does it and answers the exit code.
pub fn run(command: LogCommand) -> u8 {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let outcome = match command {
        LogCommand::Help => out.write_all(HELP.as_bytes()).map(|()| 0),
        LogCommand::Dump { paths, options } => run_dump(&paths, options, &mut out),
        LogCommand::Verify { folders, json } => run_verify(&folders, json, &mut out),
    };
    // Where it can't be written nobody reads any more.
    outcome.and_then(|code| out.flush().map(|()| code)).unwrap_or(2)
}

fn run_dump(paths: &[PathBuf], options: Options, out: &mut dyn Write) -> io::Result<u8> {
    match dump::dump(paths, options, out) {
        Ok(faults) => Ok(u8::from(faults > 0)),
        Err(DumpError::Output(error)) => Err(error),
        Err(error) => {
            out.flush()?;
            cannot(&error)
        }
    }
}

fn run_verify(folders: &[PathBuf], json: bool, out: &mut dyn Write) -> io::Result<u8> {
    for folder in folders {
        if let Err(StorageError::Locked { path }) = lock::shared(&Folder::real(folder)) {
            let path = path.display();
            writeln!(
                io::stderr(),
                "barnabas: {path} is in use: what is being written looks torn"
            )?;
        }
    }
    let mut written = Ok(());
    let outcome = verify::verify(folders, &mut |finding: &Finding| {
        let line = if json {
            finding.to_json().to_string()
        } else {
            finding.to_string()
        };
        if written.is_ok() {
            written = writeln!(out, "{line}");
        }
    });
    written?;
    let summary = match outcome {
        Ok(summary) => summary,
        Err(error) => return cannot(&error),
    };
    if json {
        writeln!(out, "{}", summary.to_json())?;
    } else {
        writeln!(out, "{summary}")?;
    }
    Ok(u8::from(summary.faults > 0))
}

/// Says on standard error why nothing more could be done.
fn cannot(error: &dyn std::fmt::Display) -> io::Result<u8> {
    writeln!(io::stderr(), "barnabas: {error}")?;
    Ok(2)
}
