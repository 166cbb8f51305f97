//! The measurements: each subcommand sets a topic up, makes connections with roles, and runs the engine.

mod bad;
mod consume;
mod groups;
mod hold;
mod mixed;
mod produce;
mod share;
mod target;

pub use consume::{fetch, session, tail};
pub use groups::{commit, join};
pub use hold::hold;
pub use mixed::mixed;
pub use produce::{produce, transact};
pub use share::share;
pub use target::fill;

use mio::net::TcpStream;

use crate::engine::Role;

/// Connections with what they do.
type Links = Vec<(TcpStream, Box<dyn Role>)>;
