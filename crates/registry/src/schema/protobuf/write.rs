//! A text of a descriptor. What it can't say (groups, options of one's own) has none.

use std::collections::{HashMap, HashSet};

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, ServiceDescriptorProto,
};

/// A text; `None` where there is none that says all.
pub(super) fn text(file: &FileDescriptorProto) -> Option<String> {
    let mut to = Writing {
        text: String::new(),
        depth: 0,
        is_proto3: file.syntax() == "proto3",
    };
    if !matches!(file.syntax(), "" | "proto2" | "proto3") || !file.extension.is_empty() {
        return None;
    }
    to.line(&format!(
        "syntax = \"{}\";",
        if to.is_proto3 { "proto3" } else { "proto2" }
    ));
    if !file.package().is_empty() {
        to.line(&format!("package {};", file.package()));
    }
    for (at, import) in (0..).zip(&file.dependency) {
        let public = if file.public_dependency.contains(&at) {
            "public "
        } else {
            ""
        };
        to.line(&format!("import {public}{};", quoted(import)));
    }
    if let Some(options) = &file.options {
        let texts = [
            ("java_package", &options.java_package),
            ("java_outer_classname", &options.java_outer_classname),
            ("go_package", &options.go_package),
            ("csharp_namespace", &options.csharp_namespace),
            ("objc_class_prefix", &options.objc_class_prefix),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                to.line(&format!("option {name} = {};", quoted(value)));
            }
        }
        if let Some(value) = options.java_multiple_files {
            to.line(&format!("option java_multiple_files = {value};"));
        }
    }
    for of in &file.enum_type {
        to.enumeration(of)?;
    }
    for message in &file.message_type {
        to.message(message)?;
    }
    for service in &file.service {
        to.service(service)?;
    }
    // As texts that come are kept: what is told can be registered again, and is the same.
    to.text.truncate(to.text.trim_end().len());
    Some(to.text)
}

/// What maps are made of, by the names of the messages.
type Maps<'a> = HashMap<&'a str, &'a DescriptorProto>;

struct Writing {
    text: String,
    depth: usize,
    is_proto3: bool,
}

impl Writing {
    fn line(&mut self, line: &str) {
        self.text.push_str(&"  ".repeat(self.depth));
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn open(&mut self, line: &str) {
        self.line(&format!("{line} {{"));
        self.depth += 1;
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.line("}");
    }

    fn message(&mut self, message: &DescriptorProto) -> Option<()> {
        if !message.extension.is_empty() || !message.extension_range.is_empty() {
            return None;
        }
        self.open(&format!("message {}", message.name()));
        if message
            .options
            .as_ref()
            .is_some_and(|options| options.deprecated.is_some())
        {
            let deprecated = message
                .options
                .as_ref()
                .is_some_and(|options| options.deprecated());
            self.line(&format!("option deprecated = {deprecated};"));
        }
        for range in &message.reserved_range {
            let (first, last) = (range.start(), range.end().checked_sub(1)?);
            match first == last {
                true => self.line(&format!("reserved {first};")),
                false => self.line(&format!("reserved {first} to {last};")),
            }
        }
        for name in &message.reserved_name {
            self.line(&format!("reserved {};", quoted(name)));
        }
        let is_map =
            |nested: &DescriptorProto| nested.options.as_ref().is_some_and(|options| options.map_entry());
        let (maps, nested): (Vec<_>, Vec<_>) = message.nested_type.iter().partition(|nested| is_map(nested));
        let maps: Maps<'_> = maps.into_iter().map(|map| (map.name(), map)).collect();
        let mut written = HashSet::new();
        for field in &message.field {
            match field.oneof_index.filter(|_| !field.proto3_optional()) {
                None => self.field(field, &maps, false)?,
                Some(at) if !written.insert(at) => {}
                Some(at) => {
                    let name = message.oneof_decl.get(usize::try_from(at).ok()?)?.name();
                    self.open(&format!("oneof {name}"));
                    for field in message.field.iter().filter(|field| field.oneof_index == Some(at)) {
                        self.field(field, &maps, true)?;
                    }
                    self.close();
                }
            }
        }
        for of in &message.enum_type {
            self.enumeration(of)?;
        }
        for nested in nested {
            self.message(nested)?;
        }
        self.close();
        Some(())
    }

    fn field(&mut self, field: &FieldDescriptorProto, maps: &Maps<'_>, in_oneof: bool) -> Option<()> {
        let local_name = field.type_name().rsplit('.').next();
        let entry = local_name.and_then(|name| maps.get(name));
        let (label, kind) = match entry {
            Some(entry) => {
                let (key, value) = (entry.field.first()?, entry.field.get(1)?);
                ("", format!("map<{}, {}>", type_of(key)?, type_of(value)?))
            }
            None => {
                let label = match field.label() {
                    _ if in_oneof => "",
                    Label::Repeated => "repeated ",
                    Label::Required => "required ",
                    Label::Optional if field.proto3_optional() || !self.is_proto3 => "optional ",
                    Label::Optional => "",
                };
                (label, type_of(field)?)
            }
        };
        let mut options = Vec::new();
        if let Some(value) = &field.default_value {
            options.push(match field.r#type() {
                Type::String => format!("default = {}", quoted(value)),
                Type::Bytes => format!("default = \"{value}\""),
                _ => format!("default = {value}"),
            });
        }
        if let Some(name) = &field.json_name {
            options.push(format!("json_name = {}", quoted(name)));
        }
        if let Some(given) = &field.options {
            options.extend(given.packed.map(|packed| format!("packed = {packed}")));
            options.extend(
                given
                    .deprecated
                    .map(|deprecated| format!("deprecated = {deprecated}")),
            );
        }
        let options = match options.is_empty() {
            true => String::new(),
            false => format!(" [{}]", options.join(", ")),
        };
        self.line(&format!(
            "{label}{kind} {} = {}{options};",
            field.name(),
            field.number()
        ));
        Some(())
    }

