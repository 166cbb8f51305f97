//! Where a running cluster says which processes its nodes are, for `--kill`: a file of the user's, by the
//! port of the first node.

use std::fs;
use std::path::PathBuf;

use rustix::process::{Pid, Signal, getuid, kill_process};

/// See the module.
pub struct Registry(PathBuf);

impl Registry {
    /// Of the cluster whose first node listens on `port`.
    pub fn of(port: u16) -> Registry {
        let user = getuid().as_raw();
        let folder = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let folder = folder.filter(|folder| folder.is_absolute() && folder.is_dir());
        let folder = folder.unwrap_or_else(std::env::temp_dir);
        Registry(folder.join(format!("barnabas-nodes-{user}-{port}")))
    }

    /// Says which processes there are. Without it all works but `--kill`.
    pub fn write(&self, nodes: impl Iterator<Item = (usize, u32)>) {
        let text: String = nodes.map(|(id, pid)| format!("{id} {pid}\n")).collect();
        if let Err(error) = fs::write(&self.0, text) {
            tracing::warn!(file = %self.0.display(), %error, "--kill won't find the nodes");
        }
    }

    /// The cluster has ended.
    pub fn remove(&self) {
        let _ = fs::remove_file(&self.0);
    }

    /// Kills a node.
    ///
    /// # Errors
    /// There is no such cluster or node.
    pub fn kill(&self, node: usize) -> Result<(), String> {
        let text = fs::read_to_string(&self.0)
            .map_err(|_| "no cluster of this machine listens there: start one with --nodes 3".to_owned())?;
        let pid = text.lines().find_map(|line| {
            let (id, pid) = line.split_once(' ')?;
            (id.parse() == Ok(node)).then(|| pid.parse().ok()).flatten()
        });
        let pid = pid
            .filter(|pid| is_node(*pid, node))
            .and_then(Pid::from_raw)
            .ok_or_else(|| format!("node {node} does not run"))?;
        kill_process(pid, Signal::KILL).map_err(|error| format!("node {node} can't be killed: {error}"))
    }
}

/// Whether a process is that node and not another one that has its number by now. Only Linux tells.
fn is_node(pid: i32, node: usize) -> bool {
    match fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(line) => String::from_utf8_lossy(&line)
            .split('\0')
            .any(|argument| argument == format!("node.id={node}")),
        Err(_) => !cfg!(target_os = "linux"),
    }
}
