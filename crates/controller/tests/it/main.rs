//! Controllers over real connections.

#![allow(clippy::unwrap_used)]

mod channel;
mod configs;
mod envelopes;
mod hostile;
mod lives;
mod quorum;
mod relay;
mod support;
