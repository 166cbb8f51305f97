"""What messages are called and made of, field by field: the table by which kafka-dump-log shows records of internal topics."""

from .definitions import snake

# Records of the metadata log and of coordinators' topics, the control records among them, and what consumers put into their group's record.
KINDS = {"metadata": "Metadata", "coordinator-key": "Key", "coordinator-value": "Value"}
OTHERS = {
    "ConsumerProtocolAssignment",
    "ConsumerProtocolSubscription",
    "KRaftVersionRecord",
    "LeaderChangeMessage",
    "SnapshotFooterRecord",
    "SnapshotHeaderRecord",
    "VotersRecord",
}


def is_described(spec):
    """Whether the table has this definition."""
    return spec.get("type") in KINDS or spec.get("name") in OTHERS


def family(message):
    """Whose message it is: keys are numbered by each coordinator anew."""
    if message.kind not in KINDS:
        return "Other"
    if message.kind == "metadata":
        return "Metadata"
    owner = {"Transaction": "Transaction", "ShareSnapshot": "ShareState", "ShareUpdate": "ShareState"}
    owner = next((of for start, of in owner.items() if message.name.startswith(start)), "Group")
    return f"{owner}{KINDS[message.kind]}"


def kind(field, message):
    if field.struct:
        text = f"Struct({static(field.struct, message)})"
    else:
        text = {"bool": "Bool", "string": "Text", "bytes": "Bytes", "uuid": "Id", "float64": "Float64"}.get(field.type)
        text = text or field.type.replace("uint", "UInt").replace("int", "Int")
    return f"List(&{text})" if field.array else text


def static(struct, message):
    return f"{snake(message.name)}_{snake(struct.name)}".upper()


def row(field, message):
    text = f'field("{field.label}", {kind(field, message)}, {field.versions.first}, {field.versions.last})'
    if field.nullable:
        text += f".nullable({field.nullable.first}, {field.nullable.last})"
    if field.tagged:
        text += f".tagged({field.tag}, {field.tagged.first}, {field.tagged.last})"
    return text


def described(messages):
    chosen = sorted((m for m in messages.values() if m.versions and (m.kind in KINDS or m.name in OTHERS)), key=lambda m: m.name)
    lines = [
        "//! The messages of internal topics with the names of their fields.",
        "",
        "use crate::described::Family::*;",
        "use crate::described::Kind::*;",
        "use crate::described::{Described, Field, field};",
        "",
    ]
    rows = []
    for message in chosen:
        for struct in message.structs.values():
            fields = ", ".join(row(field, message) for field in struct.fields)
            lines.append(f"static {static(struct, message)}: &[Field] = &[{fields}];")
        flexible = 32767 if message.flexible_from is None else message.flexible_from
        rows.append(
            f'Described {{ name: "{message.name}", family: {family(message)}, key: {-1 if message.key is None else message.key}, '
            f"first: {message.versions.first}, last: {message.versions.last}, flexible_from: {flexible}, fields: {static(message.root, message)} }}"
        )
    lines += ["", "/// All of them, by name.", f"pub(crate) static MESSAGES: &[Described] = &[{', '.join(rows)}];"]
    return "\n".join(lines) + "\n"
