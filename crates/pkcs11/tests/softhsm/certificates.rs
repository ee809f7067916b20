//! Which certificate is taken where the token has several, or none of the right name.

use std::fs;

use refresh_session_core::{Certificate, Code, Error, Secret};
use refresh_session_pkcs11::{ObjectSelector, Token, TokenConfig};

use crate::support::{Fixture, P256, PIN, isolated};

/// Makes `<name>.der`, with that for its subject, for the key `key`: by itself, or by `issuer` (name and key).
fn issue(fixture: &Fixture, name: &str, key: &str, days: i32, issuer: Option<[&str; 2]>, extension: &str) {
    let [subject, key, request, out] =
        [format!("/CN={name}"), format!("{key}.pem"), format!("{name}.csr"), format!("{name}.der")];
    fixture.run("openssl", &["req", "-new", "-key", &key, "-subj", &subject, "-out", &request]);
    fs::write(fixture.file("extensions"), extension).unwrap();
    let days = days.to_string();
    let sign = ["x509", "-req", "-in", &request, "-days", &days, "-extfile", "extensions", "-outform", "DER"];
    let [ca, ca_key] =
        issuer.map_or_else(Default::default, |[ca, key]| [format!("{ca}.der"), format!("{key}.pem")]);
    let by: &[&str] = if issuer.is_some() {
        &["-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial"]
    } else {
        &["-signkey", &key]
    };
    fixture.run("openssl", &[&sign[..], by, &["-out", &out]].concat());
}

fn chain(config: &TokenConfig, pin: Option<&str>) -> Result<Vec<String>, Error> {
    let token = Token::open(config, pin.map(Secret::from).as_ref())?;
    let chain = token.certificates(&config.certificate)?;
    Ok(chain.iter().map(|certificate| certificate.subject().to_owned()).collect())
}

fn leaf(config: &TokenConfig) -> String {
    let token = Token::open(config, Some(&Secret::from(PIN))).unwrap();
    let chain = token.certificates(&config.certificate).unwrap();
    // It is the key's, whatever else it is.
    token.signer(&config.key, chain[0].public_key()).unwrap();
    chain[0].subject().to_owned()
}

fn by_key(fixture: &Fixture, key: ObjectSelector) -> TokenConfig {
    TokenConfig { key, ..fixture.shim("gw") }
}

fn by_certificate(fixture: &Fixture, certificate: ObjectSelector) -> TokenConfig {
    TokenConfig { certificate, ..fixture.shim("gw") }
}

#[test]
fn of_renewals_under_one_name_the_one_that_ends_last_is_taken() {
    let prepare = |fixture: &Fixture| {
        fixture.token("gw");
        fixture.key("gw", "key", "01", P256);
        fixture.key("gw", "other", "02", P256);
        for (name, days) in [("renewed", 30), ("expired", -1), ("older", 10)] {
            issue(fixture, name, "key", days, None, "");
            fixture.certificate("gw", name, "key", "01");
        }
        // A stranger under the same names that ends last of all, and one that is no certificate.
        issue(fixture, "stranger", "other", 300, None, "");
        fixture.certificate("gw", "stranger", "key", "01");
    };
    let name = "certificates::of_renewals_under_one_name_the_one_that_ends_last_is_taken";
    isolated(name, prepare, |fixture| {
        for selector in [ObjectSelector::id([1]), ObjectSelector::label("key")] {
            assert_eq!(leaf(&by_key(fixture, selector.clone())), "CN=renewed");
            assert_eq!(leaf(&by_certificate(fixture, selector)), "CN=renewed");
        }
        // Whose they are is not to be seen without a login, nor if the token does not show the key's public half.
        refresh_session_pkcs11::close_all();
        refresh_session_pkcs11::reopen();
        let config = by_key(fixture, ObjectSelector::id([1]));
        let error = chain(&config, None).unwrap_err();
        assert_eq!(error.code(), Code::Pkcs11CertificateAmbiguous, "{error:?}");
        assert!(error.message().contains("has 4 certificates with id 01"), "{error}");
        fixture.script(&["attr=2:181:absent"]);
        assert_eq!(chain(&config, Some(PIN)).unwrap_err().code(), Code::Pkcs11CertificateAmbiguous);
    });
}

#[test]
fn renewals_of_one_key_need_no_login_to_choose_from() {
    let prepare = |fixture: &Fixture| {
        fixture.token("gw");
        fixture.key("gw", "key", "01", P256);
        for (name, days) in [("expired", -1), ("renewed", 30)] {
            issue(fixture, name, "key", days, None, "");
            fixture.certificate("gw", name, "key", "01");
        }
    };
    let name = "certificates::renewals_of_one_key_need_no_login_to_choose_from";
    isolated(name, prepare, |fixture| {
        let config = by_key(fixture, ObjectSelector::id([1]));
        assert_eq!(chain(&config, None).unwrap(), ["CN=renewed"]);
        fixture.script(&["twice"]);
        assert_eq!(chain(&config, None).unwrap(), ["CN=renewed"]);
        assert_eq!(fixture.calls("C_Login"), 0);
    });
}

