//! Bounds the descriptors that segments hold open.

/// Closes the least used segment files when there are too many.
#[derive(Debug)]
pub struct OpenFiles {}

impl OpenFiles {
    /// At most `limit` files are held open.
    pub fn new(_limit: usize) -> Self {
        todo!()
    }
}
