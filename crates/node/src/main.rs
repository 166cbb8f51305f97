//! The `barnabas` binary: arguments, settings, logs, then a node until a signal ends it.
//!
//! `barnabas log …` looks into files instead, with exit codes of its own (`cli/log.rs`).
//!
//! Exit code 0 after SIGTERM, SIGINT, SIGHUP, `--help` and `--version`; 1 when the node can't start or could
//! not stop cleanly.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{self, ExitCode, Stdio};
use std::time::{Duration, Instant};

use barnabas_config::definitions::{self, ConfigKey};
use barnabas_controller::log_format::LogFormat;
use barnabas_environment::Environment;
use barnabas_import::{self as import, Import};
use barnabas_node::cli::{self, Command, Nodes, Start};
use barnabas_node::format::{self, Format};
use barnabas_node::http::{self, Entrance};
use barnabas_node::logs;
use barnabas_node::nodes;
use barnabas_node::outside::Outside;
use barnabas_node::ready::{Others, Ready, reachable};
use barnabas_node::secure::{self, Secured};
use barnabas_node::server::Server;
use barnabas_node::settings;
use barnabas_node::signals::Signals;
use barnabas_node::start_topics::{self, Wanted};
use barnabas_node::takeover::{self, Found};
use barnabas_storage::kafka_uuid;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::LocalSet;

fn main() -> ExitCode {
    let began = Instant::now();
    let command = cli::links::called(std::env::args_os());
    if command.is_none()
        && let Some((tool, arguments)) = cli::tools::called(std::env::args_os())
    {
        return ExitCode::from(barnabas_tools::run(tool, &arguments));
    }
    match command.unwrap_or_else(|| cli::parse(std::env::args_os().skip(1))) {
        Ok(Command::Tool(name, arguments)) => match barnabas_tools::find(name) {
            Some(tool) => ExitCode::from(barnabas_tools::run(tool, &arguments)),
            None => fail(&format!("there is no {name}")),
        },
        Ok(Command::RpkHealth(brokers)) => match rpk_health(&brokers) {
            Ok(text) => print(text),
            Err(text) => complain(text),
        },
        Ok(Command::Background(arguments)) => match background(&arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => fail(&why),
        },
        Ok(Command::Help) => print(cli::HELP),
        Ok(Command::Tools) => print(&cli::tools::names()),
        Ok(Command::Version) => print(concat!("barnabas ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Command::Log(command)) => ExitCode::from(cli::log::run(command)),
        Ok(Command::ConfigHelp) => print(cli::config::HELP),
        Ok(Command::Config(names)) => {
            let (text, unknown, code) = cli::config::run(&names);
            print(&text);
            for why in &unknown {
                fail(why);
            }
            code
        }
        Ok(Command::Check(start)) => match check(start) {
            Ok(text) => print(&text),
            Err(why) => fail(&why),
        },
        Ok(Command::Settings(start)) => match settings::read(start, None) {
            Ok(settings) => print(&settings::as_file(&settings)),
            Err(why) => fail(&why),
        },
        Ok(Command::Nodes(nodes)) => match run_nodes(&nodes, began) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => fail(&why),
        },
        Ok(Command::KillNode(nodes, node)) => match nodes::kill(&nodes.start, node) {
            Ok(text) => print(&text),
            Err(why) => fail(&why),
        },
        Ok(Command::FormatHelp) => print(cli::format::HELP),
        Ok(Command::Format(format, file)) => match run_format(&format, file) {
            Ok(text) => print(&text),
            // In Kafka's words, for scripts that look for them.
            Err(why) => complain(&why),
        },
        Ok(Command::Info(file)) => match info(file) {
            Ok((text, true)) => print(&text),
            Ok((text, false)) => {
                print(&text);
                ExitCode::FAILURE
            }
            Err(why) => complain(&why),
        },
        Ok(Command::RandomUuid) => {
            let id = format::new_id(&Environment::system());
            print(&(kafka_uuid::encode(id) + "\n"))
        }
        Ok(Command::ImportHelp) => print(cli::import::HELP),
        Ok(Command::Import(import, start)) => match run_import(&import, start) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => fail(&why),
        },
        Ok(Command::Start(start)) => match run(start, began) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => fail(&why),
        },
        Err(why) => fail(&why),
    }
}

