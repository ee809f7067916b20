//! Signing on devices whose clock is wrong.

use std::sync::Arc;

use refresh_session_core::{Code, Secret, calendar};

use crate::support::{Server, TestClock, base, error, issued, reply, role};

const DATE: &str = "Fri, 04 Jul 2031 10:00:00 GMT";

#[tokio::test]
async fn a_device_of_1970_signs_again_with_the_servers_time_and_keeps_to_it() {
    for (code, message) in [
        ("SignatureDoesNotMatch", "Signature expired: 20261101T000000Z is now earlier than 20310704T095500Z"),
        ("RequestTimeTooSkewed", ""),
        ("InvalidSignatureException", ""),
    ] {
        let good = reply(200, DATE, &issued("AssumeRole"));
        let server = Server::start(vec![error(403, DATE, code, message), good]).await;
        let client = server.client(&Arc::<TestClock>::default());
        client.assume_role(&role(), &base(), Some(&Secret::from("123456"))).await.unwrap();
        client.assume_role(&role(), &base(), None).await.unwrap();
        let dates: Vec<_> =
            server.asked().iter().map(|asked| asked.header("x-amz-date").unwrap().to_owned()).collect();
        let released = calendar::RELEASED.to_string().replace(['-', ':'], "");
        assert_eq!(dates, [&*released, "20310704T100001Z", "20310704T100001Z"], "{code}");
    }
}

#[tokio::test]
async fn it_is_tried_once_more_and_not_for_ever() {
    let server = Server::start(vec![error(403, DATE, "RequestTimeTooSkewed", "")]).await;
    let client = server.client(&Arc::<TestClock>::default());
    let error = client.assume_role(&role(), &base(), None).await.unwrap_err();
    assert_eq!((error.code(), error.retryable(), server.asked().len()), (Code::ClockSkew, true, 2));
}

#[tokio::test]
async fn what_is_not_about_the_time_is_not_tried_again() {
    let near = TestClock::at("2031-07-04T09:57:00Z");
    for (clock, code, date, expected) in [
        (near, "SignatureDoesNotMatch", DATE, Code::SourceCredentialsRefused),
        (Arc::default(), "ExpiredToken", DATE, Code::SourceCredentialsExpired),
        (Arc::default(), "AccessDenied", DATE, Code::AccessDenied),
        // Without a date there is nothing to learn.
        (Arc::default(), "RequestTimeTooSkewed", "", Code::ClockSkew),
    ] {
        let server = Server::start(vec![error(403, date, code, "")]).await;
        let error = server.client(&clock).assume_role(&role(), &base(), None).await.unwrap_err();
        assert_eq!((error.code(), server.asked().len()), (expected, 1), "{code}");
    }
}

#[tokio::test]
async fn no_wall_clock_makes_it_panic() {
    let good = reply(200, DATE, &issued("AssumeRole"));
    let server = Server::start(vec![good]).await;
    for wall in [i64::MIN, -1, 0, 253_402_300_799_999, i64::MAX] {
        let clock = Arc::<TestClock>::default();
        *clock.wall.lock().unwrap() = wall;
        server.client(&clock).assume_role(&role(), &base(), None).await.unwrap();
    }
}
