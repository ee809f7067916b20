//! Opening: from files to an index. Nothing is changed before it is certain that the files are ours.

use std::io;
use std::path::Path;

use refresh_session_core::crypto::random;
use refresh_session_core::{Code, Error, Result, Warning};

use crate::frame::Seed;
use crate::header::{HEADER, Header, Identity, Read};
use crate::index::{Index, Place};
use crate::options::LARGEST_FILE;
use crate::scan::{Said, Scan, scan};
use crate::storage::refusal::{PARAM, refused};
use crate::storage::{Storage, file_name};
use crate::warnings::{damaged, truncated};

/// What was found.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) salt: u64,
    pub(crate) index: Index,
    pub(crate) next_id: u64,
    pub(crate) next_file: u64,
    /// The newest file, if it may be written on. It is synced.
    pub(crate) active: Option<u64>,
    pub(crate) warnings: Vec<Warning>,
}

/// A log file before its contents are looked at.
struct Log {
    number: u64,
    len: u64,
    header: Option<Header>,
}

pub(crate) fn recover(storage: &mut dyn Storage, path: &Path, identity: Identity) -> Result<Recovered> {
    let reading = |error: io::Error| refused(path, "reading", error);
    let main = storage.read_header().map_err(reading)?;
    let main_header = main.as_deref().map_or(Ok(None), |bytes| ours(path, "queue", bytes, identity))?;
    let mut listed = storage.list().map_err(reading)?;
    listed.sort_unstable();
    let mut logs = Vec::with_capacity(listed.len());
    for (number, len) in listed {
        let bytes = storage.read(number, 0, HEADER as u64).map_err(reading)?;
        let header = ours(path, &file_name(number), &bytes, identity)?;
        logs.push(Log { number, len, header });
    }

    let known = main_header.or_else(|| logs.iter().find_map(|log| log.header));
    let mut warnings = Vec::new();
    if main.is_some() && main_header.is_none() {
        warnings.push(damaged(path, "queue", &[(0, HEADER as u64)]));
    }
    let salt = match known {
        Some(header) => header.salt,
        None if logs.iter().all(|log| log.len <= HEADER as u64) => random::seed()?,
        None => return Err(unknown(path)),
    };
    if main_header.is_none() {
        let header = Header { salt, next_id: 1, identity };
        storage.write_header(&header.encode()).map_err(|error| refused(path, "writing", error))?;
    }

    let newest = logs.last().map(|log| log.number);
    let next_file = newest.map_or(1, |number| number.saturating_add(1));
    let mut found =
        Recovered { salt, index: Index::default(), next_id: 1, next_file, active: None, warnings };
    for log in logs {
        // What is beyond the longest file was not written by us.
        let bytes = storage.read(log.number, 0, log.len.min(LARGEST_FILE)).map_err(reading)?;
        let contents = scan(&bytes, Seed::new(salt, log.number));
        found.take(&log, &contents);
        let len = log.len;
        if newest == Some(log.number) {
            found.finish(storage, path, &log, &contents, len)?;
        } else {
            found.look_at(path, &log, &contents, len);
            found.index.set_log(log.number, len);
        }
    }
    // A process that was killed may have left this to be done.
    storage.sync_directory().map_err(|error| refused(path, "writing", error))?;
    Ok(found)
}

/// The header of a file, unless it is damaged.
fn ours(path: &Path, name: &str, bytes: &[u8], identity: Identity) -> Result<Option<Header>> {
    match Header::decode(bytes) {
        Read::Header(header) if header.identity == identity => Ok(Some(header)),
        Read::Header(_) => Err(Error::new(
            Code::MqttQueueIdentity,
            format!("opening the queue in {}: it holds the messages of another client", path.display()),
        )
        .with_hint(
            "Give each client a directory of its own. If the client's identifier has changed and the messages are of no use, delete the \
             directory.",
        )
        .with_param(PARAM)),
        Read::Version(version) => Err(Error::new(
            Code::MqttQueueVersion,
            format!("opening the queue in {}: {name} is of format {version}, this version knows 1", path.display()),
        )
        .with_hint(
            "A newer version of this package wrote it, and nothing was changed. Use that version until the queue is empty, or name another \
             directory.",
        )
        .with_param(PARAM)),
        Read::Nothing => Ok(None),
    }
}

fn unknown(path: &Path) -> Error {
    Error::new(
        Code::MqttQueueDirectory,
        format!(
            "opening the queue in {}: its files are not ours, or all their headers are damaged",
            path.display()
        ),
    )
    .with_hint("Move the directory away, or name another one. Nothing was changed.")
    .with_param(PARAM)
}

impl Recovered {
    fn take(&mut self, log: &Log, contents: &Scan) {
        if let Some(header) = log.header {
            self.next_id = self.next_id.max(header.next_id);
        }
        for said in &contents.said {
            let id = match *said {
                Said::Record { id, offset, len } => {
                    // A record that is there twice was copied forward: the newer place counts, the older file goes.
                    self.index.insert(id, Place { file: log.number, offset, len });
                    id
                }
                Said::Removed(id) => {
                    self.index.remove(id);
                    id
                }
            };
            self.next_id = self.next_id.max(id.saturating_add(1));
        }
    }

    /// The newest file: an unfinished end is cut off, and what is as it should be is written on.
    fn finish(
        &mut self,
        storage: &mut dyn Storage,
        path: &Path,
        log: &Log,
        contents: &Scan,
        len: u64,
    ) -> Result<()> {
        let writing = |error: io::Error| refused(path, "writing", error);
        let name = file_name(log.number);
        if contents.said.is_empty() && log.header.is_none() {
            // It was just being made. A file system may also have given it its length and not its bytes.
            storage.delete(log.number).map_err(writing)?;
            if len > 0 {
                self.warnings.push(truncated(path, &name, 0, len));
            }
            return Ok(());
        }
        if contents.end < len {
            storage.truncate(log.number, contents.end).map_err(writing)?;
            self.warnings.push(truncated(path, &name, contents.end, len - contents.end));
        }
        self.look_at(path, log, contents, contents.end);
        self.index.set_log(log.number, contents.end);
        storage.reopen(log.number).map_err(writing)?;
        // The process before this one may have written it and been killed: it is in memory only.
        storage.sync().map_err(writing)?;
        self.active = (log.header.is_some() && contents.damage.is_empty()).then_some(log.number);
        Ok(())
    }

    fn look_at(&mut self, path: &Path, log: &Log, contents: &Scan, len: u64) {
        let header = log.header.is_none().then_some((0, len.min(HEADER as u64)));
        let end = (contents.end < len).then(|| (contents.end, len - contents.end));
        let damage: Vec<_> = header.into_iter().chain(contents.damage.iter().copied()).chain(end).collect();
        if !damage.is_empty() {
            self.warnings.push(damaged(path, &file_name(log.number), &damage));
        }
    }
}
