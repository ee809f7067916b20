//! What SoftHSM never does and devices do: locked PINs, missing mechanisms, lost sessions. Through the shim, which
//! is SoftHSM with a script (`tests/shim/lib.rs`).

use refresh_session_core::{Code, Secret, SignatureScheme, Signer as _};
use refresh_session_pkcs11::{ObjectSelector, Pkcs11Signer, Token, TokenConfig, close_all, reopen};

use crate::support::{Fixture, P256, PIN, RSA, isolated, signer};

const ECDSA: &str = "refuse=1041";
const RSA_PKCS: &str = "refuse=1";
const RSA_PSS: &str = "refuse=d";
const SHA256_RSA_PSS: &str = "refuse=43";

fn two_keys(fixture: &Fixture) {
    fixture.token("gw");
    fixture.key("gw", "key", "01", P256);
    fixture.key("gw", "rsa", "02", RSA);
}

fn sign(signer: &Pkcs11Signer) {
    signer.sign(signer.schemes()[0], b"message").unwrap();
}

#[test]
fn a_pin_in_danger_is_not_sent() {
    isolated("hardware::a_pin_in_danger_is_not_sent", two_keys, |fixture| {
        for (flag, code) in [
            ("locked", Code::Pkcs11PinLocked),
            ("final-try", Code::Pkcs11PinLocked),
            ("to-be-changed", Code::Pkcs11PinExpired),
        ] {
            // Were it sent, the answer would be another.
            fixture.script(&[flag, "fail=C_Login:30"]);
            let error = signer(fixture, &fixture.shim("gw"), PIN, "key").unwrap_err();
            assert_eq!(error.code(), code, "{error:?}");
            assert!(error.message().contains("CKF_USER_PIN_"), "{error}");
        }
        assert_eq!(fixture.calls("C_Login"), 0);
        fixture.script(&[]);
        assert!(signer(fixture, &fixture.shim("gw"), PIN, "key").is_ok());
        assert_eq!(fixture.calls("C_Login"), 1);
    });
}

#[test]
fn a_pin_in_danger_is_sent_by_force_unless_it_is_locked() {
    isolated("hardware::a_pin_in_danger_is_sent_by_force_unless_it_is_locked", two_keys, |fixture| {
        let config = TokenConfig { force_login: true, ..fixture.shim("gw") };
        fixture.script(&["locked"]);
        let error = signer(fixture, &config, PIN, "key").unwrap_err();
        assert_eq!(error.code(), Code::Pkcs11PinLocked);
        assert!(error.hint().unwrap().contains("--init-pin"), "{error:?}");
        assert_eq!(fixture.calls("C_Login"), 0);
        fixture.script(&["final-try", "to-be-changed"]);
        sign(&signer(fixture, &config, PIN, "key").unwrap());
        assert_eq!(fixture.calls("C_Login"), 1);
    });
}

#[test]
fn without_a_pin_the_token_reads_it_from_its_pad() {
    isolated("hardware::without_a_pin_the_token_reads_it_from_its_pad", two_keys, |fixture| {
        let open = |pin: Option<&str>| {
            let token = Token::open(&fixture.shim("gw"), pin.map(Secret::from).as_ref())?;
            token.signer(&ObjectSelector::label("key"), &fixture.public_key("key"))
        };
        let typed = format!("pad={PIN}");
        fixture.script(&["pad", "final-try", &typed]);
        assert_eq!(open(None).unwrap_err().code(), Code::Pkcs11PinLocked);
        assert_eq!(fixture.calls("C_Login"), 0);
        fixture.script(&["pad", &typed]);
        let first = open(None).unwrap();
        sign(&first);
        sign(&open(None).unwrap());
        assert_eq!(open(Some("canary-other")).unwrap_err().code(), Code::Pkcs11PinMismatch);
        assert_eq!(fixture.calls("C_Login"), 1);
    });
}

#[test]
fn nobody_is_asked_twice_at_the_pad() {
    isolated("hardware::nobody_is_asked_twice_at_the_pad", two_keys, |fixture| {
        let open = || {
            let token = Token::open(&fixture.shim("gw"), None)?;
            token.signer(&ObjectSelector::label("key"), &fixture.public_key("key"))
        };
        fixture.script(&["pad", "pad=canary-mistyped"]);
        assert_eq!(open().unwrap_err().code(), Code::Pkcs11PinIncorrect);
        for _ in 0..3 {
            assert_eq!(open().unwrap_err().code(), Code::Pkcs11PinNotRetried);
        }
        assert_eq!(fixture.calls("C_Login"), 1);
    });
}

#[test]
fn a_lockout_that_no_flag_announces_stops_the_pin_too() {
    isolated("hardware::a_lockout_that_no_flag_announces_stops_the_pin_too", two_keys, |fixture| {
        fixture.script(&["fail=C_Login:a4"]);
        let attempt = || signer(fixture, &fixture.shim("gw"), PIN, "key").unwrap_err();
        let first = attempt();
        assert!(first.message().contains("CKR_PIN_LOCKED (0xA4)"), "{first}");
        fixture.script(&[]);
        let second = attempt();
        assert!(second.message().contains("not sent again"), "{second}");
        assert_eq!((first.code(), second.code()), (Code::Pkcs11PinLocked, Code::Pkcs11PinLocked));
    });
}

