//! `barnabas-bench WORKLOAD --address HOST:PORT [--option value]…`: one measurement against a server that
//! runs; prints JSON.

use std::process::ExitCode;

use barnabas_bench::error::Failure;
use barnabas_bench::options::Options;
use barnabas_bench::{floor, load, touch};

const USAGE: &str = "\
barnabas-bench WORKLOAD --address HOST:PORT [--pid PID] [--floor] [--topic NAME] [--partitions N]
               [--topic-configs NAME=VALUE,…] [--keep] [--seconds S] [--warm-up S] [--bytes-max SIZE] [--rate PER_SECOND] [--beside]

  produce   [--connections N] [--in-flight N] [--idempotent] [--bad CLIENTS]   batches: [--batch SIZE] [--record SIZE] [--codec NAME] [--acks -1|0|1] [--keys N]
  transact  [--connections N] [--batches PER_TRANSACTION] [--batch SIZE]
  fetch     [--connections N] [--preload SIZE] [--fetch-bytes SIZE] [--evict DATA_FOLDER]
  tail      [--consumers N] [--window BATCHES] [--in-flight N]
  session   [--consumers N] [--producers N] --rate PER_SECOND
  share     [--consumers N] [--preload SIZE] [--fetch-bytes SIZE] [--follow]
  mixed     --rate PER_SECOND
  commit    [--connections N]
  join      [--connections N]
  fill      --bytes SIZE [--keys N] [--batch SIZE] [--record SIZE]       produces and leaves it there
  hold      [--connections N]       memory of connections that do nothing

barnabas-bench floor --address HOST:PORT --folder DIR [--threads N] [--fetch-bytes SIZE]    the floor program
barnabas-bench touch --bytes SIZE                                                           touches memory
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(workload) = arguments.next() else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&workload, arguments) {
        Ok(printed) => {
            println!("{printed}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("barnabas-bench {workload}: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(workload: &str, arguments: impl Iterator<Item = String>) -> Result<serde_json::Value, Failure> {
    let mut options = Options::parse(arguments)?;
    let report = match workload {
        "produce" => load::produce(options)?,
        "fetch" => load::fetch(options)?,
        "transact" => load::transact(options)?,
        "tail" => load::tail(options)?,
        "session" => load::session(options)?,
        "share" => load::share(options)?,
        "mixed" => load::mixed(options)?,
        "commit" => load::commit(options)?,
        "join" => load::join(options)?,
        "fill" => return json(&load::fill(options)?),
        "hold" => return json(&load::hold(options)?),
        "floor" => {
            let (address, folder): (_, std::path::PathBuf) =
                (options.required("address")?, options.required("folder")?);
            let threads = options.take("threads", 2)?;
            let fetch_bytes = options.bytes("fetch-bytes", 1 << 20)? as usize;
            options.finish()?;
            let listener = std::net::TcpListener::bind::<std::net::SocketAddr>(address)
                .map_err(Failure::io("listen"))?;
            floor::serve(&listener, &folder, threads, fetch_bytes)?;
            return Ok(serde_json::Value::Null);
        }
        "touch" => {
            let bytes = options.bytes("bytes", 1 << 30)?;
            options.finish()?;
            return Ok(serde_json::json!({ "pages": touch::touch(bytes)? }));
        }
        other => return Err(Failure::Usage(format!("no workload {other}\n{USAGE}"))),
    };
    json(&report)
}

fn json(report: &impl serde::Serialize) -> Result<serde_json::Value, Failure> {
    serde_json::to_value(report).map_err(|error| Failure::Unexpected(error.to_string()))
}
