//! The controller: what a request changes, decided against an image. Pure; the quorum's shell calls it and commits the records.
//!
//! A decision never changes anything itself. Decisions are serialised: each sees an image with all earlier ones applied.

mod context;
mod validator;

pub use context::{ControllerSettings, DecideContext, Random};
pub use validator::{ConfigError, ConfigKind, ConfigValidator};

use crate::image::MetadataImage;
use crate::records::MetadataRecord;

/// What a request comes to: the records to commit, and what the client hears once they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<Reply> {
    /// To be committed as one entry, all or none. May be empty.
    pub records: Vec<MetadataRecord>,
    /// The answer.
    pub reply: Reply,
}

/// A request to the controller.
pub trait Decide: Send + 'static {
    /// The answer to it.
    type Reply: Send + 'static;

    /// Decides the request against the latest image.
    fn decide(self, image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Decision<Self::Reply>;
}
