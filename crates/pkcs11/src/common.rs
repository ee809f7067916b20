//! What all copies of this package in a process have in common of one module.
//!
//! npm may install the package twice: one version for the program, another one below a dependency. Each is a library with
//! statics of its own, but the loader gives both the same module, and C_Initialize and C_Finalize are the process's. Many
//! modules cannot stand two C_Initialize at once, SoftHSM among them, and none a C_Finalize under a call. So the copy
//! that was [loaded first](crate::first_copy) keeps a [`Common`] for each module, and every copy keeps to it:
//!
//! - C_Initialize of a module that nobody has initialised, and C_Finalize, are called by one copy at a time, and while no
//!   call of another copy is under way. A module that is known to be initialised is joined: C_Initialize is called beside
//!   the calls of the others, as the proxies of p11-kit want it from each copy, and mostly says that it was done already.
//! - What one copy initialised is *ours*, and any copy may initialise it anew. What else was initialised when we came is
//!   other code's. A version of this package from before this was written counts as other code.
//! - Each time that an initialisation is over, a new *epoch* begins, and every copy joins anew before its next call.
//!
//! The time that a copy waits for another is that of its request. Linux only: elsewhere each copy is the first, and the
//! copies meet each other as other code.
//!
//! A child that was forked without exec has a copy of all this, with the calls of threads that it does not have.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::budget::Budget;
use crate::first_copy;
use crate::gate::{Busy, Gate};

/// The function that every copy exports, [`refresh_session_pkcs11_common_1`].
type Entry = extern "C" fn(usize) -> *const Common;

/// Kept by the copy that made it, used by all: a table of C functions, as the copies may be of different versions and
/// compilers. Layout and meaning never change; what must differ goes by another name than the entry's.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Common {
    /// The [`Stand`], as one number.
    stand: AtomicU64,
    /// For the functions only.
    gate: *const c_void,
    enter: unsafe extern "C" fn(*const c_void, u64) -> bool,
    leave: unsafe extern "C" fn(*const c_void),
    /// 0: it is alone. Otherwise in vain: 1, other calls were under way; 2, somebody else was alone.
    alone: unsafe extern "C" fn(*const c_void, u64) -> u32,
    leave_alone: unsafe extern "C" fn(*const c_void),
}

// SAFETY: the pointer is to a `Gate`, which is Sync and lives for ever.
unsafe impl Send for Common {}
// SAFETY: as above.
unsafe impl Sync for Common {}

/// How things stand with a module.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Stand {
    pub(crate) epoch: u64,
    pub(crate) by: By,
}

/// Who has initialised it in this epoch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum By {
    Nobody,
    Others,
    Us,
}

/// The right to make calls (`alone`: to initialise or finalise), towards the other copies.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    common: &'a Common,
    alone: bool,
}

/// That of the module whose handle the loader gave out, the same for every copy in the process.
pub(crate) fn of(handle: usize) -> &'static Common {
    static FIRST: OnceLock<Entry> = OnceLock::new();
    let entry = FIRST.get_or_init(|| {
        // SAFETY: nobody else has a function of this name, and in every copy it has this type.
        unsafe { first_copy::function(b"refresh_session_pkcs11_common_1\0") }
            .unwrap_or(refresh_session_pkcs11_common_1)
    });
    // SAFETY: what any copy's entry returns lives for ever, and the layout is the same in every copy.
    unsafe { &*entry(handle) }
}

/// Only for other copies of this package.
#[unsafe(no_mangle)]
extern "C" fn refresh_session_pkcs11_common_1(handle: usize) -> *const Common {
    static ALL: Mutex<BTreeMap<usize, &'static Common>> = Mutex::new(BTreeMap::new());
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    std::ptr::from_ref::<Common>(all.entry(handle).or_insert_with(|| Box::leak(Box::new(Common::new()))))
}

impl Common {
    fn new() -> Self {
        let gate: &'static Gate = Box::leak(Box::default());
        Self {
            stand: AtomicU64::new(0),
            gate: std::ptr::from_ref(gate).cast(),
            enter,
            leave,
            alone,
            leave_alone,
        }
    }

    pub(crate) fn stand(&self) -> Stand {
        Stand::of(self.stand.load(Ordering::Acquire))
    }

    /// It is initialised in this epoch, unless that is over by now.
    pub(crate) fn initialised(&self, epoch: u64, by: By) {
        self.move_on(epoch, Stand { epoch, by });
    }

    /// What was initialised in this epoch is over, unless somebody has said so before.
    pub(crate) fn end(&self, epoch: u64) {
        self.move_on(epoch, Stand { epoch: epoch.wrapping_add(1), by: By::Nobody });
    }

    fn move_on(&self, epoch: u64, next: Stand) {
        let _ = self.stand.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| {
            (Stand::of(now).epoch == epoch).then(|| next.number())
        });
    }

    /// It stands as before after all; for whoever has been alone since.
    pub(crate) fn restore(&self, before: Stand) {
        self.stand.store(before.number(), Ordering::Release);
    }

    /// A turn beside those of other calls, once nobody is alone; `None` if that takes longer than `limit`.
    pub(crate) fn enter(&self, limit: Duration) -> Option<Turn<'_>> {
        // SAFETY: the function and its argument come from one copy.
        let entered = unsafe { (self.enter)(self.gate, millis(limit)) };
        entered.then(|| Turn { common: self, alone: false })
    }

    /// A turn while nobody has another. Other calls are waited for, and new ones held back, for `quiet`; another copy
    /// that initialises, as long as `budget` lasts.
    pub(crate) fn alone(&self, quiet: Duration, budget: &Budget) -> Option<Turn<'_>> {
        loop {
            // SAFETY: the function and its argument come from one copy.
            match unsafe { (self.alone)(self.gate, millis(quiet.min(budget.left()))) } {
                0 => return Some(Turn { common: self, alone: true }),
                // Comes back when that one is done.
                2 if !budget.is_spent() => drop(self.enter(budget.left())?),
                _ => return None,
            }
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let leave = if self.alone { self.common.leave_alone } else { self.common.leave };
        // SAFETY: the function and its argument come from one copy, and the turn was got there.
        unsafe { leave(self.common.gate) }
    }
}

