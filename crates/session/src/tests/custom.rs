//! A callback as the source.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use refresh_session_core::{Clock, Code, Error, Result, Timestamp};
use refresh_session_refresh::{Demand, Settings, Zone};
use tokio::sync::oneshot;

use super::bed::{HOUR, Heard, LIMIT, deferred, eager, open};
use super::script::millis;
use crate::alarm::virtual_time::VirtualTime;
use crate::source::Fetching;
use crate::{CustomExpiration, CustomKeys, CustomName, CustomProvider, CustomSource, Session};

/// A promise of the callback's: what the test settles it with.
type Promise = oneshot::Sender<Result<CustomKeys>>;

/// A callback that the test plays.
#[derive(Debug, Default)]
struct Callback(Mutex<Vec<Promise>>);

impl Callback {
    fn calls(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// The promise of the last call.
    fn promise(&self) -> Promise {
        self.0.lock().unwrap().pop().unwrap()
    }
}

impl CustomProvider for Callback {
    fn credentials(&self) -> Fetching<'_, Result<CustomKeys>> {
        let (promise, settled) = oneshot::channel();
        self.0.lock().unwrap().push(promise);
        Box::pin(async { settled.await.unwrap() })
    }
}

struct Bed {
    time: VirtualTime,
    callback: Arc<Callback>,
    session: Arc<Session>,
    heard: Heard,
}

impl Bed {
    fn new(settings: &Settings) -> Self {
        let (time, callback, heard) = (VirtualTime::new(), Arc::new(Callback::default()), Heard::default());
        // In its own function's place: no other test shares it.
        let same = format!("{:p}", Arc::as_ptr(&callback));
        let clock = Arc::new(time.clone());
        let source = CustomSource::new(callback.clone(), CustomName::Callback, &same, clock).unwrap();
        let (session, _) = open(&time, Box::new(source), settings, heard.listener());
        Self { time, callback, session: Arc::new(session), heard }
    }

    /// Asks, and settles the promise that this is for.
    async fn fetch(&self, demand: Demand, with: Result<CustomKeys>) -> Result<String> {
        let session = self.session.clone();
        let asked = tokio::spawn(async move { session.identity(demand).await });
        self.time.settle().await;
        self.callback.promise().send(with).unwrap();
        asked.await.unwrap().map(|keys| keys.held.identity.access_key_id.clone())
    }

    fn keys(&self, id: &str, life: Duration) -> CustomKeys {
        let end = Timestamp::from_unix_millis(self.time.wall().unix_millis() + millis(life));
        CustomKeys {
            access_key_id: id.into(),
            secret_access_key: "canary/secret".into(),
            session_token: Some("canary-token".into()),
            expiration: CustomExpiration::Text(end.to_string()),
            account_id: None,
        }
    }
}

#[tokio::test]
async fn a_callback_that_settles_serves_everybody() {
    let bed = Bed::new(&deferred());
    assert_eq!(bed.fetch(Demand::Valid, Ok(bed.keys("ASIA1", HOUR))).await.unwrap(), "ASIA1");
    let held = bed.session.identity(Demand::Valid).await.unwrap().held;
    assert_eq!(held.identity.session_token.as_ref().unwrap().expose(), b"canary-token");
    assert_eq!((bed.callback.calls(), bed.session.status().zone), (0, Zone::Fresh), "not called again");
}

#[tokio::test]
async fn one_that_never_settles_is_dropped_with_an_error_of_its_own() {
    let bed = Bed::new(&deferred());
    let session = bed.session.clone();
    let asked = tokio::spawn(async move { session.identity(Demand::Valid).await });
    bed.time.settle().await;
    let promise = bed.callback.promise();
    bed.time.pass(LIMIT).await;
    let error = asked.await.unwrap().unwrap_err();
    assert_eq!((error.code(), error.param()), (Code::Timeout, Some("customCredentials")));
    assert!(error.message().contains("gave no credentials within 10000 ms"), "{error}");
    assert!(promise.is_closed(), "its future is still there");
}

#[tokio::test]
async fn one_that_settles_too_late_is_ignored() {
    let bed = Bed::new(&deferred());
    bed.fetch(Demand::Valid, Ok(bed.keys("ASIA1", HOUR))).await.unwrap();
    let session = bed.session.clone();
    let asked = tokio::spawn(async move { session.identity(Demand::Forced).await });
    bed.time.settle().await;
    // Both are ready when the runtime next looks: the deadline and the promise.
    bed.time.advance(LIMIT + Duration::from_millis(1));
    bed.callback.promise().send(Ok(bed.keys("ASIA2", HOUR))).unwrap();
    assert_eq!(asked.await.unwrap().unwrap_err().code(), Code::Timeout);
    bed.time.settle().await;
    let held = bed.session.identity(Demand::Valid).await.unwrap().held;
    assert_eq!(held.identity.access_key_id, "ASIA1");
    assert_eq!(bed.heard.words(), ["refreshed ASIA1", "failed ERR_TIMEOUT"]);
}

