//! Single faults, one after the other.

use bytes::Bytes;
use refresh_session_core::{Code, Error};

use super::medium::{Broken, Medium};
use super::random::Random;
use crate::options::Bounds;
use crate::{Fsync, Record, Spool, SpoolOptions};

fn open(medium: &Medium, fsync: Fsync) -> Spool {
    let options = SpoolOptions {
        directory: "/queue".into(),
        identity: "gw-1".into(),
        max_bytes: SpoolOptions::MIN_BYTES,
        max_messages: 1000,
        fsync,
    };
    let bounds = Bounds::of(&options).unwrap();
    Spool::open_on(Box::new(medium.clone()), None, bounds, &options).unwrap().0
}

fn record(text: &str) -> Record {
    Record { header: Bytes::new(), payload: Bytes::copy_from_slice(text.as_bytes()) }
}

fn payloads(spool: &mut Spool) -> Vec<Bytes> {
    spool.read_after(None, usize::MAX).unwrap().into_iter().map(|(_, record)| record.payload).collect()
}

fn storage(error: &Error) -> bool {
    error.code() == Code::MqttQueueStorage
        && error.retryable()
        && error.hint().is_some()
        && error.param().is_some()
}

#[test]
fn a_full_disk_takes_nothing_of_the_batch_and_later_there_is_room() {
    let medium = Medium::default();
    let mut spool = open(&medium, Fsync::Always);
    let first = spool.append_batch(&[record("one")]).unwrap();
    let used = medium.bytes();
    medium.state().room = Some(used - 64 + 20);
    let error = spool.append_batch(&[record("two"), record("three")]).unwrap_err();
    assert!(storage(&error) && error.hint().unwrap().starts_with("Make room"), "{error:?}");
    assert_eq!(medium.bytes(), used, "nothing half-written");
    assert_eq!(payloads(&mut spool), ["one"]);
    medium.state().room = None;
    let second = spool.append_batch(&[record("four")]).unwrap();
    assert!(second[0] > first[0]);
    drop(spool);
    assert_eq!(payloads(&mut open(&medium, Fsync::Always)), ["one", "four"]);
}

#[test]
fn a_note_of_removal_that_finds_no_room_is_written_later() {
    let medium = Medium::default();
    let mut spool = open(&medium, Fsync::Always);
    let ids = spool.append_batch(&[record("one"), record("two")]).unwrap();
    medium.state().room = Some(0);
    assert!(storage(&spool.remove(&ids[..1]).unwrap_err()));
    assert_eq!(payloads(&mut spool), ["two"]);
    medium.state().room = None;
    spool.sync().unwrap();
    drop(spool);
    assert_eq!(payloads(&mut open(&medium, Fsync::Always)), ["two"]);
}

#[test]
fn a_failed_sync_refuses_the_batch() {
    let medium = Medium::default();
    let mut spool = open(&medium, Fsync::Always);
    spool.append_batch(&[record("one")]).unwrap();
    medium.state().broken = Broken { sync: true, ..Broken::default() };
    assert!(storage(&spool.append_batch(&[record("two")]).unwrap_err()));
    medium.state().broken = Broken::default();
    spool.append_batch(&[record("three")]).unwrap();
    drop(spool);
    medium.power_cut(&mut Random(1));
    assert_eq!(payloads(&mut open(&medium, Fsync::Always)), ["one", "three"]);
}

#[test]
fn what_a_failed_sync_left_in_doubt_is_written_anew() {
    for seed in 0..20 {
        let medium = Medium::default();
        let mut spool = open(&medium, Fsync::OnDemand);
        spool.append_batch(&[record("one"), record("two")]).unwrap();
        medium.state().broken = Broken { sync: true, ..Broken::default() };
        assert!(storage(&spool.sync().unwrap_err()));
        assert!(spool.stats().unsynced_bytes > 0);
        medium.state().broken = Broken::default();
        // The system would say yes to a second sync, and the pages are lost.
        spool.sync().unwrap();
        assert_eq!(spool.stats().unsynced_bytes, 0);
        drop(spool);
        medium.power_cut(&mut Random(seed));
        assert_eq!(payloads(&mut open(&medium, Fsync::OnDemand)), ["one", "two"]);
    }
}

#[test]
fn what_is_refused_and_cannot_be_cut_off_does_not_come_back() {
    let medium = Medium::default();
    let mut spool = open(&medium, Fsync::Always);
    spool.append_batch(&[record("one")]).unwrap();
    medium.state().broken = Broken { sync: true, truncate: true, write: false };
    assert!(storage(&spool.append_batch(&[record("two")]).unwrap_err()));
    medium.state().broken = Broken::default();
    assert_eq!(payloads(&mut spool), ["one"]);
    spool.append_batch(&[record("three")]).unwrap();
    drop(spool);
    assert_eq!(payloads(&mut open(&medium, Fsync::Always)), ["one", "three"]);
}

#[test]
fn a_read_only_file_system_is_named() {
    let medium = Medium::default();
    let mut spool = open(&medium, Fsync::Always);
    spool.append_batch(&[record("one")]).unwrap();
    medium.state().broken = Broken { write: true, ..Broken::default() };
    let error = spool.append_batch(&[record("two")]).unwrap_err();
    assert!(storage(&error) && error.hint().unwrap().contains("read-only"), "{error:?}");
    assert_eq!(payloads(&mut spool), ["one"]);
}

#[test]
fn faults_that_never_end_do_not_fill_the_disk() {
    let medium = Medium::default();
    let mut spool = open(&medium, Fsync::Always);
    for _ in 0..100 {
        spool.append_batch(&[record(&"x".repeat(200))]).unwrap();
    }
    let before = medium.bytes();
    medium.state().broken = Broken { sync: true, ..Broken::default() };
    for _ in 0..200 {
        spool.append_batch(&[record(&"y".repeat(200))]).unwrap_err();
        let _ = spool.sync();
    }
    assert!(medium.bytes() <= before + 8 * 1024, "{} bytes after {before}", medium.bytes());
}

#[test]
fn numbers_are_not_used_again_when_only_a_new_file_knows_of_them() {
    for seed in 0..20 {
        let medium = Medium::default();
        let mut spool = open(&medium, Fsync::OnDemand);
        let first = spool.append_batch(&vec![record(&"x".repeat(900)); 4]).unwrap();
        spool.sync().unwrap();
        spool.append_batch(&[record(&"x".repeat(900))]).unwrap();
        spool.remove(&first).unwrap();
        drop(spool);
        medium.power_cut(&mut Random(seed));
        let next = open(&medium, Fsync::OnDemand).append_batch(&[record("next")]).unwrap();
        assert!(next[0] > first[3], "{next:?}");
    }
}

#[test]
fn a_record_is_copied_before_its_file_goes() {
    let medium = Medium::default();
    let mut spool = open(&medium, Fsync::OnDemand);
    let first = spool.append_batch(&[record("stays")]).unwrap()[0];
    spool.sync().unwrap();
    let file = spool.place(first).file;
    while spool.place(first).file == file {
        let other = spool.append_batch(&[record(&"x".repeat(900))]).unwrap();
        spool.remove(&other).unwrap();
    }
    for seed in 0..20 {
        let after = medium.copy();
        after.power_cut(&mut Random(seed));
        assert!(payloads(&mut open(&after, Fsync::OnDemand)).contains(&Bytes::from("stays")), "seed {seed}");
    }
}
