//! Random lives of a queue, beside a model that knows what must be there.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::medium::Medium;
use super::random::Random;
use crate::options::Bounds;
use crate::{Fsync, Record, RecordId, Spool, SpoolOptions};

/// What is known of a record that was ever given to the queue.
#[derive(Clone, Debug, PartialEq)]
struct Known {
    record: Record,
    /// Reported as stored.
    stored: bool,
    /// And on the medium.
    synced: bool,
    removed: bool,
}

struct World {
    medium: Medium,
    random: Random,
    options: SpoolOptions,
    known: BTreeMap<u64, Known>,
    next: u64,
}

impl World {
    fn new(seed: u64, fsync: Fsync) -> Self {
        let options = SpoolOptions {
            directory: "/queue".into(),
            identity: "gw-1".into(),
            max_bytes: SpoolOptions::MIN_BYTES,
            max_messages: 150,
            fsync,
        };
        Self { medium: Medium::default(), random: Random(seed), options, known: BTreeMap::new(), next: 0 }
    }

    fn open(&self) -> Spool {
        let bounds = Bounds::of(&self.options).unwrap();
        Spool::open_on(Box::new(self.medium.clone()), None, bounds, &self.options).unwrap().0
    }

    fn record(&mut self) -> Record {
        self.next += 1;
        let len = if self.random.one_in(20) { 2000 } else { self.random.below(300) };
        let fill = u8::try_from(self.random.below(256)).unwrap();
        Record {
            header: Bytes::from(self.next.to_le_bytes().to_vec()),
            payload: Bytes::from(vec![fill; len]),
        }
    }

    /// One call, and what it must have done.
    fn act(&mut self, spool: &mut Spool) {
        match self.random.below(20) {
            0..10 => {
                let count = 1 + self.random.below(6);
                let records: Vec<_> = (0..count).map(|_| self.record()).collect();
                self.append(spool, &records);
            }
            10..18 => {
                // The oldest, mostly: that is what acknowledgements are like.
                let ids: Vec<RecordId> = spool.ids().collect();
                let start = if self.random.one_in(4) { self.random.below(ids.len()) } else { 0 };
                let some: Vec<_> = ids.into_iter().skip(start).take(self.random.below(8)).collect();
                // Written down or not: gone for this process.
                let _ = spool.remove(&some);
                for id in some {
                    self.known.get_mut(&id.0).unwrap().removed = true;
                }
            }
            18 => {
                if spool.sync().is_ok() {
                    self.known.values_mut().for_each(|known| known.synced |= known.stored);
                }
            }
            _ => {
                let all = spool.read_after(None, usize::MAX).unwrap();
                let there: Vec<_> = self.present().map(|(id, record)| (RecordId(id), record)).collect();
                assert_eq!(all, there);
            }
        }
        let disk = self.medium.bytes();
        assert!(disk <= self.options.max_bytes, "{disk} bytes");
        assert_eq!(
            spool.ids().map(|id| id.0).collect::<Vec<_>>(),
            self.present().map(|(id, _)| id).collect::<Vec<_>>()
        );
    }

    fn append(&mut self, spool: &mut Spool, records: &[Record]) {
        let room = spool.has_room(records);
        match spool.append_batch(records) {
            Ok(ids) => {
                assert!(room);
                let synced = self.options.fsync == Fsync::Always;
                assert_eq!(ids.len(), records.len());
                for (id, record) in ids.iter().zip(records) {
                    let known = Known { record: record.clone(), stored: true, synced, removed: false };
                    let before = self.known.insert(id.0, known);
                    assert!(before.is_none_or(|known| !known.synced), "number {} was used twice", id.0);
                }
            }
            Err(error) => assert!(!room || error.code().as_str() == "ERR_MQTT_QUEUE_STORAGE", "{error:?}"),
        }
    }

    fn present(&self) -> impl Iterator<Item = (u64, Record)> + '_ {
        self.known
            .iter()
            .filter(|(_, known)| known.stored && !known.removed)
            .map(|(id, known)| (*id, known.record.clone()))
    }

    /// After a power cut: what was synced is there, what is there was given, and the model goes on from that.
    fn reconcile(&mut self, spool: &mut Spool, excused: impl Fn(u64) -> bool) {
        let there: BTreeMap<u64, Record> = spool
            .read_after(None, usize::MAX)
            .unwrap()
            .into_iter()
            .map(|(id, record)| (id.0, record))
            .collect();
        for (id, known) in &self.known {
            if known.synced && !known.removed && !excused(*id) {
                assert_eq!(there.get(id), Some(&known.record), "record {id} is lost");
            }
        }
        for (id, record) in &there {
            match self.known.get(id) {
                Some(known) if known.stored => assert_eq!(record, &known.record, "record {id} is another"),
                // Given, and neither stored nor refused when the power went.
                _ => assert_eq!(record.header.len(), 8, "record {id} was never given"),
            }
        }
        self.known.retain(|id, known| (known.removed && known.synced) || there.contains_key(id));
        for (id, record) in there {
            self.known.insert(id, Known { record, stored: true, synced: true, removed: false });
        }
    }
}

