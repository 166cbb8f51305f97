use super::*;

fn parse(text: &str) -> Result<AvroSchema, String> {
    AvroSchema::parse(text, &[], true)
}

fn record(fields: &str) -> String {
    format!(r#"{{"type":"record","name":"r","fields":[{fields}]}}"#)
}

#[test]
fn what_is_read_is_written_as_java_writes_it() {
    for (given, canonical) in [
        ("int", r#""int""#),
        (r#" {"type" : "string"} "#, r#""string""#),
        (
            r#"{"logicalType":"date","type":"int"}"#,
            r#"{"type":"int","logicalType":"date"}"#,
        ),
        (
            r#"{"name":"a.b.R","type":"record","fields":[{"type":["null","R"],"name":"f","default":null}],"x":1}"#,
            r#"{"type":"record","name":"R","namespace":"a.b","fields":[{"name":"f","type":["null","R"],"default":null}],"x":1}"#,
        ),
        (
            r#"{"type":"record","name":"R","namespace":"n","fields":[{"name":"e","order":"ascending","type":{"type":"enum","name":"E","symbols":["A"],"aliases":["F"]}},{"name":"g","type":"n.E"}]}"#,
            r#"{"type":"record","name":"R","namespace":"n","fields":[{"name":"e","type":{"type":"enum","name":"E","symbols":["A"],"aliases":["F"]}},{"name":"g","type":"E"}]}"#,
        ),
    ] {
        let schema = parse(given).unwrap_or_else(|error| panic!("{given}: {error}"));
        assert_eq!(schema.canonical(), canonical);
        let again = parse(canonical).unwrap();
        assert_eq!(again.canonical(), canonical);
        assert_eq!(again.normalized(), schema.normalized());
    }
}

#[test]
fn what_is_no_schema_is_refused() {
    let deep = format!(
        "{}\"int\"{}",
        r#"{"type":"array","items":"#.repeat(5_000),
        "}".repeat(5_000)
    );
    for (given, why) in [
        ("", "EOF"),
        ("nonsense", "expected"),
        ("12", "no schema"),
        (r#""Unknown""#, "Undefined name"),
        (r#"{"type":"record","name":"r"}"#, "no fields"),
        (r#"{"type":"record","fields":[]}"#, "without a name"),
        (r#"{"type":"enum","name":"e","symbols":["A","A"]}"#, "Duplicate"),
        (
            r#"{"type":"enum","name":"e","symbols":["A"],"default":"B"}"#,
            "Enum Default",
        ),
        (r#"{"type":"fixed","name":"f","size":-1}"#, "size"),
        (r#"["int","int"]"#, "Duplicate in union"),
        (r#"["int",["null"]]"#, "union directly"),
        (r#"{"type":"record","name":"int","fields":[]}"#, "primitives"),
        (r#"{"type":"record","name":"a-b","fields":[]}"#, "Illegal name"),
        (
            &record(r#"{"name":"f","type":"int"},{"name":"f","type":"int"}"#),
            "Duplicate field",
        ),
        (
            &record(r#"{"name":"f","type":"int","default":"x"}"#),
            "Invalid default",
        ),
        (
            &record(r#"{"name":"f","type":{"type":"record","name":"r","fields":[]}}"#),
            "redefine",
        ),
        (&deep, "recursion"),
    ] {
        let refused = parse(given).err().unwrap_or_else(|| panic!("{given} is taken"));
        assert!(refused.contains(why), "{given}: {refused}");
    }
}

#[test]
fn who_reads_what() {
    let int = record(r#"{"name":"f","type":"int"}"#);
    let long = record(r#"{"name":"f","type":"long"}"#);
    let more = record(r#"{"name":"f","type":"int"},{"name":"g","type":"string"}"#);
    let more_default = record(r#"{"name":"f","type":"int"},{"name":"g","type":"string","default":""}"#);
    let alias = record(r#"{"name":"h","aliases":["f"],"type":"int"}"#);
    let (ab, abc) = (
        r#"{"type":"enum","name":"e","symbols":["A","B"]}"#,
        r#"{"type":"enum","name":"e","symbols":["A","B","C"]}"#,
    );
    let or_a = r#"{"type":"enum","name":"e","symbols":["A"],"default":"A"}"#;
    let list = |next: &str| {
        record(&format!(
            r#"{{"name":"next","type":["null","r"]}},{{"name":"v","type":"{next}"}}"#
        ))
    };
    for (reader, writer, kinds) in [
        (&*int, &*int, &[][..]),
        (&long, &int, &[]),
        (&int, &long, &["TYPE_MISMATCH"]),
        (&more, &int, &["READER_FIELD_MISSING_DEFAULT_VALUE"]),
        (&more_default, &int, &[]),
        (&int, &more, &[]),
        (&alias, &int, &[]),
        (&int, &alias, &["READER_FIELD_MISSING_DEFAULT_VALUE"]),
        (abc, ab, &[]),
        (ab, abc, &["MISSING_ENUM_SYMBOLS"]),
        (or_a, abc, &[]),
        (r#""string""#, r#""bytes""#, &[]),
        (r#"["null","string"]"#, r#""string""#, &[]),
        (r#""string""#, r#"["null","string"]"#, &["TYPE_MISMATCH"]),
        (
            r#"["null","string"]"#,
            r#"["null","int","string"]"#,
            &["MISSING_UNION_BRANCH"],
        ),
        (r#"["null","long"]"#, r#"["null","int"]"#, &[]),
        (
            r#"{"type":"fixed","name":"f","size":4}"#,
            r#"{"type":"fixed","name":"f","size":8}"#,
            &["FIXED_SIZE_MISMATCH"],
        ),
        (
            r#"{"type":"fixed","name":"g","size":8}"#,
            r#"{"type":"fixed","name":"f","size":8}"#,
            &["NAME_MISMATCH"],
        ),
        (
            r#"{"type":"array","items":"long"}"#,
            r#"{"type":"array","items":"int"}"#,
            &[],
        ),
        (
            r#"{"type":"map","values":"int"}"#,
            r#"{"type":"array","items":"int"}"#,
            &["TYPE_MISMATCH"],
        ),
        (&list("long"), &list("int"), &[]),
        (&list("int"), &list("long"), &["TYPE_MISMATCH"]),
    ] {
        let found = compatibility::reads(&parse(reader).unwrap(), &parse(writer).unwrap());
        let found: Vec<&str> = found.iter().map(|why| why.kind).collect();
        assert_eq!(found, kinds, "{reader} reads {writer}");
    }
}

#[test]
fn no_schema_takes_for_ever() {
    // Each record's union has all records as branches, and a chain of names is as deep as it is long.
    let names: Vec<String> = (0..60).map(|at| format!("r{at}")).collect();
    let mut all = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let known: Vec<String> = names[..=at].iter().map(|name| format!("\"{name}\"")).collect();
        let fields = format!(
            r#"{{"name":"f","type":[{}]}},{{"name":"g{at}","type":"int"}}"#,
            known.join(",")
        );
        all.push(format!(
            r#"{{"type":"record","name":"{name}","fields":[{fields}]}}"#
        ));
    }
    let tangle = format!("[{}]", all.join(","));
    let other = tangle.replace("\"int\"", "\"string\"");
    let found = compatibility::reads(&parse(&tangle).unwrap(), &parse(&other).unwrap());
    assert!(!found.is_empty());
    let chain: Vec<String> = (0..5_000)
        .map(|at| {
            let next = if at == 0 {
                "int".to_owned()
            } else {
                format!("c{}", at - 1)
            };
            format!(r#"{{"type":"record","name":"c{at}","fields":[{{"name":"f","type":"{next}"}}]}}"#)
        })
        .rev()
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect();
    let chain = parse(&record(&format!(
        r#"{{"name":"all","type":[{}]}},{{"name":"last","type":"c4999"}}"#,
        chain.join(",")
    )))
    .unwrap();
    compatibility::reads(&chain, &chain);
}
