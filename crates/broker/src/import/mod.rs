//! `barnabas import`: takes over the log directory of an Apache Kafka node that was stopped or killed.
//!
//! ```text
//! read the source ─→ plan, told ─→ copies, in a folder of their own ─→ into place ─→ checkpoints ─→ one metadata entry
//! ```
//!
//! The source is only read, unless it is taken over in place. Nothing is served before the metadata entry is committed: an import
//! that was interrupted leaves [`unfinished::FOLDER`], with which no node starts, and which the next import replaces.

mod plan;
mod source;
mod transfer;
pub mod unfinished;
pub mod unready;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use barnabas_inspect::InspectError;
use barnabas_metadata::MetadataError;
use barnabas_metadata::controller::ApiError;
use barnabas_metadata::quorum::Quorum;
use barnabas_storage::{LogDir, MetaProperties, OpenFiles, StorageError};
use uuid::Uuid;

use self::plan::Plan;
use self::source::Source;
use self::unfinished::Unfinished;
use crate::config::load::StartSettings;
use crate::server::quorum_options;

/// How partition folders come into the data folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// All files are copied.
    #[default]
    Copy,
    /// Segments that nobody writes to any more are linked, everything else is copied.
    Link,
    /// The source is the data folder.
    InPlace,
}

/// What to import, and how.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Import {
    /// The log directories of the node.
    pub sources: Vec<PathBuf>,
    /// How.
    pub mode: Mode,
    /// Only tell.
    pub dry_run: bool,
}

/// Why nothing was taken over.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file can't be read or written, or a folder is in use.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A file of the source can't be read.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// The metadata can't be written.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The controller refuses.
    #[error("the metadata refuses: {0}")]
    Refused(ApiError),
    /// Source and data folder don't go together.
    #[error("{0}")]
    Mismatch(String),
    /// What was to be told can't be written.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

/// Imports into the data folder of `settings` and tells on `out` what it will do and what it did.
///
/// # Errors
/// See [`ImportError`]; the source is as it was, and nothing of it is served.
pub async fn run(import: &Import, settings: StartSettings, out: &mut dyn Write) -> Result<(), ImportError> {
    let data_dir = settings.data_dir.clone();
    let sources = open_sources(import, &data_dir)?;
    let plan = Plan::of(&sources, &settings)?;
    plan.tell(&sources, import, &data_dir, out)?;
    let known = MetaProperties::read(&data_dir)?;
    check_identity(&plan, known.as_ref(), settings.config.node_id, &data_dir)?;
    if import.dry_run {
        plan.check_free(&data_dir, import.mode, &Unfinished::read(&data_dir)?)?;
        writeln!(out, "Nothing was changed (--dry-run).")?;
        return Ok(());
    }

    let mut log_dir = LogDir::open(&data_dir, Arc::new(OpenFiles::new(1)))?;
    let identity = match known {
        Some(properties) => properties,
        None => {
            let properties = MetaProperties {
                cluster_id: plan.cluster_id.clone(),
                node_id: settings.config.node_id,
                directory_id: Uuid::new_v4(),
            };
            log_dir.write_meta_properties(properties.clone())?;
            properties
        }
    };
    let quorum = Quorum::start(
        quorum_options(&settings.layers, &settings.config, &data_dir, &identity),
        |_, _| {},
    )
    .await?;
    let outcome = take_over(import, &plan, &quorum, &log_dir, identity.directory_id, out).await;
    quorum.shutdown().await?;
    outcome?;
    writeln!(
        out,
        "Taken over: {} partitions of {} topics.",
        plan.folders.len(),
        plan.topics.len()
    )?;
    Ok(())
}

async fn take_over(
    import: &Import,
    plan: &Plan,
    quorum: &Quorum,
    log_dir: &LogDir,
    directory_id: Uuid,
    out: &mut dyn Write,
) -> Result<(), ImportError> {
    let mut unfinished = Unfinished::read(log_dir.path())?;
    if unfinished.is_committed(&quorum.image()) {
        unfinished.finish(log_dir.path())?;
    } else {
        unfinished.undo(log_dir.path(), out)?;
    }
    plan.check_unknown(&quorum.image())?;
    plan.check_free(log_dir.path(), import.mode, &Unfinished::default())?;
    log_dir.expect_folders()?;
    if import.mode == Mode::InPlace {
        transfer::complete_in_place(plan)?;
    } else {
        transfer::stage(plan, import.mode, log_dir.path(), out)?;
        transfer::place(plan, log_dir.path())?;
        transfer::merge_checkpoints(plan, log_dir.path())?;
    }
    let reply = quorum.handle().submit(plan.request(directory_id)).await?;
    reply.map_err(ImportError::Refused)?;
    Unfinished::read(log_dir.path())?.finish(log_dir.path())?;
    Ok(())
}

fn open_sources(import: &Import, data_dir: &Path) -> Result<Vec<Source>, ImportError> {
    let same = |path: &Path| match (path.canonicalize(), data_dir.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    };
    let in_place = import.mode == Mode::InPlace;
    if in_place && (import.sources.len() != 1 || !same(&import.sources[0])) {
        return Err(ImportError::Mismatch(format!(
            "--in-place takes over the data folder of the configuration, {}, and no other",
            data_dir.display()
        )));
    }
    let mut sources = Vec::new();
    for path in &import.sources {
        if !in_place && same(path) {
            return Err(ImportError::Mismatch(format!(
                "{} is the data folder of the configuration: say --in-place to change it, or give another data folder",
                path.display()
            )));
        }
        sources.push(Source::open(path)?);
    }
    if in_place {
        // Taking hold of the folder itself is refused while another process looks at it.
        sources.iter_mut().for_each(Source::unlock);
    }
    Ok(sources)
}

/// The data folder must be new, or of the same cluster and node.
fn check_identity(
    plan: &Plan,
    known: Option<&MetaProperties>,
    node_id: i32,
    data_dir: &Path,
) -> Result<(), ImportError> {
    let Some(known) = known else { return Ok(()) };
    let path = data_dir.display();
    if known.cluster_id != plan.cluster_id {
        return Err(ImportError::Mismatch(format!(
            "{path} belongs to cluster {}, and the source to cluster {}: import into an empty folder",
            known.cluster_id, plan.cluster_id
        )));
    }
    if known.node_id != node_id {
        return Err(ImportError::Mismatch(format!(
            "{path} belongs to node {}, and node.id is {node_id}",
            known.node_id
        )));
    }
    Ok(())
}
