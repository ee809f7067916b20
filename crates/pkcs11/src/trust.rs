//! Who could have put the module there: asked before it is loaded, since loading it runs its code in this process.
//!
//! The path is the one with its links resolved, and that is also the one loaded. When neither the file nor any folder
//! above it can be changed by anybody but root and ourselves, nobody else can exchange it between the look and the
//! loading either.

use std::path::Path;

use refresh_session_core::crypto::digest::{Hash, hex};
use refresh_session_core::{Code, Error, Result, shown};

const PARAM: &str = "pkcs11.library";

/// Refuses a module that somebody else than root and this process's user may exchange.
#[cfg(unix)]
pub(crate) fn check_path(module: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;

    // SAFETY: has no arguments, cannot fail and touches no memory.
    let user = unsafe { libc::geteuid() };
    for path in module.ancestors() {
        let found = std::fs::symlink_metadata(path).map_err(|error| unreadable(path, &error))?;
        let holder = Holder { module, path, user, owner: found.uid(), mode: found.mode() };
        holder.check()?;
    }
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn check_path(_module: &Path) -> Result<()> {
    Ok(())
}

/// The SHA-256 of a module's file.
pub(crate) fn sha256_of(module: &Path) -> Result<Vec<u8>> {
    let content = std::fs::read(module).map_err(|error| unreadable(module, &error))?;
    Ok(Hash::Sha256.digest(&content))
}

/// Refuses a module that is not the one whose hash was given.
pub(crate) fn check_sha256(module: &Path, expected: &[u8], found: &[u8]) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    let (path, expected, found) = (shown::path(module), hex(expected), hex(found));
    let message =
        format!("PKCS#11 module `{path}` has the SHA-256 {found}: expected {expected}; it was not loaded");
    Err(Error::new(Code::Pkcs11ModuleHash, message).with_param("pkcs11.librarySha256").with_hint(format!(
        "If the module was updated on purpose, give the output of `sha256sum '{path}'` as `pkcs11.librarySha256`; \
         otherwise find out who changed it."
    )))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    let message = format!("PKCS#11 module: `{}` cannot be examined: {error}", shown::path(path));
    Error::new(Code::Pkcs11Module, message)
        .with_param(PARAM)
        .with_hint("The user of this process must be able to read the module and the folders above it.")
}

/// The module's file, or a folder above it.
#[cfg(unix)]
struct Holder<'a> {
    module: &'a Path,
    path: &'a Path,
    user: u32,
    owner: u32,
    mode: u32,
}

#[cfg(unix)]
impl Holder<'_> {
    const WRITABLE_BY_GROUP_OR_OTHERS: u32 = 0o022;
    const STICKY: u32 = 0o1000;

    fn check(&self) -> Result<()> {
        let path = shown::path(self.path);
        if self.owner != 0 && self.owner != self.user {
            let message = format!(
                "{} belongs to the user {}: expected root or the user of this process ({})",
                self.subject(),
                self.owner,
                self.user
            );
            let hint = format!("`chown root '{path}'`, once you know that the module is the right one.");
            return Err(Error::new(Code::Pkcs11ModuleOwner, message).with_param(PARAM).with_hint(hint));
        }
        if self.mode & Self::WRITABLE_BY_GROUP_OR_OTHERS == 0 || self.only_adds() {
            return Ok(());
        }
        let message = format!(
            "{} has the mode {:04o}: expected one in which neither group nor others may write",
            self.subject(),
            self.mode & 0o7777
        );
        // Nobody is to run `chmod` on /tmp because we said so.
        let hint = if self.mode & Self::STICKY == 0 {
            format!("`chmod go-w '{path}'`, once you know that the module is the right one.")
        } else {
            let module = shown::path(self.module);
            let name = self.module.file_name().unwrap_or_default().display();
            format!(
                "It is a folder for everybody's files. Put the module elsewhere: `install -D -o root -m 0755 \
                 '{module}' '/usr/lib/pkcs11/{name}'`."
            )
        };
        Err(Error::new(Code::Pkcs11ModuleWritable, message).with_param(PARAM).with_hint(hint))
    }

    /// Whether others can add to the folder, as to /tmp, but not take away or rename what leads to the module, which is not
    /// theirs. In the module's own folder they could add what it loads.
    fn only_adds(&self) -> bool {
        let beside = self.path == self.module || Some(self.path) == self.module.parent();
        self.mode & Self::STICKY != 0 && !beside
    }

    fn subject(&self) -> String {
        let module = shown::path(self.module);
        if self.path == self.module {
            return format!("PKCS#11 module `{module}`, which was not loaded,");
        }
        format!("PKCS#11 module `{module}` was not loaded: the folder `{}` above it", shown::path(self.path))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn verdict(path: &str, owner: u32, mode: u32) -> Option<Error> {
        let (module, path) = (Path::new("/opt/v/lib.so"), Path::new(path));
        Holder { module, path, user: 1000, owner, mode }.check().err()
    }

    #[test]
    fn only_root_and_ourselves_may_own_it() {
        assert!(verdict("/opt/v/lib.so", 0, 0o755).is_none());
        assert!(verdict("/opt/v/lib.so", 1000, 0o700).is_none());
        let error = verdict("/opt", 1001, 0o40755).unwrap();
        assert_eq!((error.code(), error.param()), (Code::Pkcs11ModuleOwner, Some(PARAM)));
        let shown = format!("{error} {:?}", error.hint());
        for part in ["/opt/v/lib.so", "folder `/opt`", "user 1001", "(1000)", "chown root '/opt'"] {
            assert!(shown.contains(part), "{shown}");
        }
    }

    #[test]
    fn nobody_else_may_write() {
        for mode in [0o775, 0o757, 0o777, 0o1777] {
            assert_eq!(verdict("/opt", 0, mode).is_none(), mode & 0o1000 != 0, "{mode:o}");
            let error = verdict("/opt/v", 0, mode).unwrap();
            assert_eq!(error.code(), Code::Pkcs11ModuleWritable);
            assert!(error.message().contains(&format!("{mode:04o}")), "{error}");
            let hint = error.hint().unwrap();
            assert_eq!(hint.contains("chmod go-w '/opt/v'"), mode & 0o1000 == 0, "{hint}");
        }
    }

    #[test]
    fn a_folder_for_everybody_is_refused_and_not_mended() {
        let error = check_path(&std::env::temp_dir().join("no-such-module.so")).unwrap_err();
        assert_eq!(error.code(), Code::Pkcs11Module);
        let error = verdict("/opt/v", 0, 0o1777).unwrap();
        assert!(error.hint().unwrap().contains("install -D"), "{error:?}");
    }

    #[test]
    fn another_hash_is_refused_with_both() {
        let path = Path::new("/opt/v/lib.so");
        assert!(check_sha256(path, &[1; 32], &[1; 32]).is_ok());
        let error = check_sha256(path, &[0xab; 32], &[0xcd; 32]).unwrap_err();
        assert_eq!((error.code(), error.param()), (Code::Pkcs11ModuleHash, Some("pkcs11.librarySha256")));
        assert!(error.message().contains(&"ab".repeat(32)) && error.message().contains(&"cd".repeat(32)));
    }
}
