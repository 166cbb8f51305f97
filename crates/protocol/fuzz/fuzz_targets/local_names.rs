//! Any text as rules for the names of Kerberos' principals, and any principal: refused, or a name without
//! what parts a principal.
#![no_main]

use barnabas_security::sasl::LocalNames;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (rules, principal) = text.split_once('\n').unwrap_or((&text, "a/b@R"));
    if let Ok(names) = LocalNames::parse(rules, "R")
        && let Some(name) = names.of(principal)
    {
        assert!(!name.contains('@') && (!name.contains('/') || !principal.contains('@')), "{name}");
    }
});
