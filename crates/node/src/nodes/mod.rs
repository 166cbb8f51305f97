//! `barnabas --nodes 3`: a cluster on one machine from one command, a process for each node.
//!
//! The processes end with this one, however it ends: each has a pipe from it for its standard input, and
//! stops when that is closed. One that dies by itself is started again after a while, as an operator would.

mod child;
mod plan;
mod registry;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::sleep;

pub use self::child::ENDS_WITH_INPUT;
use self::child::{Child, Event};
use self::plan::Plan;
use self::registry::Registry;
use crate::cli::{Nodes, Start};

/// A node that has died is started again after so long: time to see what the others do.
const RESTART_AFTER: Duration = Duration::from_secs(5);
/// So long the nodes may take to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);
const DEFAULT_LISTEN: &str = "localhost:9092";
/// What a node's line begins with that says that it answers.
const READY: &str = "barnabas ";

/// Kills one node of a running cluster, as a crash would.
///
/// # Errors
/// There is no such cluster, or no such node.
pub fn kill(start: &Start, node: usize) -> Result<String, String> {
    let (_, port) = listen(start)?;
    Registry::of(port).kill(node)?;
    Ok(format!(
        "node {node} is killed; the cluster starts it again in {} s\n",
        RESTART_AFTER.as_secs()
    ))
}

/// Runs a cluster that keeps its data in `folder` until `stop` is ready.
///
/// # Errors
/// A node does not start, or did not stop cleanly.
pub async fn run(
    nodes: &Nodes,
    folder: &Path,
    began: Instant,
    print: impl Fn(&str),
    stop: impl Future<Output = ()>,
) -> Result<(), String> {
    let (host, base) = listen(&nodes.start)?;
    let count = nodes.count;
    let ports = match base {
        0 => plan::free_ports(count)?,
        base => (base..).take(count).collect(),
    };
    if ports.len() < count {
        return Err(format!("there are no {count} ports from {base} on"));
    }
    let cluster_id = plan::cluster_id(folder, count)?;
    let controllers = plan::free_ports(count)?;
    let plan = plan::plan(&nodes.start, folder, &cluster_id, (&host, &ports, &controllers));
    let (events, inbox) = mpsc::channel(1024);
    let mut cluster = Cluster {
        plan,
        children: BTreeMap::new(),
        ready: 0,
        announced: false,
        registry: Registry::of(base),
        events,
    };
    let outcome = cluster.serve(inbox, (began, folder), print, stop).await;
    cluster.registry.remove();
    outcome
}

/// `HOST:PORT` of the first node.
fn listen(start: &Start) -> Result<(String, u16), String> {
    let address = start.listen.as_deref().unwrap_or(DEFAULT_LISTEN);
    let split = address
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)));
    split.ok_or_else(|| format!("{address} is no address to listen on"))
}

struct Cluster {
    plan: Plan,
    children: BTreeMap<usize, Child>,
    /// How many have said that they answer.
    ready: usize,
    announced: bool,
    registry: Registry,
    events: mpsc::Sender<Event>,
}

impl Cluster {
    async fn serve(
        &mut self,
        mut inbox: mpsc::Receiver<Event>,
        (began, folder): (Instant, &Path),
        print: impl Fn(&str),
        stop: impl Future<Output = ()>,
    ) -> Result<(), String> {
        tokio::pin!(stop);
        let mut failed = None;
        for index in 0..self.plan.nodes.len() {
            self.start(index)?;
        }
        while failed.is_none() {
            let event = tokio::select! {
                biased;
                event = inbox.recv() => event,
                () = &mut stop => break,
            };
            match event {
                None => break,
                Some(Event::Line(_, line)) if line.starts_with(READY) && line.contains(" ready in ") => {
                    self.ready += 1;
                    if self.ready == self.plan.nodes.len() && !self.announced {
                        self.announced = true;
                        print(&self.announcement(began, folder));
                    }
                }
                Some(Event::Line(node, line)) => print(&format!("node {node}: {line}\n")),
                Some(Event::Ended(node, how)) => {
                    self.children.remove(&node);
                    if !self.announced {
                        failed = Some(format!("node {node} has not started: {how}"));
                        continue;
                    }
                    self.ready -= 1;
                    print(&format!(
                        "node {node} has ended ({how}); it is started again in {} s\n",
                        RESTART_AFTER.as_secs()
                    ));
                    let events = self.events.clone();
                    tokio::spawn(async move {
                        sleep(RESTART_AFTER).await;
                        let _ = events.send(Event::Due(node)).await;
                    });
                }
                Some(Event::Due(node)) => {
                    print(&format!("node {node} is started again\n"));
                    self.start(node - 1)?;
                }
            }
        }
        let stopped = self.stop(inbox, &print).await;
        failed.map_or(stopped, Err)
    }

    fn start(&mut self, index: usize) -> Result<(), String> {
        let planned = &self.plan.nodes[index];
        let child = Child::start(planned, self.events.clone())?;
        self.children.insert(planned.id, child);
        let running = self.children.iter().map(|(id, child)| (*id, child.pid()));
        self.registry.write(running);
        Ok(())
    }

    async fn stop(&mut self, mut inbox: mpsc::Receiver<Event>, print: impl Fn(&str)) -> Result<(), String> {
        for child in self.children.values_mut() {
            child.stop();
        }
        let mut unclean = Vec::new();
        let ended = async {
            while !self.children.is_empty() {
                match inbox.recv().await {
                    None => break,
                    Some(Event::Due(_)) => {}
                    Some(Event::Line(node, line)) => print(&format!("node {node}: {line}\n")),
                    Some(Event::Ended(node, how)) => {
                        self.children.remove(&node);
                        if how != child::CLEANLY {
                            unclean.push(format!("node {node} ended with {how}"));
                        }
                    }
                }
            }
        };
        if tokio::time::timeout(STOP_TIMEOUT, ended).await.is_err() {
            for (node, child) in &self.children {
                child.kill();
                unclean.push(format!("node {node} did not stop in time"));
            }
        }
        if unclean.is_empty() {
            Ok(())
        } else {
            Err(unclean.join(", "))
        }
    }

    fn announcement(&self, began: Instant, folder: &Path) -> String {
        let addresses: Vec<&str> = self.plan.nodes.iter().map(|node| node.address.as_str()).collect();
        let last = self.plan.nodes.len();
        let first = addresses.first().and_then(|address| address.rsplit_once(':'));
        let port = match first {
            Some((_, "9092")) | None => String::new(),
            Some((_, port)) => format!(" --port {port}"),
        };
        format!(
            "barnabas {} ready in {} ms: {last} nodes at {}, cluster {}, data in {}\n\
             try a failover: barnabas --nodes {last}{port} --kill {} in another terminal, while clients work\n",
            env!("CARGO_PKG_VERSION"),
            began.elapsed().as_millis(),
            addresses.join(","),
            self.plan.cluster_id,
            folder.display(),
            last.min(2),
        )
    }
}
