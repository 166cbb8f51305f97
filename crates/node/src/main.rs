//! The `barnabas` binary: arguments, settings, logs, then a node until a signal ends it.
//!
//! `barnabas log …` looks into files instead, with exit codes of its own (`cli/log.rs`).
//!
//! Exit code 0 after SIGTERM, SIGINT, `--help` and `--version`; 1 when the node can't start or could not stop cleanly.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use barnabas_broker::logging;
use barnabas_config::load::{Sources, StartSettings, load};
use barnabas_import::{self as import, Import};
use barnabas_node::cli::{self, Command, Start};
use barnabas_node::server::Server;
use tempfile::TempDir;
use tokio::signal::unix::{Signal, SignalKind, signal};

fn main() -> ExitCode {
    let began = Instant::now();
    match cli::parse(std::env::args_os().skip(1)) {
        Ok(Command::Help) => print(cli::HELP),
        Ok(Command::Version) => print(concat!("barnabas ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Command::Log(command)) => ExitCode::from(cli::log::run(command)),
        Ok(Command::ImportHelp) => print(cli::import::HELP),
        Ok(Command::Import(import, start)) => match run_import(&import, start) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => fail(&why),
        },
        Ok(Command::Start(start)) => match run(start, began) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => fail(&why),
        },
        Err(why) => fail(&format!("{why}; see barnabas --help")),
    }
}

/// Prints to standard output, where nobody may be listening any more.
fn print(text: &str) -> ExitCode {
    let mut out = std::io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn fail(why: &str) -> ExitCode {
    // Without a standard error there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "barnabas: {why}");
    ExitCode::FAILURE
}

fn run(start: Start, began: Instant) -> Result<(), String> {
    start_logs(start.log.as_deref())?;
    let temporary = if start.ephemeral {
        Some(temporary_folder()?)
    } else {
        None
    };
    let settings = read_settings(start, temporary.as_ref())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the system refuses a runtime: {error}"))?;
    runtime.block_on(serve(settings, began))
}

fn run_import(import: &Import, start: Start) -> Result<(), String> {
    start_logs(start.log.as_deref().or(Some("warn")))?;
    let settings = read_settings(start, None)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the system refuses a runtime: {error}"))?;
    let mut out = std::io::stdout().lock();
    let outcome = runtime.block_on(import::run(import, settings, &mut out));
    outcome.map_err(|error| format!("nothing was taken over: {error}"))
}

/// The flag wins over RUST_LOG, which wins over `info`.
fn start_logs(flag: Option<&str>) -> Result<(), String> {
    let variable = std::env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty());
    logging::start(flag.or(variable.as_deref()).unwrap_or("info"))
}

fn temporary_folder() -> Result<TempDir, String> {
    tempfile::Builder::new()
        .prefix("barnabas-")
        .tempdir()
        .map_err(|error| format!("cannot make a temporary folder: {error}"))
}

fn read_settings(start: Start, temporary: Option<&TempDir>) -> Result<StartSettings, String> {
    let file = match start.file {
        Some(path) => {
            let bytes = std::fs::read(&path);
            let bytes = bytes.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            Some((path, bytes))
        }
        None => None,
    };
    let mut overrides = start.overrides;
    if let Some(folder) = temporary {
        overrides.push(("log.dirs".to_owned(), folder.path().display().to_string()));
    }
    let names_folder = |(name, _): &(String, String)| name == "log.dirs" || name == "log.dir";
    let default_data_dir = match user_data_dir() {
        Some(folder) => folder,
        None if file.is_some() || overrides.iter().any(names_folder) => PathBuf::new(),
        None => return Err("there is no home folder to keep data in: give --data DIR".to_owned()),
    };
    load(&Sources {
        file,
        overrides,
        default_data_dir,
    })
    .map_err(|error| error.to_string())
}

/// Where a user's programs keep their data: the XDG base directories, on macOS the Library.
fn user_data_dir() -> Option<PathBuf> {
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

async fn serve(settings: StartSettings, began: Instant) -> Result<(), String> {
    let mut signals = Signals::new().map_err(|error| format!("cannot wait for signals: {error}"))?;
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let data_dirs: Vec<String> = settings
        .data_dirs
        .iter()
        .map(|dir| dir.display().to_string())
        .collect();
    let server = tokio::select! {
        started = Server::start(settings) => started.map_err(|error| error.to_string())?,
        () = signals.next() => return Ok(()),
    };
    announce(&server, &data_dirs.join(" and "), began);
    tokio::select! {
        () = signals.next() => {}
        // As Apache Kafka: without a clean end, since nothing more can be written.
        why = server.fatal() => return Err(why),
    }
    tracing::info!("stopping");
    tokio::select! {
        stopped = server.stop() => stopped.map_err(|error| format!("did not stop cleanly: {error}")),
        () = signals.next() => Err("stopped by a second signal, without a clean end".to_owned()),
    }
}

/// The one line that says the node answers.
fn announce(server: &Server, data_dirs: &str, began: Instant) {
    let broker = server.broker();
    let addresses: Vec<String> = broker
        .listeners
        .iter()
        .map(|listener| {
            format!(
                "{}://{}:{}",
                listener.name, listener.advertised_host, listener.advertised_port
            )
        })
        .collect();
    let metadata_dir = broker.replicas.log_dirs().metadata().storage();
    let cluster_id = metadata_dir
        .ok()
        .and_then(|dir| dir.meta_properties())
        .map_or("unknown", |properties| properties.cluster_id.as_str());
    print(&format!(
        "barnabas {} ready in {} ms: {}, node {}, cluster {cluster_id}, data in {data_dirs}\n",
        env!("CARGO_PKG_VERSION"),
        began.elapsed().as_millis(),
        addresses.join(", "),
        broker.node_id,
    ));
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
