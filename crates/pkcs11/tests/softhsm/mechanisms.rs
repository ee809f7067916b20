//! Signatures in odd forms, and mechanisms that are refused: what stands in for them, and that it is remembered.
//! Through the shim (`tests/shim/lib.rs`).

use refresh_session_core::{Code, SignatureScheme, Signer as _};
use refresh_session_pkcs11::Pkcs11Signer;

use crate::support::{Fixture, P256, P384, PIN, RSA, isolated, signer, skip_the_pause};

const RSA_PKCS: &str = "1";
const RSA_PSS: &str = "d";
const SHA256_RSA_PKCS: &str = "40";
const SHA256_RSA_PSS: &str = "43";
const ECDSA: &str = "1041";
const ECDSA_SHA256: &str = "1044";
const ECDSA_SHA384: &str = "1045";

fn keys(fixture: &Fixture) {
    fixture.token("gw");
    fixture.key("gw", "ec256", "01", P256);
    fixture.key("gw", "ec384", "02", P384);
    fixture.key("gw", "rsa", "03", RSA);
}

fn open(fixture: &Fixture, key: &str) -> Pkcs11Signer {
    signer(fixture, &fixture.shim("gw"), PIN, key).unwrap()
}

fn sign(signer: &Pkcs11Signer, scheme: SignatureScheme) {
    let signature = signer.sign(scheme, b"message").unwrap();
    assert!(signer.public_key().verifies(scheme, b"message", &signature), "{scheme}");
}

/// How often C_SignInit was called with a mechanism.
fn begun(fixture: &Fixture, mechanism: &str) -> usize {
    fixture.calls(&format!("mechanism {mechanism}"))
}

#[test]
fn signatures_that_come_as_der_are_accepted() {
    isolated("mechanisms::signatures_that_come_as_der_are_accepted", keys, |fixture| {
        fixture.script(&["der"]);
        for key in ["ec256", "ec384"] {
            let signer = open(fixture, key);
            for _ in 0..300 {
                sign(&signer, signer.schemes()[0]);
            }
        }
    });
}

#[test]
fn signatures_of_impossible_lengths_are_errors() {
    isolated("mechanisms::signatures_of_impossible_lengths_are_errors", keys, |fixture| {
        let signers = ["ec256", "ec384", "rsa"].map(|key| open(fixture, key));
        for length in [0_u64, 1, 63, 65, 95, 97, 132, 255, 257, 1024, 1025, u64::MAX] {
            fixture.script(&[&format!("length={length}")]);
            for signer in &signers {
                let error = signer.sign(signer.schemes()[0], b"message").unwrap_err();
                let code = if length > 1024 { Code::Pkcs11Call } else { Code::Pkcs11KeyMismatch };
                assert_eq!(error.code(), code, "{length}: {error:?}");
                assert!(error.message().contains("signature"), "{error}");
            }
        }
        // What comes first is the test signature, whose failure is the module's if the key is known to be right.
        refresh_session_pkcs11::close_all();
        refresh_session_pkcs11::reopen();
        fixture.script(&["length=63"]);
        let error = signer(fixture, &fixture.shim("gw"), PIN, "ec256").unwrap_err();
        assert_eq!(error.code(), Code::Pkcs11Mechanism, "{error:?}");
        assert!(error.message().contains("a signature of 63 bytes"), "{error}");
    });
}

#[test]
fn hash_and_sign_stands_in_wherever_the_raw_mechanism_is_refused() {
    let name = "mechanisms::hash_and_sign_stands_in_wherever_the_raw_mechanism_is_refused";
    isolated(name, keys, |fixture| {
        for (word, value) in [
            ("refuse", "70"),
            ("refuse", "71"),
            ("refuse", "54"),
            ("refuse-late", "70"),
            ("refuse-late", "71"),
            ("refuse-stuck", "70"),
            ("refuse-stuck", "71"),
        ] {
            let refused = [RSA_PKCS, RSA_PSS].map(|raw| format!("{word}={raw}:{value}"));
            fixture.script(&refused.each_ref().map(String::as_str));
            // A new one each time, without what was learned: neither key nor form.
            let rsa = open(fixture, "rsa");
            for scheme in [SignatureScheme::RsaPssSha256, SignatureScheme::RsaPkcs1Sha256] {
                sign(&rsa, scheme);
            }
            drop(rsa);
            fixture.script(
                &[SHA256_RSA_PKCS, SHA256_RSA_PSS]
                    .map(|m| format!("refuse={m}"))
                    .each_ref()
                    .map(String::as_str),
            );
            let rsa = open(fixture, "rsa");
            for scheme in [SignatureScheme::RsaPssSha256, SignatureScheme::RsaPkcs1Sha256] {
                sign(&rsa, scheme);
            }
        }
    });
}

