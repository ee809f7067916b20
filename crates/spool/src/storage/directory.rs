//! The real thing: a directory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::Storage;

const HEADER: &str = "queue";
const NEW_HEADER: &str = "queue.new";
const SUFFIX: &str = ".log";

/// The files in one directory. Made by whoever holds its lock.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    /// The file that is appended to.
    last: Option<File>,
    /// The file that was read last.
    reading: Option<(u64, File)>,
}

impl Directory {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), last: None, reading: None }
    }

    fn log(&self, number: u64) -> PathBuf {
        self.path.join(file_name(number))
    }
}

/// The name of a log file.
pub(crate) fn file_name(number: u64) -> String {
    format!("{number:016x}{SUFFIX}")
}

/// Its number.
fn file_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let number = u64::from_str_radix(digits, 16).ok()?;
    (file_name(number) == name).then_some(number)
}

/// To write, for nobody else's eyes.
pub(crate) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

impl Storage for Directory {
    fn list(&mut self) -> io::Result<Vec<(u64, u64)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if let Some(number) = entry.file_name().to_str().and_then(file_number) {
                found.push((number, entry.metadata()?.len()));
            }
        }
        Ok(found)
    }

    fn read_header(&mut self) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path.join(HEADER)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write_header(&mut self, bytes: &[u8]) -> io::Result<()> {
        let new = self.path.join(NEW_HEADER);
        let mut file = options().write(true).create(true).truncate(true).open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, self.path.join(HEADER))?;
        self.sync_directory()
    }

    fn read(&mut self, number: u64, offset: u64, len: u64) -> io::Result<Vec<u8>> {
        let mut file = match self.reading.take() {
            Some((open, file)) if open == number => file,
            _ => File::open(self.log(number))?,
        };
        file.seek(SeekFrom::Start(offset))?;
        // Room for what is there, not for what a caller believes to be there.
        let there = file.metadata()?.len().saturating_sub(offset).min(len);
        let mut bytes = Vec::with_capacity(usize::try_from(there).unwrap_or(0));
        (&mut file).take(len).read_to_end(&mut bytes)?;
        self.reading = Some((number, file));
        Ok(bytes)
    }

    fn create(&mut self, number: u64) -> io::Result<()> {
        self.last = None;
        self.last = Some(options().append(true).create_new(true).open(self.log(number))?);
        Ok(())
    }

    fn reopen(&mut self, number: u64) -> io::Result<()> {
        self.last = None;
        self.last = Some(options().append(true).open(self.log(number))?);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.last.as_mut().ok_or(io::ErrorKind::NotFound)?.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.last.as_ref().map_or(Ok(()), File::sync_data)
    }

    fn truncate(&mut self, number: u64, len: u64) -> io::Result<()> {
        let file = options().write(true).open(self.log(number))?;
        file.set_len(len)?;
        file.sync_data()
    }

    fn delete(&mut self, number: u64) -> io::Result<()> {
        if self.reading.as_ref().is_some_and(|(open, _)| *open == number) {
            self.reading = None;
        }
        match fs::remove_file(self.log(number)) {
            // Somebody else's doing, but what was wanted.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    #[cfg(unix)]
    fn sync_directory(&mut self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    /// Elsewhere the file system does it by itself, and a directory is no file.
    #[cfg(not(unix))]
    fn sync_directory(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_names_are_ours() {
        assert_eq!(file_name(26), "000000000000001a.log");
        assert_eq!(file_number("000000000000001a.log"), Some(26));
        for other in
            ["1a.log", "000000000000001A.log", "+00000000000001a.log", "queue", "000000000000001a.log~"]
        {
            assert_eq!(file_number(other), None, "{other}");
        }
    }
}
