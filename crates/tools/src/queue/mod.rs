//! `barnabas queue redrive`: dead letters of share groups go back to where they came from. Apache Kafka has
//! no such tool; this one works with any cluster whose dead letters have Apache Kafka's headers.

pub mod letter;
mod originals;
pub mod progress;
pub mod redrive;

use crate::arguments::commands::Commands;
use crate::arguments::{BOOTSTRAP_SERVER, COMMAND_CONFIG, Takes, connect, word};
use crate::console::Console;
use crate::failure::Outcome;
use redrive::{Account, Wanted, progress_group_of};

#[rustfmt::skip]
const TOOL: Commands = Commands {
    tool: "barnabas queue",
    about: "Takes care of the queues of share groups.",
    words: &[],
    commands: &[(
        "redrive",
        &[
            BOOTSTRAP_SERVER,
            COMMAND_CONFIG,
            word("topic", Takes::Value("topic"), "The dead letter topic (required)."),
            word("group", Takes::Value("group"), "Only what this share group has given up; may be repeated."),
            word("from-topic", Takes::Value("topic"), "Only what was in this topic; may be repeated."),
            word("to-topic", Takes::Value("topic"), "Where to, in place of the topic that each came from."),
            word("max-messages", Takes::Value("count"), "Only so many, the oldest first."),
            word("progress-group", Takes::Value("group"), "The group whose committed offsets say what is done; redrive.TOPIC unless given."),
            word("execute", Takes::Nothing, "Do it; without this it is only said what would be done."),
        ],
    )],
    letters: &[],
};

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(arguments: &[String], console: &mut Console) -> Outcome {
    let (_, options) = TOOL.parse(arguments, &mut |help| console.line(help))?;
    options.require(&["bootstrap-server", "topic"])?;
    let topic = options.value("topic")?.unwrap_or_default();
    let of_topic = progress_group_of(topic);
    let wanted = Wanted {
        topic,
        groups: options.values("group"),
        from_topics: options.values("from-topic"),
        to_topic: options.value("to-topic")?,
        progress_group: options.value("progress-group")?.unwrap_or(&of_topic),
        most: options.number("max-messages")?.unwrap_or(u64::MAX),
        executes: options.has("execute"),
    };
    let cluster = connect(&options, "command-config")?;
    let account = redrive::redrive(&cluster, &wanted)?;
    tell(&account, &wanted, console);
    Ok(())
}

fn tell(account: &Account, wanted: &Wanted<'_>, console: &mut Console) {
    let verb = if wanted.executes { "went" } else { "would go" };
    for ((group, from, to), count) in &account.back {
        console.line(format!(
            "{count} dead letters of group {group} from {from} {verb} to {to}"
        ));
    }
    if account.back.is_empty() {
        console.line(format!("No dead letter {verb} back"));
    }
    if account.gone > 0 {
        let gone = account.gone;
        console.line(format!(
            "{gone} stay: the record is gone and was not copied, or its topic is gone"
        ));
    }
    if account.left > 0 {
        console.line(format!("{} stay: they are not asked for", account.left));
    }
    if !wanted.executes {
        console.line("Nothing was done; --execute does it");
    }
}
