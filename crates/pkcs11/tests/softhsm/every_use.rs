//! Keys that want the PIN for every single use (CKA_ALWAYS_AUTHENTICATE).

use refresh_session_core::{Code, Signer as _};

use crate::support::{Fixture, PIN, isolated, signer, softhsm};

fn wary_key(fixture: &Fixture) {
    fixture.token("gw");
    let module = softhsm();
    let login =
        ["--module", module.to_str().unwrap(), "--token-label", "gw", "--login", "--pin", PIN, "--id", "04"];
    let make =
        ["--keypairgen", "--key-type", "EC:prime256v1", "--label", "wary", "--usage-sign", "--always-auth"];
    fixture.run("pkcs11-tool", &[&login[..], &make].concat());
    let public = fixture.file("wary.pub");
    let read = ["--read-object", "--type", "pubkey", "--output-file", &public];
    fixture.run("pkcs11-tool", &[&login[..], &read].concat());
}

#[test]
fn each_signature_has_a_login_of_its_own() {
    isolated("every_use::each_signature_has_a_login_of_its_own", wary_key, |fixture| {
        let signer = signer(fixture, &fixture.spied("gw"), PIN, "wary").unwrap();
        // The token's, and that of the test signature.
        assert_eq!((fixture.calls("C_Login"), fixture.calls("C_Sign")), (2, 1));
        for more in 1..=2 {
            let signature = signer.sign(signer.schemes()[0], b"message").unwrap();
            assert!(signer.public_key().verifies(signer.schemes()[0], b"message", &signature));
            assert_eq!((fixture.calls("C_Login"), fixture.calls("C_Sign")), (2 + more, 1 + more));
        }
        assert_eq!(fixture.calls("C_OpenSession"), 1);
    });
}

#[test]
fn a_pin_refused_there_is_not_sent_again() {
    isolated("every_use::a_pin_refused_there_is_not_sent_again", wary_key, |fixture| {
        let signer = signer(fixture, &fixture.shim("gw"), PIN, "wary").unwrap();
        let sign = || signer.sign(signer.schemes()[0], b"message");
        assert_eq!(fixture.calls("C_Login"), 2);
        fixture.script(&["fail=C_Login:a0"]);
        assert_eq!(sign().unwrap_err().code(), Code::Pkcs11PinIncorrect);
        assert_eq!(fixture.calls("C_Login"), 3);
        fixture.script(&[]);
        for _ in 0..3 {
            assert_eq!(sign().unwrap_err().code(), Code::Pkcs11PinNotRetried);
        }
        assert_eq!((fixture.calls("C_Login"), fixture.calls("C_CloseSession")), (3, 1));
    });
}

#[test]
fn a_pin_about_to_be_locked_is_not_sent_there() {
    isolated("every_use::a_pin_about_to_be_locked_is_not_sent_there", wary_key, |fixture| {
        let signer = signer(fixture, &fixture.shim("gw"), PIN, "wary").unwrap();
        let sign = || signer.sign(signer.schemes()[0], b"message");
        fixture.script(&["final-try"]);
        assert_eq!(sign().unwrap_err().code(), Code::Pkcs11PinLocked);
        assert_eq!(fixture.calls("C_Login"), 2);
        // The operation that was begun is over.
        fixture.script(&[]);
        sign().unwrap();
        assert_eq!(fixture.calls("C_Login"), 4);
    });
}

#[test]
fn a_session_lost_in_between_is_renewed() {
    isolated("every_use::a_session_lost_in_between_is_renewed", wary_key, |fixture| {
        let signer = signer(fixture, &fixture.shim("gw"), PIN, "wary").unwrap();
        for lost in ["fail-once=C_Login:b3", "fail-once=C_Login:5", "fail-once=C_Sign:101", "close-once"] {
            fixture.script(&[lost]);
            signer.sign(signer.schemes()[0], b"message").unwrap();
        }
    });
}
