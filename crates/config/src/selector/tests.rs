//! What is selected, what is no selector, and that no text makes the parser fall over.

use super::*;

struct Order;

impl SelectedRecord for Order {
    fn key(&self) -> Option<&[u8]> {
        Some(b"customer-7")
    }

    fn topic(&self) -> &str {
        "orders"
    }

    fn timestamp(&self) -> i64 {
        1_764_510_000_000
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        Some(match name {
            "region" => b"eu",
            "amount" => b"12.50",
            "items" => b"3",
            "urgent" => b"true",
            "x-note" => b"50% off",
            "key" => b"of the header",
            "bytes" => b"\xff\xfe",
            _ => return None,
        })
    }
}

fn selects(text: &str) -> bool {
    let selector = Selector::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    selector.selects(&Order)
}

#[test]
fn records_are_selected() {
    for text in [
        "region = 'eu'",
        "region <> 'us' AND amount > 10",
        "items * 2 + 1 = 7 and -items < -2",
        "amount / 2 BETWEEN 6 AND 6.5",
        "items NOT BETWEEN 4 AND 9",
        "region IN ('us', 'eu') AND region NOT IN ('ap')",
        "key LIKE 'customer-_' and key not like 'customer'",
        "\"x-note\" LIKE '%!%%' ESCAPE '!'",
        "nothing IS NULL AND region IS NOT NULL AND bytes is null",
        "urgent AND urgent = TRUE",
        "not (region = 'us' or nothing = 'x' and region = 'us')",
        "topic = 'orders' AND timestamp >= 1764510000000 AND \"key\" = 'of the header'",
        "nothing = 1 OR TRUE",
        "1.5e1 = 15 AND .5 < 1 AND 'it''s' = 'it''s'",
        "items = 3 AND items = '3' AND amount = 12.5",
        "key LIKE '%o%r-7' AND key LIKE '%'",
    ] {
        assert!(selects(text), "{text}");
    }
}

#[test]
fn what_is_unknown_or_false_is_not_selected() {
    for text in [
        "region = 'us'",
        "nothing = 'x'",
        "NOT nothing = 'x'",
        "nothing <> 'x'",
        "nothing > 1 AND TRUE",
        "nothing NOT LIKE 'x'",
        "nothing NOT IN ('x')",
        "items / 0 = 1",
        "region > 1",
        "region",
        "amount BETWEEN 13 AND nothing",
        "FALSE",
        "key LIKE 'customer'",
        "region LIKE ''",
    ] {
        assert!(!selects(text), "{text}");
    }
}

#[test]
fn what_is_no_selector_is_refused_where_it_is_wrong() {
    for (text, position, reason) in [
        ("", 1, "a value is expected, not the end"),
        ("region =", 9, "a value is expected, not the end"),
        ("region = 'eu", 10, "a quote is not closed"),
        ("region == 'eu'", 9, "a value is expected, not ="),
        ("region = 'ö' AND )", 18, "a value is expected, not )"),
        ("(region = 'eu'", 15, ") is expected, not the end"),
        ("region = 'eu' region", 15, "the end is expected, not region"),
        ("region IN ()", 12, "a text in quotes is expected, not )"),
        ("region IN (1)", 12, "a text in quotes is expected, not a number"),
        ("region LIKE 'a' ESCAPE 'xy'", 24, "ESCAPE takes one character"),
        (
            "region LIKE 'a!' ESCAPE '!'",
            13,
            "nothing follows the escape character",
        ),
        ("region NOT = 'x'", 12, "BETWEEN, IN or LIKE is expected, not ="),
        ("amount BETWEEN 1 OR 2", 18, "AND is expected, not OR"),
        ("5", 1, "a condition is expected, not a value"),
        ("region = 'a' AND 5", 18, "a condition is expected, not a value"),
        ("'a' + 1 = 2", 1, "a number is expected"),
        ("'a' < 2", 1, "only numbers are less or greater"),
        ("1 = 'a'", 3, "values of different kinds are never equal"),
        ("amount = 12x", 10, "this is no number"),
        (
            "amount = 99999999999999999999",
            10,
            "this is no number, or it has no room in 64 bits",
        ),
        ("region # 1", 8, "'#' has no meaning here"),
        ("region IS 5", 11, "NULL is expected, not a number"),
    ] {
        let error = Selector::parse(text).map(|_| text).unwrap_err();
        assert_eq!(
            (error.position, error.reason.as_str()),
            (position, reason),
            "{text}"
        );
    }
}

#[test]
fn length_and_depth_are_bounded() {
    let chain = vec!["items = 3"; 4500].join(" AND ");
    assert!(chain.len() < SELECTOR_BYTES_MAX && selects(&chain));
    let too_long = vec!["items = 3"; 5000].join(" AND ");
    assert!(
        Selector::parse(&too_long)
            .unwrap_err()
            .reason
            .contains("at most 65536 bytes")
    );
    for (open, close) in [("(", ")"), ("NOT ", ""), ("-", "")] {
        let nested = |depth: usize| {
            let value = if open == "-" { "items <> 1" } else { "TRUE" };
            Selector::parse(&(open.repeat(depth) + value + &close.repeat(depth)))
        };
        assert!(nested(64).is_ok(), "{open}");
        let error = nested(65).unwrap_err();
        assert_eq!(error.reason, "more than 64 levels are nested");
        assert!(nested(16_000).is_err());
    }
}

#[test]
fn no_text_makes_the_parser_fall_over() {
    const WORDS: [&str; 26] = [
        "a",
        "'b'",
        "1",
        "2.5",
        "(",
        ")",
        "AND",
        "OR",
        "NOT",
        "IN",
        "LIKE",
        "ESCAPE '!'",
        "IS",
        "NULL",
        "=",
        "<>",
        "<",
        "+",
        "-",
        "*",
        "/",
        ",",
        "BETWEEN",
        "TRUE",
        "\"q\"",
        "'%!_'",
    ];
    let mut seed: u64 = 7;
    let mut next = || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    let mut parsed = 0;
    for _ in 0..20_000 {
        let words: Vec<&str> = (0..next() % 9).map(|_| WORDS[next() % WORDS.len()]).collect();
        if let Ok(selector) = Selector::parse(&words.join(" ")) {
            selector.selects(&Order);
            parsed += 1;
        }
    }
    assert!(parsed > 100, "{parsed}");
}
