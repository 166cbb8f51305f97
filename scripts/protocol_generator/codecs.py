"""A struct and its codec for each message, in the style of kafka-protocol's."""

import re

from .definitions import ENTITIES, FIXED


def read_value(field, versions):
    """A Rust expression (with `?` inside) that reads the field in the versions given, as a plain value or as an Option."""
    if field.array:
        if field.struct:
            item = f"|buf| {field.struct.name}::decode(buf, version)"
        elif field.type in FIXED:
            item = f"wire::get_{field.type}"
            if field.entity:
                item = f"|buf| Ok({field.entity}(wire::get_{field.type}(buf)?))"
        else:
            required = f"wire::required(wire::get_{field.type}(buf, flexible)?)"
            item = f"|buf| Ok({field.entity}({required}?))" if field.entity else f"|buf| {required}"
        expression, optional = f"wire::get_array(buf, flexible, {item})?", True
    elif field.struct:
        if field.nullable:
            expression, optional = f"wire::get_struct(buf, |buf| {field.struct.name}::decode(buf, version))?", True
        else:
            expression, optional = f"{field.struct.name}::decode(buf, version)?", False
    elif field.type in FIXED:
        expression, optional = f"wire::get_{field.type}(buf)?", False
    else:
        expression, optional = f"wire::get_{field.type}(buf, flexible)?", True
    wrap = field.entity and not field.array
    if not field.nullable:
        if optional:
            expression = f"wire::required({expression})?"
        return f"{field.entity}({expression})" if wrap else expression
    if wrap:
        expression += f".map({field.entity})"
    if field.nullable.covers(versions):
        return expression
    condition = field.nullable.condition(versions)
    return f"wire::required_unless({condition}, {expression})?"


def write_value(field, versions, within):
    """Rust statements that write the field."""
    name = f"self.{field.name}"
    lines = []
    if field.nullable and not field.nullable.covers(versions):
        condition = field.nullable.condition(within)
        guard = "" if condition == "false" else f"!({condition}) && "
        lines.append(f'if {guard}{name}.is_none() {{ return Err(wire::null_in_version("{field.name}", version)); }}')
    if field.array:
        if field.struct:
            item = "|buf, item| item.encode(buf, version)"
        elif field.type in FIXED:
            inner = "item.0" if field.entity else "*item"
            item = f"|buf, item| {{ wire::put_{field.type}(buf, {inner}); Ok(()) }}"
        else:
            item = f"|buf, item| wire::put_{field.type}(buf, flexible, Some(item))"
        value = f"{name}.as_deref()" if field.nullable else f"Some(&{name})"
        lines.append(f"wire::put_array(buf, flexible, {value}, {item})?;")
    elif field.struct:
        if field.nullable:
            lines.append(f"wire::put_struct(buf, {name}.as_ref(), |buf, item| item.encode(buf, version))?;")
        else:
            lines.append(f"{name}.encode(buf, version)?;")
    elif field.type in FIXED:
        value = f"{name}.0" if field.entity else name
        lines.append(f"wire::put_{field.type}(buf, {value});")
    else:
        value = f"{name}.as_deref()" if field.nullable and not field.entity else f"Some(&{name})"
        if field.entity and field.nullable:
            value = f"{name}.as_ref().map(|value| &*value.0)"
        lines.append(f"wire::put_{field.type}(buf, flexible, {value})?;")
    return lines


def under(condition, lines, otherwise=()):
    if condition == "true":
        return list(lines)
    out = [f"if {condition} {{", *lines]
    if otherwise:
        out += ["} else {", *otherwise]
    return [*out, "}"]


def unavailable(field, condition=""):
    if field.ignorable:
        return []
    return [f'if {condition}{field.default_value()[1]} {{ return Err(wire::not_in_version("{field.name}", version)); }}']


