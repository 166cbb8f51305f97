//! What a node is started with: the file, the environment and the command line, read from the machine.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use barnabas_config::files::{self, FILE_BYTES_MAX};
use barnabas_config::load::{Sources, StartSettings, load};
use barnabas_config::properties;
use barnabas_config::redpanda::Redpanda;
use barnabas_config::start_topics;
use barnabas_config::variables::Variables;
use barnabas_environment::Environment;

use crate::cli::rpk::Rpk;
use crate::cli::{self, Start};
use crate::secure::Secured;

/// The settings of a start; `temporary` is the folder that goes with the process.
///
/// # Errors
/// They can't be read, or a node can't start with them.
pub fn read(start: Start, temporary: Option<&Path>) -> Result<StartSettings, String> {
    read_secured(start, temporary).map(|(settings, _)| settings)
}

/// As [`read`], and what the secured listener needs, which is to be written before the node starts.
///
/// # Errors
/// As there.
pub fn read_secured(
    start: Start,
    temporary: Option<&Path>,
) -> Result<(StartSettings, Option<Secured>), String> {
    let file = match start.file {
        Some(path) => {
            let bytes = files::read_given(&path, FILE_BYTES_MAX);
            let bytes = bytes.map_err(|error| cannot_read(&path, &error))?;
            tracing::debug!(file = %path.display(), bytes = bytes.len(), "settings are read from a file");
            Some((path, bytes))
        }
        None => None,
    };
    let mut overrides = match start.rpk {
        Some(rpk) => of_rpk(rpk)?,
        None => Vec::new(),
    };
    overrides.extend(start.overrides);
    if let Some(folder) = temporary {
        overrides.push(("log.dirs".to_owned(), folder.display().to_string()));
    }
    let variables = if start.env {
        let variables = Variables::read(std::env::vars_os(), &read_value);
        Some(variables.map_err(|error| error.to_string())?)
    } else {
        None
    };
    let names_folder = |(name, _): &&(String, String)| name == "log.dirs" || name == "log.dir";
    let given_by = |variables: &Variables| variables.data.clone().map(PathBuf::from);
    let variables_name_folder = variables.as_ref().is_some_and(|variables| {
        let mut named = variables.settings.keys();
        named.any(|name| name == "log.dirs" || name == "log.dir")
    });
    let default_data_dir = match variables.as_ref().and_then(given_by).or_else(user_data_dir) {
        Some(folder) => folder,
        None if file.is_some()
            || variables_name_folder
            || overrides.iter().any(|pair| names_folder(&pair)) =>
        {
            PathBuf::new()
        }
        None => return Err("there is no home folder to keep data in: give --data DIR".to_owned()),
    };
    let mut listen = start.listen;
    let mut secured = None;
    if start.secure {
        let folder = overrides.iter().rev().find(names_folder);
        let folder = folder.map_or(default_data_dir.as_path(), |(_, folder)| Path::new(folder));
        let made = secured.insert(Secured::prepare(
            folder,
            listen.as_deref(),
            &Environment::system(),
        )?);
        overrides.splice(0..0, made.settings(listen.as_deref()));
        listen = None;
    }
    let settings = load(&Sources {
        file,
        variables,
        listen,
        overrides,
        default_data_dir,
    });
    let mut settings = settings.map_err(|error| error.to_string())?;
    start_topics::merge(&mut settings.topics, start.topics);
    Ok((settings, secured))
}

/// A variable's value that lies in a file; none is longer.
const VALUE_MAX: u64 = 1 << 20;

fn read_value(path: &str) -> Result<String, String> {
    files::text_given(Path::new(path), VALUE_MAX).map_err(|error| error.to_string())
}

/// Flags win over the file, which need not be there.
fn of_rpk(rpk: Rpk) -> Result<Vec<(String, String)>, String> {
    let mut found = match files::read_given(&rpk.config, FILE_BYTES_MAX) {
        Ok(bytes) => Redpanda::of_yaml(&bytes).map_err(|why| format!("{}: {why}", rpk.config.display()))?,
        Err(error) if error.kind() == ErrorKind::NotFound => Redpanda::default(),
        Err(error) => return Err(cannot_read(&rpk.config, &error)),
    };
    let flags = rpk.flags;
    if !flags.listeners.is_empty() {
        found.listeners = flags.listeners;
    }
    if !flags.advertised.is_empty() {
        found.advertised = flags.advertised;
    }
    for (place, flag) in found.http.iter_mut().zip(flags.http) {
        *place = flag.or(place.take());
    }
    found.settings.extend(flags.settings);
    if std::env::var_os("BARNABAS_HTTP_LISTENER").is_none() {
        let setting = ("barnabas.http.listener".to_owned(), found.http_listener());
        found.settings.push(setting);
    }
    Ok(found.into_settings())
}

/// The settings as a file from which a node starts in the same way.
pub fn as_file(settings: &StartSettings) -> String {
    let given = settings.layers.static_settings().iter();
    given.map(|(name, value)| properties::line(name, value)).collect()
}

/// Who types a word that is no command has not meant a file.
fn cannot_read(path: &Path, error: &std::io::Error) -> String {
    let word = path.to_string_lossy();
    let is_word = path.extension().is_none() && !word.contains('/');
    if error.kind() != ErrorKind::NotFound || !is_word {
        return format!("cannot read {word}: {error}");
    }
    let meant = barnabas_config::nearest(&word, cli::COMMANDS.iter().copied());
    let meant = meant.map_or_else(String::new, |meant| format!(" (did you mean {meant}?)"));
    format!("{word} is neither a command nor a file with settings{meant}; see barnabas --help")
}

/// Where a user's programs keep their data: the XDG base directories, on macOS the Library.
pub fn user_data_dir() -> Option<PathBuf> {
    let variable = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = if cfg!(target_os = "macos") {
        variable("HOME")?.join("Library/Application Support")
    } else {
        match variable("XDG_DATA_HOME") {
            Some(folder) => folder,
            None => variable("HOME")?.join(".local/share"),
        }
    };
    Some(base.join("barnabas"))
}
