//! What clients push (KIP-714): the latest value of each metric of each client, for as long as the client
//! is there.

pub mod otlp;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use barnabas_broker::telemetry::{Client, MetricsReceiver};
use parking_lot::Mutex;
use prost::Message;
use uuid::Uuid;

use self::otlp::{Data, MetricsData, Number, NumberDataPoint};

/// Values that are kept of one client; what comes beyond is passed over.
const VALUES_OF_CLIENT_MAX: usize = 1000;
/// Values that are kept in all.
const VALUES_MAX: usize = 100_000;
/// Names and labels are no longer.
const TEXT_MAX: usize = 256;
/// Attributes of one value.
const ATTRIBUTES_MAX: usize = 8;
/// A sum since the last push.
const DELTA: i32 = 1;

/// Labels of a value, by name.
pub type Labels = BTreeMap<String, String>;

/// The name of a metric, and its labels beside the client's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// As Prometheus has it.
    pub name: String,
    /// Whether it only grows.
    pub is_counter: bool,
    /// The attributes.
    pub labels: Labels,
}

/// One client's values.
#[derive(Debug)]
pub struct Pushed {
    /// The client.
    pub client: Client,
    /// Its metrics.
    pub values: BTreeMap<Key, f64>,
}

/// See the module.
#[derive(Default)]
pub struct PushedMetrics {
    clients: Mutex<HashMap<Uuid, Pushed>>,
    known: AtomicUsize,
    /// Pushes that were taken.
    taken: AtomicU64,
    /// Pushes that could not be read.
    unreadable: AtomicU64,
}

impl PushedMetrics {
    /// Clients that have asked, pushes that were taken, and those that could not be read.
    pub fn counts(&self) -> (usize, u64, u64) {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (
            self.known.load(Ordering::Relaxed),
            load(&self.taken),
            load(&self.unreadable),
        )
    }

    /// Shows every client.
    pub fn each(&self, show: impl FnMut(&Pushed)) {
        self.clients.lock().values().for_each(show);
    }
}

impl MetricsReceiver for PushedMetrics {
    fn receive(&self, id: Uuid, client: &Client, metrics: &[u8]) -> bool {
        let Ok(data) = MetricsData::decode(metrics) else {
            self.unreadable.fetch_add(1, Ordering::Relaxed);
            return false;
        };
        self.taken.fetch_add(1, Ordering::Relaxed);
        let mut clients = self.clients.lock();
        let room = VALUES_MAX.saturating_sub(clients.values().map(|pushed| pushed.values.len()).sum());
        let pushed = clients.entry(id).or_insert_with(|| Pushed {
            client: client.clone(),
            values: BTreeMap::new(),
        });
        let most = VALUES_OF_CLIENT_MAX.min(pushed.values.len() + room);
        take(&mut pushed.values, most, data);
        true
    }

    fn forget(&self, id: &Uuid) {
        self.clients.lock().remove(id);
    }

    fn known(&self, count: usize) {
        self.known.store(count, Ordering::Relaxed);
    }
}

fn take(values: &mut BTreeMap<Key, f64>, most: usize, data: MetricsData) {
    let scopes = data
        .resource_metrics
        .into_iter()
        .flat_map(|resource| resource.scope_metrics);
    for metric in scopes.flat_map(|scope| scope.metrics) {
        let (points, is_counter, is_delta) = match metric.data {
            Some(Data::Gauge(gauge)) => (gauge.data_points, false, false),
            Some(Data::Sum(sum)) => (
                sum.data_points,
                sum.is_monotonic,
                sum.aggregation_temporality == DELTA,
            ),
            None => continue,
        };
        for point in points {
            let Some(value) = number(&point) else { continue };
            let key = Key {
                name: name_of(&metric.name, is_counter),
                is_counter,
                labels: labels_of(&point),
            };
            if let Some(before) = values.get_mut(&key) {
                *before = if is_delta { *before + value } else { value };
            } else if values.len() < most {
                values.insert(key, value);
            }
        }
    }
}

fn number(point: &NumberDataPoint) -> Option<f64> {
    match point.value? {
        Number::Double(value) => Some(value),
        Number::Int(value) => Some(value as f64),
    }
}

/// Letters, digits and underscores; counters end in `_total`.
fn name_of(name: &str, is_counter: bool) -> String {
    let mut name = plain(name);
    // Not to be taken for the node's own.
    if ["barnabas_", "kafka_", "process_"]
        .iter()
        .any(|own| name.starts_with(own))
    {
        name.insert_str(0, "pushed_");
    }
    if is_counter && !name.ends_with("_total") {
        name.push_str("_total");
    }
    name
}

