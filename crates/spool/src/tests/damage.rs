//! Every byte of a file, one after the other.

use bytes::Bytes;

use super::medium::Medium;
use crate::options::Bounds;
use crate::{Fsync, Record, RecordId, Spool, SpoolOptions};

const MESSAGES: u8 = 12;

fn open(medium: &Medium) -> (Spool, Vec<&'static str>) {
    let options = SpoolOptions {
        directory: "/queue".into(),
        identity: "gw-1".into(),
        max_bytes: SpoolOptions::MIN_BYTES,
        max_messages: 1000,
        fsync: Fsync::Always,
    };
    let bounds = Bounds::of(&options).unwrap();
    let (spool, warnings) = Spool::open_on(Box::new(medium.clone()), None, bounds, &options).unwrap();
    (spool, warnings.into_iter().map(|warning| warning.code).collect())
}

fn message(number: u8) -> Record {
    Record { header: Bytes::from(vec![number; 3]), payload: Bytes::from(vec![number; 20]) }
}

fn filled() -> (Medium, Vec<(RecordId, u64, u64)>) {
    let medium = Medium::default();
    let (mut spool, _) = open(&medium);
    let records: Vec<_> = (0..MESSAGES).map(message).collect();
    let ids = spool.append_batch(&records).unwrap();
    let places = ids.into_iter().map(|id| (id, spool.place(id).offset, spool.place(id).len)).collect();
    (medium, places)
}

#[test]
fn a_tail_that_ends_anywhere_is_cut_back_to_whole_messages() {
    let (_, places) = filled();
    let full = places.last().map(|(_, offset, len)| offset + len).unwrap();
    for end in 0..=full {
        let (medium, _) = filled();
        medium.edit(1, |bytes| bytes.truncate(usize::try_from(end).unwrap()));
        let (mut spool, warnings) = open(&medium);
        let whole: Vec<_> =
            places.iter().filter(|(_, offset, len)| offset + len <= end).map(|found| found.0).collect();
        assert_eq!(spool.ids().collect::<Vec<_>>(), whole, "cut at {end}");
        let even =
            end == full || end == 64 || end == 0 || places.iter().any(|(_, offset, len)| offset + len == end);
        assert_eq!(warnings, if even { vec![] } else { vec!["WARN_MQTT_QUEUE_TRUNCATED"] }, "cut at {end}");
        // It goes on, and what was cut off is told once.
        let next = spool.append_batch(&[message(99)]).unwrap();
        assert!(whole.iter().all(|id| *id < next[0]));
        drop(spool);
        let (mut spool, warnings) = open(&medium);
        assert_eq!((spool.ids().count(), warnings), (whole.len() + 1, vec![]));
        assert_eq!(spool.read_after(whole.last().copied(), usize::MAX).unwrap(), [(next[0], message(99))]);
    }
}

#[test]
fn a_flipped_bit_takes_one_message_at_most() {
    let (_, places) = filled();
    let full = places.last().map(|(_, offset, len)| offset + len).unwrap();
    for at in 0..full {
        for bit in [0, 5] {
            let (medium, _) = filled();
            medium.edit(1, |bytes| bytes[usize::try_from(at).unwrap()] ^= 1 << bit);
            let (mut spool, warnings) = open(&medium);
            let left: Vec<_> = places
                .iter()
                .zip(0..)
                .filter(|((_, offset, len), _)| !(*offset..offset + len).contains(&at))
                .map(|((id, ..), number)| (*id, message(number)))
                .collect();
            assert_eq!(spool.read_after(None, usize::MAX).unwrap(), left, "byte {at}");
            let last = places.last().is_some_and(|(_, offset, _)| at >= *offset);
            let told = if last { "WARN_MQTT_QUEUE_TRUNCATED" } else { "WARN_MQTT_QUEUE_DAMAGED" };
            assert_eq!(warnings, [told], "byte {at}");
        }
    }
}

#[test]
fn a_message_that_holds_a_message_is_not_mistaken_for_it() {
    let (medium, places) = filled();
    let (_, offset, len) = places[3];
    let (mut spool, _) = open(&medium);
    // A frame of another file of this very directory, salt and all, in the payload of a damaged one.
    let stolen = medium.edit(1, |bytes| {
        let run = usize::try_from(offset).unwrap()..usize::try_from(offset + len).unwrap();
        Bytes::copy_from_slice(&bytes[run])
    });
    for _ in 0..10 {
        // Until another file is written.
        let filler = Record { header: Bytes::new(), payload: Bytes::from(vec![0; 1500]) };
        spool.append_batch(&[filler]).unwrap();
    }
    let id = spool.append_batch(&[Record { header: Bytes::new(), payload: stolen }, message(50)]).unwrap();
    let place = spool.place(id[0]);
    assert!(place.file > 1);
    let count = spool.ids().count();
    spool.remove(&[places[3].0]).unwrap();
    drop(spool);
    medium.edit(place.file, |bytes| bytes[usize::try_from(place.offset).unwrap()] ^= 1);
    let (spool, warnings) = open(&medium);
    assert_eq!(warnings, ["WARN_MQTT_QUEUE_DAMAGED"]);
    assert_eq!(spool.ids().count(), count - 2);
    assert!(spool.ids().all(|id| id != places[3].0));
}

#[test]
fn the_header_of_the_queue_is_known_from_its_files() {
    let (medium, places) = filled();
    medium.edit(0, |bytes| bytes[20] ^= 1);
    let (spool, warnings) = open(&medium);
    assert_eq!((spool.ids().count(), warnings), (places.len(), vec!["WARN_MQTT_QUEUE_DAMAGED"]));
    drop(spool);
    medium.edit(1, |bytes| bytes[20] ^= 1);
    let (spool, warnings) = open(&medium);
    assert_eq!((spool.ids().count(), warnings), (places.len(), vec!["WARN_MQTT_QUEUE_DAMAGED"]));
}

#[test]
fn a_message_that_is_damaged_after_the_queue_was_opened_is_left_out() {
    let (medium, places) = filled();
    let (mut spool, _) = open(&medium);
    medium.edit(1, |bytes| bytes[usize::try_from(places[0].1).unwrap() + 40] ^= 1);
    let found = spool.read_after(None, 1).unwrap();
    assert_eq!(found, [(places[1].0, message(1))]);
    assert_eq!(spool.take_warnings().len(), 1);
    assert_eq!(spool.ids().count(), places.len() - 1);
}
