//! Objects and tokens that describe themselves badly. Through the shim (`tests/shim/lib.rs`).

use refresh_session_core::{Code, Error, Secret, Signer as _};
use refresh_session_pkcs11::{ObjectSelector, Pkcs11Signer, Token, TokenConfig, TokenSelector};

use crate::support::{Fixture, P256, P384, PIN, RSA, isolated};

const PUBLIC: &str = "2";
const PRIVATE: &str = "3";
const CLASS: &str = "0";
const LABEL: &str = "3";
const KEY_TYPE: &str = "100";
const ID: &str = "102";
const MODULUS: &str = "120";
const EXPONENT: &str = "122";
const EC_PARAMS: &str = "180";
const EC_POINT: &str = "181";
const ALWAYS_AUTHENTICATE: &str = "202";
/// Every way of the shim to have no value.
const MISSING: [&str; 5] = ["absent", "sensitive", "unavailable", "huge", "overlong"];

fn keys(fixture: &Fixture) {
    fixture.token("gw");
    fixture.key("gw", "ec256", "01", P256);
    fixture.key("gw", "ec384", "02", P384);
    fixture.key("gw", "rsa", "03", RSA);
}

/// As a new process would see it: nothing is remembered of the keys.
fn open(fixture: &Fixture, selector: &ObjectSelector, public: &str) -> Result<Pkcs11Signer, Error> {
    refresh_session_pkcs11::close_all();
    refresh_session_pkcs11::reopen();
    let token = Token::open(&fixture.shim("gw"), Some(&Secret::from(PIN)))?;
    token.signer(selector, &fixture.public_key(public))
}

fn attribute(class: &str, attribute: &str, how: &str) -> String {
    format!("attr={class}:{attribute}:{how}")
}

#[test]
fn points_come_in_every_form_and_another_key_is_still_told() {
    let name = "objects::points_come_in_every_form_and_another_key_is_still_told";
    isolated(name, keys, |fixture| {
        for how in ["bare", "compressed"] {
            fixture.script(&[&attribute(PUBLIC, EC_POINT, how)]);
            for key in ["ec256", "ec384"] {
                open(fixture, &ObjectSelector::label(key), key).unwrap();
            }
            let signed = fixture.calls("C_Sign");
            let error = open(fixture, &ObjectSelector::label("ec256"), "ec384").unwrap_err();
            assert_eq!(error.code(), Code::Pkcs11KeyMismatch, "{how}: {error:?}");
            // A whole point shows another key before it signs, a compressed one is not worth the arithmetic.
            let tested = usize::from(how == "compressed");
            assert_eq!(fixture.calls("C_Sign") - signed, tested, "{how}");
        }
    });
}

#[test]
fn what_cannot_be_read_of_a_key_hides_nothing_else() {
    let name = "objects::what_cannot_be_read_of_a_key_hides_nothing_else";
    isolated(name, keys, |fixture| {
        // Explicit parameters, another curve's name, a text, nothing of the kind.
        let garbage = ["=30060201010500", "=06052b81040022", "=1309736563703235367231", "=ff", "=00"];
        for attribute in [LABEL, ID, KEY_TYPE, MODULUS, EXPONENT, EC_PARAMS, EC_POINT, ALWAYS_AUTHENTICATE] {
            for how in MISSING.into_iter().chain(garbage) {
                fixture.script(&[&self::attribute("*", attribute, how)]);
                for (id, key) in [(1, "ec256"), (3, "rsa")] {
                    // The module still finds by both names; the test signature proves the rest.
                    for selector in [ObjectSelector::id([id]), ObjectSelector::label(key)] {
                        open(fixture, &selector, key)
                            .unwrap_or_else(|error| panic!("{attribute} {how} {key}: {error}"));
                    }
                }
                let error = open(fixture, &ObjectSelector::label("ec256"), "ec384").unwrap_err();
                assert_eq!(error.code(), Code::Pkcs11KeyMismatch, "{attribute} {how}: {error:?}");
                let error = open(fixture, &ObjectSelector::label("lost"), "rsa").unwrap_err();
                assert_eq!(error.code(), Code::Pkcs11KeyNotFound, "{attribute} {how}: {error:?}");
            }
        }
    });
}

