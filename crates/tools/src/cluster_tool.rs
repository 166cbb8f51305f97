//! `kafka-cluster`: Kafka's `ClusterTool`.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{UnregisterBrokerRequest, UnregisterControllerRequest};

use crate::arguments::commands::Commands;
use crate::arguments::{COMMAND_CONFIG, Options, Takes, Word, properties_file, word};
use crate::broker_api_versions::shown;
use crate::client::{Cluster, KafkaError, Properties, To};
use crate::console::Console;
use crate::failure::{Failure, Outcome, said};

const SERVER: Word = word(
    "bootstrap-server",
    Takes::Value("host:port,..."),
    "Brokers to connect to.",
);
const CONTROLLER: Word = word(
    "bootstrap-controller",
    Takes::Value("host:port,..."),
    "Controllers to connect to.",
);
const CONFIG: Word = word(
    "config",
    Takes::Value("file"),
    "The old name of --command-config.",
);
const ID: Word = word("id", Takes::Value("id"), "The node.");
const FENCED: Word = word(
    "include-fenced-brokers",
    Takes::Nothing,
    "Also brokers that are fenced.",
);

const COMMON: &[Word] = &[SERVER, CONTROLLER, CONFIG, COMMAND_CONFIG];
const WITH_ID: &[Word] = &[SERVER, CONTROLLER, CONFIG, COMMAND_CONFIG, ID];
const WITH_FENCED: &[Word] = &[SERVER, CONTROLLER, CONFIG, COMMAND_CONFIG, FENCED];

const TOOL: Commands = Commands {
    tool: "kafka-cluster",
    about: "Tells of a cluster and its nodes.",
    words: &[],
    commands: &[
        ("cluster-id", COMMON),
        ("unregister", WITH_ID),
        ("unregister-controller", WITH_ID),
        ("list-endpoints", WITH_FENCED),
        ("api-versions", COMMON),
    ],
    letters: &[
        ("-b", "bootstrap-server"),
        ("-C", "bootstrap-controller"),
        ("-c", "command-config"),
        ("-i", "id"),
    ],
};

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(arguments: &[String], console: &mut Console) -> Outcome {
    let (command, options) = TOOL.parse(arguments, &mut |help| console.line(help))?;
    let cluster = connect(&options, console)?;
    match command {
        "cluster-id" => {
            console.line(match cluster.describe_cluster(false)?.id {
                Some(id) => format!("Cluster ID: {id}"),
                None => "No cluster ID found. The Kafka version is probably too old.".to_owned(),
            });
            Ok(())
        }
        "unregister" => unregister(&options, &cluster, console, true),
        "unregister-controller" => unregister(&options, &cluster, console, false),
        "list-endpoints" => list_endpoints(&options, &cluster, console),
        _ => api_versions(&cluster, console),
    }
}

fn connect(options: &Options, console: &mut Console) -> Outcome<Cluster> {
    if !options.has("bootstrap-server") && !options.has("bootstrap-controller") {
        return TOOL
            .refuse("one of the arguments --bootstrap-server/-b --bootstrap-controller/-C is required");
    }
    if options.has("bootstrap-server") && options.has("bootstrap-controller") {
        return TOOL
            .refuse("argument --bootstrap-controller/-C: not allowed with argument --bootstrap-server/-b");
    }
    if options.has("config") && options.has("command-config") {
        return said("--config and --command-config cannot be specified together.");
    }
    if options.has("config") {
        console.line(
            "Option --config has been deprecated and will be removed in a future version. Use --command-config \
             instead.",
        );
    }
    let file = options.value("config")?.or(options.value("command-config")?);
    let mut properties = file
        .map(properties_file)
        .transpose()?
        .unwrap_or_else(Properties::new);
    for (word, name) in [
        ("bootstrap-server", "bootstrap.servers"),
        ("bootstrap-controller", "bootstrap.controllers"),
    ] {
        if let Some(servers) = options.value(word)? {
            properties.insert(name.to_owned(), servers.to_owned());
        }
    }
    Ok(Cluster::new(&properties)?)
}

fn unregister(options: &Options, cluster: &Cluster, console: &mut Console, of_brokers: bool) -> Outcome {
    let Some(id) = options.number::<i32>("id")? else {
        return TOOL.refuse("argument --id/-i is required");
    };
    let (kind, api) = if of_brokers {
        ("Broker", "broker")
    } else {
        ("Controller", "controller")
    };
    let done = if of_brokers {
        let request = UnregisterBrokerRequest::default().with_broker_id(id.into());
        let response = cluster.ask(To::Any, "unregisterBroker", &request);
        response
            .and_then(|response| KafkaError::check(response.error_code, response.error_message.as_deref()))
    } else {
        let request = UnregisterControllerRequest::default().with_controller_id(id);
        let response = cluster.ask(To::Any, "unregisterController", &request);
        response
            .and_then(|response| KafkaError::check(response.error_code, response.error_message.as_deref()))
    };
    match done {
        Ok(()) => console.line(format!("{kind} {id} is no longer registered.")),
        Err(error) => {
            if error.is(ErrorCode::UnsupportedVersion) {
                console.line(format!(
                    "The target cluster does not support the {api} unregistration API."
                ));
            }
            return Err(error.into());
        }
    }
    Ok(())
}

fn list_endpoints(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let of_controllers = options.has("bootstrap-controller");
    let with_fenced = options.has("include-fenced-brokers");
    if with_fenced && of_controllers {
        return said("The option --include-fenced-brokers is only supported with --bootstrap-server option");
    }
    let nodes = cluster.describe_cluster(with_fenced)?.nodes;
    let host_width = nodes.iter().map(|(node, _)| node.host.len()).max().unwrap_or(100);
    let rack_width = nodes
        .iter()
        .filter_map(|(node, _)| node.rack.as_ref().map(String::len))
        .max()
        .unwrap_or(10);
    let mut line = |cells: [&str; 6]| {
        let [id, host, port, rack, state, kind] = cells;
        let state = if of_controllers {
            String::new()
        } else {
            format!(" {state:<10}")
        };
        console.line(format!(
            "{id:<10} {host:<host_width$} {port:<10} {rack:<rack_width$}{state} {kind:<15}"
        ));
    };
    line(["ID", "HOST", "PORT", "RACK", "STATE", "ENDPOINT_TYPE"]);
    for (node, is_fenced) in &nodes {
        line([
            &node.id.to_string(),
            &node.host,
            &node.port.to_string(),
            node.rack.as_deref().unwrap_or("null"),
            if *is_fenced { "fenced" } else { "unfenced" },
            if of_controllers { "controller" } else { "broker" },
        ]);
    }
    Ok(())
}

fn api_versions(cluster: &Cluster, console: &mut Console) -> Outcome {
    let mut nodes = cluster.describe_cluster(false)?.nodes;
    nodes.sort_by_key(|(node, _)| node.id);
    for (node, _) in nodes {
        match cluster.served(&node.address()) {
            Ok(served) => console.line(format!("{node} -> {}", shown(&served))),
            Err(error) => console.line(format!("{node} -> ERROR: {error}")),
        }
    }
    Ok::<(), Failure>(())
}
