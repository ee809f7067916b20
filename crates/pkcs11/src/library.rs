//! Loading a module's shared library, once and for the life of the process.

use std::fs;
use std::path::{Path, PathBuf};

use cryptoki::context::Pkcs11;
use cryptoki_sys as sys;
use refresh_session_core::{Code, Error, Result};

use crate::common::{self, Common};
#[cfg(all(target_os = "linux", target_env = "gnu"))]
use crate::companions;
#[cfg(target_os = "linux")]
use crate::elf::likely_misfit;
use crate::failure::{Failure, Place};

/// A loaded module. Never unloaded: modules start threads of their own, and unloading would pull the code away
/// from under them.
#[derive(Debug)]
pub(crate) struct Library {
    pub(crate) context: Pkcs11,
    pub(crate) functions: Functions,
    pub(crate) common: &'static Common,
}

/// The functions that the crate does not offer one by one (PKCS#11 v2.40 section 3.6, `CK_FUNCTION_LIST`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Functions {
    pub(crate) info: unsafe extern "C" fn(*mut sys::CK_INFO) -> sys::CK_RV,
    pub(crate) token_info: unsafe extern "C" fn(sys::CK_SLOT_ID, *mut sys::CK_TOKEN_INFO) -> sys::CK_RV,
    pub(crate) sign_init: unsafe extern "C" fn(
        sys::CK_SESSION_HANDLE,
        *mut sys::CK_MECHANISM,
        sys::CK_OBJECT_HANDLE,
    ) -> sys::CK_RV,
    pub(crate) sign: unsafe extern "C" fn(
        sys::CK_SESSION_HANDLE,
        *mut sys::CK_BYTE,
        sys::CK_ULONG,
        *mut sys::CK_BYTE,
        *mut sys::CK_ULONG,
    ) -> sys::CK_RV,
    pub(crate) get_attribute_value: unsafe extern "C" fn(
        sys::CK_SESSION_HANDLE,
        sys::CK_OBJECT_HANDLE,
        *mut sys::CK_ATTRIBUTE,
        sys::CK_ULONG,
    ) -> sys::CK_RV,
}

impl Functions {
    fn of(list: &sys::CK_FUNCTION_LIST) -> Option<Self> {
        Some(Self {
            info: list.C_GetInfo?,
            token_info: list.C_GetTokenInfo?,
            sign_init: list.C_SignInit?,
            sign: list.C_Sign?,
            get_attribute_value: list.C_GetAttributeValue?,
        })
    }
}

/// The file that `path` names, links resolved: two names of one library are one module.
///
/// [`Code::InvalidOption`] for a relative path or something that is no file, [`Code::Pkcs11Module`] if there is
/// nothing.
pub(crate) fn canonical(path: &Path) -> Result<PathBuf> {
    const PARAM: &str = "pkcs11.library";
    if !path.is_absolute() {
        // The loader would search directories for it, and what it finds is code that runs in this process.
        return Err(Error::invalid_option(PARAM, "must be an absolute path"));
    }
    let shown = path.display();
    let found = fs::canonicalize(path).map_err(|error| {
        Error::new(Code::Pkcs11Module, format!("PKCS#11 module `{shown}` cannot be opened: {error}"))
            .with_param(PARAM)
            .with_hint("Install the module's package or correct `pkcs11.library`.")
    })?;
    if !found.is_file() {
        return Err(Error::invalid_option(PARAM, format!("names `{shown}`, which is not a file")));
    }
    Ok(found)
}

/// Loads the library. Runs its constructors, and on failure leaves nothing behind.
pub(crate) fn load(path: &Path) -> Result<Library> {
    let file = fs::read(path).unwrap_or_default();
    refuse_misfit(path, &file)?;
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for companion in companions::of(path) {
        // One that cannot be loaded is a matter between it and the module.
        let _ = preload(&companion);
    }
    let handle = preload(path).map_err(|error| match likely_misfit(&file) {
        Some(what) => misfit(path, what),
        None => refused(path, &format!("cannot be loaded: {}", loader_text(&error))),
    })?;
    drop(file);
    let context = Pkcs11::new(path).map_err(|error| match error {
        cryptoki::error::Error::LibraryLoading(error) => {
            refused(path, &format!("cannot be loaded: {}", loader_text(&error)))
        }
        cryptoki::error::Error::MissingSymbol(_) => no_function_list(path),
        other => {
            let subject = subject(path);
            Failure::from(other).into_error(Place { subject: &subject, adopted: false })
        }
    })?;
    let functions = functions(path)?;
    Ok(Library { context, functions, common: common::of(handle) })
}

/// ``module `libsofthsm2.so` ``, for messages.
pub(crate) fn subject(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    format!("module `{}`", name.display())
}

