//! Messages as Kafka's tools write them: JSON without spaces, ids and bytes in base64.

use barnabas_protocol::described::Node;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The text of a value.
pub fn text(node: &Node) -> String {
    let joined = |parts: Vec<String>| parts.join(",");
    match node {
        Node::Null => "null".to_owned(),
        Node::Bool(truth) => truth.to_string(),
        Node::Number(number) => number.to_string(),
        // As Java writes it: a whole number has a fraction too.
        Node::Float(number) => format!("{number:?}"),
        Node::Text(text) => quoted(text),
        Node::Bytes(bytes) => quoted(&base64(bytes)),
        Node::List(list) => format!("[{}]", joined(list.iter().map(text).collect())),
        Node::Struct(fields) => {
            let named = fields
                .iter()
                .map(|(name, value)| format!("{}:{}", quoted(name), text(value)));
            format!("{{{}}}", joined(named.collect()))
        }
    }
}

/// A string of JSON.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let digit = char::from(BASE64[(bits >> (18 - 6 * at)) as usize & 63]);
            text.push(if at <= chunk.len() { digit } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_kafkas_tools_do() {
        let node = Node::Struct(vec![
            ("name", Node::Text("a \"b\"".to_owned())),
            (
                "bytes",
                Node::List(
                    [&b""[..], b"a", b"ab", b"abc"]
                        .map(|bytes| Node::Bytes(bytes.to_vec()))
                        .to_vec(),
                ),
            ),
            ("rate", Node::Float(2.0)),
            ("none", Node::Null),
        ]);
        assert_eq!(
            text(&node),
            r#"{"name":"a \"b\"","bytes":["","YQ==","YWI=","YWJj"],"rate":2.0,"none":null}"#
        );
    }
}
