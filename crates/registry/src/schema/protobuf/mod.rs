//! Protocol Buffers: read by protox's parser or from a serialized descriptor, as clients send it, and
//! compared as Confluent's registry compares.

pub mod compatibility;
mod decode;
mod names;
mod write;

use prost::Message as _;
use prost_types::FileDescriptorProto;

use crate::base64;
use crate::schema::{Resolved, SchemaType};
pub use decode::Messages;
use names::Names;

/// Nested braces and brackets of a text.
const DEPTH_MAX: usize = 64;
/// What every compiler of Protocol Buffers has, so that nobody registers it.
const BUILT_IN: [&str; 3] = ["google/protobuf/", "google/type/", "confluent/"];

/// A file of messages, with the types of their fields resolved.
pub struct ProtobufSchema {
    file: Box<FileDescriptorProto>,
    text: String,
}

impl ProtobufSchema {
    /// Reads a text, or a serialized descriptor in base64.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str, references: &[Resolved], is_new: bool) -> Result<ProtobufSchema, String> {
        let (mut file, is_text) = read("", text)?;
        let mut names = Names::default();
        for reference in references {
            if reference.schema.schema_type != SchemaType::Protobuf {
                return Err(format!("'{}' is not a Protobuf schema", reference.name));
            }
            names.add(&read(&reference.name, &reference.schema.text)?.0)?;
        }
        let is_there = |import: &str| {
            let is_given = references.iter().any(|reference| reference.name == import);
            is_given || BUILT_IN.iter().any(|prefix| import.starts_with(prefix))
        };
        if let Some(missing) = file.dependency.iter().find(|import| is_new && !is_there(import)) {
            return Err(format!(
                "Could not find import \"{missing}\" among the references"
            ));
        }
        names.add(&file)?;
        names.resolve(&mut file, is_new)?;
        let text = if is_text {
            text.trim().to_owned()
        } else {
            written(&file, &names, text)
        };
        Ok(ProtobufSchema {
            file: Box::new(file),
            text,
        })
    }

    /// The text as it was given, or one of what was given serialized.
    pub fn canonical(&self) -> String {
        self.text.clone()
    }

    /// A text that is the same whatever spaces and comments there were; as it was given, where that can't be
    /// said so.
    pub fn normalized(&self) -> String {
        write::text(&self.file).unwrap_or_else(|| self.text.clone())
    }

    /// As [`ProtobufSchema::normalized`], without extensions and the room for them.
    pub fn without_extensions(&self) -> String {
        let mut file = self.file.clone();
        file.extension.clear();
        file.message_type.iter_mut().for_each(clear_extensions);
        write::text(&file).unwrap_or_else(|| self.text.clone())
    }

    /// The descriptor, serialized, in base64.
    pub fn serialized(&self) -> String {
        base64::encode(&self.file.encode_to_vec())
    }
}

/// A text that says the same as a descriptor; the descriptor as it came, where there is none.
fn written(file: &FileDescriptorProto, names: &Names, given: &str) -> String {
    let same = write::text(file).filter(|text| {
        let again = read("", text).ok().map(|(file, _)| file);
        again.is_some_and(|mut again| {
            names.resolve(&mut again, true).is_ok()
                && again.message_type == file.message_type
                && again.enum_type == file.enum_type
                && again.service == file.service
                && again.extension == file.extension
        })
    });
    same.unwrap_or_else(|| given.trim().to_owned())
}

/// A descriptor, and whether it came as a text.
fn read(name: &str, text: &str) -> Result<(FileDescriptorProto, bool), String> {
    let binary = base64::decode(text.trim()).and_then(|bytes| FileDescriptorProto::decode(&*bytes).ok());
    if let Some(mut file) = binary {
        for message in &mut file.message_type {
            without_json_names(message);
        }
        file.source_code_info = None;
        return Ok((file, false));
    }
    check_depth(text)?;
    let mut file = protox_parse::parse("schema.proto", text).map_err(|error| error.to_string())?;
    file.source_code_info = None;
    for message in &mut file.message_type {
        without_json_names(message);
    }
    file.name = Some(if name.is_empty() { "default" } else { name }.to_owned());
    Ok((file, true))
}

fn clear_extensions(message: &mut prost_types::DescriptorProto) {
    message.extension.clear();
    message.extension_range.clear();
    message.nested_type.iter_mut().for_each(clear_extensions);
}

/// Names in JSON that follow from a field's name say nothing.
fn without_json_names(message: &mut prost_types::DescriptorProto) {
    for field in &mut message.field {
        if field.json_name.as_deref() == Some(&*json_name(field.name())) {
            field.json_name = None;
        }
    }
    for nested in &mut message.nested_type {
        without_json_names(nested);
    }
}

fn json_name(name: &str) -> String {
    let (mut made, mut upper) = (String::new(), false);
    for letter in name.chars() {
        match (letter, upper) {
            ('_', _) => upper = true,
            (letter, true) => {
                made.extend(letter.to_uppercase());
                upper = false;
            }
            (letter, false) => made.push(letter),
        }
    }
    made
}

/// The parser goes down with the braces, on the stack.
fn check_depth(text: &str) -> Result<(), String> {
    let mut depth = 0_usize;
    for byte in text.bytes() {
        match byte {
            b'{' | b'[' | b'<' | b'(' => depth += 1,
            b'}' | b']' | b'>' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return Err(format!("nested deeper than {DEPTH_MAX} levels"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
