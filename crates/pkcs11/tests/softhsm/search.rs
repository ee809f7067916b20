//! Finding modules, tokens, keys and certificates, and what the errors list when they are not there.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use refresh_session_core::{Code, Error, Secret};
use refresh_session_pkcs11::{ObjectSelector, Token, TokenConfig, TokenSelector};

use crate::support::{P256, PIN, clock, isolated, softhsm};

fn open(config: &TokenConfig) -> Result<Token, Error> {
    Token::open(config, Some(&Secret::from(PIN)))
}

fn assert_says(error: &Error, code: Code, parts: &[&str]) {
    assert_eq!(error.code(), code, "{error:?}");
    for part in parts {
        assert!(error.message().contains(part), "no {part:?} in: {error}");
    }
}

#[test]
fn what_is_no_module_is_refused_with_the_reason() {
    isolated(
        "search::what_is_no_module_is_refused_with_the_reason",
        |fixture| fixture.token("gw"),
        |fixture| {
            let text = fixture.file("text.so");
            fs::write(&text, "not a library").unwrap();
            fs::set_permissions(&text, fs::Permissions::from_mode(0o644)).unwrap();
            let missing = fixture.file("missing.so");
            let refuse = |module: &str| open(&TokenConfig::new(module, clock())).unwrap_err();

            assert_says(&refuse(&missing), Code::Pkcs11Module, &["missing.so", "cannot be opened"]);
            assert_says(&refuse(&text), Code::Pkcs11ModulePlatform, &["text.so", "no ELF header"]);
            assert_says(&refuse("libsofthsm2.so"), Code::InvalidOption, &["pkcs11.library", "absolute"]);
            assert_says(&refuse(&fixture.file("tokens")), Code::InvalidOption, &["not a file"]);
            // A library that is no module; whichever the compiler's runtime needs is there.
            let maps = fs::read_to_string("/proc/self/maps").unwrap();
            let libc = maps
                .lines()
                .filter_map(|line| line.split_whitespace().nth(5))
                .find(|path| path.contains("libgcc_s"));
            let libc = libc.expect("libgcc_s is loaded");
            assert_says(&refuse(libc), Code::Pkcs11Module, &["exports no C_GetFunctionList"]);
            // The same module by another name is the same module.
            let alias = fixture.file("alias.so");
            std::os::unix::fs::symlink(softhsm(), &alias).unwrap();
            assert!(open(&TokenConfig::new(Path::new(&alias), clock())).is_ok());
        },
    );
}

#[test]
fn a_missing_token_lists_those_that_are_there() {
    isolated(
        "search::a_missing_token_lists_those_that_are_there",
        |fixture| {
            fixture.token("gw");
            fixture.token("spare");
        },
        |fixture| {
            let error = open(&fixture.config("gateway")).unwrap_err();
            assert_says(
                &error,
                Code::Pkcs11TokenNotFound,
                &["label \"gateway\"", "\"gw\" serial", "\"spare\" serial", "in slot"],
            );
            // Without a selector two tokens are one too many.
            let error = open(&TokenConfig::new(softhsm(), clock())).unwrap_err();
            assert_says(&error, Code::Pkcs11TokenAmbiguous, &["no selector", "\"gw\"", "\"spare\""]);
        },
    );
}