fn both() -> [Fsync; 2] {
    [Fsync::Always, Fsync::OnDemand]
}

#[test]
fn a_queue_that_is_closed_and_opened_is_the_same() {
    for fsync in both() {
        for seed in 0..12 {
            let mut world = World::new(seed, fsync);
            for _ in 0..6 {
                let mut spool = world.open();
                for _ in 0..world.random.below(150) {
                    world.act(&mut spool);
                }
            }
        }
    }
}

#[test]
fn a_power_cut_takes_only_what_was_not_synced() {
    for fsync in both() {
        for seed in 0..25 {
            let mut world = World::new(seed, fsync);
            for _ in 0..6 {
                let mut spool = world.open();
                world.reconcile(&mut spool, |_| false);
                for _ in 0..world.random.below(100) {
                    world.act(&mut spool);
                }
                drop(spool);
                // Or only the process ends: what the next one finds, it may rely on.
                if !world.random.one_in(3) {
                    world.medium.power_cut(&mut world.random.clone());
                }
                world.random.number();
            }
        }
    }
}

#[test]
fn the_power_may_go_after_any_call() {
    for seed in 0..5 {
        let mut world = World::new(seed, Fsync::Always);
        let mut spool = world.open();
        for _ in 0..300 {
            world.act(&mut spool);
            let mut after = World::new(world.random.number(), Fsync::Always);
            (after.medium, after.known) = (world.medium.copy(), world.known.clone());
            after.medium.power_cut(&mut after.random.clone());
            let mut opened = after.open();
            after.reconcile(&mut opened, |_| false);
            let record = after.record();
            after.append(&mut opened, &[record]);
        }
    }
}

#[test]
fn calls_that_fail_lose_nothing_and_leave_nothing_behind() {
    for fsync in both() {
        for seed in 0..25 {
            let mut world = World::new(seed, fsync);
            for round in 0..6 {
                world.medium.state().failing = None;
                let mut spool = world.open();
                world.reconcile(&mut spool, |_| false);
                let of = 2 + world.random.below(30);
                world.medium.state().failing = Some((of, Random(seed + round)));
                world.medium.state().room = world.random.one_in(3).then_some(20_000);
                for _ in 0..world.random.below(100) {
                    world.act(&mut spool);
                }
                drop(spool);
                world.medium.power_cut(&mut Random(seed ^ round));
                world.medium.state().room = None;
            }
        }
    }
}

#[test]
fn flipped_bits_take_only_the_records_they_are_in() {
    for seed in 0..100 {
        let mut world = World::new(seed, Fsync::Always);
        let mut spool = world.open();
        for _ in 0..world.random.below(200) {
            world.act(&mut spool);
        }
        let places: BTreeMap<u64, _> = spool.ids().map(|id| (id.0, spool.place(id))).collect();
        drop(spool);
        let flips = 1 + world.random.below(3);
        let mut random = Random(seed);
        let hit: BTreeSet<_> = (0..flips).map(|_| world.medium.flip(&mut random)).collect();
        // With both the header of the queue and those of all files gone nothing can be known.
        let bounds = Bounds::of(&world.options).unwrap();
        let Ok((mut spool, warnings)) =
            Spool::open_on(Box::new(world.medium.clone()), None, bounds, &world.options)
        else {
            assert!(hit.iter().filter(|(_, at)| *at < 64).count() >= 2);
            continue;
        };
        assert!(!warnings.is_empty(), "{hit:?}");
        // A flipped note of removal brings records back: they are known, and were removed.
        let excused = |id: u64| {
            places.get(&id).is_some_and(|place| {
                let run = place.offset..place.offset + place.len;
                hit.iter().any(|(file, at)| *file == place.file && run.contains(at))
            })
        };
        world.reconcile(&mut spool, excused);
        for _ in 0..20 {
            world.act(&mut spool);
        }
    }
}
