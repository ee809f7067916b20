//! A role that wants MFA, over hours: a person is asked once for each refresh, and only if somebody reads.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use refresh_session_core::crypto::keyed_hash::KeyedHash;
use refresh_session_core::{Calendar, Clock, Error, Issued, Result, Secret};
use refresh_session_refresh::{Demand, Mode, Settings};

use super::bed::{HOUR, Heard, deferred, open};
use super::script::{Answer, Script, Scripted};
use crate::alarm::virtual_time::VirtualTime;
use crate::mfa::{MfaCallback, MfaProvider};
use crate::source::{Fetching, Source};

const SERIAL: &str = "arn:aws:iam::123456789012:mfa/of-the-tests-of-codes";

/// The shortest life that STS gives.
const LIFE: Duration = Duration::from_mins(15);

/// A device that shows a new code at every half minute; whoever reads it takes three seconds.
#[derive(Debug)]
struct Device {
    time: VirtualTime,
    prompts: Mutex<Vec<String>>,
}

impl MfaCallback for Device {
    fn code(&self) -> Fetching<'_, Result<Secret>> {
        Box::pin(async {
            let step = self.time.boot().since(refresh_session_core::BootTime::default()).as_secs() / 30;
            let code = format!("{step:06}");
            self.prompts.lock().unwrap().push(code.clone());
            // Other callers come meanwhile.
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            Ok(code.as_str().into())
        })
    }
}

/// A scripted source behind a device, in the order of the real one: the code, then the keys for it.
#[derive(Debug)]
struct Guarded {
    time: VirtualTime,
    mfa: MfaProvider,
    sent: Arc<Mutex<Vec<Vec<u8>>>>,
    inner: Scripted,
}

impl Source for Guarded {
    fn fetch(&self) -> Fetching<'_, Result<Issued>> {
        Box::pin(async {
            let code = self.mfa.code(SERIAL, &self.time, &Calendar::new()).await?;
            self.sent.lock().unwrap().push(code.expose().to_vec());
            self.inner.fetch().await
        })
    }

    fn timed_out(&self, limit: Duration) -> Error {
        self.inner.timed_out(limit)
    }

    fn close(&self) -> Fetching<'_, ()> {
        self.inner.close()
    }

    fn sharing(&self) -> Option<KeyedHash> {
        None
    }
}

#[tokio::test]
async fn fifty_callers_for_two_hours_ask_once_for_each_refresh() {
    let time = VirtualTime::new();
    let script = Script::new(Arc::new(time.clone()), None);
    script.answer(Answer::Keys(LIFE));
    let device = Arc::new(Device { time: time.clone(), prompts: Mutex::default() });
    let sent = Arc::new(Mutex::default());
    let source = Guarded {
        time: time.clone(),
        mfa: MfaProvider::Callback { callback: device.clone(), same: "a device".into() },
        sent: Arc::clone(&sent),
        inner: Scripted::new(&script),
    };
    let settings = Settings { mode: Mode::AtStart, ..deferred() };
    let heard = Heard::default();
    let (session, _) = open(&time, Box::new(source), &settings, heard.listener());
    let session = Arc::new(session);
    for _ in 0..720 {
        let callers: Vec<_> = (0..50)
            .map(|_| {
                let session = session.clone();
                tokio::spawn(async move { session.identity(Demand::Valid).await.is_ok() })
            })
            .collect();
        time.settle().await;
        for caller in callers {
            assert!(caller.await.unwrap(), "somebody got no keys");
        }
        time.pass(Duration::from_secs(10)).await;
    }
    let (prompts, codes) = (device.prompts.lock().unwrap().clone(), sent.lock().unwrap().clone());
    let refreshes = script.fetches();
    assert_eq!((prompts.len(), codes.len()), (refreshes, refreshes), "{prompts:?}");
    assert_eq!(codes.iter().collect::<HashSet<_>>().len(), codes.len(), "a code went out twice");
    // From half of a life to all of it.
    assert!((8..=17).contains(&refreshes), "{refreshes} in two hours");
    assert!(heard.words().iter().all(|word| word.starts_with("refreshed")));

    time.pass(HOUR * 2).await;
    assert_eq!(device.prompts.lock().unwrap().len(), prompts.len(), "nobody reads, nobody is asked");
    assert!(session.identity(Demand::Valid).await.is_ok());
    assert_eq!(device.prompts.lock().unwrap().len(), prompts.len() + 1);
    session.close().await;
}
