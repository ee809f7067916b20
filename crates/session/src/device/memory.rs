//! What is remembered of the files' content between two looks at them. Pure: touches no file.

use refresh_session_core::crypto::keyed_hash::KeyedHash;

/// Which content is in use, and which was tried last.
#[derive(Debug)]
pub(super) struct Memory {
    good: KeyedHash,
    tried: Option<KeyedHash>,
}

impl Memory {
    /// Of content that is in use.
    pub(super) fn new(good: KeyedHash) -> Self {
        Self { good, tried: None }
    }

    pub(super) fn good(&self) -> KeyedHash {
        self.good
    }

    /// They hold this. True if it is to be tried: it is neither in use nor what was tried last.
    pub(super) fn is_new(&mut self, content: KeyedHash) -> bool {
        if content == self.good {
            // Whatever was tried is no longer there; if it comes back that is news.
            self.tried = None;
            return false;
        }
        self.tried.replace(content) != Some(content)
    }

    /// What was tried last is in use now.
    pub(super) fn accept(&mut self) {
        if let Some(tried) = self.tried.take() {
            self.good = tried;
        }
    }

    /// What was refused may be right by now.
    pub(super) fn forget_refusal(&mut self) {
        self.tried = None;
    }
}

#[cfg(test)]
mod tests {
    use refresh_session_core::Secret;

    use super::*;

    fn hash(content: &str) -> KeyedHash {
        KeyedHash::of("test", &Secret::from(content)).unwrap()
    }

    #[test]
    fn a_content_is_tried_once_and_the_good_one_never() {
        let mut memory = Memory::new(hash("a"));
        assert!(!memory.is_new(hash("a")));
        assert!(memory.is_new(hash("half of b")));
        assert!(!memory.is_new(hash("half of b")));
        assert!(!memory.is_new(hash("a")), "taken back");
        assert!(memory.is_new(hash("half of b")), "there again");
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
        memory.accept();
        memory.forget_refusal();
        assert!(!memory.is_new(hash("b")), "in use");
    }
}
