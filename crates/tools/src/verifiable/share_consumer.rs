//! `kafka-verifiable-share-consumer`: Kafka's `VerifiableShareConsumer`. It reads a topic as a member of a
//! share group, and tells of records and of what became of them.

use std::collections::BTreeMap;
use std::time::Duration;

use barnabas_protocol::java_order::{hash_map_order, java_hash};

use super::arguments::Known;
use super::events::{Event, list, quoted, record_data};
use crate::arguments::{Options, Takes, Word, word};
use crate::client::configs::GROUP;
use crate::client::leaders::TopicPartition;
use crate::client::records::Fetched;
use crate::client::share_member::{Acknowledged, ShareMember};
use crate::client::share_session::AcknowledgeType;
use crate::client::{Cluster, KafkaError, Properties, Stop};
use crate::configs::{Changes, alter_resource};
use crate::console::Console;
use crate::console_consumer::share_settings;
use crate::failure::{Failure, Outcome};

const KNOWN: Known = Known {
    tool: "verifiable-share-consumer",
    words: WORDS,
    required: &["topic", "group-id", "bootstrap-server"],
    old_config: None,
};

#[rustfmt::skip]
const WORDS: &[Word] = &[
    word("bootstrap-server", Takes::Value("host:port,..."), "Where to connect (required)."),
    word("topic", Takes::Value("topic"), "The topic to read (required)."),
    word("group-id", Takes::Value("group"), "The share group to read in (required)."),
    word("max-messages", Takes::Value("number"), "How many records; -1, the default, for no end."),
    word("verbose", Takes::Nothing, "Tell of each record."),
    word("acknowledgement-mode", Takes::Value("mode"), "auto (the default), sync or async."),
    word("ack-pattern", Takes::Value("type,..."), "What becomes of records in turn, by their offsets: accept, release, \
        reject or renew; not with the mode auto."),
    word("offset-reset-strategy", Takes::Value("strategy"), "Sets share.auto.offset.reset of the group: earliest or latest."),
    word("command-config", Takes::Value("file"), "A file with properties of the client."),
];

const TURN: Duration = Duration::from_millis(100);

/// When is told what became of records.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Auto,
    Sync,
    Async,
}

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(arguments: &[String], console: &mut Console) -> Outcome {
    let options = KNOWN.parse(arguments, console)?;
    let mode = mode(&options)?;
    let pattern = pattern(&options, mode)?;
    let most = options.number::<i32>("max-messages")?.unwrap_or(-1);
    let properties = properties(&options, console)?;
    let cluster = Cluster::new(&properties)?;
    let stop = Stop::listen(&cluster)?;
    console.line(Event::new("startup_complete").line());
    console.flush();
    let mut reading = Reading {
        verbose: options.has("verbose"),
        mode,
        pattern,
        steps: BTreeMap::new(),
        acknowledged: 0,
        most: (most >= 0).then_some(most as usize),
    };
    if let Err(failure) = reading.read(&options, &properties, &cluster, &stop, console) {
        console.error(format!(
            "Error during processing, terminating share consumer process: {}",
            failure.message()
        ));
    }
    if stop.is_set() {
        console.line(Event::new("shutdown_requested").line());
    }
    console.line(Event::new("shutdown_complete").line());
    if !stop.is_set() {
        console.line(Event::new("shutdown_requested").line());
    }
    stop.code().map_or(Ok(()), |code| Err(Failure::Exit(code)))
}

fn mode(options: &Options) -> Outcome<Mode> {
    let given = options.value("acknowledgement-mode")?.unwrap_or("auto");
    match given.to_lowercase().as_str() {
        "auto" => Ok(Mode::Auto),
        "sync" => Ok(Mode::Sync),
        "async" => Ok(Mode::Async),
        _ => KNOWN.refuse(&format!(
            "argument --acknowledgement-mode: invalid choice: '{given}' (choose from {{auto,sync,async}})"
        )),
    }
}

