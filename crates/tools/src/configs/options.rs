//! The arguments, and which entities they mean.

use std::net::ToSocketAddrs;

use crate::arguments::{COMMAND_CONFIG, Options, Takes, Word, word};
use crate::failure::{Outcome, said, usage};

const NAME: Takes = Takes::Value("name");
const ID: Takes = Takes::Value("id");

/// The tool's options.
#[rustfmt::skip]
pub const WORDS: &[Word] = &[
    word("bootstrap-server", Takes::Value("host:port,..."), "Brokers to connect to."),
    word("bootstrap-controller", Takes::Value("host:port,..."), "Controllers to connect to, in place of brokers."),
    COMMAND_CONFIG,
    word("alter", Takes::Nothing, "Change settings."),
    word("describe", Takes::Nothing, "Show settings."),
    word("all", Takes::Nothing, "With --describe: also what is not set at run time."),
    word("entity-type", Takes::Value("type"), "topics, clients, users, brokers, broker-loggers, ips, client-metrics or groups; users and clients may be given together."),
    word("entity-name", NAME, "The name of the entity."),
    word("entity-default", Takes::Nothing, "The default of all entities of the type."),
    word("add-config", Takes::Value("k=v,k=[v,v]"), "Settings to set; brackets keep values with commas together."),
    word("add-config-file", Takes::Value("file"), "A file with settings to set."),
    word("delete-config", Takes::Value("k,k"), "Settings to remove."),
    word("topic", NAME, "The topic."),
    word("client", ID, "The client id."),
    word("client-defaults", Takes::Nothing, "The defaults of clients."),
    word("user", NAME, "The user."),
    word("user-defaults", Takes::Nothing, "The defaults of users."),
    word("broker", ID, "The broker."),
    word("broker-defaults", Takes::Nothing, "The defaults of brokers."),
    word("broker-logger", ID, "The broker whose loggers are meant."),
    word("ip", Takes::Value("address"), "The address."),
    word("ip-defaults", Takes::Nothing, "The defaults of addresses."),
    word("group", ID, "The group."),
    word("client-metrics", NAME, "The subscription to clients' metrics."),
];

const TYPES: &[&str] = &[
    "broker-loggers",
    "topics",
    "clients",
    "users",
    "brokers",
    "ips",
    "client-metrics",
    "groups",
];
/// The options that name an entity, and its type.
const FLAGS: &[(&str, &str)] = &[
    ("topic", "topics"),
    ("client", "clients"),
    ("user", "users"),
    ("broker", "brokers"),
    ("broker-logger", "broker-loggers"),
    ("ip", "ips"),
    ("client-metrics", "client-metrics"),
    ("group", "groups"),
];
const DEFAULTS: &[(&str, &str)] = &[
    ("client-defaults", "clients"),
    ("user-defaults", "users"),
    ("broker-defaults", "brokers"),
    ("ip-defaults", "ips"),
];

/// The entities that are meant: types, and names where there are any; an empty name is the default.
pub struct Entities {
    /// The types.
    pub types: Vec<String>,
    /// The names.
    pub names: Vec<String>,
}

impl Entities {
    /// The first type; there is one at least.
    pub fn kind(&self) -> &str {
        self.types.first().map_or("", String::as_str)
    }

    /// The type of one entity: `topic` of `topics`.
    pub fn singular(&self) -> &str {
        let kind = self.kind();
        &kind[..kind.len().saturating_sub(1)]
    }
}

fn entities(options: &Options) -> Outcome<Entities> {
    let mut types: Vec<String> = options
        .values("entity-type")
        .into_iter()
        .map(str::to_owned)
        .collect();
    let mut given = options.values("entity-name").into_iter();
    // In the order given, as a default may stand beside a name.
    let in_order = options
        .names()
        .filter(|name| ["entity-name", "entity-default"].contains(name));
    let mut names: Vec<String> = in_order
        .map(|name| {
            if name == "entity-name" {
                given.next().unwrap_or_default()
            } else {
                ""
            }
            .to_owned()
        })
        .collect();
    for (flag, kind) in FLAGS {
        if let Some(name) = options.value(flag)? {
            types.push((*kind).to_owned());
            names.push(name.to_owned());
        }
    }
    for (flag, kind) in DEFAULTS.iter().filter(|(flag, _)| options.has(flag)) {
        debug_assert!(flag.ends_with("defaults"));
        types.push((*kind).to_owned());
        names.push(String::new());
    }
    Ok(Entities { types, names })
}

