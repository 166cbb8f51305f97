//! What a start by the environment does before the node starts: the data folder of an Apache Kafka node is
//! taken over where `BARNABAS_IMPORT=in-place` asks for it (in place of another image, with its volume), and
//! a new one gets the users that the variables name.

use std::path::Path;

use barnabas_config::load::StartSettings;
use barnabas_environment::Environment;
use barnabas_import::unready::{self, Unready};
use barnabas_import::{self as import, Import, Mode};
use barnabas_storage::Disk;
use tokio::runtime::Runtime;

use crate::cli::Start;
use crate::secure::Secured;
use crate::{format, settings};

/// The settings of a start, and what is to be written for the secured listener before the node starts.
pub type Found = (StartSettings, Option<Secured>);

/// The variable that asks for it.
const VARIABLE: &str = "BARNABAS_IMPORT";
const IN_PLACE: &str = "in-place";

/// The settings of a start, once its data folders are as they have to be, and what is to be written for the
/// secured listener; `temporary` is the folder that goes
/// with the process.
///
/// # Errors
/// They can't be read, or the folders can't be had.
pub fn settings(start: Start, temporary: Option<&Path>, runtime: &Runtime) -> Result<Found, String> {
    if !start.env {
        return settings::read_secured(start, temporary);
    }
    let (mut found, mut secured) = settings::read_secured(start.clone(), temporary)?;
    if is_due(&found)? {
        runtime.block_on(run(found))?;
        (found, secured) = settings::read_secured(start, temporary)?;
    }
    format::found_with_users(&found, &Environment::system())?;
    Ok((found, secured))
}

/// Whether the folders wait for it, and it is asked for.
fn is_due(settings: &StartSettings) -> Result<bool, String> {
    let Some(asked) = std::env::var_os(VARIABLE).filter(|asked| !asked.is_empty()) else {
        return Ok(false);
    };
    if asked != IN_PLACE {
        return Err(format!(
            "{VARIABLE}={} is not valid (valid: {IN_PLACE})",
            asked.display()
        ));
    }
    let found = unready::check(&Disk::Real, &settings.data_dir, &settings.data_dirs);
    Ok(matches!(
        found,
        Err(Unready::ApacheKafkas { .. } | Unready::Unfinished { .. })
    ))
}

/// Takes the folders over.
async fn run(settings: StartSettings) -> Result<(), String> {
    let import = Import {
        sources: settings.data_dirs.clone(),
        mode: Mode::InPlace,
        dry_run: false,
    };
    let mut told = Vec::new();
    let outcome = import::run(&import, settings, &mut told).await;
    for line in String::from_utf8_lossy(&told)
        .lines()
        .filter(|line| !line.is_empty())
    {
        tracing::info!("{line}");
    }
    outcome.map_err(|error| format!("nothing was taken over: {error}"))
}