fn pattern(options: &Options, mode: Mode) -> Outcome<Vec<AcknowledgeType>> {
    let given = options.value("ack-pattern")?.unwrap_or_default();
    if given.trim().is_empty() {
        return Ok(Vec::new());
    }
    if mode == Mode::Auto {
        return KNOWN
            .refuse("--ack-pattern requires --acknowledgement-mode to be 'sync' or 'async', not 'auto'");
    }
    let kinds =
        given.split(',').map(|word| {
            match word.trim().to_lowercase().as_str() {
        "accept" => Ok(AcknowledgeType::Accept),
        "release" => Ok(AcknowledgeType::Release),
        "reject" => Ok(AcknowledgeType::Reject),
        "renew" => Ok(AcknowledgeType::Renew),
        _ => KNOWN.refuse(&format!(
            "argument --ack-pattern: invalid choice: '{word}' (choose from {{accept,release,reject,renew}})"
        )),
    }
        });
    let kinds: Vec<AcknowledgeType> = kinds.collect::<Outcome<_>>()?;
    if kinds.iter().all(|kind| *kind == AcknowledgeType::Renew) {
        return KNOWN.refuse(
            "--ack-pattern must contain at least one non-RENEW type; a pattern of only 'renew' would re-deliver every \
             record indefinitely without ever resolving it",
        );
    }
    Ok(kinds)
}

/// Here the options win over the file.
fn properties(options: &Options, console: &mut Console) -> Outcome<Properties> {
    let mut properties = KNOWN.properties(options, Properties::new(), console)?;
    for (name, option) in [
        ("group.id", "group-id"),
        ("bootstrap.servers", "bootstrap-server"),
    ] {
        let value = options.value(option)?.unwrap_or_default();
        properties.insert(name.to_owned(), value.to_owned());
    }
    Ok(properties)
}

struct Reading {
    verbose: bool,
    mode: Mode,
    /// What becomes of records in turn; empty for accepting all.
    pattern: Vec<AcknowledgeType>,
    /// Where in the pattern records that were renewed are.
    steps: BTreeMap<(TopicPartition, i64), usize>,
    acknowledged: usize,
    /// It ends after so many were acknowledged.
    most: Option<usize>,
}

impl Reading {
    fn read(
        &mut self,
        options: &Options,
        properties: &Properties,
        cluster: &Cluster,
        stop: &Stop,
        console: &mut Console,
    ) -> Outcome {
        let text = |name| Ok::<_, Failure>(options.value(name)?.unwrap_or_default());
        let group = text("group-id")?;
        match text("offset-reset-strategy")?.to_lowercase().as_str() {
            "" => {}
            strategy @ ("earliest" | "latest") => {
                let change = ("share.auto.offset.reset".to_owned(), strategy.to_owned());
                alter_resource(cluster, GROUP, group, &Changes::from([change]), &[])?;
                let event = Event::new("offset_reset_strategy_set");
                console.line(event.text("offsetResetStrategy", Some(strategy)).line());
            }
            other => {
                return crate::failure::said(format!("Unknown share auto offset reset strategy: {other}"));
            }
        }
        let mut member = ShareMember::join(cluster, group, share_settings(properties)?, text("topic")?)?;
        let read = self.read_as(&mut member, stop, console);
        member.close();
        self.tell(&mut member, &mut Vec::new(), console);
        Ok(read?)
    }

    fn read_as(
        &mut self,
        member: &mut ShareMember<'_>,
        stop: &Stop,
        console: &mut Console,
    ) -> Result<(), KafkaError> {
        let mut renewed: Vec<Fetched> = Vec::new();
        while self.most.is_none_or(|most| self.acknowledged < most) && !stop.is_set() && console.flush() {
            let mut records = std::mem::take(&mut renewed);
            if records.is_empty() {
                records = member.poll(TURN)?;
            }
            if !records.is_empty() {
                self.take(member, &records, console);
                // Who reads knows of all that may be settled, should this one be killed.
                console.flush();
                if self.mode != Mode::Auto {
                    member.commit();
                }
            }
            self.tell(member, &mut records, console);
            renewed = records;
        }
        Ok(())
    }

