//! Settings of tokens that an issuer has signed (KIP-768), each with what it means: read for each listener
//! with OAUTHBEARER, with its prefix or without.

/// Name and meaning.
pub const OAUTHBEARER_SETTINGS: &[(&str, &str)] = &[
    (
        "sasl.oauthbearer.jwks.endpoint.url",
        "Where the keys of an issuer of tokens are: https://, or file: and a path.",
    ),
    (
        "sasl.oauthbearer.jwks.endpoint.refresh.ms",
        "How often the keys of an issuer are fetched, milliseconds.",
    ),
    (
        "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms",
        "How long after a failure keys are fetched again, milliseconds; twice as long after each further one.",
    ),
    (
        "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms",
        "How long after a failure keys are fetched again at most, milliseconds.",
    ),
    (
        "sasl.oauthbearer.expected.issuer",
        "The issuer whose tokens are taken: their claim iss.",
    ),
    (
        "sasl.oauthbearer.expected.audience",
        "For whom tokens have to be, one of these: their claim aud.",
    ),
    (
        "sasl.oauthbearer.allow.unverified.issuer",
        "Whether tokens of any issuer are taken where none is expected.",
    ),
    (
        "sasl.oauthbearer.allow.unverified.audience",
        "Whether tokens for anybody are taken where no audience is expected.",
    ),
    (
        "sasl.oauthbearer.clock.skew.seconds",
        "How far the clock of an issuer may be off, seconds.",
    ),
    (
        "sasl.oauthbearer.scope.claim.name",
        "The claim of a token that holds its scope.",
    ),
    (
        "sasl.oauthbearer.sub.claim.name",
        "The claim of a token that names who comes with it.",
    ),
    (
        "sasl.oauthbearer.jwt.validator.class",
        "The validator of tokens; there are Kafka's DefaultJwtValidator and BrokerJwtValidator.",
    ),
];
