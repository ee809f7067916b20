//! Which time certificates are checked by, on a device that boots in 1970, and who tells it the time.

use std::sync::Arc;

use refresh_session_core::{Basis, Calendar, Clock, Code, Error, Timestamp, calendar};
use refresh_session_tls::{HttpClient, HttpRequest, HttpResponse, Material, Target, TlsConfig, Trust};

use crate::support::{Server, TestClock};

const IN_2030: &str = "HTTP/1.1 200 OK\r\ndate: Thu, 04 Jul 2030 10:00:00 GMT\r\ncontent-length: 2\r\n\r\nok";

/// A server whose certificate is valid for the whole of these years.
async fn server(from: i32, to: i32, reply: &'static str) -> (Server, String) {
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(from, 1, 1);
    params.not_after = rcgen::date_time_ymd(to, 12, 31);
    let signing_key = rcgen::KeyPair::generate().unwrap();
    let identity = rcgen::CertifiedKey { cert: params.self_signed(&signing_key).unwrap(), signing_key };
    (Server::start(Some(&identity), reply).await, identity.cert.pem())
}

async fn ask(
    (server, pem): &(Server, String),
    calendar: &Calendar,
    verify: bool,
    clock: &Arc<TestClock>,
) -> Result<HttpResponse, Error> {
    let trust = Trust::bundle(&Material::from_text(pem.clone())).unwrap();
    let tls = TlsConfig::new(None, &trust, verify, calendar, clock.clone()).unwrap();
    let target = Target::new("127.0.0.1".into(), server.address.port(), Some("localhost".into())).unwrap();
    HttpClient::new(target, tls, None, clock.clone()).send(&HttpRequest::get("/")).await
}

fn date(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn basis(calendar: &Calendar, clock: &TestClock) -> Basis {
    calendar.reading(clock).basis
}

#[tokio::test]
async fn a_device_of_1970_believes_its_server_and_learns_the_time() {
    let clock = Arc::<TestClock>::default();
    let calendar = Calendar::new();
    assert!(clock.wall() < calendar::RELEASED);
    ask(&server(2030, 2031, IN_2030).await, &calendar, true, &clock).await.unwrap();
    let reading = calendar.reading(&*clock);
    assert_eq!((reading.now, reading.basis), (date("2030-07-04T10:00:01Z"), Basis::Server));

    // From then on it is 2030 for every other server of the process.
    let error = ask(&server(2020, 2029, IN_2030).await, &calendar, true, &clock).await.unwrap_err();
    assert_eq!(error.code(), Code::ServerCertificate);
    assert!(error.message().ends_with("a server said before that it is 2030-07-04T10:00:01Z now"), "{error}");
    let early = ask(&server(2031, 2040, IN_2030).await, &calendar, true, &clock).await.unwrap_err();
    assert!(early.message().contains("is not valid yet"), "{early}");
}

#[tokio::test]
async fn a_certificate_that_is_over_by_the_floor_is_over() {
    let clock = Arc::<TestClock>::default();
    let old = server(2020, 2025, IN_2030).await;
    let error = ask(&old, &Calendar::new(), true, &clock).await.unwrap_err();
    assert!(error.message().contains("the local clock is not set, and it is 2026-"), "{error}");

    let until_2029 = server(2020, 2029, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    ask(&until_2029, &Calendar::new(), true, &clock).await.unwrap();
    let device = Calendar::new().not_before(date("2030-01-01T00:00:00Z"));
    let error = ask(&until_2029, &device, true, &clock).await.unwrap_err();
    assert!(error.message().ends_with("it is 2030-01-01T00:00:00Z at least"), "{error}");
}

#[tokio::test]
async fn a_clock_that_can_be_right_is_taken_at_its_word() {
    let clock = Arc::<TestClock>::default();
    *clock.wall.lock().unwrap() = date("2029-01-01T00:00:00Z").unix_millis();
    let calendar = Calendar::new();
    let error = ask(&server(2030, 2031, IN_2030).await, &calendar, true, &clock).await.unwrap_err();
    assert!(error.message().contains("is not valid yet"), "{error}");
    assert!(error.message().ends_with("the local clock says 2029-01-01T00:00:00Z"), "{error}");
    assert_eq!(basis(&calendar, &clock), Basis::Wall);
}

#[tokio::test]
async fn nothing_is_learnt_from_who_cannot_vouch_for_it() {
    let clock = Arc::<TestClock>::default();
    let calendar = Calendar::new();
    // Anybody may have said that.
    ask(&server(2030, 2031, IN_2030).await, &calendar, false, &clock).await.unwrap();
    assert_eq!(basis(&calendar, &clock), Basis::Floor);
    // By that date its certificate would not be valid.
    ask(&server(2026, 2029, IN_2030).await, &calendar, true, &clock).await.unwrap();
    assert_eq!(basis(&calendar, &clock), Basis::Floor);
    // A cache has held it.
    let cached =
        "HTTP/1.1 200 OK\r\ndate: Thu, 04 Jul 2030 10:00:00 GMT\r\nage: 9\r\ncontent-length: 2\r\n\r\nok";
    ask(&server(2030, 2031, cached).await, &calendar, true, &clock).await.unwrap();
    assert_eq!(basis(&calendar, &clock), Basis::Floor);
}