#[test]
fn two_tokens_of_one_label_are_told_apart_by_serial() {
    isolated(
        "search::two_tokens_of_one_label_are_told_apart_by_serial",
        |fixture| {
            fixture.token("gw");
            fixture.token("gw");
        },
        |fixture| {
            let error = open(&fixture.spied("gw")).unwrap_err();
            assert_says(&error, Code::Pkcs11TokenAmbiguous, &["2 tokens", "label \"gw\""]);
            assert_eq!(fixture.calls("C_Login"), 0);
            let serial =
                error.message().split("serial ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
            let token = TokenSelector { serial: Some(serial), ..fixture.config("gw").token };
            assert!(open(&TokenConfig { token, ..fixture.spied("gw") }).is_ok());
        },
    );
}

#[test]
fn softhsm_without_tokens_names_its_variable() {
    isolated(
        "search::softhsm_without_tokens_names_its_variable",
        |_| {},
        |fixture| {
            let error = open(&fixture.config("gw")).unwrap_err();
            assert_says(&error, Code::Pkcs11TokenNotFound, &["an uninitialised token"]);
            assert!(error.hint().unwrap().contains("SOFTHSM2_CONF"), "{error:?}");
        },
    );
}

#[test]
fn the_only_token_and_the_only_key_need_no_name() {
    isolated(
        "search::the_only_token_and_the_only_key_need_no_name",
        |fixture| {
            fixture.token("gw");
            fixture.key("gw", "only", "a1b2", P256);
            fixture.certificate("gw", "only", "only", "a1b2");
        },
        |fixture| {
            let config = TokenConfig::new(softhsm(), clock());
            let token = open(&config).unwrap();
            let certificates = token.certificates(&config.certificate).unwrap();
            assert_eq!(certificates[0].der(), fixture.certificate_file("only").der());
            assert!(token.signer(&config.key, certificates[0].public_key()).is_ok());
        },
    );
}

#[test]
fn a_key_must_be_there_once() {
    isolated(
        "search::a_key_must_be_there_once",
        |fixture| {
            fixture.token("gw");
            fixture.key("gw", "twin", "01", P256);
            fixture.key("gw", "twin", "02", P256);
        },
        |fixture| {
            let token = open(&fixture.config("gw")).unwrap();
            let expected = fixture.public_key("twin");
            let signer = |key: ObjectSelector| token.signer(&key, &expected);

            let error = signer(ObjectSelector::label("lost")).unwrap_err();
            let both = ["label \"twin\" id 01", "label \"twin\" id 02"];
            assert_says(&error, Code::Pkcs11KeyNotFound, &[&["label \"lost\""], &both[..]].concat());
            let error = signer(ObjectSelector::label("twin")).unwrap_err();
            assert_says(&error, Code::Pkcs11KeyAmbiguous, &[&["2 private keys"], &both[..]].concat());
            let error = signer(ObjectSelector::default()).unwrap_err();
            assert_says(&error, Code::Pkcs11KeyAmbiguous, &both);

            let second = ObjectSelector { label: Some("twin".into()), id: Some(vec![2]) };
            assert!(signer(second).is_ok());
            assert!(signer(ObjectSelector::id([2])).is_ok());
        },
    );
}

#[test]
fn certificates_come_leaf_first_and_without_a_login() {
    isolated(
        "search::certificates_come_leaf_first_and_without_a_login",
        |fixture| {
            fixture.token("gw");
            fixture.key("gw", "root", "01", P256);
            fixture.key("gw", "middle", "02", P256);
            fixture.key("gw", "leaf", "03", P256);
            let (root, middle) = (["root.der", "root.pem"], ["middle.der", "middle.pem"]);
            for (subject, [issuer, issuer_key]) in [("middle", root), ("leaf", middle)] {
                let name = format!("/CN={subject}");
                let [key, request, out] = ["pem", "csr", "der"].map(|end| format!("{subject}.{end}"));
                fixture.run("openssl", &["req", "-new", "-key", &key, "-subj", &name, "-out", &request]);
                let sign = ["x509", "-req", "-in", &request, "-CA", issuer, "-CAkey", issuer_key];
                fixture.run(
                    "openssl",
                    &[&sign[..], &["-CAcreateserial", "-outform", "DER", "-out", &out]].concat(),
                );
            }
            for (name, id) in [("root", "01"), ("middle", "02"), ("leaf", "03")] {
                fixture.certificate("gw", name, name, id);
            }
        },
        |fixture| {
            let config = TokenConfig { key: ObjectSelector::id([3]), ..fixture.spied("gw") };
            let token = Token::open(&config, None).unwrap();
            // The certificate's selector is empty: the key's counts.
            let chain = token.certificates(&config.certificate).unwrap();
            let subjects: Vec<_> = chain.iter().map(refresh_session_core::Certificate::subject).collect();
            assert_eq!(subjects, ["CN=leaf", "CN=middle"]);
            assert_eq!(fixture.calls("C_Login"), 0);

            let error = token.certificates(&ObjectSelector::label("lost")).unwrap_err();
            let seen = ["label \"lost\"", "label \"leaf\" id 03", "label \"root\" id 01"];
            assert_says(&error, Code::Pkcs11CertificateNotFound, &seen);
            let any = Token::open(&fixture.spied("gw"), None).unwrap();
            let error = any.certificates(&ObjectSelector::default()).unwrap_err();
            assert_says(
                &error,
                Code::Pkcs11CertificateAmbiguous,
                &["3 certificates", "label \"middle\" id 02"],
            );
        },
    );
}
