//! `barnabas format`: gives the data folders of a new node to a cluster, as Kafka's `StorageTool` does, with
//! the same files.
//!
//! ```text
//! each log directory    meta.properties
//! that of the metadata  __cluster_metadata-0/00000000000000000000-0000000000.checkpoint   what the cluster begins with
//! ```

pub mod checkpoint;
pub mod info;
mod levels;
mod scram;
mod voters;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use barnabas_config::load::StartSettings;
use barnabas_config::variables::ScramUser;
use barnabas_environment::Environment;
use barnabas_metadata::features::METADATA_VERSION;
use barnabas_metadata::records::ScramCredentialRecord;
use barnabas_protocol::kraft_voters::KRaftVoter;
use barnabas_storage::{Folder, MetaProperties, kafka_uuid};
use uuid::Uuid;

use self::checkpoint::Bootstrap;

/// What to format with.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// The cluster's id.
    pub cluster_id: String,
    /// Folders that are formatted already stay as they are.
    pub ignore_formatted: bool,
    /// A release of Apache Kafka, whose features the cluster begins with.
    pub release_version: Option<String>,
    /// `NAME=LEVEL`.
    pub features: Vec<String>,
    /// `MECHANISM=[name=…,password=…]`.
    pub scram: Vec<String>,
    /// Further users.
    pub users: Vec<ScramUser>,
    /// Who votes, where the settings don't say.
    pub quorum: Option<Quorum>,
}

/// Who votes in a quorum that can change its voters.
#[derive(Debug, PartialEq, Eq)]
pub enum Quorum {
    /// This node.
    Standalone,
    /// `ID@HOST:PORT:DIRECTORY_ID,…`.
    InitialControllers(String),
    /// Others.
    NoInitialControllers,
}

/// Formats the folders that `settings` name; answers what to print.
///
/// # Errors
/// Why nothing was formatted, in Kafka's words.
pub fn run(format: &Format, settings: &StartSettings, environment: &Environment) -> Result<String, String> {
    if format.cluster_id.is_empty() || format.cluster_id.chars().any(char::is_control) {
        return Err("You must specify the cluster id.".to_owned());
    }
    let plan = Plan::of(format, settings, environment)?;
    let (formatted, new): (Vec<_>, Vec<_>) =
        folders(settings).into_iter().partition(|path| is_formatted(path));
    if let Some(path) = formatted.first().filter(|_| !format.ignore_formatted) {
        return Err(format!(
            "Log directory {} is already formatted. Use --ignore-formatted to ignore this directory and format the others.",
            path.display()
        ));
    }
    if new.is_empty() {
        return Ok("All of the log directories are already formatted.\n".to_owned());
    }
    let level = plan.bootstrap.features.get(METADATA_VERSION);
    let release = levels::release_name(level.copied().unwrap_or_default());
    let mut text = plan.told();
    for path in new {
        let kind = plan.write(path, format, settings, environment)?;
        text += &format!(
            "Formatting {kind} {} with metadata.version {release}.\n",
            path.display()
        );
    }
    Ok(text)
}

/// Gives the folders of a new node with users of its own to a cluster; nothing where there are no such users,
/// or the node has its cluster.
///
/// # Errors
/// Why that can't be.
pub fn found_with_users(settings: &StartSettings, environment: &Environment) -> Result<(), String> {
    if settings.new_users.is_empty() || is_formatted(&settings.data_dir) {
        return Ok(());
    }
    let id = settings.new_cluster_id.clone();
    let format = Format {
        cluster_id: id.unwrap_or_else(|| kafka_uuid::encode(new_id(environment))),
        ignore_formatted: true,
        users: settings.new_users.clone(),
        ..Format::default()
    };
    run(&format, settings, environment).map(drop)
}

/// The folders, that of the metadata last: where it is formatted, all are.
fn folders(settings: &StartSettings) -> Vec<&PathBuf> {
    let others = settings
        .data_dirs
        .iter()
        .filter(|path| **path != settings.data_dir);
    others.rev().chain([&settings.data_dir]).collect()
}

fn is_formatted(path: &Path) -> bool {
    MetaProperties::exists(&Folder::real(path))
}

struct Plan {
    bootstrap: Bootstrap,
    /// The id of the metadata's folder, where the list of voters says it.
    directory_id: Option<Uuid>,
    /// The quorum can change its voters, and they are known.
    dynamic: bool,
}

impl Plan {
    fn of(format: &Format, settings: &StartSettings, environment: &Environment) -> Result<Plan, String> {
        let node_id = settings.config.node_id;
        let voters = voters_of(format, settings, environment)?;
        let is_static = settings.quorum.is_static();
        let features = levels::of(format.release_version.as_deref(), &format.features, is_static)?;
        let scram = scram::credentials(&format.scram, &format.users, &environment.random)?;
        let level = features.get(METADATA_VERSION);
        if !scram.is_empty() && level.is_none_or(|level| *level < levels::SCRAM_METADATA_VERSION) {
            return Err("SCRAM is only supported in metadata.version 3.5-IV2 or later.".to_owned());
        }
        let own = voters.iter().find(|voter| voter.id == node_id);
        Ok(Plan {
            directory_id: own.map(|voter| voter.directory_id),
            dynamic: !voters.is_empty(),
            bootstrap: Bootstrap {
                features,
                scram,
                kraft_version: i16::from(!is_static),
                voters,
            },
        })
    }

