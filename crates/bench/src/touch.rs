//! Touching memory before measurements: a virtual machine gets its pages from the host when they are first
//! used, and whoever uses them first pays for it. Not the first server under test.

use crate::error::Failure;

const PAGE: usize = 4096;

/// Writes to each page of so many bytes, then gives them back; returns the pages.
pub fn touch(bytes: u64) -> Result<u64, Failure> {
    let pages = bytes as usize / PAGE;
    let mut memory: Vec<u8> = Vec::new();
    memory
        .try_reserve_exact(pages * PAGE)
        .map_err(|error| Failure::Usage(format!("{bytes} bytes: {error}")))?;
    memory.resize(pages * PAGE, 1);
    Ok(std::hint::black_box(&memory)
        .chunks(PAGE)
        .filter(|page| page[0] == 1)
        .count() as u64)
}
