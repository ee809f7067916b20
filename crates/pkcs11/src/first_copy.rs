//! Which copy of this package was loaded first into the process: the one that keeps what all of them
//! [have in common](crate::common).
//!
//! Every copy exports the same function, and the first library in the loader's list that has it is the first copy, for
//! whoever asks: each copy is in the list before it asks, others are only ever added behind it, and once found it is held
//! and cannot be unloaded. So there is nothing to agree on, and no file, socket, environment variable or memory at a
//! known address that a system might refuse or another program have taken. A library that a worker thread of Node
//! loads is in the same list.

/// The function of this name (with its final zero) in the first copy. `None` where no library has it: a program that has the
/// package linked in exports nothing, and is its own first.
///
/// # Safety
///
/// `F` must be the type of that function in whichever library has one of this name.
#[cfg(target_os = "linux")]
pub(crate) unsafe fn function<F: Copy>(name: &[u8]) -> Option<F> {
    // SAFETY: the caller's promise.
    loaded::names().into_iter().find_map(|library| unsafe { loaded::function(&library, name) })
}

/// Windows and macOS have such lists as well, which nobody has tried this with.
#[cfg(not(target_os = "linux"))]
pub(crate) unsafe fn function<F: Copy>(_name: &[u8]) -> Option<F> {
    None
}

#[cfg(target_os = "linux")]
mod loaded {
    use std::ffi::{CStr, OsStr, c_int, c_void};
    use std::os::unix::ffi::OsStrExt as _;

    use libloading::os::unix::Library;

    /// # Safety
    ///
    /// As for [`function`](super::function).
    pub(super) unsafe fn function<F: Copy>(library: &[u8], name: &[u8]) -> Option<F> {
        let library = OsStr::from_bytes(library);
        // SAFETY: it is loaded already, and nothing of it is run.
        let library = unsafe { Library::open(Some(library), libc::RTLD_LAZY | libc::RTLD_NOLOAD) }.ok()?;
        // SAFETY: the caller's promise.
        let function = *unsafe { library.get::<F>(name) }.ok()?;
        // An open handle keeps it in the process.
        std::mem::forget(library);
        Some(function)
    }

    /// The libraries in the order in which they were loaded; the program itself has no name.
    pub(super) fn names() -> Vec<Vec<u8>> {
        unsafe extern "C" fn note(info: *mut libc::dl_phdr_info, _size: usize, names: *mut c_void) -> c_int {
            // SAFETY: the loader's structure with the loader's string, and the vector of the call below.
            unsafe {
                let name = (*info).dlpi_name;
                if !name.is_null() {
                    (*names.cast::<Vec<Vec<u8>>>()).push(CStr::from_ptr(name).to_bytes().to_vec());
                }
            }
            0
        }
        let mut names: Vec<Vec<u8>> = Vec::new();
        // SAFETY: the function is called during this call only, by this thread.
        unsafe { libc::dl_iterate_phdr(Some(note), (&raw mut names).cast()) };
        // Others than files have no handle: the program, the kernel's own.
        names.retain(|name| name.contains(&b'/'));
        names
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        type Any = unsafe extern "C" fn();

        #[test]
        fn libraries_are_listed_and_this_program_is_no_copy() {
            assert!(names().iter().any(|name| name.windows(5).any(|part| part == b"/libc")));
            // SAFETY: neither is called.
            let [ours, of_libc] = [&b"refresh_session_pkcs11_common_1\0"[..], b"getpid\0"]
                .map(|name| unsafe { super::super::function::<Any>(name) });
            assert!(ours.is_none() && of_libc.is_some());
        }
    }
}
