//! The client with TLS and SASL. Cases come as a JSON list on standard input; all are tried at once, and what each met
//! ("" is a record there and back) is written as JSON.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::client::OAuthToken;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::{ClientContext, Offset};
use serde::Deserialize;

use crate::Failure;

/// A try that must fail may take so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection to try; what is empty isn't used.
#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "lowercase")]
struct Case {
    name: String,
    bootstrap: String,
    topic: String,
    ca: String,
    certificate: String,
    key: String,
    mechanism: String,
    user: String,
    password: String,
    token: String,
}

pub fn run() -> Result<(), Failure> {
    let cases: Vec<Case> = serde_json::from_reader(std::io::stdin())?;
    let tries: Vec<_> = cases
        .into_iter()
        .map(|case| std::thread::spawn(move || (case.name.clone(), met(&case))))
        .collect();
    let mut answer = BTreeMap::new();
    for one in tries {
        let (name, said) = one.join().map_err(|_| "a try panicked")?;
        answer.insert(name, said);
    }
    println!("{}", serde_json::to_string(&answer)?);
    Ok(())
}

fn met(case: &Case) -> String {
    let context = || Context {
        token: case.token.clone(),
        ..Context::default()
    };
    let settings = settings(case);
    let producer: BaseProducer<Context> = match settings.create_with_context(context()) {
        Ok(producer) => producer,
        Err(error) => return error.to_string(),
    };
    let there_and_back = || -> Result<(), String> {
        let offset = produce(&producer, case)?;
        let consumer: BaseConsumer<Context> = settings
            .create_with_context(context())
            .map_err(|error| error.to_string())?;
        read(&consumer, case, offset)
    };
    match there_and_back() {
        Ok(()) => String::new(),
        Err(error) => {
            let said = producer.context().said.lock().expect("no panic while it is held");
            format!("{error}\n{}", said.join("\n"))
        }
    }
}

fn settings(case: &Case) -> ClientConfig {
    let sasl = if case.mechanism.is_empty() { "" } else { "sasl_" };
    let below = if case.ca.is_empty() { "plaintext" } else { "ssl" };
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &case.bootstrap)
        .set("group.id", "rdkafka-secured")
        .set("security.protocol", format!("{sasl}{below}"));
    for (name, value) in [
        ("ssl.ca.location", &case.ca),
        ("ssl.certificate.location", &case.certificate),
        ("ssl.key.location", &case.key),
        ("sasl.mechanism", &case.mechanism),
        ("sasl.username", &case.user),
        ("sasl.password", &case.password),
    ] {
        if !value.is_empty() {
            config.set(name, value);
        }
    }
    config
}

fn produce(producer: &BaseProducer<Context>, case: &Case) -> Result<i64, String> {
    let record = BaseRecord::<[u8], str>::to(&case.topic)
        .partition(0)
        .payload(case.name.as_str());
    producer.send(record).map_err(|(error, _)| error.to_string())?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        producer.poll(Duration::from_millis(100));
        let placed = producer
            .context()
            .placed
            .lock()
            .expect("no panic while it is held")
            .take();
        match placed {
            Some(placed) => return placed.map_err(|error| error.to_string()),
            None if Instant::now() > deadline => return Err("not delivered".into()),
            None => {}
        }
    }
}

fn read(consumer: &BaseConsumer<Context>, case: &Case, offset: i64) -> Result<(), String> {
    let told = |error: KafkaError| error.to_string();
    let mut from = TopicPartitionList::new();
    from.add_partition_offset(&case.topic, 0, Offset::Offset(offset))
        .map_err(told)?;
    consumer.assign(&from).map_err(told)?;
    let message = consumer.poll(PATIENCE).ok_or("no record")?.map_err(told)?;
    if message.payload() == Some(case.name.as_bytes()) {
        Ok(())
    } else {
        Err(format!("read {:?}", message.payload()))
    }
}

/// Keeps what the client reports and where the record lies, and has the token.
#[derive(Default)]
struct Context {
    token: String,
    said: Mutex<Vec<String>>,
    placed: Mutex<Option<Result<i64, KafkaError>>>,
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn error(&self, _: KafkaError, reason: &str) {
        self.said
            .lock()
            .expect("no panic while it is held")
            .push(reason.to_owned());
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Failure> {
        let in_an_hour =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)? + Duration::from_secs(3600);
        Ok(OAuthToken {
            token: self.token.clone(),
            principal_name: "alice".into(),
            lifetime_ms: i64::try_from(in_an_hour.as_millis())?,
        })
    }
}

impl ConsumerContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let placed = match result {
            Ok(message) => Ok(message.offset()),
            Err((error, _)) => Err(error.clone()),
        };
        *self.placed.lock().expect("no panic while it is held") = Some(placed);
    }
}
