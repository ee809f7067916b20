//! P-521 keys, whose signatures the token itself must check.

use std::fs;

use refresh_session_core::{Code, SignatureScheme, Signer as _};

use crate::support::{Fixture, P256, P521, PIN, isolated, message, signer, softhsm};

const ECDSA: &str = "1041";
const ECDSA_SHA512: &str = "1046";

fn one_key(fixture: &Fixture) {
    fixture.token("gw");
    fixture.key("gw", "key", "01", P521);
}

/// The token with a private key whose public object is another's, or gone.
fn without_public_object(fixture: &Fixture) {
    one_key(fixture);
    let module = softhsm();
    let login = ["--module", module.to_str().unwrap(), "--token-label", "gw", "--login", "--pin", PIN];
    let delete = ["--delete-object", "--type", "pubkey", "--id", "01"];
    fixture.run("pkcs11-tool", &[&login[..], &delete].concat());
}

#[test]
fn its_signatures_are_good_for_openssl() {
    isolated("p521::its_signatures_are_good_for_openssl", one_key, |fixture| {
        let signer = signer(fixture, &fixture.shim("gw"), PIN, "key").unwrap();
        assert_eq!(signer.schemes(), [SignatureScheme::EcdsaP521Sha512]);
        // One test signature; it was checked, and something else was refused.
        assert_eq!((fixture.calls("C_Sign"), fixture.calls("C_Verify")), (1, 2));
        let (data, signature) = (fixture.file("message"), fixture.file("signature"));
        for number in 0..40 {
            fs::write(&data, message(number)).unwrap();
            fs::write(&signature, signer.sign(signer.schemes()[0], &message(number)).unwrap()).unwrap();
            let check =
                ["dgst", "-sha512", "-keyform", "DER", "-verify", "key.pub", "-signature", &signature];
            fixture.run("openssl", &[&check[..], &[&data]].concat());
        }
        assert_eq!((fixture.calls("C_Sign"), fixture.calls("C_Verify")), (41, 42));
    });
}

#[test]
fn a_token_that_cannot_check_it_is_refused_with_what_to_do() {
    let name = "p521::a_token_that_cannot_check_it_is_refused_with_what_to_do";
    isolated(name, one_key, |fixture| {
        let refuse = |words: &[&str]| {
            fixture.script(words);
            let error = signer(fixture, &fixture.shim("gw"), PIN, "key").unwrap_err();
            assert_eq!(error.code(), Code::UnsupportedKey, "{words:?}: {error:?}");
            assert!(error.hint().unwrap().contains("pkcs11-tool --write-object"), "{error:?}");
            error.message().to_owned()
        };
        let both = [&format!("refuse-verify={ECDSA}")[..], &format!("refuse-verify={ECDSA_SHA512}")];
        let message = refuse(&both);
        assert!(message.contains("EC P-521 key cannot be checked: C_VerifyInit returned"), "{message}");
        let message = refuse(&["verify-all"]);
        assert!(message.contains("accepts a signature of something else"), "{message}");
        let message = refuse(&["attr=2:181:absent"]);
        assert!(message.contains("CKA_EC_POINT"), "{message}");
        refuse(&["fail=C_Verify:54"]);
        // A device that is away is another matter.
        fixture.script(&["fail=C_Verify:30"]);
        let error = signer(fixture, &fixture.shim("gw"), PIN, "key").unwrap_err();
        assert_eq!((error.code(), error.retryable()), (Code::Pkcs11Call, true), "{error:?}");
        for how in ["bare", "compressed"] {
            fixture.script(&[&format!("attr=2:181:{how}")]);
            signer(fixture, &fixture.shim("gw"), PIN, "key").unwrap();
            refresh_session_pkcs11::close_all();
            refresh_session_pkcs11::reopen();
        }
    });
}

#[test]
fn a_token_that_signs_and_checks_only_what_it_hashes_will_do() {
    let name = "p521::a_token_that_signs_and_checks_only_what_it_hashes_will_do";
    isolated(name, one_key, |fixture| {
        let refused = [format!("refuse={ECDSA}"), format!("refuse-verify={ECDSA}")];
        fixture.script(&[&refused[0], &refused[1], "hashing"]);
        let signer = signer(fixture, &fixture.shim("gw"), PIN, "key").unwrap();
        for number in 0..5 {
            signer.sign(signer.schemes()[0], &message(number)).unwrap();
        }
        // Asked once for what is refused, and no more.
        assert_eq!(fixture.calls(&format!("mechanism {ECDSA}")), 1);
        assert_eq!((fixture.calls("C_Sign"), fixture.calls("C_Verify")), (6, 7));
    });
}

#[test]
fn without_a_public_key_object_it_is_refused() {
    let name = "p521::without_a_public_key_object_it_is_refused";
    isolated(name, without_public_object, |fixture| {
        let error = signer(fixture, &fixture.shim("gw"), PIN, "key").unwrap_err();
        assert_eq!(error.code(), Code::UnsupportedKey, "{error:?}");
        assert!(error.message().contains("no public-key object with the certificate's point"), "{error}");
    });
}

#[test]
fn another_key_than_the_certificates_is_refused() {
    let prepare = |fixture: &Fixture| {
        one_key(fixture);
        fixture.key("gw", "other", "02", P521);
        fixture.key("gw", "small", "03", P256);
    };
    isolated("p521::another_key_than_the_certificates_is_refused", prepare, |fixture| {
        let open = |key: &str, public: &str| {
            let token = refresh_session_pkcs11::Token::open(
                &fixture.shim("gw"),
                Some(&refresh_session_core::Secret::from(PIN)),
            )?;
            token.signer(&refresh_session_pkcs11::ObjectSelector::label(key), &fixture.public_key(public))
        };
        for (key, public) in [("other", "key"), ("small", "key"), ("key", "small")] {
            assert_eq!(open(key, public).unwrap_err().code(), Code::Pkcs11KeyMismatch, "{key} for {public}");
        }
        // Even where the token says nothing of the private key's own public half: the point that counts is found by
        // itself.
        fixture.script(&["attr=3:102:absent", "attr=3:3:absent"]);
        let error = open("other", "key").unwrap_err();
        assert_eq!(error.code(), Code::Pkcs11KeyMismatch, "{error:?}");
        assert!(error.message().contains("does not verify"), "{error}");
        assert!(open("key", "key").is_ok());
    });
}

#[test]
fn a_public_key_object_that_was_lost_is_found_again() {
    isolated("p521::a_public_key_object_that_was_lost_is_found_again", one_key, |fixture| {
        let signer = signer(fixture, &fixture.shim("gw"), PIN, "key").unwrap();
        for lost in ["82", "60", "b3", "90", "30", "190"] {
            fixture.script(&[&format!("fail-once=C_VerifyInit:{lost}")]);
            signer.sign(signer.schemes()[0], b"message").unwrap();
        }
    });
}
