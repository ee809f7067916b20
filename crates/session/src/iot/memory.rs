//! What is remembered of files between two looks at them. Pure: touches no file.

use refresh_session_core::Timestamp;
use refresh_session_core::crypto::keyed_hash::KeyedHash;

use super::stamp::Stamp;

/// Which content is in use, which was tried last, and how the files looked then.
#[derive(Debug)]
pub(super) struct Memory {
    /// As they were before they were read; `None` if the next look has to read.
    stamps: Option<Vec<Option<Stamp>>>,
    good: KeyedHash,
    tried: Option<KeyedHash>,
}

impl Memory {
    /// Of content that is in use. The first look reads.
    pub(super) fn new(good: KeyedHash) -> Self {
        Self { stamps: None, good, tried: Some(good) }
    }

    pub(super) fn good(&self) -> KeyedHash {
        self.good
    }

    /// Whether files that look like this may hold something else than when they were last read.
    pub(super) fn is_worth_reading(&self, stamps: &[Option<Stamp>]) -> bool {
        self.stamps.as_deref() != Some(stamps)
    }

    /// They are going to be read, and look like this. What is written from here on must show at the next look, so
    /// stamps that could come out the same again are not kept.
    pub(super) fn reading(&mut self, stamps: Vec<Option<Stamp>>, wall: Timestamp) {
        let settled = stamps.iter().all(|stamp| stamp.is_some_and(|stamp| stamp.is_settled(wall)));
        self.stamps = settled.then_some(stamps);
    }

    /// They held this. True if it is to be tried: it is neither in use nor what was tried last.
    pub(super) fn is_new(&mut self, content: KeyedHash) -> bool {
        let tried = self.tried.replace(content);
        tried != Some(content) && content != self.good
    }

    /// What was tried last is in use now.
    pub(super) fn accept(&mut self) {
        if let Some(tried) = self.tried {
            self.good = tried;
        }
    }

    /// What was refused may be right by now.
    pub(super) fn forget_refusal(&mut self) {
        self.tried = None;
        self.stamps = None;
    }
}

#[cfg(test)]
mod tests {
    use refresh_session_core::Secret;

    use super::*;

    const LATER: Timestamp = Timestamp::from_unix_millis(100_000);

    fn hash(content: &str) -> KeyedHash {
        KeyedHash::of("test", &Secret::from(content)).unwrap()
    }

    fn stamp(length: u64, modified_millis: u64) -> Vec<Option<Stamp>> {
        vec![Some(Stamp::made_up(length, modified_millis))]
    }

    #[test]
    fn files_are_read_once_while_they_look_the_same() {
        let mut memory = Memory::new(hash("a"));
        assert!(memory.is_worth_reading(&stamp(1, 0)));
        memory.reading(stamp(1, 0), LATER);
        assert!(!memory.is_worth_reading(&stamp(1, 0)));
        assert!(memory.is_worth_reading(&stamp(2, 0)) && memory.is_worth_reading(&stamp(1, 1)));
        assert!(memory.is_worth_reading(&[None]));
    }

    #[test]
    fn a_stamp_that_may_come_again_is_not_trusted() {
        let mut memory = Memory::new(hash("a"));
        for stamps in [stamp(1, 99_000), stamp(1, 200_000), vec![None]] {
            memory.reading(stamps.clone(), LATER);
            assert!(memory.is_worth_reading(&stamps), "{stamps:?}");
        }
    }

    #[test]
    fn a_content_is_tried_once_and_the_good_one_never_again() {
        let mut memory = Memory::new(hash("a"));
        assert!(!memory.is_new(hash("a")));
        assert!(memory.is_new(hash("half of b")));
        assert!(!memory.is_new(hash("half of b")));
        assert!(!memory.is_new(hash("a")), "taken back");
        assert!(memory.is_new(hash("b")));
        memory.accept();
        assert_eq!(memory.good(), hash("b"));
        assert!(!memory.is_new(hash("b")) && memory.is_new(hash("a")));
    }

    #[test]
    fn a_refusal_can_be_forgotten() {
        let mut memory = Memory::new(hash("a"));
        assert!(memory.is_new(hash("b")));
        memory.forget_refusal();
        assert!(memory.is_new(hash("b")));
    }
}
