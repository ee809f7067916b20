//! Certificate, key and CA options as the user gives them.
//!
//! A text that holds a PEM boundary (`-----BEGIN `) is PEM; any other text is the path of a file; bytes are PEM or
//! DER. Files are read when the session is made, so that a wrong path is an error then and there.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use refresh_session_core::{Code, Error, Result, Secret, shown};
use zeroize::Zeroizing;

/// Largest file read: a chain with a few intermediates is under 20 KiB, a full CA bundle about 250 KiB.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// For files that seem to be empty, as in `/proc`.
const UNKNOWN_ROOM: usize = 64 * 1024;

/// For all others, whatever their length. All of the room is overwritten in the end: it is no larger than it must be.
const MIN_ROOM: usize = 8 * 1024;

const PEM_BOUNDARY: &str = "-----BEGIN ";

/// Where the bytes of a certificate, key or CA bundle come from.
#[derive(Clone)]
pub enum Material {
    /// A file, read whole.
    Path(PathBuf),
    /// The content itself: PEM or DER.
    Inline(Secret),
    /// A file whose content is at hand: see [`Material::loaded`].
    Loaded {
        /// Where it is from.
        path: PathBuf,
        /// What it held then.
        content: Secret,
    },
}

impl Material {
    /// Tells PEM text from a path.
    #[must_use]
    pub fn from_text(text: String) -> Self {
        if text.contains(PEM_BOUNDARY) {
            return Self::Inline(Secret::from(text));
        }
        Self::Path(PathBuf::from(text))
    }

    /// Content given as bytes.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self::Inline(Secret::new(bytes))
    }

    /// Reads it; `param` is the option's name for the error.
    pub fn read(&self, param: &'static str) -> Result<Secret> {
        let content = match self {
            Self::Path(path) => read_file(path, param)?,
            Self::Inline(content) | Self::Loaded { content, .. } => content.clone(),
        };
        if content.is_empty() {
            return Err(Error::invalid_option(
                param,
                match self {
                    Self::Path(path) | Self::Loaded { path, .. } => {
                        format!("is empty: file {}", shown::path(path))
                    }
                    Self::Inline(_) => "is empty".into(),
                },
            ));
        }
        Ok(content)
    }

    /// The same with the content at hand, read now: whoever parses a file that may be written to meanwhile parses what
    /// was compared, and messages still name the file.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn loaded(&self, param: &'static str) -> Result<Self> {
        let content = self.read(param)?;
        Ok(match self {
            Self::Path(path) | Self::Loaded { path, .. } => Self::Loaded { path: path.clone(), content },
            Self::Inline(_) => Self::Inline(content),
        })
    }

    /// The file, if it is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) | Self::Loaded { path, .. } => Some(path),
            Self::Inline(_) => None,
        }
    }

    /// For messages: the path, or that the content was given.
    #[must_use]
    pub fn described(&self) -> String {
        match self {
            Self::Path(path) | Self::Loaded { path, .. } => format!("file {}", shown::path(path)),
            Self::Inline(_) => "the content given".into(),
        }
    }
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Material({})", self.described())
    }
}

/// Whether `content` is PEM text rather than DER.
pub(crate) fn is_pem(content: &[u8]) -> bool {
    content.windows(PEM_BOUNDARY.len()).any(|window| window == PEM_BOUNDARY.as_bytes())
}

fn read_file(path: &PathBuf, param: &'static str) -> Result<Secret> {
    let unreadable = |error: std::io::Error| {
        Error::new(
            Code::FileUnreadable,
            format!("option `{param}`: the file {} cannot be read: {error}", shown::path(path)),
        )
        .with_param(param)
        .with_hint(
            "Check that the path is right and that the user of this process may read it; a text that is not a path \
             must be PEM, with its `-----BEGIN` line.",
        )
    };
    let refuse = || {
        Error::new(
            Code::FileUnreadable,
            format!(
                "option `{param}`: {} is not a regular file of at most {MAX_FILE_BYTES} bytes",
                shown::path(path)
            ),
        )
        .with_param(param)
    };
    let fits = |metadata: &Metadata| metadata.is_file() && metadata.len() <= MAX_FILE_BYTES;
    // Before it is opened: a FIFO or device could block the caller's thread for ever.
    if !fits(&std::fs::metadata(path).map_err(unreadable)?) {
        return Err(refuse());
    }
    let mut file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !fits(&metadata) {
        return Err(refuse());
    }
    // Room for all at once: a vector that grows would leave a copy of a key behind that nobody overwrites. Not every
    // file system knows how long its files are.
    let room = match usize::try_from(metadata.len()).unwrap_or(0) {
        0 => UNKNOWN_ROOM,
        length => length.max(MIN_ROOM),
    };
    let mut content = Zeroizing::new(vec![0; room]);
    let mut filled = 0;
    while filled < content.len() {
        match file.read(&mut content[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
    content.truncate(filled);
    Ok(Secret::new(std::mem::take(&mut *content)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_pem_from_paths() {
        assert!(matches!(Material::from_text("/etc/gw/key.pem".into()), Material::Path(_)));
        let pem = "Bag Attributes\n-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n";
        let inline = Material::from_text(pem.into());
        assert!(matches!(inline, Material::Inline(_)));
        assert!(!format!("{inline:?}").contains("canary"));
    }

    #[test]
    fn a_missing_file_and_a_directory_name_the_option() {
        for path in ["/nonexistent/cert.pem", "/"] {
            let error = Material::from_text(path.into()).read("certificate").unwrap_err();
            assert_eq!((error.code(), error.param()), (Code::FileUnreadable, Some("certificate")));
            assert!(error.message().contains(path), "{error}");
        }
    }

    #[test]
    fn a_file_that_does_not_tell_its_length_is_read() {
        let content = Material::from_text("/proc/self/status".into()).read("ca").unwrap();
        assert!(content.expose().starts_with(b"Name:"));
    }

    #[test]
    fn a_long_file_is_read_whole() {
        let path = std::env::temp_dir().join(format!("refresh-session-long-{}", std::process::id()));
        let content: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        std::fs::write(&path, &content).unwrap();
        let read = Material::Path(path.clone()).read("ca");
        std::fs::remove_file(path).unwrap();
        assert_eq!(read.unwrap().expose(), content);
    }

    #[test]
    fn empty_content_is_refused() {
        let error = Material::from_bytes(Vec::new()).read("privateKey").unwrap_err();
        assert_eq!(error.code(), Code::InvalidOption);
    }
}
