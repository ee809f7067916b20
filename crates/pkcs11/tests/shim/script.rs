//! What the script tells a function to do, and the record of calls.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use cryptoki_sys as sys;

/// How often C_Initialize succeeded.
static GENERATION: AtomicU64 = AtomicU64::new(0);
/// Calls under way.
static INSIDE: AtomicUsize = AtomicUsize::new(0);
/// C_Initialize and C_Finalize under way.
static INITIALISERS: AtomicUsize = AtomicUsize::new(0);
/// Words that apply once, and did.
static USED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
/// Words that apply until the module is initialised anew, with the generation they were first seen in.
static SEEN: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

/// One call under way, from its record to its return.
pub(crate) struct Call {
    function: &'static str,
}

impl Call {
    pub(crate) fn begin(function: &'static str) -> Self {
        INSIDE.fetch_add(1, Ordering::SeqCst);
        record(function);
        Self { function }
    }

    pub(crate) fn told(&self) -> Option<sys::CK_RV> {
        told(self.function)
    }
}

/// Waits as told, and gives the value to return instead of making the call.
pub(crate) fn told(function: &str) -> Option<sys::CK_RV> {
    let hang = |word: &str| {
        while has(word) {
            thread::sleep(Duration::from_millis(5));
        }
    };
    hang(&format!("hang={function}"));
    let once = format!("hang-once={function}");
    if has(&once) && USED.lock().unwrap().insert(once.clone()) {
        hang(&once);
    }
    let slow = format!("slow={function}:");
    if let Some(millis) = words().iter().find_map(|word| word.strip_prefix(&slow)?.parse().ok()) {
        thread::sleep(Duration::from_millis(millis));
    }
    words().into_iter().find_map(|word| {
        let (kind, rule) = word.split_once('=')?;
        let (name, value) = rule.split_once(':')?;
        let applies = (name == function || name == "*" && reaches_the_device(function))
            && match kind {
                "fail" => true,
                "fail-once" => USED.lock().unwrap().insert(word.clone()),
                "fail-until-anew" => is_first_generation(&word),
                _ => false,
            };
        let value = value.split('#').next().unwrap_or(value);
        applies.then(|| sys::CK_RV::from_str_radix(value, 16).unwrap())
    })
}

impl Drop for Call {
    fn drop(&mut self) {
        INSIDE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// One C_Initialize or C_Finalize under way, from its record to its return.
pub(crate) struct Alone;

/// Records it too if another one or a call is under way: unless C_Initialize finds it initialised, neither may be called
/// then.
pub(crate) fn begin_alone(function: &'static str) -> Alone {
    let others = INITIALISERS.fetch_add(1, Ordering::SeqCst);
    record(function);
    if others > 0 {
        record(&format!("race {function}"));
    }
    if INSIDE.load(Ordering::SeqCst) > 0 {
        record(&format!("overlap {function}"));
    }
    Alone
}

impl Drop for Alone {
    fn drop(&mut self) {
        INITIALISERS.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(crate) fn generation() -> u64 {
    GENERATION.load(Ordering::SeqCst)
}

pub(crate) fn next_generation() {
    GENERATION.fetch_add(1, Ordering::SeqCst);
}

/// Whether the tokens are out of sight.
pub(crate) fn hides_tokens() -> bool {
    has("hide") || words().iter().any(|word| word.starts_with("hide-until-anew") && is_first_generation(word))
}

/// Whether the session of this call is to be closed first.
pub(crate) fn closes_session() -> bool {
    words().into_iter().any(|word| word.starts_with("close-once") && USED.lock().unwrap().insert(word))
}

/// The PIN that somebody types on the token's pad.
pub(crate) fn typed() -> Option<Vec<u8>> {
    words().iter().find_map(|word| word.strip_prefix("pad=").map(|pin| pin.as_bytes().to_vec()))
}

pub(crate) fn has(word: &str) -> bool {
    words().iter().any(|other| other == word)
}

/// In the form of OpenSC's pkcs11-spy.
pub(crate) fn record(what: &str) {
    let path = env::var_os("PKCS11SPY_OUTPUT").unwrap();
    let mut log = OpenOptions::new().append(true).create(true).open(path).unwrap();
    log.write_all(format!("0: {what}\n").as_bytes()).unwrap();
}

fn is_first_generation(word: &str) -> bool {
    *SEEN.lock().unwrap().entry(word.to_owned()).or_insert_with(generation) == generation()
}

fn reaches_the_device(function: &str) -> bool {
    matches!(function, "C_Login" | "C_FindObjectsInit" | "C_SignInit" | "C_Sign")
}

pub(crate) fn words() -> Vec<String> {
    let file = PathBuf::from(env::var_os("REFRESH_SESSION_PKCS11_TEST").unwrap()).join("shim");
    fs::read_to_string(file).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}
