//! `kafka-verifiable-consumer`: Kafka's `VerifiableConsumer`. It reads a topic as a member of a group, and
//! tells of assignments, records and commits.

use std::collections::BTreeMap;
use std::time::Duration;

use super::arguments::Known;
use super::events::{Event, list, partitions, quoted, record_data};
use crate::arguments::{Options, Takes, Word, word};
use crate::client::leaders::TopicPartition;
use crate::client::membership::Offsets;
use crate::client::records::Fetched;
use crate::client::{Cluster, Properties, Stop};
use crate::console::Console;
use crate::console_consumer::{Source, Topics};
use crate::failure::{Failure, Outcome};

const NUMBER: Takes = Takes::Value("number");

const KNOWN: Known = Known {
    tool: "verifiable-consumer",
    words: WORDS,
    required: &["topic", "group-id", "bootstrap-server"],
    old_config: Some("consumer.config"),
};

#[rustfmt::skip]
const WORDS: &[Word] = &[
    word("bootstrap-server", Takes::Value("host:port,..."), "Where to connect (required)."),
    word("topic", Takes::Value("topic"), "The topic to read (required)."),
    word("group-id", Takes::Value("group"), "The group to read in (required)."),
    word("group-protocol", Takes::Value("protocol"), "classic (the default) or consumer."),
    word("group-remote-assignor", Takes::Value("assignor"), "Without effect: the group's own is taken."),
    word("group-instance-id", Takes::Value("id"), "Makes it a static member."),
    word("max-messages", NUMBER, "How many records; -1, the default, for no end."),
    word("session-timeout", Takes::Value("ms"), "The session's time-out."),
    word("verbose", Takes::Nothing, "Tell of each record."),
    word("enable-autocommit", Takes::Nothing, "Commit at intervals, in place of each time records have come."),
    word("close-timeout", Takes::Value("ms"), "Without effect: it leaves at once."),
    word("reset-policy", Takes::Value("policy"), "earliest (the default), latest or none."),
    word("assignment-strategy", Takes::Value("class"), "Without effect: groups of the classic protocol have the range assignor."),
    word("consumer.config", Takes::Value("file"), "The old name of --command-config."),
    word("command-config", Takes::Value("file"), "A file with properties of the client; they win."),
];

/// `max.poll.records` of Kafka's consumer.
const TOGETHER: usize = 500;
const TURN: Duration = Duration::from_millis(100);

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(arguments: &[String], console: &mut Console) -> Outcome {
    let options = KNOWN.parse(arguments, console)?;
    let properties = properties(&options, console)?;
    let reset = properties
        .get("auto.offset.reset")
        .map_or("earliest", String::as_str);
    let is_incremental = properties
        .get("group.protocol")
        .is_some_and(|protocol| protocol.eq_ignore_ascii_case("consumer"));
    let commits = properties
        .get("enable.auto.commit")
        .is_some_and(|value| value.trim() == "false");
    let most = options.number::<i32>("max-messages")?.unwrap_or(-1);
    let cluster = Cluster::new(&properties)?;
    let stop = Stop::listen(&cluster)?;
    let topic = options.value("topic")?.unwrap_or_default().to_owned();
    let group = properties.get("group.id").cloned();
    let mut source = Source::new(&cluster, &properties, Topics::One(topic), group, reset)?;
    console.line(Event::new("startup_complete").line());
    console.flush();
    let mut reading = Reading {
        left: (most >= 0).then_some(most as usize),
        verbose: options.has("verbose"),
        commits,
        is_incremental,
        assigned: Vec::new(),
    };
    let read = reading.read(&mut source, &stop, console);
    if let Err(error) = &read {
        console.error(format!(
            "Error during processing, terminating consumer process: {error}"
        ));
    }
    if stop.is_set() {
        console.line(Event::new("shutdown_requested").line());
    }
    if !reading.assigned.is_empty() {
        let all = partitions(&reading.assigned);
        console.line(Event::new("partitions_revoked").raw("partitions", &all).line());
    }
    source.close();
    console.line(Event::new("shutdown_complete").line());
    if !stop.is_set() {
        console.line(Event::new("shutdown_requested").line());
    }
    stop.code().map_or(Ok(()), |code| Err(Failure::Exit(code)))
}