/// Starts this program anew, beyond the end of this process and of its terminal.
fn background(arguments: &[OsString]) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot start in the background: {error}");
    let program = std::env::current_exe().map_err(failed)?;
    let started = process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    started.map(drop).map_err(failed)
}

fn rpk_health(brokers: &str) -> Result<&'static str, &'static str> {
    const HEALTHY: &str =
        "CLUSTER HEALTH OVERVIEW\n=======================\nHealthy:                          true\n";
    const NOT: &str =
        "CLUSTER HEALTH OVERVIEW\n=======================\nHealthy:                          false";
    let answers = |address: &str| {
        let found = address.to_socket_addrs().ok().and_then(|mut found| found.next());
        found.is_some_and(|address| TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok())
    };
    if brokers.split(',').any(answers) {
        Ok(HEALTHY)
    } else {
        Err(NOT)
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
    complain(&format!("barnabas: {why}"))
}

fn complain(why: &str) -> ExitCode {
    // Without a standard error there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{why}");
    ExitCode::FAILURE
}

fn run_format(format: &Format, file: PathBuf) -> Result<String, String> {
    let settings = settings::read(of_file(file), None)?;
    format::run(format, &settings, &Environment::system())
}

fn info(file: PathBuf) -> Result<(String, bool), String> {
    Ok(format::info::run(&settings::read(of_file(file), None)?))
}

fn of_file(file: PathBuf) -> Start {
    Start {
        file: Some(file),
        ..Start::default()
    }
}

fn run(start: Start, began: Instant) -> Result<(), String> {
    let format = logs::start(&start)?;
    let others = Others {
        kafkas: start.env || format == LogFormat::Kafka,
        redpandas: start.rpk.is_some(),
    };
    let (apply, is_secured) = (start.apply, start.secure);
    let temporary = if start.ephemeral {
        Some(temporary_folder()?)
    } else {
        None
    };
    let runtime = runtime()?;
    let saying = Saying {
        began,
        format,
        others,
        is_secured,
    };
    let found = takeover::settings(start, temporary.as_ref().map(TempDir::path), &runtime)?;
    LocalSet::new().block_on(&runtime, serve(found, apply, &saying))
}

fn run_nodes(nodes: &Nodes, began: Instant) -> Result<(), String> {
    logs::start(&nodes.start)?;
    let mut temporary = None;
    let folder = match (&nodes.start.data, nodes.start.ephemeral) {
        (Some(folder), _) => folder.clone(),
        (None, true) => temporary.insert(temporary_folder()?).path().to_owned(),
        (None, false) => settings::user_data_dir()
            .map(|folder| folder.with_file_name("barnabas-nodes"))
            .ok_or("there is no home folder to keep data in: give --data DIR")?,
    };
    let runtime = runtime()?;
    runtime.block_on(async {
        let mut signals = Signals::new().map_err(|error| format!("cannot wait for signals: {error}"))?;
        let print = |text: &str| {
            print(text);
        };
        nodes::run(nodes, &folder, began, print, signals.next()).await
    })
}

/// What there is to say of settings with which a node would start.
fn check(start: Start) -> Result<String, String> {
    let apply = start.apply;
    let mut settings = settings::read(start, None)?;
    Wanted::of(&mut settings, apply)?;
    let mut text: String = settings
        .warnings
        .iter()
        .map(|warning| format!("{warning}\n"))
        .collect();
    if !settings.silent.is_empty() {
        text += &format!(
            "without effect, and without a difference: {}\n",
            settings.silent.join(", ")
        );
    }
    let listeners = settings.listeners.iter().chain(&settings.controller_listeners);
    let listeners: Vec<String> = listeners.map(ToString::to_string).collect();
    let folders: Vec<String> = settings
        .data_dirs
        .iter()
        .map(|dir| dir.display().to_string())
        .collect();
    text += &format!(
        "in order: node {} would listen on {} and keep its data in {}\n",
        settings.config.node_id,
        listeners.join(", "),
        folders.join(" and "),
    );
    Ok(text)
}

fn run_import(import: &Import, start: Start) -> Result<(), String> {
    logs::start_at(start.log.as_deref().unwrap_or("warn"))?;
    let settings = settings::read(start, None)?;
    let runtime = runtime()?;
    let mut out = std::io::stdout().lock();
    let outcome = runtime.block_on(import::run(import, settings, &mut out));
    outcome.map_err(|error| format!("nothing was taken over: {error}"))
}

fn runtime() -> Result<Runtime, String> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build();
    runtime.map_err(|error| format!("the system refuses a runtime: {error}"))
}

