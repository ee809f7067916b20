//! Signatures: every kind of key and scheme, many of them, from many threads, and at what cost in calls.

use std::thread;

use refresh_session_core::{Code, Secret, Signer as _};
use refresh_session_pkcs11::{ObjectSelector, Token};

use crate::support::{P256, P384, PIN, RSA, isolated, message, signer};

#[test]
fn every_scheme_of_every_key_verifies() {
    isolated(
        "signing::every_scheme_of_every_key_verifies",
        |fixture| {
            fixture.token("gw");
            fixture.key("gw", "ec256", "01", P256);
            fixture.key("gw", "ec384", "02", P384);
            fixture.key("gw", "rsa", "03", RSA);
        },
        |fixture| {
            for (key, schemes) in [("ec256", 1), ("ec384", 1), ("rsa", 6)] {
                let signer = signer(fixture, &fixture.config("gw"), PIN, key).unwrap();
                assert_eq!(signer.schemes().len(), schemes, "{key}");
                for scheme in signer.schemes() {
                    for length in [0, 1, 130, 20_000] {
                        let message = vec![0x5a; length];
                        let signature = signer.sign(*scheme, &message).unwrap();
                        assert!(
                            fixture.public_key(key).verifies(*scheme, &message, &signature),
                            "{key} {scheme}"
                        );
                    }
                }
            }
        },
    );
}

#[test]
fn twenty_thousand_signatures_verify() {
    isolated(
        "signing::twenty_thousand_signatures_verify",
        |fixture| {
            fixture.token("gw");
            fixture.key("gw", "ec256", "01", P256);
        },
        |fixture| {
            let signer = signer(fixture, &fixture.config("gw"), PIN, "ec256").unwrap();
            let (scheme, public) = (signer.schemes()[0], fixture.public_key("ec256"));
            let mut lengths = [0_u32; 80];
            for number in 0..20_000 {
                let message = message(number);
                let signature = signer.sign(scheme, &message).unwrap();
                assert!(public.verifies(scheme, &message, &signature), "number {number}: {signature:02x?}");
                lengths[signature.len()] += 1;
            }
            // Fewer than 70 bytes: a leading zero byte was stripped, in about 39 of them. The rest proves nothing.
            let short: u32 = lengths[..70].iter().sum();
            assert!(short > 5, "no short ones among {lengths:?}");
        },
    );
}

#[test]
fn eight_threads_sign_at_once() {
    isolated(
        "signing::eight_threads_sign_at_once",
        |fixture| {
            fixture.token("gw");
            fixture.key("gw", "ec256", "01", P256);
            fixture.key("gw", "rsa", "02", RSA);
        },
        |fixture| {
            let config = fixture.config("gw");
            thread::scope(|scope| {
                for number in 0..8_u32 {
                    let config = &config;
                    scope.spawn(move || {
                        let key = if number % 2 == 0 { "ec256" } else { "rsa" };
                        let signer = signer(fixture, config, PIN, key).unwrap();
                        for round in 0..50 {
                            let message = message(number * 1000 + round);
                            let scheme = signer.schemes()[round as usize % signer.schemes().len()];
                            let signature = signer.sign(scheme, &message).unwrap();
                            assert!(fixture.public_key(key).verifies(scheme, &message, &signature));
                        }
                    });
                }
            });
        },
    );
}

#[test]
fn one_signature_is_one_sign_init_and_one_sign() {
    isolated(
        "signing::one_signature_is_one_sign_init_and_one_sign",
        |fixture| {
            fixture.token("gw");
            fixture.key("gw", "ec256", "01", P256);
        },
        |fixture| {
            let signer = signer(fixture, &fixture.spied("gw"), PIN, "ec256").unwrap();
            // The test signature.
            assert_eq!((fixture.calls("C_SignInit"), fixture.calls("C_Sign")), (1, 1));
            for number in 0..10 {
                signer.sign(signer.schemes()[0], &message(number)).unwrap();
            }
            assert_eq!((fixture.calls("C_SignInit"), fixture.calls("C_Sign")), (11, 11));
            assert_eq!((fixture.calls("C_Login"), fixture.calls("C_OpenSession")), (1, 1));
            assert_eq!((fixture.calls("C_Initialize"), fixture.calls("C_Finalize")), (1, 0));
        },
    );
}

#[test]
fn another_key_than_the_certificates_is_refused_with_both_fingerprints() {
    isolated(
        "signing::another_key_than_the_certificates_is_refused_with_both_fingerprints",
        |fixture| {
            fixture.token("gw");
            fixture.key("gw", "one", "01", P256);
            fixture.key("gw", "two", "02", P256);
            fixture.key("gw", "rsa", "03", RSA);
            // The token keeps only the private half of this one.
            fixture.key("gw", "half", "04", P256);
            let module = crate::support::softhsm();
            let delete = ["--login", "--pin", PIN, "--delete-object", "--type", "pubkey", "--label", "half"];
            let module = ["--module", module.to_str().unwrap(), "--token-label", "gw"];
            fixture.run("pkcs11-tool", &[&module[..], &delete].concat());
        },
        |fixture| {
            let token = Token::open(&fixture.config("gw"), Some(&Secret::from(PIN))).unwrap();
            let certified = fixture.certificate_file("one");
            let expected = certified.public_key();
            let refuse = |key: &str| token.signer(&ObjectSelector::label(key), expected).unwrap_err();

            for (key, part) in [("two", "is another"), ("rsa", "is of type")] {
                let error = refuse(key);
                assert_eq!(error.code(), Code::Pkcs11KeyMismatch, "{error:?}");
                for text in [part, &expected.fingerprint(), &fixture.public_key(key).fingerprint()] {
                    assert!(error.message().contains(text), "{key}: {error}");
                }
            }
            let error = refuse("half");
            assert_eq!(error.code(), Code::Pkcs11KeyMismatch, "{error:?}");
            for text in ["does not verify", "does not show", &expected.fingerprint()] {
                assert!(error.message().contains(text), "{error}");
            }
            assert!(token.signer(&ObjectSelector::label("half"), &fixture.public_key("half")).is_ok());
            assert!(token.signer(&ObjectSelector::label("one"), expected).is_ok());
        },
    );
}
