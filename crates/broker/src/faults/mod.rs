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
mod given;
pub mod serve;
mod subject;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::watch;

pub use self::engine::RuleState;
use self::engine::{Decision, Engine, Subject};
use self::given::Given;

/// The rules of a broker, and what they have done.
#[derive(Debug)]
pub struct Faults {
    is_on: AtomicBool,
    rules: Mutex<Rules>,
    /// Tells those who wait for it that the rules have changed, or that they are let go.
    changed: watch::Sender<()>,
    /// Requests that wait for that.
    held: AtomicUsize,
}

#[derive(Debug, Default)]
struct Rules {
    given: Given,
    engine: Engine,
}

impl Default for Faults {
    fn default() -> Self {
        Faults {
            is_on: AtomicBool::new(false),
            rules: Mutex::default(),
            changed: watch::Sender::new(()),
            held: AtomicUsize::new(0),
        }
    }
}

/// A request that is held, for as long as this lives.
pub struct Held<'a>(&'a AtomicUsize);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Faults {
    /// Whether there is any rule. All that a request looks at where there is none.
    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Takes over the rules of the settings, in place of those that the settings had before. Those that stay
    /// as they are go on counting; whoever is held goes on.
    ///
    /// # Errors
    /// A sentence about the first rule that makes no sense; the rules stay as they were.
    pub fn replace(&self, text: &str) -> Result<(), String> {
        self.change(|given| given.configure(text)).map(drop)
    }

    /// Adds rules to those that there are, in front of the settings'.
    ///
    /// # Errors
    /// As [`Faults::replace`], or there are too many.
    pub fn add(&self, text: &str) -> Result<(), String> {
        self.change(|given| given.add(text)).map(drop)
    }

    /// Takes over rules in place of all that there are.
    ///
    /// # Errors
    /// As [`Faults::replace`].
    pub fn set(&self, text: &str) -> Result<(), String> {
        self.change(|given| given.set(text)).map(drop)
    }

    /// Takes the rule of this place away, counted from 0; false where there is none.
    pub fn remove(&self, place: usize) -> bool {
        self.change(|given| Ok(given.remove(place))) == Ok(true)
    }

    /// Lets go whoever is held, and gives up the answers that are dropped. The rules stay.
    pub fn release(&self) {
        self.changed.send_replace(());
    }

    /// How many requests are held, or have their answers dropped.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Counts a request among them.
    fn hold(&self) -> Held<'_> {
        self.held.fetch_add(1, Ordering::Relaxed);
        Held(&self.held)
    }

    /// Makes a change, if it is one.
    fn change(&self, change: impl FnOnce(&mut Given) -> Result<bool, String>) -> Result<bool, String> {
        let mut all = self.rules.lock();
        let is_changed = change(&mut all.given)?;
        if is_changed {
            let rules = all.given.all();
            match rules.rules.len() {
                0 => tracing::info!("there are no fault rules any more"),
                count => {
                    let texts: Vec<&str> = rules.rules.iter().map(|rule| rule.text.as_str()).collect();
                    tracing::warn!("{count} fault rules are in effect: {}", texts.join("; "));
                }
            }
            self.is_on.store(!rules.rules.is_empty(), Ordering::Relaxed);
            all.engine.replace(rules);
            drop(all);
            self.changed.send_replace(());
        }
        Ok(is_changed)
    }

    /// What shares are drawn from.
    pub fn seed(&self) -> u64 {
        self.rules.lock().given.all().seed
    }

    /// The rules, and how often each has applied.
    pub fn rules(&self) -> Vec<RuleState> {
        self.rules.lock().engine.states()
    }

    fn decide(&self, subject: &Subject<'_>) -> Option<Decision> {
        self.rules.lock().engine.decide(subject)
    }

    fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}