fn temporary_folder() -> Result<TempDir, String> {
    tempfile::Builder::new()
        .prefix("barnabas-")
        .tempdir()
        .map_err(|error| format!("cannot make a temporary folder: {error}"))
}

/// How it is said that the node answers.
struct Saying {
    began: Instant,
    format: LogFormat,
    /// Whose lines are printed too.
    others: Others,
    /// Whether clients are told how to come by the secured listener.
    is_secured: bool,
}

async fn serve(found: Found, apply: bool, saying: &Saying) -> Result<(), String> {
    let (mut settings, secured) = found;
    let mut signals = Signals::new().map_err(|error| format!("cannot wait for signals: {error}"))?;
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    for (name, value) in settings.layers.static_settings() {
        let secret = definitions::broker_key(name).is_none_or(ConfigKey::sensitive);
        let value = if secret { "[hidden]" } else { value.as_str() };
        tracing::debug!("setting {name}={value}");
    }
    let data_dirs: Vec<String> = settings
        .data_dirs
        .iter()
        .map(|dir| dir.display().to_string())
        .collect();
    let wanted = Wanted::of(&mut settings, apply)?;
    secured.iter().try_for_each(Secured::write)?;
    let http_tls = http::tls(&settings)?;
    let http = http::start(settings.http.as_ref(), http_tls.as_ref())?;
    let entrance = Entrance::of(&settings);
    let mut outside = Outside::system();
    outside.tls = http_tls;
    if let Some(http) = &http {
        outside.metrics = Some(http.node.requests.clone());
        outside.receiver = Some(http.node.pushed.clone());
    }
    let given_up = outside.given_up.clone();
    let starting = Server::start(settings, outside);
    tokio::pin!(starting);
    let started = tokio::select! {
        biased;
        started = &mut starting => started,
        () = signals.next() => {
            given_up.cancel();
            return match starting.await {
                Ok(server) => stop(server).await,
                Err(_) => Ok(()),
            };
        }
    };
    let server = started.map_err(|error| error.to_string())?;
    if let Some(http) = &http {
        http.node.started(http::running(&server, &entrance));
    }
    if let Some(broker) = server.broker() {
        let broker = broker.clone();
        let outcome = tokio::select! {
            biased;
            outcome = start_topics::have(&broker, &wanted) => outcome,
            () = signals.next() => {
                drop(broker);
                return stop(server).await;
            }
        };
        drop(broker);
        if let Err(why) = outcome {
            stop(server).await?;
            return Err(why);
        }
    }
    http::announce(http.as_ref());
    announce(&server, &data_dirs.join(" and "), saying);
    if saying.is_secured {
        let told = secure::told_to_clients(server.listeners(), &data_dirs);
        print(told.as_deref().unwrap_or_else(|why| why));
    }
    tokio::select! {
        biased;
        () = signals.next() => {}
        // As Apache Kafka: without a clean end, since nothing more can be written.
        why = server.fatal() => return Err(why),
    }
    let stopped = stop(server).await;
    if let Some(http) = http {
        http.stop();
    }
    stopped
}

/// Further signals change nothing: it is on its way, and an unclean end would cost the next start. SIGKILL is
/// left.
async fn stop(server: Server) -> Result<(), String> {
    tracing::info!("stopping");
    let stopped = server.stop().await;
    stopped.map_err(|error| format!("did not stop cleanly: {error}"))
}

/// Says that the node answers; on a terminal also what to type next.
fn announce(server: &Server, data_dirs: &str, saying: &Saying) {
    let ready = Ready {
        server,
        data_dirs,
        took_ms: saying.began.elapsed().as_millis(),
        format: saying.format,
        others: saying.others,
    };
    print(&ready.lines());
    if std::io::stdout().is_terminal()
        && let Some(listener) = server.broker().and_then(|broker| broker.listeners.first())
    {
        let address = reachable(listener);
        print(&format!(
            "try it with kcat, a client for the command line:\n  \
             echo hello | kcat -b {address} -t greetings -P\n  \
             kcat -b {address} -t greetings -C -o beginning -e\n"
        ));
    }
}
