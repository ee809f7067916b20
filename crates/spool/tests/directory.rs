//! Whose directory it is, and who has it open.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;

use refresh_session_core::Error;
use refresh_session_spool::{Spool, SpoolOptions};
use support::{Temporary, open, options, record, texts};

fn refused(options: &SpoolOptions) -> (&'static str, Error) {
    let error = Spool::open(options).unwrap_err();
    assert!(error.hint().is_some() && error.param().is_some(), "{error:?}");
    (error.code().as_str(), error)
}

#[test]
fn a_queue_survives_who_opened_it() {
    let place = Temporary::new("survives");
    let mut spool = open(place.queue());
    let ids = spool.append_batch(&[record("one"), record("two"), record("three")]).unwrap();
    spool.remove(&ids[..1]).unwrap();
    drop(spool);
    let mut spool = open(place.queue());
    assert_eq!(texts(&mut spool), ["two", "three"]);
    assert_eq!(spool.ids().collect::<Vec<_>>(), ids[1..]);
    let first = spool.read_after(None, 1).unwrap();
    assert_eq!((first.len(), first[0].0, &first[0].1), (1, ids[1], &record("two")));
    assert_eq!(spool.read_after(Some(ids[1]), usize::MAX).unwrap(), [(ids[2], record("three"))]);
    assert_eq!(spool.read_after(Some(ids[2]), usize::MAX).unwrap(), []);
}

#[test]
fn only_one_has_it_open() {
    let place = Temporary::new("locked");
    let first = open(place.queue());
    let (code, error) = refused(&options(place.queue()));
    assert_eq!(code, "ERR_MQTT_QUEUE_LOCKED");
    assert!(error.retryable() && error.message().contains(place.queue().to_str().unwrap()), "{error:?}");
    drop(first);
    open(place.queue());
}

#[test]
fn another_clients_queue_is_refused_and_left_alone() {
    let place = Temporary::new("identity");
    open(place.queue()).append_batch(&[record("one")]).unwrap();
    let other = SpoolOptions { identity: "gw-0043".into(), ..options(place.queue()) };
    assert_eq!(refused(&other).0, "ERR_MQTT_QUEUE_IDENTITY");
    // Even when the queue's own header is gone.
    fs::remove_file(place.queue().join("queue")).unwrap();
    assert_eq!(refused(&other).0, "ERR_MQTT_QUEUE_IDENTITY");
    assert_eq!(texts(&mut open(place.queue())), ["one"]);
}

#[test]
fn a_newer_version_is_refused_and_left_alone() {
    let place = Temporary::new("version");
    open(place.queue()).append_batch(&[record("one")]).unwrap();
    // The first sixteen bytes of version 2: the checksum is of what is before it.
    let newer = *b"RSSPOOL\n\x02\0\0\0\xa9\xc5\xe0\xb7";
    for name in ["queue", "0000000000000001.log"] {
        let file = place.queue().join(name);
        let before = fs::read(&file).unwrap();
        let mut bytes = before.clone();
        bytes[..16].copy_from_slice(&newer);
        fs::write(&file, &bytes).unwrap();
        let (code, error) = refused(&options(place.queue()));
        assert_eq!(code, "ERR_MQTT_QUEUE_VERSION");
        assert!(error.message().contains(name), "{error:?}");
        assert_eq!(fs::read(&file).unwrap(), bytes);
        fs::write(&file, before).unwrap();
    }
    assert_eq!(texts(&mut open(place.queue())), ["one"]);
}

#[test]
fn bounds_are_checked_and_held() {
    let place = Temporary::new("bounds");
    let small = SpoolOptions { max_bytes: 1000, ..options(place.queue()) };
    assert_eq!(refused_option(&small), "offlineQueue.maxBytes");
    let none = SpoolOptions { max_messages: 0, ..options(place.queue()) };
    assert_eq!(refused_option(&none), "offlineQueue.maxMessages");
    assert!(!place.queue().exists());

    let bounded = SpoolOptions { max_bytes: 1 << 16, max_messages: 100, ..options(place.queue()) };
    let (mut spool, _) = Spool::open(&bounded).unwrap();
    let code = |result: Result<_, Error>| result.map(drop).unwrap_err().code().as_str();
    assert_eq!(code(spool.append_batch(&[record(&"x".repeat(4000))])), "ERR_MQTT_PACKET_TOO_LARGE");
    assert_eq!(code(spool.append_batch(&vec![record("x"); 101])), "ERR_MQTT_QUEUE_FULL");
    let large = vec![record(&"x".repeat(3000)); 5];
    let mut batches = 0;
    while spool.has_room(&large) {
        spool.append_batch(&large).unwrap();
        batches += 1;
    }
    assert_eq!(batches, 3);
    assert_eq!(code(spool.append_batch(&large)), "ERR_MQTT_QUEUE_FULL");
    let oldest: Vec<_> = spool.ids().take(5).collect();
    spool.remove(&oldest).unwrap();
    spool.append_batch(&large).unwrap();
    assert!(spool.stats().disk_bytes <= 1 << 16);
}

