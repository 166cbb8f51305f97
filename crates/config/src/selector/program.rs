//! What a selector does, one operation after the other on a stack of values.

use super::SelectedRecord;
use super::like::Pattern;

/// A literal.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Long(i64),
    Double(f64),
    Truth(bool),
}

/// Something of a record.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Property {
    Key,
    Topic,
    Timestamp,
    Header(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// One step. Each takes its operands off the stack and leaves one value there.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operation {
    Push(Literal),
    Load(Property),
    Compare(Comparison),
    Calculate(Arithmetic),
    Negate,
    Between,
    In(Vec<String>),
    Like(Pattern),
    IsNull,
    Not,
    And,
    Or,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Value<'a> {
    Unknown,
    Truth(bool),
    Long(i64),
    Double(f64),
    Text(&'a str),
    /// Of a header or the key: text that counts as what it is compared with.
    Property(&'a str),
}

/// Whether a program that was parsed leaves true.
pub(super) fn is_true(program: &[Operation], record: &dyn SelectedRecord) -> bool {
    let mut stack: Vec<Value<'_>> = Vec::with_capacity(8);
    for operation in program {
        // The parser has seen to it that operands are there.
        let mut pop = || stack.pop().unwrap_or(Value::Unknown);
        let value = match operation {
            Operation::Push(literal) => match literal {
                Literal::Text(text) => Value::Text(text),
                Literal::Long(number) => Value::Long(*number),
                Literal::Double(number) => Value::Double(*number),
                Literal::Truth(truth) => Value::Truth(*truth),
            },
            Operation::Load(property) => load(property, record),
            Operation::Compare(comparison) => {
                let (right, left) = (pop(), pop());
                truth(compare(*comparison, left, right))
            }
            Operation::Calculate(operation) => {
                let (right, left) = (pop(), pop());
                calculate(*operation, left, right)
            }
            Operation::Negate => match number(pop()) {
                Value::Long(number) => Value::Long(number.wrapping_neg()),
                Value::Double(number) => Value::Double(-number),
                _ => Value::Unknown,
            },
            Operation::Between => {
                let (most, least, of) = (number(pop()), number(pop()), number(pop()));
                let (above, below) = (
                    compare(Comparison::AtLeast, of, least),
                    compare(Comparison::AtMost, of, most),
                );
                truth(and(above, below))
            }
            Operation::In(texts) => truth(text(pop()).map(|text| texts.iter().any(|one| one == text))),
            Operation::Like(pattern) => truth(text(pop()).and_then(|text| pattern.matches(text))),
            Operation::IsNull => Value::Truth(pop() == Value::Unknown),
            Operation::Not => truth(is(pop()).map(|truth| !truth)),
            Operation::And => {
                let (right, left) = (is(pop()), is(pop()));
                truth(and(left, right))
            }
            Operation::Or => {
                let (right, left) = (is(pop()), is(pop()));
                // Either is true unless both are not.
                truth(and(left.map(|truth| !truth), right.map(|truth| !truth)).map(|neither| !neither))
            }
        };
        stack.push(value);
    }
    stack.pop().and_then(is) == Some(true)
}

fn load<'a>(property: &Property, record: &'a dyn SelectedRecord) -> Value<'a> {
    let text = |bytes: Option<&'a [u8]>| {
        let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
        text.map_or(Value::Unknown, Value::Property)
    };
    match property {
        Property::Key => text(record.key()),
        Property::Topic => Value::Text(record.topic()),
        Property::Timestamp => Value::Long(record.timestamp()),
        Property::Header(name) => text(record.header(name)),
    }
}

fn truth(truth: Option<bool>) -> Value<'static> {
    truth.map_or(Value::Unknown, Value::Truth)
}

fn and(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

/// A value as a truth.
fn is(value: Value<'_>) -> Option<bool> {
    match value {
        Value::Truth(truth) => Some(truth),
        Value::Property(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::Property(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A value as a number; what is none is unknown.
fn number(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Long(_) | Value::Double(_) => value,
        Value::Property(text) => {
            let double = || text.trim().parse().ok().map(Value::Double);
            let long = text.trim().parse().ok().map(Value::Long);
            long.or_else(double).unwrap_or(Value::Unknown)
        }
        _ => Value::Unknown,
    }
}

fn text(value: Value<'_>) -> Option<&str> {
    match value {
        Value::Text(text) | Value::Property(text) => Some(text),
        _ => None,
    }
}

fn compare(comparison: Comparison, left: Value<'_>, right: Value<'_>) -> Option<bool> {
    let is_order = !matches!(comparison, Comparison::Equal | Comparison::Unequal);
    let is_number = |value: Value<'_>| matches!(value, Value::Long(_) | Value::Double(_));
    let order = if is_order || is_number(left) || is_number(right) {
        match (number(left), number(right)) {
            (Value::Long(left), Value::Long(right)) => Some(left.cmp(&right)),
            (left, right) => double(left)?.partial_cmp(&double(right)?),
        }
    } else if matches!(left, Value::Truth(_)) || matches!(right, Value::Truth(_)) {
        Some(is(left)?.cmp(&is(right)?))
    } else {
        Some(text(left)?.cmp(text(right)?))
    };
    let order = order?;
    Some(match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::Unequal => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::AtMost => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::AtLeast => order.is_ge(),
    })
}

fn double(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Long(number) => Some(number as f64),
        Value::Double(number) => Some(number),
        _ => None,
    }
}

/// Whole numbers wrap around as Java's do; what is divided by zero is unknown.
fn calculate(operation: Arithmetic, left: Value<'_>, right: Value<'_>) -> Value<'static> {
    match (number(left), number(right)) {
        (Value::Long(left), Value::Long(right)) => Value::Long(match operation {
            Arithmetic::Add => left.wrapping_add(right),
            Arithmetic::Subtract => left.wrapping_sub(right),
            Arithmetic::Multiply => left.wrapping_mul(right),
            Arithmetic::Divide if right == 0 => return Value::Unknown,
            Arithmetic::Divide => left.wrapping_div(right),
        }),
        (left, right) => {
            let (Some(left), Some(right)) = (double(left), double(right)) else {
                return Value::Unknown;
            };
            Value::Double(match operation {
                Arithmetic::Add => left + right,
                Arithmetic::Subtract => left - right,
                Arithmetic::Multiply => left * right,
                Arithmetic::Divide => left / right,
            })
        }
    }
}
