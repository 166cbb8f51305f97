//! `barnabas import`: takes over the log directory of an Apache Kafka node that was stopped or killed.
//!
//! ```text
//! read the source ─→ plan, told ─→ copies, in a folder of their own ─→ into place ─→ checkpoints ─→ one metadata entry
//! ```
//!
//! The source is only read, unless it is taken over in place. Nothing is served before the metadata entry is
//! committed: an import that was interrupted leaves [`unfinished::FOLDER`], with which no node starts, and
//! which the next import replaces.

mod plan;
mod source;
mod transfer;
pub mod unfinished;
pub mod unready;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use barnabas_environment::{Environment, Random};
use barnabas_inspect::InspectError;
use barnabas_metadata::MetadataError;
use barnabas_metadata::controller::ApiError;
use barnabas_metadata::quorum::{MetadataDisk, Quorum, QuorumOptions};
use barnabas_storage::{Disk, Folder, LogDir, MetaProperties, OpenFiles, StorageError};
use uuid::Uuid;

use self::plan::Plan;
use self::source::Source;
use self::unfinished::Unfinished;
use barnabas_config::load::StartSettings;

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

/// Imports into the data folders of `settings` and tells on `out` what it will do and what it did.
///
/// # Errors
/// See [`ImportError`]; the source is as it was, and nothing of it is served.
pub async fn run(import: &Import, settings: StartSettings, out: &mut dyn Write) -> Result<(), ImportError> {
    let data_dirs = settings.data_dirs.clone();
    let sources = open_sources(import, &settings)?;
    let plan = Plan::of(&sources, &settings, import.mode)?;
    plan.tell(&sources, import, &data_dirs, out)?;
    for data_dir in &data_dirs {
        check_identity(&plan, settings.config.node_id, data_dir)?;
    }
    if import.dry_run {
        plan.check_free(&data_dirs, import.mode, &Unfinished::read_all(&data_dirs)?)?;
        writeln!(out, "Nothing was changed (--dry-run).")?;
        return Ok(());
    }

    let targets = data_dirs
        .iter()
        .map(|data_dir| open_target(data_dir, &plan.cluster_id, settings.config.node_id))
        .collect::<Result<Vec<_>, _>>()?;
    let identity = data_dirs
        .iter()
        .zip(&targets)
        .find_map(|(path, target)| {
            (*path == settings.data_dir)
                .then(|| target.meta_properties().cloned())
                .flatten()
        })
        .expect("invariant: the metadata's folder is one of them and has an identity");
    let data_dir = settings.data_dir.clone();
    let quorum = Quorum::start(
        QuorumOptions::of_node(
            MetadataDisk::in_log_dir(&data_dir)?,
            &identity.cluster_id,
            (&settings.layers, &settings.config),
            Environment::system(),
            None,
        ),
        |_, _| {},
    )
    .await?;
    let outcome = take_over(
        import,
        &plan,
        &quorum,
        (&data_dirs, &targets),
        identity.directory_id.unwrap_or_default(),
        out,
    )
    .await;
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
    (data_dirs, targets): (&[PathBuf], &[LogDir]),
    directory_id: Uuid,
    out: &mut dyn Write,
) -> Result<(), ImportError> {
    let mut unfinished = Unfinished::read_all(data_dirs)?;
    let committed = Unfinished::are_committed(&unfinished, &quorum.image());
    for (unfinished, data_dir) in unfinished.iter_mut().zip(data_dirs) {
        if committed {
            unfinished.finish(data_dir)?;
        } else {
            unfinished.undo(data_dir, out)?;
        }
    }
    plan.check_unknown(&quorum.image())?;
    plan.check_free(data_dirs, import.mode, &[])?;
    targets.iter().try_for_each(LogDir::expect_folders)?;
    if import.mode == Mode::InPlace {
        transfer::complete_in_place(plan)?;
    } else {
        transfer::stage(plan, import.mode, data_dirs, out)?;
        transfer::place(plan, data_dirs)?;
        for data_dir in data_dirs {
            transfer::merge_checkpoints(plan, data_dir)?;
        }
    }
    let reply = quorum.handle().submit(plan.request(directory_id)).await?;
    reply.map_err(ImportError::Refused)?;
    for data_dir in data_dirs {
        Unfinished::read(data_dir)?.finish(data_dir)?;
    }
    Ok(())
}

fn open_sources(import: &Import, settings: &StartSettings) -> Result<Vec<Source>, ImportError> {
    let same = |path: &Path, data_dir: &Path| match (path.canonicalize(), data_dir.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    };
    let data_dirs = &settings.data_dirs;
    let data_dir_of = |path: &Path| data_dirs.iter().find(|data_dir| same(path, data_dir));
    let in_place = import.mode == Mode::InPlace;
    let is_source = |data_dir: &PathBuf| import.sources.iter().any(|path| same(path, data_dir));
    let all_named = data_dirs
        .iter()
        .filter(|dir| dir.join("meta.properties").exists())
        .all(is_source);
    if in_place && !(all_named && import.sources.iter().all(|path| data_dir_of(path).is_some())) {
        let shown: Vec<String> = data_dirs.iter().map(|dir| dir.display().to_string()).collect();
        return Err(ImportError::Mismatch(format!(
            "--in-place takes over the data folder of the configuration, {}, and no other",
            shown.join(" and ")
        )));
    }
    let mut sources = Vec::new();
    for path in &import.sources {
        let data_dir = data_dir_of(path);
        if !in_place && data_dir.is_some() {
            return Err(ImportError::Mismatch(format!(
                "{} is the data folder of the configuration: say --in-place to change it, or give another data folder",
                path.display()
            )));
        }
        // In place the configuration's spelling counts.
        let source = Source::open(data_dir.unwrap_or(path))?;
        if in_place && source.cluster.is_some() && source.path != settings.data_dir {
            return Err(ImportError::Mismatch(format!(
                "the metadata log is in {}, and the configuration's in {}: set metadata.log.dir",
                source.path.display(),
                settings.data_dir.display()
            )));
        }
        sources.push(source);
    }
    if in_place {
        // Taking hold of the folder itself is refused while another process looks at it.
        sources.iter_mut().for_each(Source::unlock);
    }
    Ok(sources)
}

/// Takes hold of a data folder, which gets the cluster's identity if it has none.
fn open_target(data_dir: &Path, cluster_id: &str, node_id: i32) -> Result<LogDir, ImportError> {
    let mut target = LogDir::open(&Disk::Real, data_dir, Arc::new(OpenFiles::new(1)))?;
    target.claim(cluster_id, node_id, Random::system().uuid())?;
    Ok(target)
}

/// The data folder must be new, or of the same cluster and node.
fn check_identity(plan: &Plan, node_id: i32, data_dir: &Path) -> Result<(), ImportError> {
    let Some(known) = MetaProperties::read(&Folder::real(data_dir))? else {
        return Ok(());
    };
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
