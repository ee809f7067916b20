//! What the queue needs from a file system: small enough for a test to stand in between and cut the power.

mod directory;
pub(crate) mod refusal;

use std::fmt;
use std::io;

pub(crate) use directory::{Directory, file_name, options};

/// The files of one queue. Log files have numbers; one of them, the last made or reopened, is written at its end.
pub(crate) trait Storage: fmt::Debug + Send {
    /// Numbers and lengths of the log files, in any order.
    fn list(&mut self) -> io::Result<Vec<(u64, u64)>>;
    /// What is in `queue`; `None`: there is no such file.
    fn read_header(&mut self) -> io::Result<Option<Vec<u8>>>;
    /// Puts these bytes into `queue`, on the medium, in one step: the old or the new are there, nothing between.
    fn write_header(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Up to `len` bytes of a log file; fewer where it ends.
    fn read(&mut self, number: u64, offset: u64, len: u64) -> io::Result<Vec<u8>>;
    /// Makes a log file, which [`append`](Self::append) writes from now on.
    fn create(&mut self, number: u64) -> io::Result<()>;
    /// [`append`](Self::append) writes this one from now on.
    fn reopen(&mut self, number: u64) -> io::Result<()>;
    /// Writes at the end. After an error some of it may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Brings what was appended to the medium.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts a log file, and brings that to the medium.
    fn truncate(&mut self, number: u64, len: u64) -> io::Result<()>;
    /// Deletes a log file.
    fn delete(&mut self, number: u64) -> io::Result<()>;
    /// Brings to the medium which files there are.
    fn sync_directory(&mut self) -> io::Result<()>;
}