fn properties(options: &Options, console: &mut Console) -> Outcome<Properties> {
    let protocol = options.value("group-protocol")?.unwrap_or("classic");
    if !["classic", "consumer"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(protocol))
    {
        return KNOWN.refuse(&format!(
            "Group protocol should be one of CLASSIC, CONSUMER: '{protocol}'"
        ));
    }
    let reset = options.value("reset-policy")?.unwrap_or("earliest");
    let auto_commit = if options.has("enable-autocommit") {
        "true"
    } else {
        "false"
    };
    let mut given = vec![
        ("group.id", options.value("group-id")?.unwrap_or_default()),
        ("group.protocol", protocol),
        ("auto.offset.reset", reset),
        ("enable.auto.commit", auto_commit),
    ];
    given.extend(
        options
            .value("group-instance-id")?
            .map(|id| ("group.instance.id", id)),
    );
    given.extend(
        options
            .value("session-timeout")?
            .map(|ms| ("session.timeout.ms", ms)),
    );
    let given = given
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    KNOWN.properties(options, given.collect(), console)
}

struct Reading {
    /// How many records are still wanted; `None` for all that come.
    left: Option<usize>,
    verbose: bool,
    commits: bool,
    is_incremental: bool,
    assigned: Vec<TopicPartition>,
}

impl Reading {
    fn read(
        &mut self,
        source: &mut Source<'_>,
        stop: &Stop,
        console: &mut Console,
    ) -> Result<(), crate::client::KafkaError> {
        while self.left != Some(0) && !stop.is_set() {
            let found = source.poll(TURN)?;
            self.note_assignment(source.assigned(), console);
            for records in found.chunks(TOGETHER) {
                if self.left == Some(0) {
                    break;
                }
                let offsets = self.tell(source, records, console);
                if self.commits {
                    self.commit(source, &offsets, console);
                }
            }
            if !console.flush() {
                break;
            }
        }
        Ok(())
    }

    fn note_assignment(&mut self, assigned: Vec<TopicPartition>, console: &mut Console) {
        if assigned == self.assigned {
            return;
        }
        let (gone, new): (Vec<_>, Vec<_>) = match self.is_incremental {
            false => (self.assigned.iter().collect(), assigned.iter().collect()),
            true => (
                self.assigned.iter().filter(|at| !assigned.contains(at)).collect(),
                assigned.iter().filter(|at| !self.assigned.contains(at)).collect(),
            ),
        };
        if !gone.is_empty() {
            console.line(
                Event::new("partitions_revoked")
                    .raw("partitions", &partitions(gone))
                    .line(),
            );
        }
        console.line(
            Event::new("partitions_assigned")
                .raw("partitions", &partitions(new))
                .line(),
        );
        self.assigned = assigned;
    }

    /// Tells of records, of as many as are wanted, and answers what to commit.
    fn tell(&mut self, source: &mut Source<'_>, records: &[Fetched], console: &mut Console) -> Offsets {
        let mut of_partition: BTreeMap<TopicPartition, Vec<&Fetched>> = BTreeMap::new();
        for record in records {
            let at = (record.topic.clone(), record.partition);
            of_partition.entry(at).or_default().push(record);
        }
        let (mut offsets, mut summaries) = (Offsets::new(), Vec::new());
        for (at, mut own) in of_partition {
            own.truncate(self.left.unwrap_or(usize::MAX));
            let (Some(first), Some(last)) = (own.first(), own.last()) else {
                continue;
            };
            summaries.push(format!(
                "{{\"topic\":{},\"partition\":{},\"count\":{},\"minOffset\":{},\"maxOffset\":{}}}",
                quoted(&at.0),
                at.1,
                own.len(),
                first.offset,
                last.offset
            ));
            offsets.insert(at, (last.offset + 1, last.leader_epoch));
            for record in &own {
                source.delivered(record);
                if self.verbose {
                    console.line(record_data(record));
                }
            }
            self.left = self.left.map(|left| left - own.len());
        }
        let event = Event::new("records_consumed")
            .number("count", records.len() as i64)
            .raw("partitions", &list(summaries.into_iter()));
        console.line(event.line());
        offsets
    }

    fn commit(&self, source: &Source<'_>, offsets: &Offsets, console: &mut Console) {
        let committed = source.commit_offsets(offsets);
        let shown = offsets.iter().map(|((topic, index), (offset, _))| {
            format!(
                "{{\"topic\":{},\"partition\":{index},\"offset\":{offset}}}",
                quoted(topic)
            )
        });
        let mut event = Event::new("offsets_committed").raw("offsets", &list(shown));
        if let Err(error) = &committed {
            event = event.text("error", Some(&error.message));
        }
        console.line(event.raw("success", &committed.is_ok().to_string()).line());
    }
}
