//! `barnabas import`: its arguments. The rest of the command line (`--data`, `--override` …) is a node's.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::*;

use super::Start;
use barnabas_import::{Import, Mode};

/// What `barnabas import --help` prints.
pub const HELP: &str = "\
Takes over the log directory of an Apache Kafka node that was stopped or killed: its topics with their ids, records and
settings, its groups with their offsets, its transactions and producer ids. They go into the data folders of the
configuration, which must be new, or have none of these topics.

Usage: barnabas import [OPTIONS] DIR... [server.properties | server.yaml]

DIR is a log directory (log.dirs) of the node; give all of them if it has several, with that of the metadata log.

Options:
      --dry-run             Say what would be done, change nothing
      --copy                Copy all files (the default)
      --link                Link segments that are not written to any more, copy everything else
      --in-place            The DIRs are the data folders themselves; Apache Kafka should not use them any more
      --override KEY=VALUE  Set a setting; may be given several times, wins over the file
      --data DIR            Keep data in DIR (the same as --override log.dirs=DIR)
      --log LEVEL           error, warn, info, debug, trace, or a filter as in RUST_LOG
  -h, --help                Print this help

DIR is only read, except with --in-place. An import that was interrupted leaves the folder import.unfinished, with which
no node starts; run it again.
";

/// Reads the arguments behind `import`; `None` asks for help.
///
/// # Errors
/// A sentence about what was not understood.
pub fn parse(parser: &mut lexopt::Parser) -> Result<Option<(Import, Start)>, String> {
    let (mut import, mut start) = (Import::default(), Start::default());
    let mut mode = None;
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        let asked = match argument {
            Short('h') | Long("help") => return Ok(None),
            Long("dry-run") => {
                import.dry_run = true;
                continue;
            }
            Long("copy") => Mode::Copy,
            Long("link") => Mode::Link,
            Long("in-place") => Mode::InPlace,
            Long("override") => {
                start.overrides.push(super::start::pair(parser.value())?);
                continue;
            }
            Long("data") => {
                start
                    .overrides
                    .push(("log.dirs".to_owned(), super::text(parser.value())?));
                continue;
            }
            Long("log") => {
                start.log = Some(super::text(parser.value())?);
                continue;
            }
            Value(path) => {
                place(path, &mut import, &mut start)?;
                continue;
            }
            other => return Err(other.unexpected().to_string()),
        };
        if mode.replace(asked).is_some_and(|before| before != asked) {
            return Err("--copy, --link and --in-place exclude each other".to_owned());
        }
    }
    import.mode = mode.unwrap_or_default();
    if import.sources.is_empty() {
        return Err("import: the log directory of an Apache Kafka node is expected".to_owned());
    }
    Ok(Some((import, start)))
}

/// A file with settings, or a log directory: everything that isn't a file.
fn place(path: OsString, import: &mut Import, start: &mut Start) -> Result<(), String> {
    let path = PathBuf::from(path);
    let names_settings = path.extension().is_some_and(|extension| {
        ["properties", "yaml", "yml"]
            .iter()
            .any(|known| extension == *known)
    });
    if !names_settings && !path.is_file() {
        import.sources.push(path);
    } else if let Some(first) = start.file.replace(path) {
        return Err(format!(
            "import: one file with settings is expected, {} is the first",
            first.display()
        ));
    }
    Ok(())
}
