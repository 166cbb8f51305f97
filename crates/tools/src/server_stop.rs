//! `kafka-server-stop`: asks the nodes of this machine to end (SIGTERM), those that run this program.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, getpid, kill_process};

use crate::console::Console;
use crate::failure::{Failure, Outcome};

/// Runs the tool.
///
/// # Errors
/// There is none to stop.
pub fn run(_: &[String], console: &mut Console) -> Outcome {
    let nodes = nodes();
    if nodes.is_empty() {
        console.line("No kafka server to stop");
        return Err(Failure::Exit(1));
    }
    for node in nodes {
        if let Err(error) = kill_process(node, Signal::TERM) {
            console.error(format!("{}: {error}", node.as_raw_nonzero()));
        }
    }
    Ok(())
}

/// The processes that run this program, are not this one, and are no tool.
fn nodes() -> Vec<Pid> {
    let Ok(program) = std::env::current_exe() else {
        return Vec::new();
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let pids = processes.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
    let runs_it = |pid: &Pid| {
        let folder = format!("/proc/{}", pid.as_raw_nonzero());
        let is_it = fs::read_link(format!("{folder}/exe")).is_ok_and(|exe| exe == program);
        is_it && *pid != getpid() && fs::read(format!("{folder}/cmdline")).is_ok_and(|line| is_node(&line))
    };
    pids.filter(runs_it).collect()
}

/// Whether a command line, as the system tells it, is that of a node: no tool by its name or first word.
fn is_node(line: &[u8]) -> bool {
    let mut words = line.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let program = words.next().unwrap_or_default();
    let program = Path::new(&*program)
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let first = words.next().unwrap_or_default();
    let is_tool = |name: &str| crate::find(name).is_some();
    !program.is_some_and(|program| is_tool(&program)) && !is_tool(&first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_no_nodes() {
        for (line, expected) in [
            ("/usr/bin/barnabas\0server.properties\0", true),
            ("barnabas\0", true),
            ("/usr/bin/kafka-server-start\0a.properties\0", true),
            ("/usr/bin/kafka-topics.sh\0--list\0", false),
            ("barnabas\0topics\0--list\0", false),
        ] {
            assert_eq!(is_node(line.as_bytes()), expected, "{line}");
        }
    }
}