fn plain(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let mut text: String = name.chars().take(TEXT_MAX).map(plain).collect();
    if text.starts_with(|c: char| c.is_ascii_digit()) || text.is_empty() {
        text.insert(0, '_');
    }
    text
}

fn labels_of(point: &NumberDataPoint) -> Labels {
    let known = point
        .attributes
        .iter()
        .take(ATTRIBUTES_MAX)
        .filter_map(|attribute| {
            let value = attribute.value.as_ref()?.value.as_ref()?;
            let text: String = value.text().chars().take(TEXT_MAX).collect();
            // Not to be taken for what the broker knows of the client.
            let name = plain(&attribute.key);
            let name = if name.starts_with("client_") {
                format!("pushed_{name}")
            } else {
                name
            };
            Some((name, text))
        });
    known.collect()
}

#[cfg(test)]
mod tests {
    use super::otlp::*;
    use super::*;

    fn pushed(name: &str, data: Data) -> Vec<u8> {
        let metric = Metric {
            name: name.to_owned(),
            data: Some(data),
        };
        let scope = ScopeMetrics {
            metrics: vec![metric],
        };
        let resource = ResourceMetrics {
            scope_metrics: vec![scope],
        };
        MetricsData {
            resource_metrics: vec![resource],
        }
        .encode_to_vec()
    }

    fn point(value: f64) -> NumberDataPoint {
        let text = |text: &str| {
            Some(AnyValue {
                value: Some(Value::Text(text.to_owned())),
            })
        };
        let attribute = |key: &str, value: &str| KeyValue {
            key: key.to_owned(),
            value: text(value),
        };
        NumberDataPoint {
            attributes: vec![attribute("node.id", "1"), attribute("client_id", "evil")],
            value: Some(Number::Double(value)),
        }
    }

    #[test]
    fn sums_since_the_last_push_are_added_up() {
        let (metrics, id) = (PushedMetrics::default(), Uuid::from_u128(1));
        let sum = |value, aggregation_temporality| {
            Data::Sum(Sum {
                data_points: vec![point(value)],
                aggregation_temporality,
                is_monotonic: true,
            })
        };
        let gauge = |value| {
            Data::Gauge(Gauge {
                data_points: vec![point(value)],
            })
        };
        for (name, data) in [
            ("a.delta", sum(2.0, 1)),
            ("a.delta", sum(3.0, 1)),
            ("b.whole", sum(2.0, 2)),
            ("b.whole", sum(3.0, 2)),
            ("process.open.fds", gauge(2.0)),
            ("c.gauge", gauge(2.0)),
            ("c.gauge", gauge(1.5)),
        ] {
            assert!(metrics.receive(id, &Client::default(), &pushed(name, data)));
        }
        let mut found = Vec::new();
        metrics.each(|pushed| {
            found.extend(
                pushed
                    .values
                    .iter()
                    .map(|(key, value)| (key.name.clone(), *value)),
            );
            let labels = &pushed.values.keys().next().unwrap().labels;
            assert_eq!(labels.keys().collect::<Vec<_>>(), ["node_id", "pushed_client_id"]);
        });
        let expected = [
            ("a_delta_total", 5.0),
            ("b_whole_total", 3.0),
            ("c_gauge", 1.5),
            ("pushed_process_open_fds", 2.0),
        ];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value)));
        assert_eq!(metrics.counts(), (0, 7, 0));
        metrics.forget(&id);
        metrics.each(|_| panic!("nobody is left"));
    }

    #[test]
    fn what_is_no_metrics_data_is_refused_and_what_is_too_much_passed_over() {
        let metrics = PushedMetrics::default();
        let id = Uuid::from_u128(1);
        for bad in [&[0x0a, 0xff][..], &[0xff; 100], &[0x0a, 3, 0x12, 2, 9]] {
            assert!(!metrics.receive(id, &Client::default(), bad), "{bad:?}");
        }
        for number in 0..VALUES_OF_CLIENT_MAX + 10 {
            let gauge = Data::Gauge(Gauge {
                data_points: vec![point(1.0)],
            });
            metrics.receive(id, &Client::default(), &pushed(&format!("m{number}"), gauge));
        }
        metrics.each(|pushed| assert_eq!(pushed.values.len(), VALUES_OF_CLIENT_MAX));
        assert_eq!(metrics.counts().2, 3);
    }
}