/// Refuses what makes no sense.
pub fn check(options: &Options) -> Outcome<Entities> {
    if options.has("alter") == options.has("describe") {
        return usage("Command must include exactly one action: --describe, --alter");
    }
    options.exclude("describe", &["alter", "add-config", "delete-config"])?;
    let entities = entities(options)?;
    let types = &entities.types;
    let twice: Vec<&str> = types
        .iter()
        .enumerate()
        .filter(|(index, kind)| types[..*index].contains(kind))
        .map(|(_, kind)| kind.as_str())
        .collect();
    if !twice.is_empty() {
        return said(format!("Duplicate entity type(s) specified: {}", twice.join(",")));
    }
    let (server, controller) = (
        options.has("bootstrap-server"),
        options.has("bootstrap-controller"),
    );
    if !server && !controller {
        return said("Either --bootstrap-server or --bootstrap-controller must be specified.");
    }
    if let Some(unknown) = types.iter().find(|kind| !TYPES.contains(&kind.as_str())) {
        return said(format!(
            "Invalid entity type {unknown}, the entity type must be one of {} with a --bootstrap-server or \
             --bootstrap-controller argument",
            TYPES.join(", ")
        ));
    }
    if types.is_empty() {
        return said("At least one entity type must be specified");
    }
    let mut sorted: Vec<&str> = types.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    if sorted.len() > 1 && sorted != ["clients", "users"] {
        return said("Only 'users' and 'clients' entity types may be specified together");
    }
    let general = ["entity-name", "entity-type", "entity-default"]
        .iter()
        .any(|name| options.has(name));
    if general && FLAGS.iter().chain(DEFAULTS).any(|(flag, _)| options.has(flag)) {
        return said(
            "--entity-{type,name,default} should not be used in conjunction with specific entity flags",
        );
    }
    if server && controller {
        return said("Only one of --bootstrap-server or --bootstrap-controller can be specified");
    }
    check_names(options, &entities)?;
    if options.has("alter") {
        check_alter(options, &entities)?;
    }
    Ok(entities)
}

fn check_names(options: &Options, entities: &Entities) -> Outcome {
    let kind = entities.kind();
    let is = |wanted: &[&str]| entities.types.iter().any(|kind| wanted.contains(&kind.as_str()));
    let names = || entities.names.iter().filter(|name| !name.is_empty());
    if is(&["brokers", "broker-loggers"])
        && let Some(wrong) = names().find(|name| name.parse::<i32>().is_err())
    {
        return said(format!(
            "The entity name for {kind} must be a valid integer broker id, but it is: {wrong}"
        ));
    }
    if is(&["ips"])
        && let Some(wrong) = names().find(|name| (name.as_str(), 0).to_socket_addrs().is_err())
    {
        return said(format!(
            "The entity name for {kind} must be a valid IP or resolvable host, but it is: {wrong}"
        ));
    }
    if options.has("describe") {
        if !is(&["users", "clients", "brokers", "ips"]) && options.has("entity-default") {
            return said(format!(
                "--entity-default must not be specified with --describe of {}",
                entities.types.join(",")
            ));
        }
        if is(&["broker-loggers"]) && names().next().is_none() {
            return said(format!(
                "An entity name must be specified with --describe of {}",
                entities.types.join(",")
            ));
        }
    }
    Ok(())
}

fn check_alter(options: &Options, entities: &Entities) -> Outcome {
    let has_name = entities.names.iter().any(|name| !name.is_empty());
    let with_default = ["users", "clients", "brokers", "ips"];
    if entities
        .types
        .iter()
        .any(|kind| with_default.contains(&kind.as_str()))
    {
        if entities.names.is_empty() {
            return said(
                "An entity-name or default entity must be specified with --alter of users, clients, brokers or ips",
            );
        }
    } else if !has_name {
        return said(format!(
            "An entity name must be specified with --alter of {}",
            entities.types.join(",")
        ));
    }
    let (add, file) = (options.has("add-config"), options.has("add-config-file"));
    if add && file {
        return said("Only one of --add-config or --add-config-file must be specified");
    }
    if !add && !file && !options.has("delete-config") {
        return said(
            "At least one of --add-config, --add-config-file, or --delete-config must be specified with --alter",
        );
    }
    if entities.types.len() != entities.names.len() {
        return said("An entity name must be specified for every entity type");
    }
    Ok(())
}
