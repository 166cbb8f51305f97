"""The guard's tables: what every request and every response looks like on the wire."""

from .definitions import FIXED, snake


def shape_kind(field, statics):
    if field.struct:
        kind = f"Struct({statics[field.struct.name]})"
    elif field.type in FIXED:
        kind = f"Fixed({FIXED[field.type][1]})"
    else:
        kind = "Text" if field.type == "string" else "Blob"
    return f"Array(&{kind})" if field.array else kind


def shape_fields(struct, message, statics, out):
    """Emits a static for each struct below `struct`, innermost first, and returns the text of its own fields."""
    rows = []
    for field in struct.fields:
        if field.struct and field.struct.name not in statics:
            base = message.name.removesuffix("Request")
            name = field.struct.name if field.struct.name.startswith(base) else base + field.struct.name
            name = snake(name).upper()
            statics[field.struct.name] = name
            rows_below = shape_fields(field.struct, message, statics, out)
            out.append(f"static {name}: &[Field] = &[{rows_below}];")
        row = f"field({shape_kind(field, statics)}, {field.versions.first}, {field.versions.last})"
        if field.nullable:
            row += f".nullable({field.nullable.first}, {field.nullable.last})"
        if field.tagged:
            row += f".tagged({field.tag}, {field.tagged.first}, {field.tagged.last})"
        rows.append(row)
    return ", ".join(rows)


def table(messages, kind, statics):
    """Emits the statics below the messages of a kind, and returns the text of their table by API key."""
    rows = {}
    for message in sorted((m for m in messages.values() if m.kind == kind and m.versions), key=lambda m: m.key):
        fields = shape_fields(message.root, message, {}, statics)
        flexible = 32767 if message.flexible_from is None else message.flexible_from
        rows[message.key] = (
            f"Some(Shape {{ first: {message.versions.first}, last: {message.versions.last}, "
            f"flexible_from: {flexible}, fields: &[{fields}] }})"
        )
    rows = [f"/* {key} */ {rows.get(key, 'None')}" for key in range(max(rows) + 1)]
    return f"[Option<Shape>; {len(rows)}] = [{', '.join(rows)}];"


def shapes(messages):
    statics = []
    requests, responses = table(messages, "request", statics), table(messages, "response", statics)
    lines = [
        "//! The shape of every request and response: what lies where in which version. The guard walks it.",
        "",
        "use crate::shape::Kind::{Array, Blob, Fixed, Struct, Text};",
        "use crate::shape::{Field, Shape, field};",
        "",
        *statics,
        "",
        "/// Shapes of requests by API key.",
        f"pub(crate) static REQUESTS: {requests}",
        "",
        "/// Shapes of responses by API key.",
        f"pub(crate) static RESPONSES: {responses}",
    ]
    return "\n".join(lines) + "\n"
