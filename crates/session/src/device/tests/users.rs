//! Two that share one device: one PIN, one opening, one rotation.

use std::pin::Pin;
use std::sync::atomic::AtomicU32;

use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, yield_now};

use super::*;
use crate::alarm::virtual_time::VirtualTime;
use crate::{PinProvider, PinSource};

/// Somebody who is asked for a PIN, and gives one when the test says so.
#[derive(Debug)]
struct Person {
    asked: AtomicU32,
    answers: Semaphore,
}

impl Person {
    fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }
}

impl PinProvider for Person {
    fn pin(&self) -> Pin<Box<dyn Future<Output = Result<Option<refresh_session_core::Secret>>> + Send + '_>> {
        Box::pin(async {
            self.asked.fetch_add(1, Ordering::Relaxed);
            self.answers.acquire().await.unwrap().forget();
            Ok(Some("1234".into()))
        })
    }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(VirtualTime::new())
}

/// A device whose module is not there: it is found out after the PIN has been given.
fn with_token() -> (Arc<Device>, Arc<Person>) {
    let person = Arc::new(Person { asked: AtomicU32::new(0), answers: Semaphore::new(0) });
    let fields = Pkcs11Fields {
        uri: None,
        library: Some("/nonexistent/module.so".into()),
        library_sha256: None,
        slot_id: None,
        token_label: Some("gw".into()),
        token_serial: None,
        private_key_label: None,
        private_key_id: None,
        certificate_label: None,
        certificate_id: None,
        user_pin: PinSource::Callback(person.clone()),
        force_login: false,
        sign_timeout: None,
    };
    let folder = folder("unused");
    let options = DeviceOptions {
        certificate: None,
        private_key: None,
        pkcs11: Some(Pkcs11Options::Fields(Box::new(fields))),
        ..options(&folder)
    };
    let _ = std::fs::remove_dir_all(folder);
    (Arc::new(device(options, &clock())), person)
}

fn user(device: &Arc<Device>) -> JoinHandle<Result<Identified>> {
    let device = device.clone();
    tokio::spawn(async move { device.identified().await })
}

async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

#[tokio::test]
async fn one_pin_is_asked_for_and_its_outcome_is_everybodys() {
    let (device, person) = with_token();
    let users = [user(&device), user(&device), user(&device)];
    settle().await;
    assert_eq!(person.asked(), 1);
    person.answers.add_permits(1);
    for user in users {
        assert_eq!(user.await.unwrap().unwrap_err().class(), Class::Pkcs11);
    }
    assert_eq!(person.asked(), 1);
    // A failure is not kept: whoever comes later may have another PIN.
    person.answers.add_permits(1);
    device.identified().await.unwrap_err();
    assert_eq!(person.asked(), 2);
}

#[tokio::test]
async fn who_gives_up_leaves_the_question_to_the_others() {
    let (device, person) = with_token();
    let (first, second) = (user(&device), user(&device));
    settle().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    person.answers.add_permits(1);
    assert_eq!(second.await.unwrap().unwrap_err().class(), Class::Pkcs11);
    assert_eq!(person.asked(), 1);
}

#[tokio::test]
async fn a_question_that_nobody_waits_for_is_asked_anew() {
    let (device, person) = with_token();
    let limit = Duration::from_secs(10);
    assert!(device.timed_out(limit).is_none());
    let first = user(&device);
    settle().await;
    assert_eq!(device.timed_out(limit).unwrap().code(), Code::Pkcs11PinCallback);
    first.abort();
    settle().await;
    assert_eq!(device.timed_out(limit).unwrap().code(), Code::Pkcs11PinCallback, "given up a moment ago");
    let second = user(&device);
    settle().await;
    assert_eq!(person.asked(), 2);
    person.answers.add_permits(1);
    second.await.unwrap().unwrap_err();
    assert!(device.timed_out(limit).is_none());
}

#[tokio::test]
async fn a_rotation_that_one_saw_both_have() {
    let folder = folder("two-users");
    issue(&folder, (2030, 1, 1));
    let device = device(options(&folder), &clock());
    let looked = device.look().await;
    let (one, other) = (device.identified().await.unwrap(), device.identified().await.unwrap());
    assert_eq!(one.revision, other.revision);

    issue(&folder, (2031, 1, 1));
    assert_ne!(device.look().await, looked);
    let (one, other) = (device.identified().await.unwrap(), device.identified().await.unwrap());
    assert_eq!((one.revision, other.revision), (2, 2));
    assert_eq!(one.identity.leaf().not_after().to_string(), "2031-01-01T00:00:00Z");
    assert_eq!(device.certificate_expiry(), Some(one.identity.leaf().not_after()));
    let _ = std::fs::remove_dir_all(folder);
}

#[tokio::test]
async fn a_failure_ends_the_key_that_was_used_and_no_later_one() {
    let folder = folder("late-news");
    issue(&folder, (2030, 1, 1));
    let device = device(options(&folder), &clock());
    let first = device.identified().await.unwrap();
    device.failed(&first, &Error::new(Code::ConnectionLost, "not the token's"));
    assert_eq!(device.identified().await.unwrap().revision, first.revision);

    let gone = Error::new(Code::Pkcs11KeyNotFound, "gone");
    device.failed(&first, &gone);
    let second = device.identified().await.unwrap();
    assert_ne!(second.revision, first.revision);
    device.failed(&first, &gone);
    assert_eq!(device.identified().await.unwrap().revision, second.revision);
    let _ = std::fs::remove_dir_all(folder);
}

#[cfg(unix)]
#[tokio::test]
async fn a_look_waits_for_the_one_before_it_but_not_for_one_that_hangs() {
    let folder = folder("slow-disk");
    issue(&folder, (2030, 1, 1));
    let device = device(options(&folder), &clock());
    let looked = device.look().await;
    issue(&folder, (2031, 1, 1));

    // Another one's look, which has read the files before the change.
    let busy = device.looking.clone().lock_owned().await;
    let mut mine = Box::pin(device.look());
    assert!(timeout(Duration::ZERO, &mut mine).await.is_err());
    drop(busy);
    assert_ne!(mine.await, looked);

    let looked = device.look().await;
    let hangs = device.looking.clone().lock_owned().await;
    device.look_within(Duration::ZERO).await;
    issue(&folder, (2032, 1, 1));
    let mut mine = Box::pin(device.look());
    assert_eq!(timeout(Duration::ZERO, &mut mine).await, Ok(looked), "gives up at once");
    drop((mine, hangs));
    assert_ne!(device.look().await, looked, "it has ended");
    let _ = std::fs::remove_dir_all(folder);
}
