//! The `barnabas` binary.

use barnabas_broker::cli::{self, Command};
use barnabas_broker::config::load::{self, Sources};
use barnabas_broker::server::Server;

fn main() {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let Ok(Command::Start(start)) = cli::parse(std::env::args_os().skip(1)) else {
        return;
    };
    let sources = Sources {
        file: start
            .file
            .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap_or_default())),
        overrides: start.overrides,
        default_data_dir: "/tmp/barnabas".into(),
    };
    let settings = load::load(&sources).unwrap_or_else(|error| {
        eprintln!("{error}");
        std::process::exit(1)
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime");
    runtime.block_on(async {
        let server = Server::start(settings).await.unwrap_or_else(|error| {
            eprintln!("{error}");
            std::process::exit(1)
        });
        println!("ready");
        tokio::signal::ctrl_c().await.ok();
        server.stop().await.ok();
    });
}
