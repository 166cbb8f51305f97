//! `kafka-configs`: Kafka's `ConfigCommand`.

mod alter;
mod describe;
mod options;
mod quotas;
mod scram;

use crate::arguments::{Options, connect};
use crate::console::Console;
use crate::failure::Outcome;

pub use alter::{Changes, alter_resource};
pub use describe::config_resources;
pub use options::WORDS;

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(options: &Options, console: &mut Console) -> Outcome {
    options.stop_for_help(
        "Shows and changes the settings of topics, brokers, users, clients, groups and more.",
    )?;
    let entities = options::check(options)?;
    let cluster = connect(options, "command-config")?;
    if options.has("alter") {
        alter::alter(options, &entities, &cluster, console)
    } else {
        describe::describe(options, &entities, &cluster, console)
    }
}