#[test]
fn a_module_that_cannot_search_by_a_name_is_searched_here() {
    let name = "objects::a_module_that_cannot_search_by_a_name_is_searched_here";
    isolated(name, keys, |fixture| {
        let both = ObjectSelector { label: Some("ec256".into()), id: Some(vec![1]) };
        let wrong = ObjectSelector { label: Some("ec256".into()), id: Some(vec![2]) };
        for word in ["blind", "unsearchable"] {
            for padding in ["absent", "spaces", "zeros"] {
                // The padding is in the label that the module compares with, so it finds nothing by the plain one.
                let (label, id) = (attribute(PRIVATE, LABEL, padding), attribute(PRIVATE, ID, padding));
                let words = [format!("{word}={LABEL}"), format!("{word}={ID}")];
                fixture.script(&[&words[0], &words[1], &id]);
                open(fixture, &ObjectSelector::label("ec256"), "ec256").unwrap();
                fixture.script(&[&words[0], &words[1], &label]);
                open(fixture, &ObjectSelector::id([1]), "ec256").unwrap();
                let found = open(fixture, &both, "ec256");
                match padding {
                    "absent" => assert_eq!(found.unwrap_err().code(), Code::Pkcs11KeyNotFound),
                    _ => assert!(found.is_ok(), "{word} {padding}: {found:?}"),
                }
                let error = open(fixture, &wrong, "ec256").unwrap_err();
                assert_eq!(error.code(), Code::Pkcs11KeyNotFound, "{error:?}");
            }
        }
        // Nothing is found by any class: then that is what is said.
        fixture.script(&[&format!("unsearchable={CLASS}")]);
        let error = open(fixture, &ObjectSelector::label("ec256"), "ec256").unwrap_err();
        assert_eq!(error.code(), Code::Pkcs11Call, "{error:?}");
        assert!(error.message().contains("CKR_ATTRIBUTE_TYPE_INVALID (0x12)"), "{error}");
    });
}

