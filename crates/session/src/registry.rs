//! The engines of the process: sessions on the same source share one, across worker threads.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use refresh_session_core::crypto::keyed_hash::KeyedHash;

use crate::engine::Engine;

static ENGINES: LazyLock<Mutex<HashMap<KeyedHash, Shared>>> = LazyLock::new(Mutex::default);

struct Shared {
    engine: Arc<Engine>,
    users: usize,
}

/// A user's part in an engine.
#[derive(Debug)]
pub(crate) struct Membership {
    key: Option<KeyedHash>,
    engine: Arc<Engine>,
}

impl Membership {
    /// In the engine with this key, which is made if there is none; without a key, in one of its own.
    pub(crate) fn join(key: Option<KeyedHash>, make: impl FnOnce() -> Arc<Engine>) -> Self {
        let Some(hash) = key else { return Self { key, engine: make() } };
        // `make` is dropped after the lock: a source that is not needed may hold sessions, which then leave.
        let mut engines = engines();
        let shared = match engines.entry(hash) {
            Entry::Occupied(shared) => shared.into_mut(),
            Entry::Vacant(none) => none.insert(Shared { engine: make(), users: 0 }),
        };
        shared.users += 1;
        Self { key, engine: shared.engine.clone() }
    }

    pub(crate) const fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Gives it up, once. True for the last user, who then closes the engine: nobody finds it any more.
    pub(crate) fn leave(&self) -> bool {
        let Some(key) = self.key else { return true };
        let mut engines = engines();
        let Some(shared) = engines.get_mut(&key).filter(|shared| Arc::ptr_eq(&shared.engine, &self.engine))
        else {
            return true;
        };
        shared.users -= 1;
        let last = shared.users == 0;
        if last {
            engines.remove(&key);
        }
        last
    }
}

fn engines() -> MutexGuard<'static, HashMap<KeyedHash, Shared>> {
    ENGINES.lock().unwrap_or_else(PoisonError::into_inner)
}
