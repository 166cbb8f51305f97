use super::*;

fn parse(text: &str) -> Result<JsonSchema, String> {
    JsonSchema::parse(text, &[], true)
}

fn kinds(old: &str, new: &str) -> Vec<&'static str> {
    let found = compatibility::reads(&parse(new).unwrap(), &parse(old).unwrap());
    found.iter().map(|why| why.kind).collect()
}

#[test]
fn what_a_new_schema_may_change() {
    let closed = |properties: &str| {
        format!(r#"{{"type":"object","properties":{{{properties}}},"additionalProperties":false}}"#)
    };
    let open = |properties: &str| format!(r#"{{"type":"object","properties":{{{properties}}}}}"#);
    let (a, ab) = (
        r#""a":{"type":"string"}"#,
        r#""a":{"type":"string"},"b":{"type":"number"}"#,
    );
    let needs = |of: &str| of.replacen('{', r#"{"required":["b"],"#, 1);
    for (old, new, expected) in [
        ("true", r#"{"type":"string"}"#, &["TYPE_CHANGED"][..]),
        (r#"{"type":"string"}"#, "{}", &[]),
        (r#"{"type":"integer"}"#, r#"{"type":"number"}"#, &[]),
        (
            r#"{"type":"number"}"#,
            r#"{"type":"integer"}"#,
            &["TYPE_NARROWED"],
        ),
        (r#"{"type":"string"}"#, r#"{"type":"number"}"#, &["TYPE_CHANGED"]),
        (r#"{"type":"string"}"#, r#"{"type":["string","null"]}"#, &[]),
        (
            r#"{"type":["string","null"]}"#,
            r#"{"type":"string"}"#,
            &["COMBINED_TYPE_SUBSCHEMAS_CHANGED"],
        ),
        (
            r#"{"type":"string","maxLength":5}"#,
            r#"{"type":"string","maxLength":9}"#,
            &[],
        ),
        (
            r#"{"type":"string","maxLength":9}"#,
            r#"{"type":"string","maxLength":5}"#,
            &["MAX_LENGTH_DECREASED"],
        ),
        (
            r#"{"type":"string"}"#,
            r#"{"type":"string","minLength":1}"#,
            &["MIN_LENGTH_ADDED"],
        ),
        (r#"{"type":"number","maximum":5}"#, r#"{"type":"number"}"#, &[]),
        (
            r#"{"type":"number"}"#,
            r#"{"type":"number","minimum":0}"#,
            &["MINIMUM_ADDED"],
        ),
        (
            r#"{"type":"integer","multipleOf":10}"#,
            r#"{"type":"integer","multipleOf":5}"#,
            &[],
        ),
        (r#"{"enum":["a","b"]}"#, r#"{"enum":["a","b","c"]}"#, &[]),
        (
            r#"{"enum":["a","b"]}"#,
            r#"{"enum":["a"]}"#,
            &["ENUM_ARRAY_NARROWED"],
        ),
        (&open(a), &open(ab), &["PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL"]),
        (&open(ab), &open(a), &[]),
        (&closed(a), &closed(ab), &[]),
        (
            &closed(ab),
            &closed(a),
            &["PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL"],
        ),
        (
            &closed(a),
            &needs(&closed(ab)),
            &["REQUIRED_PROPERTY_ADDED_TO_UNOPENED_CONTENT_MODEL"],
        ),
        (&closed(ab), &needs(&closed(ab)), &["REQUIRED_ATTRIBUTE_ADDED"]),
        (&needs(&closed(ab)), &closed(ab), &[]),
        (&open(a), &closed(a), &["ADDITIONAL_PROPERTIES_REMOVED"]),
        (&closed(a), &open(a), &[]),
        (
            r#"{"type":"array","items":{"type":"integer"}}"#,
            r#"{"type":"array","items":{"type":"number"}}"#,
            &[],
        ),
        (
            r#"{"type":"array","items":{"type":"number"}}"#,
            r#"{"type":"array","items":{"type":"string"}}"#,
            &["TYPE_CHANGED"],
        ),
        (
            r#"{"oneOf":[{"type":"string"},{"type":"number"}]}"#,
            r#"{"oneOf":[{"type":"number"},{"type":"string"},{"type":"null"}]}"#,
            &[],
        ),
        (
            r#"{"oneOf":[{"type":"string"},{"type":"number"}]}"#,
            r#"{"oneOf":[{"type":"string"}]}"#,
            &["COMBINED_TYPE_SUBSCHEMAS_CHANGED"],
        ),
        (
            r##"{"$ref":"#/definitions/l","definitions":{"l":{"type":"object","properties":{"n":{"$ref":"#/definitions/l"}}}}}"##,
            r##"{"$ref":"#/definitions/l","definitions":{"l":{"type":"object","properties":{"n":{"$ref":"#/definitions/l"}}}}}"##,
            &[],
        ),
    ] {
        assert_eq!(kinds(old, new), expected, "from {old} to {new}");
    }
}

#[test]
fn what_is_no_schema_is_refused() {
    for (given, why) in [
        ("", "EOF"),
        ("12", "truth value"),
        (r#"{"type":"foo"}"#, "unknown type"),
        (r#"{"properties":3}"#, "expected an object"),
        (r#"{"properties":{"a":3}}"#, "#/properties/a"),
        (r#"{"required":"a"}"#, "list of names"),
        (r#"{"minLength":-1}"#, "from 0 on"),
        (r##"{"$ref":"#/definitions/none"}"##, "could not resolve"),
        (r##"{"$ref":"#"}"##, "could not resolve"),
        (r#"{"$ref":"other.json"}"#, "could not resolve"),
    ] {
        let refused = parse(given).err().unwrap_or_else(|| panic!("{given} is taken"));
        assert!(refused.contains(why), "{given}: {refused}");
    }
}

#[test]
fn no_comparison_takes_for_ever() {
    // Everything names everything, by way of combinations.
    let parts: Vec<String> = (0..40)
        .map(|at| format!(r##"{{"$ref":"#/definitions/d{at}"}}"##))
        .collect();
    let definitions: Vec<String> = (0..40)
        .map(|at| {
            format!(
                r#""d{at}":{{"type":"object","properties":{{"p{at}":{{"anyOf":[{}]}}}}}}"#,
                parts.join(",")
            )
        })
        .collect();
    let of = |root: &str| {
        format!(
            r#"{{"{root}":[{}],"definitions":{{{}}}}}"#,
            parts.join(","),
            definitions.join(",")
        )
    };
    let _ = kinds(&of("anyOf"), &of("oneOf"));
    let _ = kinds(&of("oneOf"), &of("allOf"));
}