#[test]
fn names_that_are_no_text_are_listed_readably() {
    let name = "objects::names_that_are_no_text_are_listed_readably";
    isolated(name, keys, |fixture| {
        fixture.script(&[&attribute(PRIVATE, LABEL, "=636166e90a"), &attribute(PRIVATE, ID, "absent")]);
        let error = open(fixture, &ObjectSelector::label("lost"), "rsa").unwrap_err();
        assert!(error.message().contains(r#"label "caf\xe9\n" no id; label"#), "{error}");
        let long = format!("={}", "61".repeat(7000));
        fixture.script(&[&attribute(PRIVATE, LABEL, &long)]);
        let error = open(fixture, &ObjectSelector::label("lost"), "rsa").unwrap_err();
        assert!(error.message().contains(r#"aaa…" id 01"#) && error.message().len() < 1000, "{error}");
    });
}

#[test]
fn an_object_that_is_listed_twice_is_one() {
    let name = "objects::an_object_that_is_listed_twice_is_one";
    isolated(name, keys, |fixture| {
        fixture.script(&["twice"]);
        for (selector, key) in [
            (ObjectSelector::label("ec256"), "ec256"),
            (ObjectSelector::id([2]), "ec384"),
            (ObjectSelector::id([3]), "rsa"),
        ] {
            open(fixture, &selector, key).unwrap();
        }
        let error = open(fixture, &ObjectSelector::default(), "rsa").unwrap_err();
        assert_eq!(error.code(), Code::Pkcs11KeyAmbiguous, "{error:?}");
        assert!(error.message().contains("has 3 private keys"), "{error}");
    });
}

#[test]
fn copies_of_one_key_are_refused_with_both_listed() {
    let prepare = |fixture: &Fixture| {
        keys(fixture);
        let place = ["--token", "gw", "--label", "ec256", "--id", "01", "--pin", PIN, "--force"];
        fixture.run("softhsm2-util", &[&["--import", "ec256.pem"], &place[..]].concat());
    };
    let name = "objects::copies_of_one_key_are_refused_with_both_listed";
    isolated(name, prepare, |fixture| {
        for selector in [ObjectSelector::label("ec256"), ObjectSelector::id([1])] {
            let error = open(fixture, &selector, "ec256").unwrap_err();
            assert_eq!(error.code(), Code::Pkcs11KeyAmbiguous, "{error:?}");
            let one = r#"label "ec256" id 01"#;
            assert!(error.message().ends_with(&format!("{one}; {one}")), "{error}");
        }
        assert_eq!(fixture.calls("C_Sign"), 0);
    });
}

#[test]
fn tokens_are_known_without_their_padding() {
    let name = "objects::tokens_are_known_without_their_padding";
    isolated(name, keys, |fixture| {
        let open = |label: &str, serial: Option<&str>| {
            let token = TokenSelector {
                label: Some(label.into()),
                serial: serial.map(Into::into),
                ..TokenSelector::default()
            };
            Token::open(&TokenConfig { token, ..fixture.shim("gw") }, Some(&Secret::from(PIN)))
        };
        // In a field of 32 bytes and one of 16: zeros, a zero and rubbish, spaces and zeros, nothing but the text.
        let label = |behind: &str| format!("label=6777{}", behind.repeat(30));
        let serial = |behind: &str| format!("serial=3432{}", behind.repeat(14));
        let rubbish =
            (format!("label=677700{}", "ee".repeat(29)), format!("serial=343200{}", "ee".repeat(13)));
        let mixed = (format!("label=6777{}", "2000".repeat(15)), format!("serial=3432{}", "2000".repeat(7)));
        for (label, serial) in [(label("00"), serial("00")), (label("20"), serial("20")), rubbish, mixed] {
            fixture.script(&[&label, &serial]);
            let token = open("gw", Some("42")).unwrap_or_else(|error| panic!("{label} {serial}: {error}"));
            token.signer(&ObjectSelector::id([1]), &fixture.public_key("ec256")).unwrap();
        }
        fixture.script(&[&format!("label={}", "61".repeat(32)), &format!("serial={}", "37".repeat(16))]);
        assert!(open(&"a".repeat(32), Some(&"7".repeat(16))).is_ok());

        fixture.script(&[&format!("label=67e90a{}", "20".repeat(29))]);
        let error = open("gw", None).unwrap_err();
        assert_eq!(error.code(), Code::Pkcs11TokenNotFound, "{error:?}");
        assert!(error.message().contains("\"g\u{fffd}\\n\" serial"), "{error}");
    });
}

#[test]
fn a_token_with_a_line_break_in_its_name_breaks_no_line() {
    let name = "objects::a_token_with_a_line_break_in_its_name_breaks_no_line";
    isolated(name, keys, |fixture| {
        fixture.script(&[&format!("label=670a77{}", "20".repeat(29))]);
        let token = TokenSelector { label: Some("g\nw".into()), ..TokenSelector::default() };
        let config = TokenConfig { token, ..fixture.shim("gw") };
        let token = Token::open(&config, Some(&Secret::from(PIN))).unwrap();
        let signer = token.signer(&ObjectSelector::id([1]), &fixture.public_key("ec256")).unwrap();
        fixture.script(&[&format!("label=670a77{}", "20".repeat(29)), "fail=C_Sign:54"]);
        let error = signer.sign(signer.schemes()[0], b"m").unwrap_err();
        assert!(error.message().contains(r"token `g\nw`"), "{error}");
        assert!(!error.message().contains('\n'), "{error}");
    });
}

#[test]
fn a_key_that_is_called_otherwise_than_it_is_found_is_no_other_one_after_a_failure() {
    let name = "objects::a_key_that_is_called_otherwise_than_it_is_found_is_no_other_one_after_a_failure";
    isolated(name, keys, |fixture| {
        let cases = [(LABEL, "spaces"), (LABEL, "zeros"), (LABEL, "=ff"), (ID, "=ff"), (CLASS, "=ff")];
        for (number, (attribute, how)) in cases.into_iter().enumerate() {
            let odd = self::attribute(PRIVATE, attribute, how);
            fixture.script(&[&odd]);
            let selector = ObjectSelector { label: Some("ec256".into()), id: Some(vec![1]) };
            let signer = open(fixture, &selector, "ec256").unwrap();
            let initialised = fixture.calls("C_Initialize");
            fixture.script(&[&odd, &format!("fail-once=C_SignInit:60#{number}")]);
            signer.sign(signer.schemes()[0], b"message").unwrap();
            assert_eq!(fixture.calls("C_Initialize"), initialised, "{attribute} {how}");
        }
    });
}
