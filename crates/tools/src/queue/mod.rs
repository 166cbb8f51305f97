//! `barnabas queue redrive`: dead letters of share groups go back to where they came from. Apache Kafka has
//! no such tool; this one works with any cluster whose dead letters have Apache Kafka's headers.

mod letter;
mod originals;
mod progress;
mod redrive;

use crate::arguments::commands::Commands;
use crate::arguments::{BOOTSTRAP_SERVER, COMMAND_CONFIG, Takes, word};
use crate::console::Console;
use crate::failure::Outcome;

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
    redrive::run(&options, console)
}
