//! Topics that a node has from its start on: `barnabas.topics`, `--topic`, and `KAFKA_CREATE_TOPICS` of
//! wurstmeister/kafka.
//!
//! ```text
//! orders:3:1,cleanup.policy=compact,retention.ms=60000; audit; payments:6
//! ```

/// A topic that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartTopic {
    /// Its name.
    pub name: String,
    /// Its partitions; `None` means `num.partitions`.
    pub partitions: Option<i32>,
    /// Its replicas; `None` means `default.replication.factor`.
    pub replicas: Option<i16>,
    /// Its own settings.
    pub configs: Vec<(String, String)>,
}

/// No node has more of them: a list so long is a mistake.
pub const TOPICS_MAX: usize = 10_000;

/// What a list of topics looks like.
pub const SYNTAX: &str = "NAME[:PARTITIONS[:REPLICAS]][,CONFIG=VALUE]..., several separated by semicolons";

/// Reads a list of topics. Entries are separated by semicolons or line ends; a comma does too where what
/// follows is no setting.
///
/// # Errors
/// A sentence about the first entry that can't be understood.
pub fn parse(list: &str) -> Result<Vec<StartTopic>, String> {
    let mut topics: Vec<StartTopic> = Vec::new();
    for entry in list.split([';', '\n']) {
        let mut is_first = true;
        for word in entry.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let last = topics.last_mut().filter(|_| !is_first);
            match (word.split_once('='), last) {
                (Some((name, value)), Some(topic)) => {
                    topic
                        .configs
                        .push((name.trim().to_owned(), value.trim().to_owned()));
                }
                (Some(_), None) => return Err(format!("{word} stands before any topic")),
                // cleanup.policy=compact,delete is one setting.
                (None, Some(topic)) if matches!(word, "compact" | "delete") && has_policy(topic) => {
                    if let Some((_, policy)) = topic.configs.last_mut() {
                        *policy = format!("{policy},{word}");
                    }
                }
                (None, _) => add(&mut topics, topic(word)?)?,
            }
            is_first = false;
        }
    }
    Ok(topics)
}

/// Reads `KAFKA_CREATE_TOPICS`: `name:partitions:replicas[:cleanup.policy]` each.
///
/// # Errors
/// As [`parse`].
pub fn parse_create_topics(list: &str, separators: &str) -> Result<Vec<StartTopic>, String> {
    // What the shell would make of $'\n'.
    let separators = if separators == "$'\\n'" { "\n" } else { separators };
    let mut topics = Vec::new();
    for word in list
        .split(|c| separators.contains(c))
        .map(str::trim)
        .filter(|word| !word.is_empty())
    {
        let (word, policy) = match word.match_indices(':').nth(2) {
            Some((at, _)) => (&word[..at], Some(&word[at + 1..])),
            None => (word, None),
        };
        let mut topic = topic(word)?;
        let policy = policy.filter(|policy| !policy.is_empty());
        topic
            .configs
            .extend(policy.map(|policy| ("cleanup.policy".to_owned(), policy.to_owned())));
        add(&mut topics, topic)?;
    }
    Ok(topics)
}

/// Adds topics to a list; one of the same name takes the earlier one's place.
pub fn merge(topics: &mut Vec<StartTopic>, more: Vec<StartTopic>) {
    topics.retain(|topic| more.iter().all(|other| other.name != topic.name));
    topics.extend(more);
}

fn has_policy(topic: &StartTopic) -> bool {
    topic
        .configs
        .last()
        .is_some_and(|(name, _)| name == "cleanup.policy")
}

fn add(topics: &mut Vec<StartTopic>, topic: StartTopic) -> Result<(), String> {
    if topics.len() == TOPICS_MAX {
        return Err(format!("there are more than {TOPICS_MAX} topics"));
    }
    topics.push(topic);
    Ok(())
}

