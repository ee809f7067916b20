//! PINs: how often they are sent, to whom they open the token, and that they never show.

use std::sync::Barrier;
use std::thread;

use refresh_session_core::{Code, Secret, Signer as _};
use refresh_session_pkcs11::{ObjectSelector, Token};

use crate::support::{Fixture, P256, PIN, isolated, message, signer};

const WRONG: &str = "canary-wrong-8264";

fn one_key(fixture: &Fixture) {
    fixture.token("gw");
    fixture.key("gw", "key", "01", P256);
}

#[test]
fn a_wrong_pin_is_sent_once_whoever_asks() {
    isolated("pins::a_wrong_pin_is_sent_once_whoever_asks", one_key, |fixture| {
        let config = fixture.spied("gw");
        let together = Barrier::new(2);
        let worker = || {
            together.wait();
            let attempt = |_| signer(fixture, &config, WRONG, "key").unwrap_err();
            (0..5).map(attempt).collect::<Vec<_>>()
        };
        let errors: Vec<_> = thread::scope(|scope| {
            let workers = [scope.spawn(worker), scope.spawn(worker)];
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
        });
        let count = |code| errors.iter().filter(|error| error.code() == code).count();
        assert_eq!((count(Code::Pkcs11PinIncorrect), count(Code::Pkcs11PinNotRetried)), (1, 9), "{errors:?}");
        assert_eq!(fixture.calls("C_Login"), 1);

        let first = errors.iter().find(|error| error.code() == Code::Pkcs11PinIncorrect).unwrap();
        for part in ["token `gw`", "C_Login", "CKR_PIN_INCORRECT (0xA0)"] {
            assert!(first.message().contains(part), "{first}");
        }
        for error in &errors {
            assert_eq!(error.param(), Some("pkcs11.userPin"));
            assert!(error.hint().unwrap().contains("restart"), "{error:?}");
            assert!(!error.retryable());
        }

        // Another value gets its own try.
        let signer = signer(fixture, &config, PIN, "key").unwrap();
        signer.sign(signer.schemes()[0], b"m").unwrap();
        assert_eq!(fixture.calls("C_Login"), 2);
    });
}

#[test]
fn a_login_lets_no_other_pin_through() {
    isolated("pins::a_login_lets_no_other_pin_through", one_key, |fixture| {
        let config = fixture.spied("gw");
        let good = signer(fixture, &config, PIN, "key").unwrap();
        let refused = || signer(fixture, &config, WRONG, "key").unwrap_err().code();
        assert_eq!(refused(), Code::Pkcs11PinMismatch);
        assert_eq!(thread::scope(|scope| scope.spawn(refused).join().unwrap()), Code::Pkcs11PinMismatch);
        assert_eq!(signer(fixture, &config, "", "key").unwrap_err().code(), Code::Pkcs11PinMismatch);
        assert_eq!(Token::open(&config, None).unwrap_err().code(), Code::Pkcs11PinRequired);
        assert_eq!(fixture.calls("C_Login"), 1);
        good.sign(good.schemes()[0], b"m").unwrap();
        assert!(signer(fixture, &config, PIN, "key").is_ok());
        assert_eq!(fixture.calls("C_Login"), 1);
    });
}

#[test]
fn a_handle_opened_before_the_login_profits_from_it_no_more() {
    isolated("pins::a_handle_opened_before_the_login_profits_from_it_no_more", one_key, |fixture| {
        let config = fixture.spied("gw");
        let wrong = Token::open(&config, Some(&Secret::from(WRONG))).unwrap();
        let none = Token::open(&config, None).unwrap();
        let (key, public) = (ObjectSelector::label("key"), fixture.public_key("key"));
        assert_eq!(none.signer(&key, &public).unwrap_err().code(), Code::Pkcs11PinRequired);
        signer(fixture, &config, PIN, "key").unwrap();
        assert_eq!(wrong.signer(&key, &public).unwrap_err().code(), Code::Pkcs11PinMismatch);
        assert_eq!(none.signer(&key, &public).unwrap_err().code(), Code::Pkcs11PinRequired);
        assert_eq!(fixture.calls("C_Login"), 1);
    });
}

#[test]
fn an_empty_pin_and_one_that_is_no_text_are_pins() {
    isolated("pins::an_empty_pin_and_one_that_is_no_text_are_pins", one_key, |fixture| {
        let config = fixture.spied("gw");
        let open = |pin: Secret| {
            let token = Token::open(&config, Some(&pin)).unwrap();
            token.signer(&ObjectSelector::label("key"), &fixture.public_key("key")).unwrap_err().code()
        };
        assert_eq!(open(Secret::new(vec![0xff, 0xfe, 0x00, 0x31])), Code::Pkcs11PinIncorrect);
        assert_eq!(open(Secret::from("")), Code::Pkcs11PinIncorrect);
        assert_eq!(fixture.calls("C_Login"), 2);
    });
}

#[test]
fn no_pin_shows_anywhere() {
    isolated("pins::no_pin_shows_anywhere", one_key, |fixture| {
        let config = fixture.config("gw");
        let mut shown = Vec::new();
        let mut show = |text: String| shown.push(text);
        for _ in 0..2 {
            let error = signer(fixture, &config, WRONG, "key").unwrap_err();
            show(format!("{error} {error:?} {error:#?} {:?} {:?}", error.hint(), error.param()));
        }
        let token = Token::open(&config, Some(&Secret::from(PIN))).unwrap();
        show(format!("{token:?} {token:#?} {config:?}"));
        for key in ["lost", "key"] {
            let selector = ObjectSelector::label(key);
            match token.signer(&selector, &fixture.public_key("key")) {
                Ok(signer) => {
                    signer.sign(signer.schemes()[0], &message(1)).unwrap();
                    show(format!("{signer:?} {signer:#?}"));
                }
                Err(error) => show(format!("{error} {error:?}")),
            }
        }
        show(format!("{:?}", token.certificates(&ObjectSelector::default())));
        let error = Token::open(&config, Some(&Secret::from(WRONG))).unwrap_err();
        show(format!("{error} {error:?}"));
        let error = Token::open(&config, Some(&Secret::from("canary-third"))).unwrap_err();
        show(format!("{error} {error:?}"));
        let uri = refresh_session_pkcs11::uri::parse(&format!("pkcs11:token=gw?pin-value={PIN}")).unwrap();
        show(format!("{uri:?}"));
        for text in shown {
            assert!(!text.contains("canary"), "{text}");
        }
    });
}
