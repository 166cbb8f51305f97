//! Fetches the keys by which tokens of OAUTHBEARER are verified: at the start, every
//! `sasl.oauthbearer.jwks.endpoint.refresh.ms`, and when a token names a key that is not known. The last
//! at most once in a while, whatever tokens name: nobody can have the issuer asked without end.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use barnabas_config::files;
use barnabas_config::{ConfigException, Layers, SecurityProtocol, Settings};
use barnabas_network::client::https::{self, Url};
use barnabas_security::sasl::{JwksEndpoint, KeySet};
use barnabas_security::tls::ClientTls;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

/// A set of keys has no more bytes.
const KEYS_BYTES_MAX: usize = 1 << 20;
/// An issuer has so long to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Tokens with unknown keys have the keys fetched so often at most.
const WANTED_AT_MOST_EVERY: Duration = Duration::from_secs(5);

/// Whatever is set, nobody is asked more often.
const RETRY_LEAST: Duration = Duration::from_millis(100);

/// Where keys are.
pub enum Place {
    /// In a file.
    File(PathBuf),
    /// At an issuer, with whom to trust.
    Url(Url, Option<ClientTls>),
}

/// Where the certificates of the system's authorities are.
const BUNDLES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

impl Place {
    /// The place that an endpoint names. By TLS those are trusted that the JAAS entry names, or else the
    /// system's authorities.
    ///
    /// # Errors
    /// It is no address of a kind that is known, or there is nobody to trust.
    pub fn of(endpoint: &JwksEndpoint) -> Result<Place, ConfigException> {
        let url = endpoint.url.as_str();
        let refused =
            |why: String| ConfigException::new(format!("sasl.oauthbearer.jwks.endpoint.url={url}: {why}"));
        if let Some(path) = url.strip_prefix("file:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return Ok(Place::File(PathBuf::from(path)));
        }
        let parsed = Url::parse(url)
            .ok_or_else(|| refused("https://HOST/PATH or file:PATH is expected".to_owned()))?;
        if !parsed.is_encrypted {
            tracing::warn!(url, "keys that come in the open may be anybody's");
            return Ok(Place::Url(parsed, None));
        }
        let mut trust: Settings = endpoint.trust.iter().cloned().collect();
        let names_trust = |name: &str| trust.contains_key(name);
        if !names_trust("ssl.truststore.location") && !names_trust("ssl.truststore.certificates") {
            let bundle = BUNDLES.iter().find(|path| Path::new(path).exists());
            let bundle = bundle.ok_or_else(|| {
                refused("the system has no certificates of authorities: set ssl.truststore.location in the JAAS entry".to_owned())
            })?;
            trust.insert("ssl.truststore.type".to_owned(), "PEM".to_owned());
            trust.insert("ssl.truststore.location".to_owned(), (*bundle).to_owned());
        }
        let tls = ClientTls::read(
            "oauthbearer",
            SecurityProtocol::Ssl,
            &Layers::of_static(trust),
            &files::read,
        );
        Ok(Place::Url(
            parsed,
            Some(tls.map_err(|error| refused(error.to_string()))?),
        ))
    }
}

/// Keeps the keys up to date until `stopping` is cancelled.
pub fn follow(endpoint: JwksEndpoint, place: Place, stopping: CancellationToken) {
    let wanted = Arc::new(Notify::new());
    let told = wanted.clone();
    endpoint.keys.fetched_by(move || told.notify_one());
    tokio::spawn(async move {
        stopping
            .run_until_cancelled(keep(&endpoint, &place, &wanted))
            .await;
    });
}

async fn keep(endpoint: &JwksEndpoint, place: &Place, wanted: &Notify) {
    let mut failures = 0;
    loop {
        let began = Instant::now();
        let next = match fetch(place).await {
            Ok(keys) => {
                tracing::debug!(url = %endpoint.url, keys = keys.len(), "the keys of tokens are fetched");
                endpoint.keys.store(keys);
                failures = 0;
                endpoint.refresh.max(RETRY_LEAST)
            }
            Err(error) => {
                tracing::warn!(url = %endpoint.url, %error, "the keys of tokens can't be fetched");
                failures += 1;
                let backoff = endpoint.retry_backoff.max(RETRY_LEAST);
                let doubled = backoff.saturating_mul(1 << (failures - 1).min(16));
                doubled.min(endpoint.retry_backoff_max.max(RETRY_LEAST))
            }
        };
        let due = sleep_until(began + next);
        let asked = async {
            sleep_until(began + WANTED_AT_MOST_EVERY.min(next)).await;
            wanted.notified().await;
        };
        tokio::select! {
            biased;
            () = due => {}
            () = asked => {}
        }
    }
}

async fn fetch(place: &Place) -> Result<KeySet, io::Error> {
    let bytes = match place {
        Place::File(path) => files::read(path)?,
        Place::Url(url, tls) => {
            let got = timeout(ANSWER_WITHIN, https::get(url, tls.as_ref(), KEYS_BYTES_MAX));
            got.await
                .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??
        }
    };
    KeySet::parse(&bytes).map_err(io::Error::other)
}
