//! What the names of types stand for: those of the file and of what it imports, by the rules of scopes.

use std::collections::HashMap;

use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto};

use crate::schema::NAME_BYTES_MAX;

/// Full names, with a dot in front: whether each is an enum.
#[derive(Default)]
pub(super) struct Names(HashMap<String, bool>);

impl Names {
    /// Knows the types of a file.
    ///
    /// # Errors
    /// A full name is too long: every type of a package has all of it in its name.
    pub(super) fn add(&mut self, file: &FileDescriptorProto) -> Result<(), String> {
        let scope = scope_of(file);
        self.add_types(&scope, &file.message_type, &file.enum_type)
    }

    fn add_types(
        &mut self,
        scope: &str,
        messages: &[DescriptorProto],
        enums: &[EnumDescriptorProto],
    ) -> Result<(), String> {
        let full_name = |name: &str| match scope.len() + name.len() > NAME_BYTES_MAX {
            true => Err(format!("a name has more than {NAME_BYTES_MAX} bytes")),
            false => Ok(format!("{scope}.{name}")),
        };
        for of in enums {
            self.0.insert(full_name(of.name())?, true);
        }
        for message in messages {
            let full = full_name(message.name())?;
            self.add_types(&full, &message.nested_type, &message.enum_type)?;
            self.0.insert(full, false);
        }
        Ok(())
    }

    /// Puts full names in the place of those that were written.
    ///
    /// # Errors
    /// A name stands for nothing, where that counts.
    pub(super) fn resolve(&self, file: &mut FileDescriptorProto, is_strict: bool) -> Result<(), String> {
        let scope = scope_of(file);
        for message in &mut file.message_type {
            self.resolve_message(&scope, message, is_strict)?;
        }
        for field in &mut file.extension {
            self.resolve_field(&scope, field, is_strict)?;
        }
        for method in file.service.iter_mut().flat_map(|service| &mut service.method) {
            for name in [&mut method.input_type, &mut method.output_type]
                .into_iter()
                .flatten()
            {
                self.resolve_name(&scope, name, is_strict)?;
            }
        }
        Ok(())
    }

    fn resolve_message(
        &self,
        scope: &str,
        message: &mut DescriptorProto,
        is_strict: bool,
    ) -> Result<(), String> {
        let scope = format!("{scope}.{}", message.name());
        for field in message.field.iter_mut().chain(&mut message.extension) {
            self.resolve_field(&scope, field, is_strict)?;
        }
        for nested in &mut message.nested_type {
            self.resolve_message(&scope, nested, is_strict)?;
        }
        Ok(())
    }

    fn resolve_field(
        &self,
        scope: &str,
        field: &mut FieldDescriptorProto,
        is_strict: bool,
    ) -> Result<(), String> {
        let Some(name) = &mut field.type_name else {
            return Ok(());
        };
        let is_enum = self.resolve_name(scope, name, is_strict)?;
        if field.r#type != Some(Type::Group as i32) {
            field.r#type = Some(if is_enum { Type::Enum } else { Type::Message } as i32);
        }
        Ok(())
    }

    /// Answers whether the name is an enum's.
    fn resolve_name(&self, scope: &str, name: &mut String, is_strict: bool) -> Result<bool, String> {
        if let Some(is_enum) = self.0.get(name.as_str()) {
            return Ok(*is_enum);
        }
        let mut scope = scope;
        while !name.starts_with('.') {
            let full = format!("{scope}.{name}");
            if let Some(is_enum) = self.0.get(&full) {
                *name = full;
                return Ok(*is_enum);
            }
            match scope.rsplit_once('.') {
                Some((outer, _)) => scope = outer,
                None => break,
            }
        }
        let bare = name.trim_start_matches('.');
        let is_built_in = ["google.protobuf.", "google.type.", "confluent."]
            .iter()
            .any(|of| bare.starts_with(of));
        if is_strict && !is_built_in {
            return Err(format!("\"{bare}\" is not defined"));
        }
        let enums = [
            "google.protobuf.NullValue",
            "google.protobuf.Syntax",
            "google.type.DayOfWeek",
        ];
        let is_enum = enums.contains(&bare);
        *name = format!(".{bare}");
        Ok(is_enum)
    }
}

pub(super) fn scope_of(file: &FileDescriptorProto) -> String {
    match file.package() {
        "" => String::new(),
        package => format!(".{package}"),
    }
}