fn topic(word: &str) -> Result<StartTopic, String> {
    let mut parts = word.split(':').map(str::trim);
    let name = parts.next().unwrap_or_default().to_owned();
    if name.is_empty() {
        return Err(format!("{word} names no topic"));
    }
    let partitions = number(word, "partitions", parts.next())?;
    let replicas = number(word, "replicas", parts.next())?;
    if parts.next().is_some() {
        return Err(format!("{word} has too many parts"));
    }
    Ok(StartTopic {
        name,
        partitions,
        replicas,
        configs: Vec::new(),
    })
}

fn number<N: std::str::FromStr + PartialOrd + From<i8>>(
    word: &str,
    what: &str,
    part: Option<&str>,
) -> Result<Option<N>, String> {
    match part.filter(|part| !part.is_empty()) {
        None => Ok(None),
        Some(part) => match part.parse() {
            Ok(number) if number >= N::from(1) => Ok(Some(number)),
            _ => Err(format!("{word} has {part} for its number of {what}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(topics: &[StartTopic]) -> String {
        let one = |topic: &StartTopic| {
            let configs = topic
                .configs
                .iter()
                .map(|(name, value)| format!(" {name}={value}"));
            let number = |number: Option<i32>| number.map_or("-".to_owned(), |number| number.to_string());
            let (partitions, replicas) = (number(topic.partitions), number(topic.replicas.map(i32::from)));
            format!(
                "{} {partitions} {replicas}{}",
                topic.name,
                configs.collect::<String>()
            )
        };
        topics.iter().map(one).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn lists_are_read() {
        let table = [
            ("", ""),
            (" ;\n;", ""),
            ("a", "a - -"),
            ("a:3", "a 3 -"),
            ("a::2", "a - 2"),
            ("a:3:2,retention.ms=5 , x=", "a 3 2 retention.ms=5 x="),
            ("a:1:1;b:2:1", "a 1 1|b 2 1"),
            ("a:1:1,b:2:1\n c", "a 1 1|b 2 1|c - -"),
            (
                "a,cleanup.policy=compact,delete,b",
                "a - - cleanup.policy=compact,delete|b - -",
            ),
            ("a,x=1,delete", "a - - x=1|delete - -"),
        ];
        for (list, expected) in table {
            assert_eq!(
                parse(list).map(|topics| shown(&topics)).as_deref(),
                Ok(expected),
                "{list:?}"
            );
        }
        let table = [
            ("a=1", "a=1 stands before any topic"),
            ("a;x=1", "x=1 stands before any topic"),
            (":3", ":3 names no topic"),
            ("a:0", "a:0 has 0 for its number of partitions"),
            ("a:1:99999", "a:1:99999 has 99999 for its number of replicas"),
            ("a:1:1:1", "a:1:1:1 has too many parts"),
        ];
        for (list, expected) in table {
            assert_eq!(parse(list).unwrap_err(), expected);
        }
        let many = "a;".repeat(1_000_000);
        assert_eq!(parse(&many).unwrap_err(), "there are more than 10000 topics");
    }

    #[test]
    fn wurstmeisters_lists_are_read() {
        let table = [
            (
                "Topic1:1:3,Topic2:1:1:compact",
                ",",
                "Topic1 1 3|Topic2 1 1 cleanup.policy=compact",
            ),
            (
                "a:1:1:compact,delete",
                ",",
                "a 1 1 cleanup.policy=compact|delete - -",
            ),
            (
                "a:1:1:compact,delete\n  b:2:1\n",
                "$'\\n'",
                "a 1 1 cleanup.policy=compact,delete|b 2 1",
            ),
            ("a:1:1 b:1:1", " ", "a 1 1|b 1 1"),
        ];
        for (list, separators, expected) in table {
            let topics = parse_create_topics(list, separators);
            assert_eq!(
                topics.map(|topics| shown(&topics)).as_deref(),
                Ok(expected),
                "{list:?}"
            );
        }
        assert!(parse_create_topics("a:x:1", ",").is_err());
    }

    #[test]
    fn a_later_topic_of_the_same_name_wins() {
        let mut topics = parse("a:1;b:1").unwrap();
        merge(&mut topics, parse("a:2").unwrap());
        assert_eq!(shown(&topics), "b 1 -|a 2 -");
    }
}
