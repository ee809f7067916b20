//! Which module is loaded at all, with copies of the shim.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use refresh_session_core::crypto::digest::Hash;
use refresh_session_core::{Code, Error};
use refresh_session_pkcs11::{Token, TokenConfig};

use crate::support::{Fixture, isolated};

fn token(fixture: &Fixture) {
    fixture.token("gw");
}

/// A folder with a copy of the shim; removed when dropped.
struct Copied {
    folder: PathBuf,
    config: TokenConfig,
}

impl Copied {
    fn new(fixture: &Fixture, name: &str) -> Self {
        let folder = fixture.directory.join(format!("trust-{name}"));
        fs::create_dir_all(&folder).unwrap();
        let config = fixture.shim("gw");
        let module = folder.join("copy.so");
        fs::copy(&config.module, &module).unwrap();
        let copied = Self { folder, config: TokenConfig { module, ..config } };
        Self::mode(&copied.folder, 0o755);
        Self::mode(&copied.config.module, 0o644);
        copied
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn refusal(&self) -> Error {
        Token::open(&self.config, None).unwrap_err()
    }

    fn sha256(&self) -> Vec<u8> {
        Hash::Sha256.digest(&fs::read(&self.config.module).unwrap())
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn a_module_that_others_can_write_is_loaded_once_they_cannot() {
    isolated("trust::a_module_that_others_can_write_is_loaded_once_they_cannot", token, |fixture| {
        let copied = Copied::new(fixture, "mode");
        for (path, mode, back) in [(&copied.config.module, 0o664, 0o644), (&copied.folder, 0o777, 0o755)] {
            Copied::mode(path, mode);
            let error = copied.refusal();
            assert_eq!((error.code(), error.param()), (Code::Pkcs11ModuleWritable, Some("pkcs11.library")));
            let path_shown = path.to_str().unwrap();
            assert!(error.message().contains(&format!("{mode:04o}")), "{error}");
            assert!(error.hint().unwrap().contains(&format!("chmod go-w '{path_shown}'")), "{error:?}");
            Copied::mode(path, back);
        }
        assert!(!Path::new(&fixture.file("spy")).exists(), "nothing of it was called");
        Token::open(&copied.config, None).unwrap();
        // It runs by now, and what is there on the disk is not what runs.
        Copied::mode(&copied.config.module, 0o666);
        Token::open(&copied.config, None).unwrap();
    });
}

#[test]
fn a_link_does_not_hide_where_the_module_is() {
    isolated("trust::a_link_does_not_hide_where_the_module_is", token, |fixture| {
        let mut copied = Copied::new(fixture, "link");
        let shared = fixture.directory.join("shared");
        fs::create_dir(&shared).unwrap();
        Copied::mode(&shared, 0o1777);
        let everybodys = shared.join("module.so");
        fs::copy(&copied.config.module, &everybodys).unwrap();
        copied.config.module = copied.folder.join("link.so");
        symlink(&everybodys, &copied.config.module).unwrap();
        let error = copied.refusal();
        assert_eq!(error.code(), Code::Pkcs11ModuleWritable, "{error:?}");
        assert!(error.message().contains(everybodys.to_str().unwrap()), "{error}");
        assert!(!error.hint().unwrap().contains("chmod"), "{error:?}");
    });
}

#[test]
fn a_module_of_another_user_is_not_loaded() {
    isolated("trust::a_module_of_another_user_is_not_loaded", token, |fixture| {
        let copied = Copied::new(fixture, "owner");
        // Only root can give files away; for others `trust` has tests of its own.
        if chown(&copied.config.module, Some(12_345), None).is_err() {
            return;
        }
        let error = copied.refusal();
        assert_eq!(error.code(), Code::Pkcs11ModuleOwner, "{error:?}");
        assert!(error.message().contains("12345"), "{error}");
    });
}

#[test]
fn a_pinned_module_is_the_one_or_none() {
    isolated("trust::a_pinned_module_is_the_one_or_none", token, |fixture| {
        let mut copied = Copied::new(fixture, "pin");
        let right = copied.sha256();
        copied.config.module_sha256 = Some(vec![7; 32]);
        assert_eq!(copied.refusal().code(), Code::Pkcs11ModuleHash);
        assert!(!Path::new(&fixture.file("spy")).exists(), "nothing of it was called");
        copied.config.module_sha256 = Some(right);
        Token::open(&copied.config, None).unwrap();
        // Updated under the process: what was loaded is still what was pinned.
        let updated = copied.folder.join("updated.so");
        fs::write(&updated, b"another").unwrap();
        fs::rename(&updated, &copied.config.module).unwrap();
        Token::open(&copied.config, None).unwrap();
        copied.config.module_sha256 = Some(copied.sha256());
        assert_eq!(copied.refusal().code(), Code::Pkcs11ModuleHash);
    });
}

#[test]
fn a_module_for_another_system_is_named_as_such() {
    isolated("trust::a_module_for_another_system_is_named_as_such", token, |fixture| {
        let copied = Copied::new(fixture, "system");
        let module = fs::read(&copied.config.module).unwrap();
        let says = |change: &dyn Fn(&mut Vec<u8>), part: &str| {
            let mut changed = module.clone();
            change(&mut changed);
            fs::write(&copied.config.module, changed).unwrap();
            let error = copied.refusal();
            assert_eq!(error.code(), Code::Pkcs11ModulePlatform, "{error:?}");
            assert!(error.message().contains(part), "{error}");
        };
        says(&|module| module[18] = 8, "another machine (ELF number 8)");
        says(&|module| module.clear(), "is no shared library");
        if cfg!(target_env = "gnu") {
            let name = module.windows(10).position(|bytes| bytes == b"libc.so.6\0").unwrap();
            says(&|module| module[name + 7..name + 9].fill(0), "musl");
        }
    });
}
