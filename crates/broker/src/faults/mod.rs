//! Faults on request: a broker that treats some requests as a broken one would, so that people can see how
//! their applications take it (docs/FAULTS.md).
//!
//! ```text
//! dispatch ─ is_on? ─→ serve: Subject::of the body ─→ engine decides (pure) ─→ waits, answers, closes
//! ```
//!
//! Off, it costs a look at a flag. Whatever a rule does, records and metadata are written by the handlers
//! alone: a fault goes before a handler, or comes between its answer and the client.

mod answer;
mod engine;
pub mod serve;
mod subject;

use std::sync::atomic::{AtomicBool, Ordering};

use barnabas_config::faults::{self, FaultRules};
use parking_lot::Mutex;
use tokio::sync::watch;

pub use self::engine::RuleState;
use self::engine::{Decision, Engine, Subject};

/// The rules of a broker, and what they have done.
#[derive(Debug)]
pub struct Faults {
    is_on: AtomicBool,
    engine: Mutex<Engine>,
    /// Tells those who wait for it that the rules have changed.
    changed: watch::Sender<()>,
}

impl Default for Faults {
    fn default() -> Self {
        Faults {
            is_on: AtomicBool::new(false),
            engine: Mutex::default(),
            changed: watch::Sender::new(()),
        }
    }
}

impl Faults {
    /// Whether there is any rule. All that a request looks at where there is none.
    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Takes over these rules. Those that stay as they are go on counting; whoever is held goes on.
    ///
    /// # Errors
    /// A sentence about the first rule that makes no sense; the rules stay as they were.
    pub fn replace(&self, text: &str) -> Result<(), String> {
        let rules = faults::parse(text)?;
        let mut engine = self.engine.lock();
        if engine.is_of(&rules) {
            return Ok(());
        }
        match rules.rules.len() {
            0 => tracing::info!("there are no fault rules any more"),
            count => tracing::warn!("{count} fault rules are in effect: {text}"),
        }
        self.is_on.store(!rules.rules.is_empty(), Ordering::Relaxed);
        engine.replace(rules);
        drop(engine);
        self.changed.send_replace(());
        Ok(())
    }

    /// Takes away all rules.
    pub fn clear(&self) {
        self.engine.lock().replace(FaultRules::default());
        self.is_on.store(false, Ordering::Relaxed);
        self.changed.send_replace(());
    }

    /// The rules, and how often each has applied.
    pub fn rules(&self) -> Vec<RuleState> {
        self.engine.lock().states()
    }

    fn decide(&self, subject: &Subject<'_>) -> Option<Decision> {
        self.engine.lock().decide(subject)
    }

    fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}
