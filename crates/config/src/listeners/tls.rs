//! The settings that the TLS of a listener is made of.

/// Each with what it means. They count for one listener with its prefix, and without it for all.
pub const TLS_SETTINGS: &[(&str, &str)] = &[
    (
        "ssl.client.auth",
        "Whether clients show certificates: none, requested or required.",
    ),
    (
        "ssl.principal.mapping.rules",
        "How a certificate's subject becomes a principal's name.",
    ),
    (
        "ssl.keystore.type",
        "The form of the key store: PEM, PKCS12 or JKS.",
    ),
    (
        "ssl.keystore.location",
        "The file with the private key and its certificates.",
    ),
    (
        "ssl.keystore.password",
        "The password of a PKCS12 or JKS key store.",
    ),
    ("ssl.keystore.key", "The private key itself, as PEM."),
    (
        "ssl.keystore.certificate.chain",
        "The certificates of ssl.keystore.key, its own first, as PEM.",
    ),
    ("ssl.key.password", "The password of the private key."),
    (
        "ssl.truststore.type",
        "The form of the trust store: PEM, PKCS12 or JKS.",
    ),
    (
        "ssl.truststore.location",
        "The file with the certificates that are trusted.",
    ),
    (
        "ssl.truststore.password",
        "The password of a PKCS12 or JKS trust store.",
    ),
    (
        "ssl.truststore.certificates",
        "The certificates that are trusted themselves, as PEM.",
    ),
    ("ssl.enabled.protocols", "The versions of TLS that are spoken."),
    (
        "ssl.cipher.suites",
        "The cipher suites, by Java's names; none means all that there are.",
    ),
    (
        "ssl.endpoint.identification.algorithm",
        "How other nodes' names are checked: https, or empty for not at all.",
    ),
    (
        "ssl.allow.dn.changes",
        "Whether a new key store may name another subject at run time.",
    ),
    (
        "ssl.allow.san.changes",
        "Whether a new key store may lack names of the old one at run time.",
    ),
];
