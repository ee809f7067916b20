//! How much is written for what is stored, and how much disk it takes.

use bytes::Bytes;

use super::medium::Medium;
use super::random::Random;
use crate::options::Bounds;
use crate::{Fsync, Record, RecordId, Spool, SpoolOptions};

const MAX: u64 = 256 * 1024;
const MESSAGES: u64 = 4000;
/// Header and payload.
const SIZE: u64 = 40 + 256;

fn open(medium: &Medium) -> Spool {
    let options = SpoolOptions {
        directory: "/queue".into(),
        identity: "gw-1".into(),
        max_bytes: MAX,
        max_messages: 10_000,
        fsync: Fsync::OnDemand,
    };
    let bounds = Bounds::of(&options).unwrap();
    Spool::open_on(Box::new(medium.clone()), None, bounds, &options).unwrap().0
}

fn message() -> Record {
    Record { header: Bytes::from_static(&[1; 40]), payload: Bytes::from_static(&[2; 256]) }
}

/// A queue with this many messages in it all the time, of which `next` chooses the one that is removed. Bytes written for each
/// byte of a message.
fn amplification(standing: usize, batch: usize, mut next: impl FnMut(&[RecordId]) -> usize) -> f64 {
    let medium = Medium::default();
    let mut spool = open(&medium);
    let mut there = Vec::new();
    for _ in 0..MESSAGES / batch as u64 {
        there.extend(spool.append_batch(&vec![message(); batch]).unwrap());
        let mut gone = Vec::new();
        while there.len() > standing {
            gone.push(there.remove(next(&there)));
        }
        spool.remove(&gone).unwrap();
        let (disk, queued) = (medium.bytes(), spool.stats().message_bytes);
        assert!(disk <= MAX.min(2 * queued + 6 * MAX / 16), "{disk} bytes for {queued}");
    }
    assert_eq!(spool.ids().collect::<Vec<_>>(), there);
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    let ratio = spool.stats().written_bytes as f64 / (MESSAGES * SIZE) as f64;
    ratio
}

#[test]
fn the_bound_holds_when_what_is_removed_is_not_reclaimed_yet() {
    let medium = Medium::default();
    let mut spool = open(&medium);
    let fill = |spool: &mut Spool| {
        while spool.has_room(&[message()]) {
            spool.append_batch(&[message()]).unwrap();
            assert!(medium.bytes() <= MAX, "{}", medium.bytes());
        }
    };
    for _ in 0..5 {
        fill(&mut spool);
        let every_other: Vec<_> = spool.ids().step_by(2).collect();
        spool.remove(&every_other).unwrap();
    }
}

#[test]
fn what_is_written_for_a_message_is_bounded() {
    let mut random = Random(1);
    let full = 500;
    for (what, ratio, most) in [
        ("in order, one by one", amplification(10, 1, |_| 0), 1.27),
        ("in order, ten by ten", amplification(10, 10, |_| 0), 1.16),
        ("in order, full", amplification(full, 1, |_| 0), 1.27),
        ("in order, and the first never", amplification(10, 1, |there| usize::from(there.len() > 1)), 1.30),
        ("in any order, few", amplification(10, 1, |there| random.below(there.len())), 1.40),
        (
            "in any order, full",
            amplification(full, 1, |there| Random(there.len() as u64 + there[0].0).below(there.len())),
            5.0,
        ),
        ("the newest first, full", amplification(full, 1, |there| there.len() - 1), 5.0),
    ] {
        println!("{what}: {ratio:.2}");
        assert!(ratio <= most, "{what}: {ratio:.2}");
    }
}