    /// The line that Kafka's tool prints, without what a password could be guessed with.
    fn told(&self) -> String {
        let features = checkpoint::in_order(&self.bootstrap.features).map(|(name, level)| {
            format!(
                "ApiMessageAndVersion(FeatureLevelRecord(name='{name}', featureLevel={level}) at version 0)"
            )
        });
        let scram = self.bootstrap.scram.iter().map(|user: &ScramCredentialRecord| {
            format!(
                "ApiMessageAndVersion(UserScramCredentialRecord(name='{}', mechanism={}, salt=[hidden], storedKey=[hidden], \
                 serverKey=[hidden], iterations={}) at version 0)",
                user.name,
                user.mechanism.code(),
                user.iterations
            )
        });
        let records: Vec<String> = features.chain(scram).collect();
        let level = self.bootstrap.features.get(METADATA_VERSION);
        format!(
            "Bootstrap metadata: BootstrapMetadata(records=[{}], metadataVersionLevel={}, source=format command)\n",
            records.join(", "),
            level.copied().unwrap_or_default(),
        )
    }

    /// Formats one folder; answers what it is. Its `meta.properties` comes last: without it nothing has
    /// happened.
    fn write(
        &self,
        path: &Path,
        format: &Format,
        settings: &StartSettings,
        environment: &Environment,
    ) -> Result<&'static str, String> {
        let failed = |error: &dyn std::fmt::Display| {
            format!(
                "Error while writing meta.properties file {}: {error}",
                path.display()
            )
        };
        fs::create_dir_all(path).map_err(|error| failed(&error))?;
        let is_metadatas = *path == settings.data_dir;
        if is_metadatas && settings.quorum.is_controller {
            checkpoint::write(path, &self.bootstrap, environment.clock.wall_ms())
                .map_err(|error| failed(&error))?;
        }
        let directory_id = self.directory_id.filter(|_| is_metadatas);
        let directory_id = directory_id.unwrap_or_else(|| new_id(environment));
        MetaProperties::new(format.cluster_id.clone(), settings.config.node_id, directory_id)
            .write(&Folder::real(path))
            .map_err(|error| failed(&error))?;
        Ok(match (is_metadatas, self.dynamic, self.directory_id) {
            (false, ..) => "data directory",
            (true, true, Some(_)) => "dynamic metadata voter directory",
            (true, true, None) => "dynamic metadata directory",
            (true, false, _) => "metadata directory",
        })
    }
}

fn voters_of(
    format: &Format,
    settings: &StartSettings,
    environment: &Environment,
) -> Result<Vec<KRaftVoter>, String> {
    let quorum = &settings.quorum;
    let names_voters = matches!(
        format.quorum,
        Some(Quorum::Standalone | Quorum::InitialControllers(_))
    );
    if quorum.is_static() && names_voters {
        return Err(
            "You cannot specify controller.quorum.voters and format the node with --initial-controllers or --standalone. If you \
             want to use dynamic quorum, please remove controller.quorum.voters and specify controller.quorum.bootstrap.servers \
             instead."
                .to_owned(),
        );
    }
    let listener = settings.controller_listeners.first();
    match &format.quorum {
        Some(Quorum::Standalone) if !quorum.is_controller => {
            Err("You can only use --standalone on a controller.".to_owned())
        }
        Some(Quorum::Standalone) => {
            let listener = listener.ok_or("No controller listeners found.")?;
            Ok(vec![voters::this_node(
                settings.config.node_id,
                listener,
                new_id(environment),
            )])
        }
        Some(Quorum::InitialControllers(list)) => {
            let name = settings.config.controller_listener_names.first();
            voters::parse(list, name.map_or("CONTROLLER", String::as_str))
        }
        // A node that is told of no other controller is a quorum by itself.
        None if quorum.is_controller && !quorum.is_static() && !quorum.bootstrap_servers.is_empty() => Err(
            "Because controller.quorum.voters is not set on this controller, you must specify one of the following: \
             --standalone, --initial-controllers, or --no-initial-controllers."
                .to_owned(),
        ),
        Some(Quorum::NoInitialControllers) | None => Ok(Vec::new()),
    }
}

/// An id that no command takes for an option.
pub fn new_id(environment: &Environment) -> Uuid {
    Uuid::from_u128(environment.random.uuid().as_u128() & (u128::MAX >> 1))
}

type Levels = BTreeMap<String, i16>;
