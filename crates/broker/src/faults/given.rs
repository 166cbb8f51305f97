//! Where rules are from: the settings, or whoever has added some since. Pure.

use barnabas_config::faults::{FaultRules, RULES_MAX, parse};

/// The rules by where they are from. Those that were added come first.
#[derive(Debug, Default)]
pub struct Given {
    /// The settings' text, by which a change of it is known.
    text: String,
    configured: FaultRules,
    added: FaultRules,
}

impl Given {
    /// Takes over the settings' rules; false where they are the same as before.
    ///
    /// # Errors
    /// They make no sense.
    pub fn configure(&mut self, text: &str) -> Result<bool, String> {
        if self.text == text {
            return Ok(false);
        }
        self.configured = parse(text)?;
        text.clone_into(&mut self.text);
        Ok(true)
    }

    /// Adds rules behind those that were added.
    ///
    /// # Errors
    /// They make no sense, or there would be too many.
    pub fn add(&mut self, text: &str) -> Result<bool, String> {
        let mut new = parse(text)?;
        let count = self.added.rules.len() + self.configured.rules.len() + new.rules.len();
        if count > RULES_MAX {
            return Err(format!(
                "there would be {count} rules, and {RULES_MAX} are the most"
            ));
        }
        if new.seed != 0 {
            self.added.seed = new.seed;
        }
        self.added.rules.append(&mut new.rules);
        Ok(true)
    }

    /// Takes over these in place of all.
    ///
    /// # Errors
    /// They make no sense.
    pub fn set(&mut self, text: &str) -> Result<bool, String> {
        self.added = parse(text)?;
        self.configured = FaultRules::default();
        Ok(true)
    }

    /// Takes away the rule of this place among all; false where there is none.
    pub fn remove(&mut self, place: usize) -> bool {
        let added = self.added.rules.len();
        let (rules, place) = match place.checked_sub(added) {
            None => (&mut self.added.rules, place),
            Some(place) => (&mut self.configured.rules, place),
        };
        let is_there = place < rules.len();
        if is_there {
            rules.remove(place);
        }
        is_there
    }

    /// All of them.
    pub fn all(&self) -> FaultRules {
        let rules = self.added.rules.iter().chain(&self.configured.rules);
        FaultRules {
            rules: rules.cloned().collect(),
            seed: if self.added.seed == 0 {
                self.configured.seed
            } else {
                self.added.seed
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(given: &Given) -> Vec<String> {
        given.all().rules.into_iter().map(|rule| rule.text).collect()
    }

    #[test]
    fn rules_come_and_go_and_the_settings_stay_beside_them() {
        let mut given = Given::default();
        assert_eq!(given.configure("seed=3; produce drop"), Ok(true));
        assert_eq!(given.configure("seed=3; produce drop"), Ok(false));
        assert_eq!(given.add("fetch hold; heartbeat drop"), Ok(true));
        assert_eq!(texts(&given), ["fetch hold", "heartbeat drop", "produce drop"]);
        assert_eq!(given.all().seed, 3);
        assert!(given.remove(0) && given.remove(1) && !given.remove(1));
        assert_eq!(texts(&given), ["heartbeat drop"]);
        // What the settings still say does not come back by itself, only once they change.
        assert_eq!(given.configure("seed=3; produce drop"), Ok(false));
        assert_eq!(given.configure("produce hold"), Ok(true));
        assert_eq!(texts(&given), ["heartbeat drop", "produce hold"]);
        assert_eq!(given.set("seed=5; * delay=1ms"), Ok(true));
        assert_eq!(
            (texts(&given), given.all().seed),
            (vec!["* delay=1ms".to_owned()], 5)
        );
        assert!(given.add("produce sing").is_err() && given.set("produce sing").is_err());
        assert_eq!(texts(&given), ["* delay=1ms"]);
        let many = "fetch hold;".repeat(RULES_MAX);
        assert!(given.add(&many).unwrap_err().contains("1000 are the most"));
    }
}
