//! What a tool writes. Nobody may be listening any more: then it ends early, as Kafka's tools do.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

/// The standard output and error of the process.
pub struct Console {
    out: BufWriter<Stdout>,
    /// Whether the standard output takes nothing more.
    is_closed: bool,
}

impl Console {
    /// The process's own.
    pub fn new() -> Self {
        Self {
            out: BufWriter::with_capacity(64 * 1024, io::stdout()),
            is_closed: false,
        }
    }

    /// Writes a line to the standard output.
    pub fn line(&mut self, text: impl AsRef<str>) {
        self.bytes(text.as_ref().as_bytes());
        self.bytes(b"\n");
    }

    /// Writes to the standard output.
    pub fn text(&mut self, text: impl AsRef<str>) {
        self.bytes(text.as_ref().as_bytes());
    }

    /// Writes to the standard output.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.is_closed |= self.out.write_all(bytes).is_err();
    }

    /// Writes a line to the standard error, after all that was written before it.
    pub fn error(&mut self, text: impl AsRef<str>) {
        self.flush();
        // Without a standard error there is nobody to tell.
        drop(writeln!(io::stderr(), "{}", text.as_ref()));
    }

    /// Lets everything be seen that was written. False when nobody sees it any more.
    pub fn flush(&mut self) -> bool {
        self.is_closed |= self.out.flush().is_err();
        !self.is_closed
    }

    /// Whether somebody types at one end and reads at the other.
    pub fn is_terminal() -> bool {
        io::stdin().is_terminal() && io::stdout().is_terminal()
    }
}

impl Default for Console {
    fn default() -> Self {
        Self::new()
    }
}
