//! A disk that is full: a small file system in memory, where we may mount one.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use refresh_session_spool::Spool;
use support::{Temporary, open, options, record, texts};

/// A mounted file system.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn new(path: &'a Path, size: &str) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &format!("size={size},mode=700"), "tmpfs"])
            .arg(path)
            .stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then_some(Self(path))
    }

    fn remount(&self, how: &str) {
        let done =
            Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(self.0).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_is_an_error_and_no_end() {
    let place = Temporary::new("full");
    let Some(_mounted) = Mounted::new(&place.0, "256k") else {
        eprintln!("SKIPPED: mounting a file system takes root");
        return;
    };
    let mut spool = open(place.queue());
    fs::write(place.0.join("filler"), vec![0; 150 * 1024]).unwrap();
    let mut stored = Vec::new();
    let error = loop {
        let text = format!("{} {}", stored.len(), "x".repeat(700));
        match spool.append_batch(&[record(&text), record(&text)]) {
            Ok(_) => stored.extend([text.clone(), text]),
            Err(error) => break error,
        }
    };
    assert_eq!((error.code().as_str(), error.retryable()), ("ERR_MQTT_QUEUE_STORAGE", true));
    assert!(error.hint().unwrap().starts_with("Make room"), "{error:?}");
    assert!(stored.len() > 20);
    assert_eq!(texts(&mut spool), stored);

    // A full disk opens, too.
    drop(spool);
    let mut spool = open(place.queue());
    assert_eq!(texts(&mut spool), stored);

    fs::remove_file(place.0.join("filler")).unwrap();
    spool.append_batch(&[record("later")]).unwrap();
    drop(spool);
    stored.push("later".into());
    assert_eq!(texts(&mut open(place.queue())), stored);
}

#[test]
fn a_read_only_file_system_is_an_error() {
    let place = Temporary::new("read-only");
    let Some(mounted) = Mounted::new(&place.0, "1m") else {
        eprintln!("SKIPPED: mounting a file system takes root");
        return;
    };
    open(place.queue()).append_batch(&[record("one")]).unwrap();
    mounted.remount("ro");
    let error = Spool::open(&options(place.queue())).unwrap_err();
    assert_eq!(error.code().as_str(), "ERR_MQTT_QUEUE_STORAGE");
    assert!(error.hint().unwrap().contains("read-only"), "{error:?}");
    mounted.remount("rw");
    assert_eq!(texts(&mut open(place.queue())), ["one"]);
}