/// Opens the library before the crate does, with the flags that the crate has no way to give; the crate's own
/// opening then gets the same handle.
///
/// `RTLD_DEEPBIND` makes the module find its own OpenSSL rather than the one that Node exports from its
/// executable, of another version and with other build options: without it the two mix. `RTLD_NOW` turns a missing
/// dependency into an error here instead of an abort at the first call. musl knows no deep binding.
///
/// Returns what the library is known by in this process: the loader's handle, the same for whoever opens it.
#[cfg(unix)]
fn preload(path: &Path) -> Result<usize, libloading::Error> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    const FLAGS: libc::c_int = libc::RTLD_NOW | libc::RTLD_LOCAL | libc::RTLD_DEEPBIND | libc::RTLD_NODELETE;
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    const FLAGS: libc::c_int = libc::RTLD_NOW | libc::RTLD_LOCAL | libc::RTLD_NODELETE;
    // SAFETY: running the library's constructors is what the user asked for by naming it; nothing else of it is
    // called here.
    let library = unsafe { libloading::os::unix::Library::open(Some(path), FLAGS) }?;
    Ok(library.into_raw().addr())
}

#[cfg(not(unix))]
fn preload(path: &Path) -> Result<usize, libloading::Error> {
    // SAFETY: as above; there is no symbol interposition to guard against on these systems.
    let library = unsafe { libloading::Library::new(path) }?;
    // Known to this copy only, and kept for ever.
    Ok(std::ptr::from_ref(Box::leak(Box::new(library))).addr())
}

fn functions(path: &Path) -> Result<Functions> {
    // SAFETY: already loaded and kept; this only finds the handle again.
    let library = unsafe { libloading::Library::new(path) }
        .map_err(|error| refused(path, &format!("cannot be loaded: {}", loader_text(&error))))?;
    // SAFETY: the standard fixes this symbol's signature (PKCS#11 v2.40 section 5.4).
    let lookup = unsafe {
        library.get::<unsafe extern "C" fn(*mut *mut sys::CK_FUNCTION_LIST) -> sys::CK_RV>(
            b"C_GetFunctionList\0",
        )
    };
    let Ok(list_of) = lookup else { return Err(no_function_list(path)) };
    let mut list = std::ptr::null_mut();
    // SAFETY: `list` is a place for one pointer; the function may be called before C_Initialize.
    let value = unsafe { list_of(&raw mut list) };
    if value != sys::CKR_OK || list.is_null() {
        let subject = subject(path);
        return Err(
            Failure::call("C_GetFunctionList", value).into_error(Place { subject: &subject, adopted: false })
        );
    }
    // SAFETY: not null, and the module keeps the list for as long as it is loaded, which is for ever; read by copy
    // because nothing promises its alignment.
    let list = unsafe { list.read_unaligned() };
    Functions::of(&list).ok_or_else(|| {
        refused(path, "lacks C_GetInfo, C_GetTokenInfo, C_SignInit, C_Sign or C_GetAttributeValue")
    })
}

#[cfg(target_os = "linux")]
fn refuse_misfit(path: &Path, file: &[u8]) -> Result<()> {
    crate::elf::misfit(file).map_or(Ok(()), |what| Err(misfit(path, &what)))
}

#[cfg(not(target_os = "linux"))]
fn refuse_misfit(_path: &Path, _file: &[u8]) -> Result<()> {
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn likely_misfit(_file: &[u8]) -> Option<&'static str> {
    None
}

fn misfit(path: &Path, what: &str) -> Error {
    let message = format!("PKCS#11 module `{}` {what}", path.display());
    Error::new(Code::Pkcs11ModulePlatform, message).with_param("pkcs11.library").with_hint(
        "`pkcs11.library` must name a shared library for the processor and the C library of the Node.js that loads \
         it; `file` and `readelf -d` show what it was built for.",
    )
}

fn no_function_list(path: &Path) -> Error {
    refused(path, "is no PKCS#11 module: it exports no C_GetFunctionList")
}

fn refused(path: &Path, what: &str) -> Error {
    Error::new(Code::Pkcs11Module, format!("PKCS#11 module `{}` {what}", path.display()))
        .with_param("pkcs11.library")
        .with_hint(
            "`pkcs11.library` must name the module's shared library, built for this processor and C library; \
             `ldd` shows what it is missing.",
        )
}

/// What the system's loader says, without libloading's words around it.
fn loader_text(error: &libloading::Error) -> String {
    match error {
        libloading::Error::DlOpen { desc } | libloading::Error::DlSym { desc } => {
            format!("{desc:?}").trim_matches('"').to_owned()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_must_be_absolute_and_a_file() {
        let relative = canonical(Path::new("libsofthsm2.so")).unwrap_err();
        assert_eq!((relative.code(), relative.param()), (Code::InvalidOption, Some("pkcs11.library")));
        let directory = canonical(&std::env::temp_dir()).unwrap_err();
        assert_eq!(directory.code(), Code::InvalidOption);
        let missing = canonical(&std::env::temp_dir().join("no-such-module.so")).unwrap_err();
        assert_eq!(missing.code(), Code::Pkcs11Module);
        assert!(missing.message().contains("no-such-module.so"), "{missing}");
    }
}
