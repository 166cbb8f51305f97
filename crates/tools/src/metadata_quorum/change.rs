//! Adding controllers to the quorum and removing them (KIP-853).

use std::collections::BTreeMap;
use std::path::Path;

use barnabas_protocol::kafka_uuid;
use barnabas_protocol::messages::add_raft_voter_request::Listener;
use barnabas_protocol::messages::{AddRaftVoterRequest, RemoveRaftVoterRequest, UnregisterControllerRequest};
use uuid::Uuid;

use super::TOOL;
use crate::arguments::{Options, id, properties_file};
use crate::client::{Cluster, KafkaError, Properties, To, wire};
use crate::console::Console;
use crate::failure::{Failure, Outcome, said};

/// A controller as it stands in its own settings.
#[derive(Debug, PartialEq, Eq)]
struct Controller {
    id: i32,
    folder: String,
    /// Listener, host and port.
    endpoints: Vec<(String, String, u16)>,
}

/// `add-controller`: the one whose settings `--command-config` names.
///
/// # Errors
/// They are not a controller's; the cluster's.
pub fn add(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let Some(path) = options.value("command-config")? else {
        return said(
            "You must supply the configuration file of the controller you are adding when using add-controller.",
        );
    };
    let controller = Controller::of(&properties_file(path)?)?;
    let directory = directory_id(&controller.folder)?;
    if !options.has("dry-run") {
        let listeners = controller.endpoints.iter().map(|(name, host, port)| {
            Listener::default()
                .with_name(wire(name))
                .with_host(wire(host))
                .with_port(*port)
        });
        let request = AddRaftVoterRequest::default()
            .with_cluster_id(None)
            .with_timeout_ms(30_000)
            .with_voter_id(controller.id)
            .with_voter_directory_id(directory)
            .with_listeners(listeners.collect());
        let response = cluster.ask(To::Any, "addRaftVoter", &request)?;
        KafkaError::check(response.error_code, response.error_message.as_deref())?;
    }
    let endpoints = controller
        .endpoints
        .iter()
        .map(|(name, host, port)| match host.contains(':') {
            true => format!("{name}://[{host}]:{port}"),
            false => format!("{name}://{host}:{port}"),
        });
    console.line(format!(
        "{} controller {} with directory id {} and endpoints: {}",
        if options.has("dry-run") {
            "DRY RUN of adding"
        } else {
            "Added"
        },
        controller.id,
        kafka_uuid::encode(directory),
        endpoints.collect::<Vec<String>>().join(", ")
    ));
    Ok(())
}

impl Controller {
    fn of(properties: &Properties) -> Outcome<Controller> {
        let get = |name: &str| properties.get(name).map_or("", |value| value.trim());
        let refuse =
            |why: &str| Failure::Said(format!("{why} Is this a valid controller configuration file?"));
        if get("node.id").is_empty() {
            return Err(refuse("node.id not found in configuration file."));
        }
        let id: i32 = get("node.id")
            .parse()
            .map_err(|_| Failure::Said(format!("For input string: \"{}\"", get("node.id"))))?;
        if id < 0 {
            return Err(refuse("node.id was negative in configuration file."));
        }
        if !get("process.roles").contains("controller") {
            return Err(refuse(
                "process.roles did not contain 'controller' in configuration file.",
            ));
        }
        let first = get("log.dirs").split(',').next().unwrap_or_default().trim();
        let folder = match get("metadata.log.dir") {
            "" if first.is_empty() => {
                return Err(refuse("Neither metadata.log.dir nor log.dirs were found."));
            }
            "" => first,
            named => named,
        };
        if !properties.contains_key("controller.listener.names") {
            return Err(refuse("controller.listener.names was not found."));
        }
        // What is advertised goes before where is listened.
        let mut known = endpoints(get("listeners"));
        known.extend(endpoints(get("advertised.listeners")));
        let names = get("controller.listener.names").split(',');
        let endpoints = names.map(|name| {
            let name = name.trim().to_uppercase();
            match known.get(&name) {
                Some((host, port)) => Ok((name, host.clone(), *port)),
                None => said(format!(
                    "Cannot find information about controller listener name: {name}"
                )),
            }
        });
        Ok(Controller {
            id,
            folder: folder.to_owned(),
            endpoints: endpoints.collect::<Outcome<_>>()?,
        })
    }
}

