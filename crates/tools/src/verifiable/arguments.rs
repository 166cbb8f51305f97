//! Arguments as these tools take them.

use crate::arguments::{Options, Word, properties_file, usage};
use crate::client::Properties;
use crate::console::Console;
use crate::failure::{Failure, Outcome, said};

/// What a tool understands.
#[derive(Clone, Copy)]
pub struct Known {
    /// Its name in Kafka's usage.
    pub tool: &'static str,
    /// Its options.
    pub words: &'static [Word],
    /// Those that must be given.
    pub required: &'static [&'static str],
    /// The old name of `--command-config`.
    pub old_config: Option<&'static str>,
}

impl Known {
    /// Reads the arguments.
    ///
    /// # Errors
    /// The end of the tool: its help, or what was not understood.
    pub fn parse(&self, arguments: &[String], console: &mut Console) -> Outcome<Options> {
        let asks = |argument: &String| argument == "-h" || argument == "--help";
        if arguments.is_empty() || arguments.iter().any(asks) {
            console.line(format!("usage: {} [options]\n\n{}", self.tool, usage(self.words)));
            return Err(Failure::Exit(0));
        }
        let options = match Options::parse(self.words, arguments) {
            Ok(options) => options,
            Err(why) => return self.refuse(&why),
        };
        if let Some(other) = options.others.first() {
            return self.refuse(&format!("unrecognized arguments: '{other}'"));
        }
        for name in self.required {
            if !options.has(name) {
                return self.refuse(&format!("argument --{name} is required"));
            }
        }
        Ok(options)
    }

    /// The client's properties: the file's, on top of what the options say.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn properties(
        &self,
        options: &Options,
        of_options: Properties,
        console: &mut Console,
    ) -> Outcome<Properties> {
        let mut properties = of_options;
        let old = self.old_config.filter(|old| options.has(old));
        if let Some(old) = old {
            if options.has("command-config") {
                return self.refuse(&format!(
                    "Options --{old} and --command-config are mutually exclusive."
                ));
            }
            console.line(format!(
                "Option --{old} has been deprecated and will be removed in a future version. Use --command-config \
                 instead."
            ));
        }
        if let Some(path) = options.value(old.unwrap_or("command-config"))? {
            properties.extend(properties_file(path)?);
        }
        let servers = options.value("bootstrap-server")?.unwrap_or_default();
        properties
            .entry("bootstrap.servers".to_owned())
            .or_insert_with(|| servers.to_owned());
        Ok(properties)
    }

    /// The end of the tool for what was not understood.
    ///
    /// # Errors
    /// Always.
    pub fn refuse<T>(&self, why: &str) -> Outcome<T> {
        said(format!(
            "usage: {} [-h] ...\n{}: error: {why}",
            self.tool, self.tool
        ))
    }
}
