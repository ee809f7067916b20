//! Reading one log file from end to end, whatever has become of it.

use crate::frame::{self, Content, Seed};
use crate::header::HEADER;

/// One statement of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Said {
    /// A record, and where its frame is.
    Record { id: u64, offset: u64, len: u64 },
    /// A record is removed.
    Removed(u64),
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// What the file says, in its order.
    pub(crate) said: Vec<Said>,
    /// Runs of bytes that are no frames and have frames behind them: offset, length.
    pub(crate) damage: Vec<(u64, u64)>,
    /// Where the last good frame ends.
    pub(crate) end: u64,
}

/// Looks at every byte. Behind what is no frame it looks for the next one, byte by byte.
pub(crate) fn scan(bytes: &[u8], seed: Seed) -> Scan {
    let mut found = Scan { end: HEADER as u64, ..Scan::default() };
    let mut at = HEADER;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(frame) = frame::read(rest, seed) else {
            let Some(skip) = frame::search(rest, seed) else { break };
            found.damage.push((at as u64, skip as u64));
            at += skip;
            continue;
        };
        match frame.content {
            Content::Record { id, .. } => {
                found.said.push(Said::Record { id, offset: at as u64, len: frame.len as u64 });
            }
            Content::Removed(numbers) => found.said.extend(frame::removed(numbers).map(Said::Removed)),
        }
        at += frame.len;
        found.end = at as u64;
    }
    found
}
