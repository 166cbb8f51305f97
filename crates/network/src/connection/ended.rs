//! Why a connection ends before its time.

use std::io;

use barnabas_protocol::frame::FrameError;

/// See the module.
pub enum Ended {
    /// The socket's.
    Io(io::Error),
    /// A frame that can't be.
    Frame(FrameError),
    /// It held up others that wait for memory.
    Starving,
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Ended::Io(error)
    }
}

impl From<FrameError> for Ended {
    fn from(error: FrameError) -> Self {
        Ended::Frame(error)
    }
}