    fn enumeration(&mut self, of: &EnumDescriptorProto) -> Option<()> {
        self.open(&format!("enum {}", of.name()));
        if let Some(options) = &of.options {
            if let Some(value) = options.allow_alias {
                self.line(&format!("option allow_alias = {value};"));
            }
            if let Some(value) = options.deprecated {
                self.line(&format!("option deprecated = {value};"));
            }
        }
        for range in &of.reserved_range {
            self.line(&format!("reserved {} to {};", range.start(), range.end()));
        }
        for name in &of.reserved_name {
            self.line(&format!("reserved {};", quoted(name)));
        }
        for value in &of.value {
            let deprecated = value.options.as_ref().and_then(|options| options.deprecated);
            let options = deprecated.map_or(String::new(), |given| format!(" [deprecated = {given}]"));
            self.line(&format!("{} = {}{options};", value.name(), value.number()));
        }
        self.close();
        Some(())
    }

    fn service(&mut self, service: &ServiceDescriptorProto) -> Option<()> {
        if service.options.is_some() {
            return None;
        }
        self.open(&format!("service {}", service.name()));
        for method in &service.method {
            if method.options.is_some() {
                return None;
            }
            let stream = |is: bool| if is { "stream " } else { "" };
            self.line(&format!(
                "rpc {} ({}{}) returns ({}{});",
                method.name(),
                stream(method.client_streaming()),
                method.input_type(),
                stream(method.server_streaming()),
                method.output_type()
            ));
        }
        self.close();
        Some(())
    }
}

fn type_of(field: &FieldDescriptorProto) -> Option<String> {
    if let Some(name) = &field.type_name {
        return (field.r#type() != Type::Group).then(|| name.clone());
    }
    let name = match field.r#type() {
        Type::Double => "double",
        Type::Float => "float",
        Type::Int64 => "int64",
        Type::Uint64 => "uint64",
        Type::Int32 => "int32",
        Type::Fixed64 => "fixed64",
        Type::Fixed32 => "fixed32",
        Type::Bool => "bool",
        Type::String => "string",
        Type::Bytes => "bytes",
        Type::Uint32 => "uint32",
        Type::Sfixed32 => "sfixed32",
        Type::Sfixed64 => "sfixed64",
        Type::Sint32 => "sint32",
        Type::Sint64 => "sint64",
        Type::Group | Type::Message | Type::Enum => return None,
    };
    Some(name.to_owned())
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}
