//! Any bytes as a store of keys (the first says whether as PEM), as a truststore, and as rules for
//! principals: used or refused.
#![no_main]

use barnabas_config::{Layers, SecurityProtocol};
use barnabas_security::tls::ServerTls;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else { return };
    let of_type = if kind & 1 == 0 { "PEM" } else { "PKCS12" };
    let mut settings = vec![
        ("ssl.keystore.type", of_type),
        ("ssl.keystore.location", "/key"),
        ("ssl.truststore.type", of_type),
        ("ssl.truststore.location", "/trust"),
    ];
    let rules = String::from_utf8_lossy(data);
    if kind & 2 != 0 {
        settings.push(("ssl.principal.mapping.rules", &rules));
    }
    if kind & 1 != 0 {
        settings.push(("ssl.keystore.password", "password"));
        settings.push(("ssl.truststore.password", "password"));
    }
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let layers = Layers::of_static(settings.collect());
    drop(ServerTls::read("SSL", SecurityProtocol::Ssl, &layers, &|_| Ok(data.to_vec())));
});
