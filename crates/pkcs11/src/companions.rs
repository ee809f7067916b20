//! The libraries that a module loads by itself, as far as that can be known: they are modules again.
//!
//! `RTLD_DEEPBIND` holds for one library and what it is linked with, not for what that loads later. p11-kit's proxy and
//! opencryptoki would so bring SoftHSM or their token libraries into Node's OpenSSL after all. A library that is there
//! already stays as it was bound, so these are loaded first, in the same way as a module.
//!
//! | Module | Companions |
//! |---|---|
//! | p11-kit's proxy | those that the `*.module` files in `/usr/share/p11-kit/modules` and `/etc/pkcs11/modules` name, unless they are for some programs only (`enable-in`, `disable-in`) |
//! | opencryptoki | the libraries in its folder `stdll` |

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::trust;

const P11_KIT_CONFIGURATION: [&str; 2] = ["/usr/share/p11-kit/modules", "/etc/pkcs11/modules"];

/// Those of the module at `path`, without those that [may not be loaded](trust) or are not there.
pub(crate) fn of(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let folder = path.parent().unwrap_or(path);
    let found: Vec<_> = if name.starts_with("libp11-kit.so") || name.starts_with("p11-kit-proxy.") {
        let modules = folder.join("pkcs11");
        let files = P11_KIT_CONFIGURATION.iter().flat_map(|folder| files_in(Path::new(folder)));
        files.filter_map(|file| Some(modules.join(named_in(&fs::read_to_string(file).ok()?)?))).collect()
    } else if name.starts_with("libopencryptoki.so") {
        files_in(&folder.join("stdll"))
    } else {
        Vec::new()
    };
    // A library may go by several names.
    let files: BTreeSet<_> = found.into_iter().filter_map(|path| fs::canonicalize(path).ok()).collect();
    files.into_iter().filter(|path| path.is_file() && trust::check_path(path).is_ok()).collect()
}

/// The module of a `*.module` file: a path, or a name in p11-kit's folder of modules.
fn named_in(configuration: &str) -> Option<&str> {
    let settings = || configuration.lines().filter_map(|line| line.split_once(':'));
    if settings().any(|(key, _)| matches!(key.trim(), "enable-in" | "disable-in" | "remote")) {
        return None;
    }
    settings().find(|(key, _)| key.trim() == "module").map(|(_, module)| module.trim())
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_names_its_module_if_it_is_for_everybody() {
        assert_eq!(named_in("# SoftHSM\nmodule: libsofthsm2.so\npriority: 1\n"), Some("libsofthsm2.so"));
        assert_eq!(named_in("module:/opt/v/lib.so"), Some("/opt/v/lib.so"));
        assert_eq!(named_in("module: a.so\nenable-in: p11tool"), None);
        assert_eq!(named_in("module: a.so\ndisable-in: node"), None);
        assert_eq!(named_in("remote: |bwrap p11-kit remote a.so\nmodule: a.so"), None);
        assert_eq!(named_in("#module: a.so\n"), None);
    }

    #[test]
    fn other_modules_have_none() {
        assert!(of(Path::new("/usr/lib/softhsm/libsofthsm2.so")).is_empty());
        assert!(of(Path::new("/")).is_empty());
    }
}
