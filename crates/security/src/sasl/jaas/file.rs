//! A file of JAAS entries in named sections, which Java reads where `java.security.auth.login.config` says.
//!
//! ```text
//! KafkaServer {
//!     org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="alice-secret";
//! };
//! ```

use std::collections::BTreeMap;

use super::lexer::{Lexer, Token};
use super::{JaasEntry, JaasError, entry};

/// The sections of a file, each a list of entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JaasFile {
    sections: BTreeMap<String, Vec<JaasEntry>>,
}

impl JaasFile {
    /// The section of a broker's listeners that have none of their own.
    pub const SERVER: &str = "KafkaServer";

    /// Reads a file's text.
    ///
    /// # Errors
    /// It is no JAAS configuration, or names a section twice.
    pub fn parse(text: &str) -> Result<JaasFile, JaasError> {
        let mut tokens = Lexer::new(text);
        let mut sections = BTreeMap::new();
        while let Some(first) = tokens.next() {
            let name = first
                .text()
                .ok_or_else(|| JaasError::new("a section of the JAAS file has no name"))?;
            expect(&mut tokens, '{', &name)?;
            let mut entries = Vec::new();
            loop {
                match tokens.next() {
                    None => {
                        return Err(JaasError::new(format!(
                            "the section {name} of the JAAS file has no end"
                        )));
                    }
                    Some(Token::Sign('}')) => break,
                    Some(first) => entries.push(entry(first, &mut tokens)?),
                }
            }
            expect(&mut tokens, ';', &name)?;
            if sections.contains_key(&name) {
                return Err(JaasError::new(format!(
                    "the JAAS file has the section {name} twice"
                )));
            }
            sections.insert(name, entries);
        }
        Ok(JaasFile { sections })
    }

    /// The entries for a listener: of `{listener}.KafkaServer`, in lower case, or of `KafkaServer`.
    pub fn of_listener(&self, listener: &str) -> Option<&[JaasEntry]> {
        let own = format!("{}.{}", listener.to_lowercase(), Self::SERVER);
        let section = self
            .sections
            .get(&own)
            .or_else(|| self.sections.get(Self::SERVER));
        section.map(Vec::as_slice)
    }
}

fn expect(tokens: &mut Lexer<'_>, sign: char, section: &str) -> Result<(), JaasError> {
    if tokens.next() == Some(Token::Sign(sign)) {
        Ok(())
    } else {
        Err(JaasError::new(format!(
            "the section {section} of the JAAS file lacks its {sign}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_has_its_own_section_or_the_brokers() {
        let file = JaasFile::parse(
            "/* all */ KafkaServer { a.B required user_a=\"x\"; c.D optional; };\ninside.KafkaServer { e.F required; };",
        )
        .unwrap();
        let modules = |listener| {
            let entries = file.of_listener(listener).unwrap();
            entries
                .iter()
                .map(|entry| entry.login_module.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(modules("INSIDE"), ["e.F"]);
        assert_eq!(modules("OUTSIDE"), ["a.B", "c.D"]);
        assert_eq!(JaasFile::parse("").unwrap().of_listener("INSIDE"), None);
    }

    #[test]
    fn what_is_no_such_file_is_refused() {
        for (text, expected) in [
            (
                "KafkaServer",
                "the section KafkaServer of the JAAS file lacks its {",
            ),
            (
                "KafkaServer {",
                "the section KafkaServer of the JAAS file has no end",
            ),
            (
                "KafkaServer { a.B required; }",
                "the section KafkaServer of the JAAS file lacks its ;",
            ),
            (
                "KafkaServer { a.B required }",
                "An option of the JAAS config has no name",
            ),
            ("{", "a section of the JAAS file has no name"),
            ("A {}; A {};", "the JAAS file has the section A twice"),
        ] {
            assert_eq!(JaasFile::parse(text), Err(JaasError::new(expected)), "{text}");
        }
    }
}
