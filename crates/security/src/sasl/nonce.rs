//! Nonces of exchanges: what makes each of them another one.

use super::base64;

/// Random bytes of a nonce.
const NONCE_BYTES: usize = 24;

/// A nonce of the random bytes that `fill` fills in: printable, without a comma.
pub fn nonce(fill: &dyn Fn(&mut [u8])) -> String {
    let mut bytes = [0; NONCE_BYTES];
    fill(&mut bytes);
    base64::encode(&bytes)
}