#[tokio::test]
async fn bad_replies_are_refused_and_the_keys_held_stay() {
    let bed = Bed::new(&deferred());
    bed.fetch(Demand::Valid, Ok(bed.keys("ASIA1", HOUR))).await.unwrap();
    let serial = bed.session.fresh_serial();
    let spoil: [fn(&mut CustomKeys); 7] = [
        |keys| keys.access_key_id = String::new(),
        |keys| keys.access_key_id = "canary id".into(),
        |keys| keys.secret_access_key = "".into(),
        |keys| keys.session_token = Some("canary\n".into()),
        |keys| keys.expiration = CustomExpiration::Text("canary".into()),
        |keys| keys.expiration = CustomExpiration::Millis(f64::NAN),
        |keys| keys.account_id = Some("canary".into()),
    ];
    for spoil in spoil {
        let mut keys = bed.keys("ASIA2", HOUR);
        spoil(&mut keys);
        let error = bed.fetch(Demand::Forced, Ok(keys)).await.unwrap_err();
        assert_eq!((error.code(), error.param()), (Code::BadCredentials, Some("customCredentials")));
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        assert_eq!(bed.session.fresh_serial(), serial);
    }
    let told = format!("{:?} {:?}", bed.heard.take(), bed.session.status());
    assert!(!told.contains("canary"), "{told}");
}

#[tokio::test]
async fn keys_that_are_over_are_refused_and_the_keys_held_stay() {
    let bed = Bed::new(&deferred());
    bed.fetch(Demand::Valid, Ok(bed.keys("ASIA1", HOUR))).await.unwrap();
    let serial = bed.session.fresh_serial();
    let earlier = CustomKeys { expiration: CustomExpiration::Millis(0.0), ..bed.keys("ASIA2", HOUR) };
    for keys in [bed.keys("ASIA2", Duration::ZERO), earlier] {
        let error = bed.fetch(Demand::Forced, Ok(keys)).await.unwrap_err();
        assert_eq!(error.code(), Code::ExpiredReply);
        assert_eq!(bed.session.fresh_serial(), serial);
    }
}

#[tokio::test]
async fn what_it_throws_is_handed_on_and_the_keys_held_stay() {
    let bed = Bed::new(&deferred());
    bed.fetch(Demand::Valid, Ok(bed.keys("ASIA1", HOUR))).await.unwrap();
    let thrown = Error::new(Code::CallbackFailed, "it threw").with_param("customCredentials");
    let error = bed.fetch(Demand::Forced, Err(thrown)).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::CallbackFailed, "it threw"));
    assert_ne!(bed.session.fresh_serial(), 0);
}

#[tokio::test]
async fn keys_without_an_end_are_never_fetched_again() {
    for settings in [deferred(), eager()] {
        let bed = Bed::new(&settings);
        let keys = CustomKeys {
            expiration: CustomExpiration::Never,
            session_token: None,
            ..bed.keys("AKIA1", HOUR)
        };
        bed.fetch(Demand::Valid, Ok(keys)).await.unwrap();
        let serial = bed.session.fresh_serial();
        for _ in 0..10 {
            bed.time.pass(Duration::from_hours(24 * 365)).await;
            let keys = bed.session.identity(Demand::Valid).await.unwrap();
            assert_eq!((keys.expiration, bed.session.fresh_serial()), (None, serial));
        }
        assert_eq!((bed.callback.calls(), bed.time.deadlines().len()), (0, 0));
        assert_eq!(bed.heard.words(), ["refreshed AKIA1"]);
        // Unless somebody insists.
        assert!(bed.session.invalidate("AKIA1"));
        assert_eq!(bed.fetch(Demand::Valid, Ok(bed.keys("ASIA2", HOUR))).await.unwrap(), "ASIA2");
    }
}

#[tokio::test]
async fn keys_judged_in_1970_are_judged_again_once_the_clock_is_right() {
    let bed = Bed::new(&deferred());
    let right = bed.time.wall();
    bed.time.set_wall(Timestamp::from_unix_millis(0));
    let keys = CustomKeys { expiration: end(right, HOUR), ..bed.keys("ASIA1", HOUR) };
    bed.fetch(Demand::Valid, Ok(keys)).await.unwrap();
    assert_eq!(bed.session.status().zone, Zone::Fresh, "by that clock they live for half a century");

    bed.time.set_wall(right);
    bed.time.settle().await;
    assert_eq!(bed.session.status().zone, Zone::Mandatory);
    // The same ones again, as a callback with a copy of its own gives them: judged anew.
    let keys = CustomKeys { expiration: end(right, HOUR), ..bed.keys("ASIA1", HOUR) };
    assert_eq!(bed.fetch(Demand::Valid, Ok(keys)).await.unwrap(), "ASIA1");
    assert_eq!(bed.session.status().zone, Zone::Fresh);
    bed.time.pass(HOUR).await;
    assert_eq!(bed.session.status().zone, Zone::Expired);
}

#[tokio::test]
async fn a_small_step_of_the_clock_has_nothing_judged_again() {
    let bed = Bed::new(&deferred());
    bed.fetch(Demand::Valid, Ok(bed.keys("ASIA1", HOUR))).await.unwrap();
    for seconds in [29, -29] {
        let wall = bed.time.wall().unix_millis() + seconds * 1000;
        bed.time.set_wall(Timestamp::from_unix_millis(wall));
        bed.time.settle().await;
        assert_eq!(bed.session.status().zone, Zone::Fresh, "{seconds}");
    }
}

fn end(now: Timestamp, life: Duration) -> CustomExpiration {
    CustomExpiration::Text(Timestamp::from_unix_millis(now.unix_millis() + millis(life)).to_string())
}
