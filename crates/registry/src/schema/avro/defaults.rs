//! Whether the defaults of fields are values of their types.

use super::{AvroSchema, Body, Field, Primitive, Type};
use crate::json::Json;

/// Comparisons of values with types: branches of unions may each be tried again at every depth.
const STEPS_MAX: usize = 200_000;

impl AvroSchema {
    pub(super) fn check_defaults(&self) -> Result<(), String> {
        let mut steps = STEPS_MAX;
        for (name, definition) in &self.names {
            if self.foreign.contains(name) {
                continue;
            }
            let Body::Record { fields, .. } = &definition.body else {
                continue;
            };
            for Field {
                name,
                value_type,
                default,
                ..
            } in fields
            {
                let Some(default) = default else { continue };
                if !self.is_value(value_type, default, &mut steps) {
                    return Err(format!(
                        "Invalid default for field {name}: {default} not a {}",
                        self.kind(value_type)
                    ));
                }
            }
        }
        Ok(())
    }

    /// A value that is written in JSON is only as deep as that; a record that needs none of its fields told
    /// ends here.
    fn is_value(&self, of: &Type, value: &Json, steps: &mut usize) -> bool {
        let Some(left) = steps.checked_sub(1) else {
            return false;
        };
        *steps = left;
        let is_whole = |from: f64, to: f64| {
            value
                .as_f64()
                .is_some_and(|number| number.fract() == 0.0 && number >= from && number <= to)
        };
        match of {
            Type::Primitive(primitive, _) => match primitive {
                Primitive::Null => *value == Json::Null,
                Primitive::Boolean => value.as_bool().is_some(),
                Primitive::Int => is_whole(f64::from(i32::MIN), f64::from(i32::MAX)),
                Primitive::Long => value.as_i64().is_some() || is_whole(-9.2e18, 9.2e18),
                Primitive::Float | Primitive::Double => value.as_f64().is_some(),
                Primitive::Bytes | Primitive::String => value.as_str().is_some(),
            },
            Type::Array(items, _) => {
                let mut all = |values: &[Json]| values.iter().all(|value| self.is_value(items, value, steps));
                value.as_array().is_some_and(&mut all)
            }
            Type::Map(values, _) => {
                let object = value.as_object();
                object.is_some_and(|object| object.values().all(|value| self.is_value(values, value, steps)))
            }
            Type::Union(branches) => branches.iter().any(|branch| self.is_value(branch, value, steps)),
            Type::Named(name) => match self.definition(name).map(|definition| &definition.body) {
                Some(Body::Enum { .. } | Body::Fixed { .. }) => value.as_str().is_some(),
                Some(Body::Record { fields, .. }) => value.as_object().is_some_and(|object| {
                    fields.iter().all(|field| match object.get(&field.name) {
                        Some(value) => self.is_value(&field.value_type, value, steps),
                        None => field.default.is_some(),
                    })
                }),
                None => false,
            },
        }
    }
}
