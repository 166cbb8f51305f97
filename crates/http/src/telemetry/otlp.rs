//! As much of OTLP's metrics (opentelemetry/proto/metrics/v1) as Kafka's clients send: sums and gauges of
//! numbers, with attributes. What else there may be is passed over.

use prost::{Message, Oneof};

/// All that is pushed at a time.
#[derive(Clone, PartialEq, Message)]
pub struct MetricsData {
    /// By the resource that they are of.
    #[prost(message, repeated, tag = "1")]
    pub resource_metrics: Vec<ResourceMetrics>,
}

/// Those of one resource.
#[derive(Clone, PartialEq, Message)]
pub struct ResourceMetrics {
    /// By the library that they are of.
    #[prost(message, repeated, tag = "2")]
    pub scope_metrics: Vec<ScopeMetrics>,
}

/// Those of one library.
#[derive(Clone, PartialEq, Message)]
pub struct ScopeMetrics {
    /// The metrics.
    #[prost(message, repeated, tag = "2")]
    pub metrics: Vec<Metric>,
}

/// One metric.
#[derive(Clone, PartialEq, Message)]
pub struct Metric {
    /// Its name, such as `org.apache.kafka.producer.connection.creation.rate`.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its values.
    #[prost(oneof = "Data", tags = "5, 7")]
    pub data: Option<Data>,
}

/// A metric's values.
#[derive(Clone, PartialEq, Oneof)]
pub enum Data {
    /// It goes up and down.
    #[prost(message, tag = "5")]
    Gauge(Gauge),
    /// It is added up.
    #[prost(message, tag = "7")]
    Sum(Sum),
}

/// See [`Data`].
#[derive(Clone, PartialEq, Message)]
pub struct Gauge {
    /// By attributes.
    #[prost(message, repeated, tag = "1")]
    pub data_points: Vec<NumberDataPoint>,
}

/// See [`Data`].
#[derive(Clone, PartialEq, Message)]
pub struct Sum {
    /// By attributes.
    #[prost(message, repeated, tag = "1")]
    pub data_points: Vec<NumberDataPoint>,
    /// 1: since the last push; 2: since the beginning.
    #[prost(int32, tag = "2")]
    pub aggregation_temporality: i32,
    /// Whether it only grows.
    #[prost(bool, tag = "3")]
    pub is_monotonic: bool,
}

/// One value.
#[derive(Clone, PartialEq, Message)]
pub struct NumberDataPoint {
    /// What it is of.
    #[prost(message, repeated, tag = "7")]
    pub attributes: Vec<KeyValue>,
    /// The number.
    #[prost(oneof = "Number", tags = "4, 6")]
    pub value: Option<Number>,
}

/// A number.
#[derive(Clone, Copy, PartialEq, Oneof)]
pub enum Number {
    /// With a fraction.
    #[prost(double, tag = "4")]
    Double(f64),
    /// Without.
    #[prost(sfixed64, tag = "6")]
    Int(i64),
}

/// An attribute.
#[derive(Clone, PartialEq, Message)]
pub struct KeyValue {
    /// Its name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Its value.
    #[prost(message, optional, tag = "2")]
    pub value: Option<AnyValue>,
}

/// An attribute's value.
#[derive(Clone, PartialEq, Message)]
pub struct AnyValue {
    /// Text or a number; lists are passed over.
    #[prost(oneof = "Value", tags = "1, 2, 3, 4")]
    pub value: Option<Value>,
}

/// See [`AnyValue`].
#[derive(Clone, PartialEq, Oneof)]
pub enum Value {
    /// Text.
    #[prost(string, tag = "1")]
    Text(String),
    /// Yes or no.
    #[prost(bool, tag = "2")]
    Bool(bool),
    /// A whole number.
    #[prost(int64, tag = "3")]
    Int(i64),
    /// Another.
    #[prost(double, tag = "4")]
    Double(f64),
}

impl Value {
    /// As a label has it.
    pub fn text(&self) -> String {
        match self {
            Value::Text(text) => text.clone(),
            Value::Bool(value) => value.to_string(),
            Value::Int(value) => value.to_string(),
            Value::Double(value) => value.to_string(),
        }
    }
}