/// The host and the port of each listener, by its name.
fn endpoints(listeners: &str) -> BTreeMap<String, (String, u16)> {
    let endpoint = |listener: &str| {
        let (name, address) = listener.trim().split_once("://")?;
        let (host, port) = address.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some((name.to_uppercase(), (host.to_owned(), port.parse().ok()?)))
    };
    listeners.split(',').filter_map(endpoint).collect()
}

/// `directory.id` of a formatted folder.
fn directory_id(folder: &str) -> Outcome<Uuid> {
    let file = Path::new(folder).join("meta.properties");
    let properties = properties_file(&file.to_string_lossy())
        .map_err(|_| Failure::Said(format!("Unable to read meta.properties from {folder}")))?;
    match properties.get("directory.id") {
        Some(text) => id(text),
        None => said(format!("No directory id found in {folder}")),
    }
}

/// `remove-controller`.
///
/// # Errors
/// The arguments don't name one; the cluster's.
pub fn remove(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let Some(node) = options.number::<i32>("controller-id")? else {
        return TOOL.refuse("argument --controller-id/-i is required");
    };
    if node < 0 {
        return said(format!("Invalid negative --controller-id: {node}"));
    }
    let Some(text) = options.value("controller-directory-id")? else {
        return TOOL.refuse("argument --controller-directory-id/-d is required");
    };
    let directory = id(text).map_err(|failure| {
        Failure::Said(format!(
            "Failed to parse --controller-directory-id: {}",
            failure.message()
        ))
    })?;
    let of_kraft = format!(
        "KRaft controller {node} with directory id {}",
        kafka_uuid::encode(directory)
    );
    if options.has("dry-run") {
        console.line(format!("DRY RUN of removing {of_kraft}"));
        return Ok(());
    }
    let request = RemoveRaftVoterRequest::default()
        .with_cluster_id(None)
        .with_voter_id(node)
        .with_voter_directory_id(directory);
    let response = cluster.ask(To::Any, "removeRaftVoter", &request)?;
    KafkaError::check(response.error_code, response.error_message.as_deref())?;
    console.line(format!("Removed {of_kraft}"));
    if options.has("unregister") {
        let request = UnregisterControllerRequest::default().with_controller_id(node);
        let response = cluster.ask(To::Any, "unregisterController", &request);
        let done = response
            .and_then(|response| KafkaError::check(response.error_code, response.error_message.as_deref()));
        if let Err(error) = done {
            return said(format!(
                "Failed to unregister controller {node}: {}. To unregister the controller from the cluster, run \
                 `kafka-cluster.sh unregister-controller --id {node}`.",
                error.message
            ));
        }
        console.line(format!("Unregistered KRaft controller {node}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &str) -> Outcome<Controller> {
        let pairs = lines.split(' ').filter_map(|line| line.split_once('='));
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Controller::of(&pairs.collect())
    }

    #[test]
    fn a_controller_is_read_from_its_settings() {
        let base = "node.id=3 process.roles=controller log.dirs=/a,/b controller.listener.names=C";
        let listeners = "listeners=C://0.0.0.0:9093 advertised.listeners=C://[::1]:9094";
        let found = of(&format!("{base} {listeners}")).unwrap();
        assert_eq!(
            found,
            Controller {
                id: 3,
                folder: "/a".to_owned(),
                endpoints: vec![("C".to_owned(), "::1".to_owned(), 9094)],
            }
        );
        for (wrong, expected) in [
            ("a=b", "node.id not found"),
            ("node.id=-1", "node.id was negative"),
            ("node.id=1 process.roles=broker", "process.roles did not contain"),
            ("node.id=1 process.roles=controller", "Neither metadata.log.dir"),
            (base, "Cannot find information about controller listener name: C"),
        ] {
            let said = of(wrong).unwrap_err().message();
            assert!(said.starts_with(expected), "{said}");
        }
    }
}
