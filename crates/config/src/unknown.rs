//! What is said about a setting that does not exist: which one was meant, or what became of it.

use super::definitions;

/// Settings that Apache Kafka had before version 4, and what to know instead. A `*` ends a family.
const GONE: &[(&str, &str)] = &[
    ("zookeeper.*", ZOOKEEPER),
    ("broker.id.generation.enable", ZOOKEEPER),
    ("reserved.broker.max.id", ZOOKEEPER),
    ("control.plane.listener.name", ZOOKEEPER),
    ("host.name", "it is listeners=PLAINTEXT://HOST:PORT now"),
    ("port", "it is listeners=PLAINTEXT://HOST:PORT now"),
    (
        "advertised.host.name",
        "it is advertised.listeners=PLAINTEXT://HOST:PORT now",
    ),
    (
        "advertised.port",
        "it is advertised.listeners=PLAINTEXT://HOST:PORT now",
    ),
    (
        "inter.broker.protocol.version",
        "it is the feature metadata.version now",
    ),
    ("log.message.format.version", "there is one format now"),
    (
        "log.message.timestamp.difference.max.ms",
        "it is log.message.timestamp.before.max.ms and log.message.timestamp.after.max.ms now",
    ),
    (
        "offsets.commit.required.acks",
        "all in-sync replicas are waited for",
    ),
    (
        "quota.producer.default",
        "quotas are set with kafka-configs.sh now",
    ),
    (
        "quota.consumer.default",
        "quotas are set with kafka-configs.sh now",
    ),
    ("password.encoder.*", "there are no passwords to encode"),
];

const ZOOKEEPER: &str = "ZooKeeper is gone since Apache Kafka 4: a cluster keeps its metadata itself (KRaft)";

/// The sentence about an unknown setting.
pub fn describe(name: &str) -> String {
    let gone = GONE.iter().find(|(pattern, _)| match pattern.strip_suffix('*') {
        Some(family) => name.starts_with(family),
        None => name == *pattern,
    });
    if let Some((_, instead)) = gone {
        return format!("unknown setting: {name} ({instead})");
    }
    match meant(name) {
        Some(meant) => format!("unknown setting: {name} (did you mean {meant}?)"),
        None => format!("unknown setting: {name}"),
    }
}

/// The setting of a broker that was probably meant.
fn meant(name: &str) -> Option<&'static str> {
    // A topic's setting in a broker's file: that of all topics.
    if let Some(synonym) = definitions::topic()
        .get(name)
        .and_then(|key| key.broker_synonyms.first())
    {
        return Some(synonym.name);
    }
    nearest(name, definitions::broker().iter().map(|key| key.name))
}

/// The word that is written most like `word`, if one is: a letter in eight may be wrong, and two in any word
/// of some length.
pub fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = word.chars().count();
    let allowed = (letters / 8).max(2).min(letters.saturating_sub(1) / 2);
    let measured = words
        .into_iter()
        .filter(|other| other.len().abs_diff(word.len()) <= allowed)
        .map(|other| (distance(word, other), other));
    let (least, other) = measured.min()?;
    (least <= allowed).then_some(other)
}

/// How many letters must be put in, left out, replaced or swapped with their neighbour to make one word of
/// the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (
        a.to_lowercase().chars().collect(),
        b.to_lowercase().chars().collect(),
    );
    let mut rows: [Vec<usize>; 3] = [
        vec![0; b.len() + 1],
        (0..=b.len()).collect(),
        vec![0; b.len() + 1],
    ];
    for i in 1..=a.len() {
        rows[2][0] = i;
        for j in 1..=b.len() {
            let replaced = rows[1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(rows[1][j] + 1).min(rows[2][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[0][j - 2] + 1);
            }
            rows[2][j] = least;
        }
        rows.rotate_left(1);
    }
    rows[1][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_said() {
        let table = [
            ("num.partition", "num.partitions"),
            ("log.retention.hour", "log.retention.hours"),
            ("message.max.bytess", "message.max.bytes"),
            ("Listeners", "listeners"),
            ("auto.craete.topics.enable", "auto.create.topics.enable"),
            ("retention.ms", "log.retention.ms"),
            ("log.dri", "log.dir"),
        ];
        for (name, meant) in table {
            assert_eq!(
                describe(name),
                format!("unknown setting: {name} (did you mean {meant}?)")
            );
        }
        for name in ["surprise", "x", "", "my.own.setting", "\u{e9}\u{e9}"] {
            assert_eq!(describe(name), format!("unknown setting: {name}"));
        }
    }

    #[test]
    fn what_is_gone_is_said() {
        for name in [
            "zookeeper.connect",
            "zookeeper.ssl.client.enable",
            "broker.id.generation.enable",
        ] {
            assert!(describe(name).contains("ZooKeeper is gone"), "{}", describe(name));
        }
        assert!(describe("port").contains("listeners="));
        for (name, _) in GONE {
            assert!(definitions::broker().get(name).is_none(), "{name} is there");
        }
    }

    #[test]
    fn distances_count_letters() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "ab", 2),
            ("abc", "acb", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!((distance(a, b), distance(b, a)), (expected, expected), "{a} {b}");
        }
    }
}