#[test]
fn the_mechanism_that_works_is_remembered() {
    isolated("mechanisms::the_mechanism_that_works_is_remembered", keys, |fixture| {
        let refused = [&format!("refuse={RSA_PKCS}")[..], &format!("refuse-stuck={RSA_PSS}:71")[..]];
        fixture.script(&refused);
        let rsa = open(fixture, "rsa");
        sign(&rsa, SignatureScheme::RsaPkcs1Sha256);
        let (pkcs, pss) = (begun(fixture, RSA_PKCS), begun(fixture, RSA_PSS));
        assert_eq!((pkcs, pss), (1, 1), "each was tried once");
        let all = || {
            sign(&rsa, SignatureScheme::RsaPssSha256);
            sign(&rsa, SignatureScheme::RsaPkcs1Sha256);
        };
        all();
        // Another signer of the same key, a new session, a new initialisation, a new user after all are gone.
        let second = open(fixture, "rsa");
        sign(&second, SignatureScheme::RsaPkcs1Sha256);
        fixture.script(&[&refused[..], &["fail-once=C_Sign:b3"]].concat());
        all();
        fixture.script(&[&refused[..], &["fail-until-anew=*:30"]].concat());
        let before = fixture.calls("C_Finalize");
        all();
        assert_eq!(fixture.calls("C_Finalize"), before + 1);
        skip_the_pause();
        refresh_session_pkcs11::close_all();
        refresh_session_pkcs11::reopen();
        sign(&open(fixture, "rsa"), SignatureScheme::RsaPkcs1Sha256);
        assert_eq!((begun(fixture, RSA_PKCS), begun(fixture, RSA_PSS)), (pkcs, pss));
    });
}

#[test]
fn one_scheme_that_is_refused_leaves_the_others_alone() {
    isolated("mechanisms::one_scheme_that_is_refused_leaves_the_others_alone", keys, |fixture| {
        fixture.script(&[&format!("refuse={RSA_PSS}")]);
        let rsa = open(fixture, "rsa");
        assert_eq!(rsa.schemes().len(), 6);
        for scheme in rsa.schemes() {
            sign(&rsa, *scheme);
        }
        assert_eq!((begun(fixture, RSA_PSS), begun(fixture, SHA256_RSA_PKCS)), (1, 0));
        assert_eq!(begun(fixture, RSA_PKCS), 3);
    });
}

#[test]
fn an_ec_key_signs_with_the_hash_of_its_curve_where_the_raw_mechanism_is_refused() {
    let name = "mechanisms::an_ec_key_signs_with_the_hash_of_its_curve_where_the_raw_mechanism_is_refused";
    isolated(name, keys, |fixture| {
        drop(open(fixture, "rsa"));
        for (key, mechanism) in [("ec256", ECDSA_SHA256), ("ec384", ECDSA_SHA384)] {
            for word in ["refuse", "refuse-late", "refuse-stuck"] {
                for value in ["70", "71"] {
                    let refused = [&format!("{word}={ECDSA}:{value}")[..], "hashing"];
                    fixture.script(&refused);
                    refresh_session_pkcs11::close_all();
                    refresh_session_pkcs11::reopen();
                    let (raw, hashing) = (begun(fixture, ECDSA), begun(fixture, mechanism));
                    let signer = open(fixture, key);
                    let learned = begun(fixture, ECDSA);
                    assert!(learned <= raw + 1, "tried once more than it is refused");
                    for _ in 0..3 {
                        sign(&signer, signer.schemes()[0]);
                    }
                    fixture.script(&[&refused[..], &["fail-once=C_Sign:b3"]].concat());
                    sign(&signer, signer.schemes()[0]);
                    assert_eq!(begun(fixture, ECDSA), learned, "{key} {word} {value}");
                    assert!(begun(fixture, mechanism) >= hashing + 5, "{key} {word} {value}");
                }
            }
            // A token that can do neither says so with both answers.
            fixture.script(&[&format!("refuse={ECDSA}:71"), &format!("refuse={mechanism}:70")]);
            refresh_session_pkcs11::close_all();
            refresh_session_pkcs11::reopen();
            let error = signer(fixture, &fixture.shim("gw"), PIN, key).unwrap_err();
            assert_eq!(error.code(), Code::Pkcs11Mechanism, "{error:?}");
            for answer in ["CKR_MECHANISM_PARAM_INVALID (0x71)", "CKR_MECHANISM_INVALID (0x70)"] {
                assert!(error.message().contains(answer), "{error}");
            }
        }
    });
}