#[test]
fn a_certificate_of_another_name_is_found_by_its_key() {
    let prepare = |fixture: &Fixture| {
        fixture.token("gw");
        fixture.key("gw", "key", "01", P256);
        fixture.key("gw", "other", "02", P256);
        issue(fixture, "device", "key", 30, None, "");
        issue(fixture, "noise", "other", 60, None, "");
        fixture.certificate("gw", "device", "whatever", "77");
        fixture.certificate("gw", "noise", "noise", "78");
    };
    let name = "certificates::a_certificate_of_another_name_is_found_by_its_key";
    isolated(name, prepare, |fixture| {
        for key in [ObjectSelector::id([1]), ObjectSelector::label("key")] {
            assert_eq!(leaf(&by_key(fixture, key)), "CN=device");
        }
        for key in [ObjectSelector::id([9]), ObjectSelector::label("lost")] {
            let error = chain(&by_key(fixture, key), Some(PIN)).unwrap_err();
            assert_eq!(error.code(), Code::Pkcs11CertificateNotFound, "{error:?}");
            assert!(error.message().contains("label \"whatever\" id 77"), "{error}");
        }
        // A name that was given for the certificate itself is meant.
        let config = TokenConfig {
            certificate: ObjectSelector::label("lost"),
            ..by_key(fixture, ObjectSelector::id([1]))
        };
        assert_eq!(chain(&config, Some(PIN)).unwrap_err().code(), Code::Pkcs11CertificateNotFound);
        // Neither is named, and there are two keys: nothing says which.
        let error = chain(&fixture.shim("gw"), Some(PIN)).unwrap_err();
        assert_eq!(error.code(), Code::Pkcs11CertificateAmbiguous, "{error:?}");
    });
}

#[test]
fn attestations_and_older_intermediates_disturb_nothing() {
    let prepare = |fixture: &Fixture| {
        fixture.token("gw");
        for (name, id) in [("key", "01"), ("root", "0a"), ("old-ca", "0b"), ("yubico", "0c")] {
            fixture.key("gw", name, id, P256);
        }
        // As ykcs11 has them: under the key's own id, of the same key, valid for longer.
        issue(
            fixture,
            "attestation",
            "key",
            900,
            Some(["yubico", "yubico"]),
            "1.3.6.1.4.1.41482.3.3=DER:05:04:03",
        );
        issue(fixture, "middle", "old-ca", 20, Some(["root", "root"]), "basicConstraints=CA:true");
        issue(fixture, "device", "key", 30, Some(["middle", "old-ca"]), "");
        for (name, id) in
            [("attestation", "01"), ("device", "01"), ("yubico", "0c"), ("root", "0a"), ("middle", "0b")]
        {
            fixture.certificate("gw", name, name, id);
        }
        // The intermediate was renewed as well.
        issue(fixture, "middle", "old-ca", 400, Some(["root", "root"]), "basicConstraints=CA:true");
        fixture.certificate("gw", "middle", "middle again", "0d");
    };
    let name = "certificates::attestations_and_older_intermediates_disturb_nothing";
    isolated(name, prepare, |fixture| {
        let config = by_key(fixture, ObjectSelector::id([1]));
        let token = Token::open(&config, Some(&Secret::from(PIN))).unwrap();
        let chain = token.certificates(&config.certificate).unwrap();
        let subjects: Vec<_> = chain.iter().map(Certificate::subject).collect();
        assert_eq!(subjects, ["CN=device", "CN=middle"]);
        assert_eq!(chain[1].der(), fixture.certificate_file("middle").der(), "the renewed one");
        token.signer(&config.key, chain[0].public_key()).unwrap();
        // Asked for by name, it is what was asked for.
        let named = by_certificate(fixture, ObjectSelector::label("attestation"));
        assert_eq!(self::chain(&named, Some(PIN)).unwrap()[0], "CN=attestation");
    });
}

#[test]
fn certificates_whose_value_cannot_be_read_are_errors_only_if_meant() {
    let prepare = |fixture: &Fixture| {
        fixture.token("gw");
        fixture.key("gw", "key", "01", P256);
        fixture.certificate("gw", "key", "key", "01");
    };
    let name = "certificates::certificates_whose_value_cannot_be_read_are_errors_only_if_meant";
    isolated(name, prepare, |fixture| {
        let config = by_key(fixture, ObjectSelector::id([1]));
        for how in ["absent", "sensitive", "unavailable", "huge", "overlong", "=3003020101"] {
            fixture.script(&[&format!("attr=1:11:{how}")]);
            let error = chain(&config, Some(PIN)).unwrap_err();
            assert_eq!(error.code(), Code::BadCertificate, "{how}: {error:?}");
            assert!(error.message().contains("certificate with label \"key\" id 01"), "{error}");
        }
        fixture.script(&["attr=1:102:absent", "attr=1:3:huge"]);
        assert_eq!(chain(&config, Some(PIN)).unwrap(), ["CN=key"]);
    });
}
