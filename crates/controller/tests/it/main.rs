//! Controllers over real connections.

#![allow(clippy::unwrap_used)]

mod quorum;
mod support;
