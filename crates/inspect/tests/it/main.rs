//! Sound folders, and folders damaged in every way there is.

#![allow(clippy::unwrap_used)]

mod cluster;
mod dump;
mod fixture;
mod verify;