impl Stand {
    fn of(number: u64) -> Self {
        let by = match number & 3 {
            0 => By::Nobody,
            1 => By::Others,
            _ => By::Us,
        };
        Self { epoch: number >> 2, by }
    }

    fn number(self) -> u64 {
        let by = match self.by {
            By::Nobody => 0,
            By::Others => 1,
            By::Us => 2,
        };
        self.epoch << 2 | by
    }
}

fn millis(limit: Duration) -> u64 {
    u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)
}

/// What a [`Common`] of ours points to.
///
/// # Safety
/// `gate` must be such a pointer.
unsafe fn gate(gate: *const c_void) -> &'static Gate {
    // SAFETY: the caller's promise.
    unsafe { &*gate.cast::<Gate>() }
}

unsafe extern "C" fn enter(this: *const c_void, millis: u64) -> bool {
    // SAFETY: every copy calls it with the pointer beside it.
    let pass = unsafe { gate(this) }.enter(Duration::from_millis(millis));
    // It is left by the function for that.
    pass.map(std::mem::forget).is_some()
}

unsafe extern "C" fn leave(this: *const c_void) {
    // SAFETY: as above.
    unsafe { gate(this) }.leave();
}

unsafe extern "C" fn alone(this: *const c_void, millis: u64) -> u32 {
    // SAFETY: as above.
    match unsafe { gate(this) }.alone(Duration::from_millis(millis)) {
        Ok(alone) => {
            std::mem::forget(alone);
            0
        }
        Err(Busy::Callers) => 1,
        Err(Busy::Alone) => 2,
    }
}

unsafe extern "C" fn leave_alone(this: *const c_void) {
    // SAFETY: as above.
    unsafe { gate(this) }.leave_alone();
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use refresh_session_core::{BootTime, Clock, Timestamp};

    use super::*;

    /// The gate counts real time.
    #[derive(Debug)]
    struct Stopped;

    impl Clock for Stopped {
        fn boot(&self) -> BootTime {
            BootTime::from_duration(Duration::ZERO)
        }

        fn wall(&self) -> Timestamp {
            Timestamp::from_unix_millis(0)
        }
    }

    fn budget(limit: Duration) -> Budget {
        let clock: Arc<dyn Clock> = Arc::new(Stopped);
        Budget::new(&clock, limit)
    }

    #[test]
    fn its_layout_is_that_of_every_version() {
        use std::mem::offset_of;
        let pointer = size_of::<usize>();
        let offsets = [
            offset_of!(Common, gate),
            offset_of!(Common, enter),
            offset_of!(Common, leave),
            offset_of!(Common, alone),
            offset_of!(Common, leave_alone),
        ];
        assert_eq!(offset_of!(Common, stand), 0);
        assert_eq!(offsets, [0, 1, 2, 3, 4].map(|place| 8 + place * pointer));
        assert_eq!(Stand { epoch: 3, by: By::Us }.number(), 14);
    }

    #[test]
    fn a_module_has_one_and_it_says_how_things_stand() {
        let common = of(0x5eed);
        assert!(std::ptr::eq(common, of(0x5eed)) && !std::ptr::eq(common, of(0x5eee)));
        assert_eq!(common.stand(), Stand { epoch: 0, by: By::Nobody });
        for by in [By::Others, By::Us] {
            common.initialised(0, by);
            assert_eq!(common.stand(), Stand { epoch: 0, by });
        }
        common.end(0);
        let anew = Stand { epoch: 1, by: By::Nobody };
        assert_eq!(common.stand(), anew);
        // Who comes late with news of an epoch that is over.
        common.end(0);
        common.initialised(0, By::Others);
        assert_eq!(common.stand(), anew);
        common.restore(Stand { epoch: 0, by: By::Us });
        assert_eq!(common.stand(), Stand { epoch: 0, by: By::Us });
    }

    #[test]
    fn another_copy_that_initialises_is_waited_for_and_a_call_only_for_a_moment() {
        const SHORT: Duration = Duration::from_millis(20);
        let common = of(0x5eef);
        let patience = Duration::from_secs(20);
        let call = common.enter(SHORT).unwrap();
        assert!(common.alone(SHORT, &budget(patience)).is_none());
        drop(call);
        let first = common.alone(SHORT, &budget(patience)).unwrap();
        assert!(common.enter(SHORT).is_none());
        assert!(common.alone(SHORT, &budget(SHORT)).is_none(), "its time is up");
        std::thread::scope(|scope| {
            let second = scope.spawn(|| common.alone(SHORT, &budget(patience)).is_some());
            std::thread::sleep(10 * SHORT);
            assert!(!second.is_finished(), "much longer than for a call");
            drop(first);
            assert!(second.join().unwrap());
        });
    }
}