#[test]
fn a_clock_that_shows_no_date_hides_no_token() {
    isolated("hardware::a_clock_that_shows_no_date_hides_no_token", two_keys, |fixture| {
        fixture.script(&["clock"]);
        sign(&signer(fixture, &fixture.shim("gw"), PIN, "key").unwrap());
        fixture.script(&["clock", "locked"]);
        let error = signer(fixture, &fixture.shim("gw"), "canary-other", "key").unwrap_err();
        assert_eq!(error.code(), Code::Pkcs11PinMismatch);
    });
}

#[test]
fn a_token_without_login_is_not_logged_in_to() {
    isolated("hardware::a_token_without_login_is_not_logged_in_to", two_keys, |fixture| {
        fixture.script(&["no-login", "fail=C_Login:30"]);
        let token = Token::open(&fixture.shim("gw"), Some(&Secret::from(PIN))).unwrap();
        // SoftHSM itself still hides its keys, so "not found" is as far as it goes.
        let error = token.signer(&ObjectSelector::label("key"), &fixture.public_key("key")).unwrap_err();
        assert_eq!(error.code(), Code::Pkcs11KeyNotFound, "{error:?}");
        assert_eq!(fixture.calls("C_Login"), 0);
    });
}

#[test]
fn hash_and_sign_stands_in_for_a_missing_raw_mechanism() {
    isolated("hardware::hash_and_sign_stands_in_for_a_missing_raw_mechanism", two_keys, |fixture| {
        fixture.script(&[RSA_PKCS, RSA_PSS]);
        let rsa = signer(fixture, &fixture.shim("gw"), PIN, "rsa").unwrap();
        assert_eq!(rsa.schemes().len(), 6);
        for scheme in rsa.schemes() {
            let signature = rsa.sign(*scheme, b"message").unwrap();
            assert!(fixture.public_key("rsa").verifies(*scheme, b"message", &signature), "{scheme}");
        }
        // What worked last is where it begins, not all there is.
        fixture.script(&["refuse=40", "refuse=41", "refuse=42", "refuse=43", "refuse=44", "refuse=45"]);
        for scheme in rsa.schemes() {
            rsa.sign(*scheme, b"message").unwrap();
        }
    });
}

#[test]
fn a_token_without_pss_still_does_tls_1_2() {
    isolated("hardware::a_token_without_pss_still_does_tls_1_2", two_keys, |fixture| {
        fixture.script(&[RSA_PSS, SHA256_RSA_PSS]);
        let rsa = signer(fixture, &fixture.shim("gw"), PIN, "rsa").unwrap();
        assert_eq!(rsa.schemes().first(), Some(&SignatureScheme::RsaPkcs1Sha256));
        assert_eq!(rsa.schemes().len(), 3);
        sign(&rsa);

        fixture.script(&[ECDSA]);
        let error = signer(fixture, &fixture.shim("gw"), PIN, "key").unwrap_err();
        assert_eq!(error.code(), Code::Pkcs11Mechanism, "{error:?}");
        for part in
            ["ecdsa_secp256r1_sha256", "C_SignInit returned CKR_MECHANISM_INVALID (0x70)", "token `gw`"]
        {
            assert!(error.message().contains(part), "{error}");
        }
    });
}

#[test]
fn what_is_lost_is_renewed_once() {
    isolated("hardware::what_is_lost_is_renewed_once", two_keys, |fixture| {
        let signer = signer(fixture, &fixture.shim("gw"), PIN, "key").unwrap();
        for lost in [
            "fail-once=C_SignInit:b3",  // SESSION_HANDLE_INVALID
            "fail-once=C_SignInit:90",  // OPERATION_ACTIVE
            "fail-once=C_SignInit:60",  // KEY_HANDLE_INVALID
            "fail-once=C_SignInit:82",  // OBJECT_HANDLE_INVALID
            "fail-once=C_SignInit:101", // USER_NOT_LOGGED_IN
            "fail-once=C_Sign:30",      // DEVICE_ERROR
            "fail-once=C_Sign:32",      // DEVICE_REMOVED
            "fail-once=C_Sign:5",       // GENERAL_ERROR
            "fail-once=C_Sign:b0",      // SESSION_CLOSED
            "fail-once=C_Sign:190",     // CRYPTOKI_NOT_INITIALIZED
        ] {
            fixture.script(&[lost]);
            sign(&signer);
            fixture.script(&[]);
            sign(&signer);
        }
        close_all();
        reopen();
        fixture.script(&["fail-once=C_OpenSession:b1"]); // SESSION_COUNT
        sign(&signer);
    });
}

#[test]
fn what_stays_broken_is_reported_by_name_and_used_again_when_it_works() {
    isolated(
        "hardware::what_stays_broken_is_reported_by_name_and_used_again_when_it_works",
        two_keys,
        |fixture| {
            let signer = signer(fixture, &fixture.shim("gw"), PIN, "key").unwrap();
            for (word, text) in [
                ("fail=C_Sign:30", "C_Sign returned CKR_DEVICE_ERROR (0x30)"),
                ("fail=C_Sign:80000123", "C_Sign returned the vendor's own code 0x80000123"),
                ("fail=C_SignInit:101", "C_SignInit returned CKR_USER_NOT_LOGGED_IN (0x101)"),
                ("fail=C_SignInit:190", "C_SignInit returned CKR_CRYPTOKI_NOT_INITIALIZED (0x190)"),
            ] {
                fixture.script(&[word]);
                let error = signer.sign(signer.schemes()[0], b"message").unwrap_err();
                assert_eq!(error.code(), Code::Pkcs11Call, "{error:?}");
                assert!(error.message().contains(text) && error.message().contains("token `gw`"), "{error}");
                fixture.script(&[]);
                sign(&signer);
            }
        },
    );
}
