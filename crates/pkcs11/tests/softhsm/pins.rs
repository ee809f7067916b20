//! PINs: how often they are sent, to whom they open the token, and that they never show.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Barrier;
use std::thread;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::session::UserType;
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use refresh_session_core::{Code, Secret, Signer as _};
use refresh_session_pkcs11::{ObjectSelector, Token};

use crate::support::{Fixture, P256, PIN, isolated, message, signer, softhsm};

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
fn a_pin_goes_over_whole_whatever_bytes_it_has() {
    // As long as SoftHSM takes them; characters of several bytes; bytes that are no text; a zero among them.
    let pins: [(&str, &[u8]); 4] = [
        ("long", &[b'7'; 255]),
        ("wide", "пароль-ключ".as_bytes()),
        ("bytes", b"\xff\xfe\x80 1234"),
        ("zero", b"1234\x005678"),
    ];
    let prepare = |fixture: &Fixture| {
        for (token, pin) in pins {
            fixture.token(token);
            fixture.key(token, token, "01", P256);
            if token != "zero" {
                let module = softhsm();
                let login =
                    ["--module", module.to_str().unwrap(), "--token-label", token, "--login", "--pin", PIN];
                let login = login.into_iter().chain(["--change-pin", "--new-pin"]).map(OsStr::new);
                fixture.run("pkcs11-tool", &login.chain([OsStr::from_bytes(pin)]).collect::<Vec<_>>());
            }
        }
    };
    isolated("pins::a_pin_goes_over_whole_whatever_bytes_it_has", prepare, |fixture| {
        // No tool takes a zero.
        let module = Pkcs11::new(softhsm()).unwrap();
        module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
        let is_zero = |slot: &Slot| module.get_token_info(*slot).unwrap().label() == "zero";
        let slot = module.get_slots_with_initialized_token().unwrap().into_iter().find(is_zero).unwrap();
        let session = module.open_rw_session(slot).unwrap();
        session.login(UserType::User, Some(&AuthPin::new(PIN.into()))).unwrap();
        session.set_pin(&AuthPin::new(PIN.into()), &AuthPin::new("1234\x005678".into())).unwrap();
        drop(session);
        module.finalize().unwrap();

        for (token, pin) in pins {
            let open = |pin: &[u8]| {
                let opened = Token::open(&fixture.config(token), Some(&Secret::new(pin.to_vec()))).unwrap();
                opened.signer(&ObjectSelector::label(token), &fixture.public_key(token))
            };
            // What somebody would send who stops early, or adds what ends a text in C.
            for wrong in [&pin[..pin.len() - 1], &pin[..4], &[pin, &[0]].concat()] {
                assert_eq!(open(wrong).unwrap_err().code(), Code::Pkcs11PinIncorrect, "{token} {wrong:?}");
            }
            open(pin).unwrap_or_else(|error| panic!("{token}: {error}"));
        }
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