def codec_struct(struct, message, top):
    within = message.versions
    flexible = message.flexible
    tagged = sorted((f for f in struct.fields if f.tagged), key=lambda f: f.tag)
    uses_flexible = bool(flexible)
    out = []
    about = "A message" if top else "A part of the message"
    out.append("")
    out.append(f"/// {about}; {struct.versions}.")
    zero = all(re.fullmatch(r"0|0\.0|\w+\(0\)|false|None|Default::default\(\)|Uuid::nil\(\)", f.default_value()[0]) for f in struct.fields)
    out.append(f"#[derive(Debug, Clone, PartialEq{', Default' if zero else ''})]")
    out.append(f"pub struct {struct.name} {{")
    for f in struct.fields:
        null = "" if not f.nullable else f"; may be null in {f.nullable}"
        tag = "" if not f.tagged else f"; tag {f.tag}"
        out.append(f"/// In {f.versions}{null}{tag}.")
        out.append(f"pub {f.name}: {f.rust_type()},")
    out.append("}")

    if not zero:
        out.append("")
        out.append(f"impl Default for {struct.name} {{ fn default() -> Self {{ {struct.name} {{")
        out += [f"{f.name}: {f.default_value()[0]}," for f in struct.fields]
        out.append("} } }")

    out.append("")
    out.append(f"impl {struct.name} {{")
    for f in struct.fields:
        out.append(f"/// Sets `{f.name}`.")
        out.append(f"pub fn with_{f.name}(mut self, value: {f.rust_type()}) -> Self {{ self.{f.name} = value; self }}")
    out.append("}")

    let_flexible = [f"let flexible = {flexible.condition(within)};"]
    encode = []
    for f in struct.fields:
        place = f.positional
        if place:
            condition = place.condition(within)
            absent = [] if f.versions.covers(within) else unavailable(f)
            encode += under(condition, write_value(f, place, within), [] if f.tagged else absent)
        if f.tagged and not f.versions.covers(within):
            encode += unavailable(f, f"{f.versions.negated(within)} && ")
    if uses_flexible:
        section = []
        if tagged:
            section.append("let mut tagged = wire::TaggedFields::default();")
            for f in tagged:
                write = [line.replace("buf", "buffer") for line in write_value(f, f.tagged, within)]
                put = [f"tagged.put({f.tag}, |buffer| {{", *write, "Ok(())", "})?;"]
                condition = f.default_value()[1]
                versions = f.tagged.condition(flexible)
                section += under(condition if versions == "true" else f"{versions} && {condition}", put)
            section.append("tagged.write(buf);")
        else:
            section.append("wire::put_no_tagged_fields(buf);")
        encode += under("flexible", section)
    decode = []
    for f in struct.fields:
        place = f.positional
        if place:
            decode += under(place.condition(within), [f"message.{f.name} = {read_value(f, place)};"])
    if uses_flexible:
        if tagged:
            arms = []
            for f in tagged:
                condition = f.tagged.condition(flexible)
                check = "" if condition == "true" else f" if {condition}"
                arms.append(f"{f.tag}{check} => {{ message.{f.name} = {read_value(f, f.tagged)}; }}")
            section = [
                "for _ in 0..wire::get_tagged_count(buf)? {",
                "let (tag, size) = wire::get_tag(buf)?;",
                "match tag {",
                *arms,
                "_ => wire::skip(buf, size)?,",
                "}",
                "}",
            ]
        else:
            section = ["wire::skip_tagged_fields(buf)?;"]
        decode += under("flexible", section)

    def body(lines):
        text = "\n".join(lines)
        return [*(let_flexible if re.search(r"\bflexible\b", text) else []), *lines]

    first, last = within.first, within.last
    check = [f"wire::check_version(version, {first}, {last})?;"]
    result = "Result<(), anyhow::Error>"
    out.append("")
    out.append(f"impl Encodable for {struct.name} {{")
    out.append(f"fn encode<B: ByteBufMut>(&self, buf: &mut B, version: i16) -> {result} {{")
    out += [*check, *body(encode), "Ok(())", "}"]
    out.append("fn compute_size(&self, version: i16) -> Result<usize, anyhow::Error> { wire::size_of(self, version) }")
    out.append("}")
    out.append("")
    out.append(f"impl Decodable for {struct.name} {{")
    out.append("fn decode<B: ByteBuf>(buf: &mut B, version: i16) -> Result<Self, anyhow::Error> {")
    out += [*check, "let mut message = Self::default();", *body(decode), "Ok(message)", "}", "}"]
    return out


def codec(message):
    names = list(message.structs)
    bodies = []
    for name in names:
        bodies += codec_struct(message.structs[name], message, name == message.name)
    versions = f"VersionRange {{ min: {message.versions.first}, max: {message.versions.last} }}"
    bodies += [
        "",
        f"impl Message for {message.name} {{",
        f"const VERSIONS: VersionRange = {versions};",
        "const DEPRECATED_VERSIONS: Option<VersionRange> = None;",
        "}",
    ]
    if message.kind in ("request", "response"):
        inflexible, flexible = (1, 2) if message.kind == "request" else (0, 1)
        header = f"if version >= {message.flexible_from} {{ {flexible} }} else {{ {inflexible} }}"
        bodies += ["", f"impl HeaderVersion for {message.name} {{ fn header_version(version: i16) -> i16 {{ {header} }} }}"]
    if message.kind == "request":
        response = message.name.removesuffix("Request") + "Response"
        bodies += [
            "",
            f"impl Request for {message.name} {{",
            f"const KEY: i16 = {message.key};",
            f"type Response = crate::messages::{response};",
            "}",
        ]
    text = "\n".join(bodies)
    traits = ["Decodable", "Encodable", "HeaderVersion", "Message", "Request", "StrBytes", "VersionRange"]
    used = [name for name in [*ENTITIES.values(), "ByteBuf", "ByteBufMut", *traits] if re.search(rf"\b{name}\b", text)]
    head = [f"//! {message.name}.", ""]
    if re.search(r"\bBytes\b", text):
        head.append("use bytes::Bytes;")
    if re.search(r"\bUuid\b", text):
        head.append("use uuid::Uuid;")
    head += [f"use crate::messages::{{{', '.join(sorted(used))}}};", "use crate::wire;", ""]
    return "\n".join([*head, text]) + "\n"
