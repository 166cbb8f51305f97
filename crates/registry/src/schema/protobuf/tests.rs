use super::*;

fn parse(text: &str) -> Result<ProtobufSchema, String> {
    ProtobufSchema::parse(text, &[], true)
}

const ORDER: &str = r#"syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
message Order {
  string id = 1;
  repeated Item items = 2;
  map<string, int64> counts = 3;
  optional int32 note = 4;
  oneof how { string card = 5; bool cash = 6; }
  google.protobuf.Timestamp at = 7;
  Kind kind = 8;
  message Item { string name = 1; Kind kind = 2; }
  reserved 9, 11 to 13;
}
enum Kind { NONE = 0; SOME = 1; }
service Shop { rpc Buy (Order) returns (stream Order.Item); }
"#;

#[test]
fn texts_and_descriptors_say_the_same() {
    let schema = parse(ORDER).unwrap();
    assert_eq!(schema.canonical(), ORDER.trim());
    let again = parse(&schema.serialized()).unwrap();
    assert!(
        again.canonical().contains("map<string, int64> counts = 3;"),
        "{}",
        again.canonical()
    );
    assert_eq!(again.serialized(), schema.serialized());
    assert_eq!(
        parse(&again.canonical()).unwrap().serialized(),
        schema.serialized()
    );
    assert!(compatibility::reads(&again, &schema).is_empty());
    let spaced = ORDER.replace(" = ", "  =  ");
    assert_eq!(parse(&spaced).unwrap().normalized(), schema.normalized());
}

#[test]
fn what_is_no_schema_is_refused() {
    let deep = "message A {".repeat(100_000);
    for (given, why) in [
        ("message", "expected"),
        ("syntax = \"proto3\"; message A { B b = 1; }", "not defined"),
        ("syntax = \"proto3\"; import \"b.proto\"; message A {}", "b.proto"),
        (&deep, "nested"),
    ] {
        let refused = parse(given).err().unwrap_or_else(|| panic!("{given} is taken"));
        assert!(refused.contains(why), "{given}: {refused}");
    }
}

#[test]
fn who_reads_what() {
    let of = |body: &str| {
        format!("syntax = \"proto3\"; message A {{ {body} }} message B {{}} enum E {{ X = 0; }}")
    };
    for (old, new, kinds) in [
        ("int32 a = 1;", "int32 b = 1;", &[][..]),
        ("int32 a = 1;", "int64 a = 1; string b = 2;", &[]),
        ("int32 a = 1; string b = 2;", "int32 a = 1;", &[]),
        ("int32 a = 1;", "string a = 1;", &["FIELD_SCALAR_KIND_CHANGED"]),
        ("int32 a = 1;", "sint32 a = 1;", &["FIELD_SCALAR_KIND_CHANGED"]),
        ("string a = 1;", "bytes a = 1;", &[]),
        ("string a = 1;", "B a = 1;", &["FIELD_KIND_CHANGED"]),
        ("B a = 1;", "A a = 1;", &["FIELD_NAMED_TYPE_CHANGED"]),
        ("E a = 1;", "int32 a = 1;", &[]),
        (
            "int32 a = 1;",
            "repeated int32 a = 1;",
            &["FIELD_NUMERIC_LABEL_CHANGED"],
        ),
        ("string a = 1;", "repeated string a = 1;", &[]),
        (
            "oneof o { int32 a = 1; int32 b = 2; }",
            "oneof o { int32 a = 1; }",
            &["ONEOF_FIELD_REMOVED"],
        ),
        (
            "int32 a = 1; int32 b = 2;",
            "oneof o { int32 a = 1; int32 b = 2; }",
            &["MULTIPLE_FIELDS_MOVED_TO_ONEOF"],
        ),
        ("int32 a = 1;", "oneof o { int32 a = 1; int32 b = 2; }", &[]),
        ("message N {}", "", &["MESSAGE_REMOVED"]),
    ] {
        let found = compatibility::reads(&parse(&of(new)).unwrap(), &parse(&of(old)).unwrap());
        let found: Vec<&str> = found.iter().map(|why| why.kind).collect();
        assert_eq!(found, kinds, "from {old} to {new}");
    }
}

#[test]
fn what_is_told_of_a_descriptor_is_the_same_when_it_comes_again() {
    let text = "syntax = \"proto3\"; message M { int32 a = 1; }";
    let serialized = ProtobufSchema::parse(text, &[], true).unwrap().serialized();
    let told = ProtobufSchema::parse(&serialized, &[], true).unwrap();
    let again = ProtobufSchema::parse(&told.canonical(), &[], true).unwrap();
    assert_eq!(again.canonical(), told.canonical());
    assert_eq!(again.canonical(), again.normalized());
}