    /// Tells of records, and says what becomes of each.
    fn take(&mut self, member: &mut ShareMember<'_>, records: &[Fetched], console: &mut Console) {
        let mut of_partition: BTreeMap<TopicPartition, Vec<i64>> = BTreeMap::new();
        for record in records {
            let at = (record.topic.clone(), record.partition);
            let kind = match self.pattern.len() {
                0 => AcknowledgeType::Accept,
                length => {
                    let place = (at.clone(), record.offset);
                    let step = self.steps.get(&place).copied();
                    let step = step.unwrap_or((record.offset % length as i64) as usize);
                    let kind = self.pattern[step];
                    if kind == AcknowledgeType::Renew {
                        self.steps.insert(place, (step + 1) % length);
                    }
                    kind
                }
            };
            member.settle(record, kind);
            of_partition.entry(at).or_default().push(record.offset);
            if self.verbose {
                console.line(record_data(record));
            }
        }
        let summaries = of_partition
            .iter()
            .map(|(at, offsets)| summary(at, offsets.iter()));
        let event = Event::new("records_consumed")
            .number("count", records.len() as i64)
            .raw("partitions", &list(summaries));
        console.line(event.line());
    }

    /// Tells what the leaders have said to what became of records; of `records` those stay that were renewed.
    fn tell(&mut self, member: &mut ShareMember<'_>, records: &mut Vec<Fetched>, console: &mut Console) {
        let said = member.acknowledged();
        records.retain(|record| {
            said.iter().any(|said| {
                (said.partition.0 == record.topic && said.partition.1 == record.partition)
                    && said.error.is_none()
                    && said.offsets.get(&record.offset) == Some(&AcknowledgeType::Renew)
            })
        });
        for said in said {
            if said.error.is_none() {
                self.acknowledged += said.offsets.len();
                for (offset, kind) in &said.offsets {
                    if *kind != AcknowledgeType::Renew {
                        self.steps.remove(&(said.partition.clone(), *offset));
                    }
                }
            }
            console.line(self.acknowledgement(&said));
        }
    }

    fn acknowledgement(&self, said: &Acknowledged) -> String {
        let partitions = [summary(&said.partition, said.offsets.keys())];
        let mut event = Event::new("offsets_acknowledged")
            .number("count", said.offsets.len() as i64)
            .raw("partitions", &list(partitions.into_iter()));
        if let Some(error) = &said.error {
            event = event.text("error", Some(&error.message));
        }
        event = event.raw("success", &said.error.is_none().to_string());
        if !self.pattern.is_empty() {
            event = event.raw("ackTypeCounts", &counts(said));
        }
        event.line()
    }
}

fn summary((topic, index): &TopicPartition, offsets: impl ExactSizeIterator<Item = impl ToString>) -> String {
    let count = offsets.len();
    let offsets = list(offsets.map(|offset| offset.to_string()));
    format!(
        "{{\"topic\":{},\"partition\":{index},\"count\":{count},\"offsets\":{offsets}}}",
        quoted(topic)
    )
}

/// How many records had which fate, in the order of Java's table.
fn counts(said: &Acknowledged) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for kind in said.offsets.values() {
        let name = match kind {
            AcknowledgeType::Gap => continue,
            AcknowledgeType::Accept => "ACCEPT",
            AcknowledgeType::Release => "RELEASE",
            AcknowledgeType::Reject => "REJECT",
            AcknowledgeType::Renew => "RENEW",
        };
        match counts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => counts.push((name, 1)),
        }
    }
    hash_map_order(&mut counts, |(name, _)| java_hash(name));
    let counts: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("\"{name}\":{count}"))
        .collect();
    format!("{{{}}}", counts.join(","))
}