#[test]
fn a_queue_that_is_larger_than_its_bounds_now_is_emptied() {
    let place = Temporary::new("lowered");
    let texts_before: Vec<_> = (0..300).map(|number| format!("{number} {}", "x".repeat(1000))).collect();
    let records: Vec<_> = texts_before.iter().map(|text| record(text)).collect();
    open(place.queue()).append_batch(&records).unwrap();
    let lowered = SpoolOptions { max_bytes: 1 << 16, max_messages: 10, ..options(place.queue()) };
    let (mut spool, warnings) = Spool::open(&lowered).unwrap();
    assert_eq!((texts(&mut spool), warnings), (texts_before, vec![]));
    assert!(!spool.has_room(&records[..1]));
    for id in spool.ids().collect::<Vec<_>>() {
        spool.remove(&[id]).unwrap();
    }
    // Hardly anything but notes of removal, and no message over and over.
    assert!(spool.stats().written_bytes < 300 * 1000 / 4, "{:?}", spool.stats());
    spool.append_batch(&records[..10]).unwrap();
    assert!(spool.stats().disk_bytes <= 1 << 16);
}

fn refused_option(options: &SpoolOptions) -> String {
    let error = Spool::open(options).unwrap_err();
    assert_eq!(error.code().as_str(), "ERR_INVALID_OPTION");
    error.param().unwrap().to_owned()
}

#[test]
fn a_directory_that_is_none_is_refused() {
    let place = Temporary::new("none");
    assert_eq!(refused(&options(place.0.join("missing/queue"))).0, "ERR_MQTT_QUEUE_DIRECTORY");
    assert!(!place.0.join("missing").exists(), "a mount point is not made");
    fs::write(place.0.join("file"), "").unwrap();
    assert_eq!(refused(&options(place.0.join("file"))).0, "ERR_MQTT_QUEUE_DIRECTORY");
    assert_eq!(refused(&options(place.0.join("file/queue"))).0, "ERR_MQTT_QUEUE_DIRECTORY");
    // Files of somebody else that happen to have such names.
    fs::create_dir(place.queue()).unwrap();
    let theirs = place.queue().join("0000000000000001.log");
    fs::write(&theirs, "x".repeat(1000)).unwrap();
    assert_eq!(refused(&options(place.queue())).0, "ERR_MQTT_QUEUE_DIRECTORY");
    assert_eq!(fs::read(theirs).unwrap().len(), 1000);
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};

    use super::*;

    fn mode(path: &std::path::Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn nobody_else_reads_or_writes_there() {
        let place = Temporary::new("mode");
        open(place.queue()).append_batch(&[record("one")]).unwrap();
        assert_eq!(mode(&place.queue()), 0o700);
        let files: Vec<_> = fs::read_dir(place.queue()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files.len(), 3);
        assert!(files.iter().all(|file| mode(file) == 0o600), "{files:?}");

        for open_to in [0o720, 0o702, 0o1777] {
            fs::set_permissions(place.queue(), fs::Permissions::from_mode(open_to)).unwrap();
            let (code, error) = refused(&options(place.queue()));
            assert_eq!(code, "ERR_MQTT_QUEUE_DIRECTORY");
            assert!(error.message().contains(&format!("{open_to:04o}")), "{error:?}");
        }
        fs::set_permissions(place.queue(), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(texts(&mut open(place.queue())), ["one"]);
    }

    #[test]
    fn a_directory_of_somebody_else_is_refused() {
        let place = Temporary::new("owner");
        fs::create_dir(place.queue()).unwrap();
        if chown(place.queue(), Some(12345), None).is_err() {
            eprintln!("SKIPPED: only root can give a directory away");
            return;
        }
        fs::set_permissions(place.queue(), fs::Permissions::from_mode(0o700)).unwrap();
        let (code, error) = refused(&options(place.queue()));
        assert_eq!(code, "ERR_MQTT_QUEUE_DIRECTORY");
        assert!(error.message().contains("12345"), "{error:?}");
    }
}
