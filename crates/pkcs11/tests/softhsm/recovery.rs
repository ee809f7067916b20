//! What is lost under a running signer, and that the next signature brings it back.

use std::thread;
use std::time::Duration;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::object::{Attribute, AttributeType, ObjectClass};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use refresh_session_core::{Code, Signer as _};
use refresh_session_pkcs11::{Pkcs11Signer, close_all, reopen};

use crate::support::{Fixture, P256, P521, PIN, RSA, isolated, signer, softhsm};

fn one_key(fixture: &Fixture) {
    fixture.token("gw");
    fixture.key("gw", "key", "01", P256);
}

fn sign(signer: &Pkcs11Signer) {
    signer.sign(signer.schemes()[0], b"message").unwrap();
}

/// Other code in this process that uses the module: another addon, or a second copy of this one.
fn stranger() -> Pkcs11 {
    Pkcs11::new(softhsm()).unwrap()
}

fn stranger_session(module: &Pkcs11) -> Session {
    let slot = module.get_slots_with_initialized_token().unwrap().remove(0);
    module.open_ro_session(slot).unwrap()
}

#[test]
fn after_close_all_everything_opens_again() {
    isolated("recovery::after_close_all_everything_opens_again", one_key, |fixture| {
        let config = fixture.spied("gw");
        let before = signer(fixture, &config, PIN, "key").unwrap();
        close_all();
        let refused = before.sign(before.schemes()[0], b"late").unwrap_err();
        assert_eq!(refused.code(), Code::Closed, "the module may be half torn down by now");
        reopen();
        assert_eq!((fixture.calls("C_CloseSession"), fixture.calls("C_Finalize")), (1, 0));
        sign(&before);
        let after = signer(fixture, &config, PIN, "key").unwrap();
        sign(&after);
        assert_eq!((fixture.calls("C_OpenSession"), fixture.calls("C_Login")), (2, 2));
        assert_eq!(signer(fixture, &config, "9999", "key").unwrap_err().code(), Code::Pkcs11PinMismatch);
        close_all();
        reopen();
        assert_eq!(signer(fixture, &config, "9999", "key").unwrap_err().code(), Code::Pkcs11PinMismatch);
        close_all();
        reopen();
    });
}

#[test]
fn the_session_ends_with_its_last_user_and_a_proved_key_is_not_tested_twice() {
    isolated(
        "recovery::the_session_ends_with_its_last_user_and_a_proved_key_is_not_tested_twice",
        one_key,
        |fixture| {
            let config = fixture.spied("gw");
            let first = signer(fixture, &config, PIN, "key").unwrap();
            let second = signer(fixture, &config, PIN, "key").unwrap();
            assert_eq!((fixture.calls("C_Login"), fixture.calls("C_SignInit")), (1, 1));
            drop(first);
            sign(&second);
            assert_eq!(fixture.calls("C_CloseSession"), 0);
            drop(second);
            // It is closed on the token's thread, unless somebody comes before that.
            let closed = (0..500).any(|_| {
                thread::sleep(Duration::from_millis(10));
                fixture.calls("C_CloseSession") == 1
            });
            assert!(closed);
            let third = signer(fixture, &config, PIN, "key").unwrap();
            sign(&third);
            assert_eq!((fixture.calls("C_CloseSession"), fixture.calls("C_Login")), (1, 2));
            // One test signature for each of the two sessions, one for each `sign`.
            assert_eq!(fixture.calls("C_SignInit"), 4);
        },
    );
}

#[test]
fn a_stranger_that_finalises_the_module_costs_a_new_initialisation() {
    isolated(
        "recovery::a_stranger_that_finalises_the_module_costs_a_new_initialisation",
        one_key,
        |fixture| {
            let signer = signer(fixture, &fixture.config("gw"), PIN, "key").unwrap();
            for _ in 0..3 {
                sign(&signer);
                stranger().finalize().unwrap();
                sign(&signer);
            }
            // The old session's number is taken by the new one: nobody has closed it under us.
            for _ in 0..10 {
                sign(&signer);
            }
            stranger().finalize().unwrap();
            assert!(crate::support::signer(fixture, &fixture.config("gw"), PIN, "key").is_ok());
            sign(&signer);
        },
    );
}

#[test]
fn a_stranger_whose_objects_have_our_numbers_is_left_alone() {
    let prepare = |fixture: &Fixture| {
        one_key(fixture);
        fixture.key("gw", "another", "02", P256);
        fixture.key("gw", "rsa", "03", RSA);
    };
    let name = "recovery::a_stranger_whose_objects_have_our_numbers_is_left_alone";
    isolated(name, prepare, |fixture| {
        let ours = signer(fixture, &fixture.config("gw"), PIN, "key").unwrap();
        let public = (ObjectClass::PUBLIC_KEY, "key");
        for (class, label) in
            [(ObjectClass::PRIVATE_KEY, "another"), (ObjectClass::PRIVATE_KEY, "rsa"), public]
        {
            sign(&ours);
            let module = stranger();
            module.clone().finalize().unwrap();
            module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
            let session = stranger_session(&module);
            session.login(UserType::User, Some(&AuthPin::new(PIN.into()))).unwrap();
            // SoftHSM counts from one again: the session gets the number of ours, the object that of our key.
            let template = [Attribute::Class(class), Attribute::Label(label.into())];
            let objects = session.find_objects(&template).unwrap();
            assert_eq!(objects.len(), 1, "{label}");

            sign(&ours);
            // Neither finalised nor closed.
            let said = session.get_attributes(objects[0], &[AttributeType::Label]).unwrap();
            assert_eq!(said, [Attribute::Label(label.into())]);
            close_all();
            reopen();
            assert!(session.get_session_info().is_ok());
        }
    });
}

#[test]
fn nor_is_one_whose_object_has_the_number_of_what_checks_our_signatures() {
    let prepare = |fixture: &Fixture| {
        fixture.token("gw");
        fixture.key("gw", "key", "01", P521);
        fixture.key("gw", "another", "02", P521);
    };
    let name = "recovery::nor_is_one_whose_object_has_the_number_of_what_checks_our_signatures";
    isolated(name, prepare, |fixture| {
        let ours = signer(fixture, &fixture.config("gw"), PIN, "key").unwrap();
        for class in [ObjectClass::PUBLIC_KEY, ObjectClass::PRIVATE_KEY] {
            sign(&ours);
            let module = stranger();
            module.clone().finalize().unwrap();
            module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
            let session = stranger_session(&module);
            session.login(UserType::User, Some(&AuthPin::new(PIN.into()))).unwrap();
            // The key keeps its number; its public object's goes to another one.
            for (class, label) in [(ObjectClass::PRIVATE_KEY, "key"), (class, "another")] {
                let template = [Attribute::Class(class), Attribute::Label(label.into())];
                assert_eq!(session.find_objects(&template).unwrap().len(), 1, "{label}");
            }

            sign(&ours);
            close_all();
            reopen();
            assert!(session.get_session_info().is_ok());
        }
    });
}

#[test]
fn a_module_that_is_initialised_already_is_adopted_with_its_login() {
    isolated(
        "recovery::a_module_that_is_initialised_already_is_adopted_with_its_login",
        one_key,
        |fixture| {
            let module = stranger();
            module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
            let session = stranger_session(&module);
            session.login(UserType::User, Some(&AuthPin::new(PIN.into()))).unwrap();

            let ours = signer(fixture, &fixture.config("gw"), PIN, "key").unwrap();
            sign(&ours);
            assert_eq!(
                signer(fixture, &fixture.config("gw"), "9999", "key").unwrap_err().code(),
                Code::Pkcs11PinMismatch
            );
            close_all();
            reopen();
            // Its session and its login are not ours to end.
            assert!(session.get_session_info().is_ok_and(|info| {
                matches!(info.session_state(), cryptoki::session::SessionState::RoUser)
            }));
            sign(&ours);
        },
    );
}

#[test]
fn a_login_ended_by_a_stranger_is_made_again() {
    isolated("recovery::a_login_ended_by_a_stranger_is_made_again", one_key, |fixture| {
        let signer = signer(fixture, &fixture.config("gw"), PIN, "key").unwrap();
        let module = stranger();
        let session = stranger_session(&module);
        session.logout().unwrap();
        sign(&signer);
        sign(&signer);
        session.logout().unwrap();
        sign(&signer);
    });
}

#[test]
fn a_key_that_was_replaced_signs_nothing_for_the_old_certificate() {
    let prepare = |fixture: &Fixture| {
        one_key(fixture);
        fixture.token("other");
        fixture.key("other", "new", "01", P256);
    };
    let name = "recovery::a_key_that_was_replaced_signs_nothing_for_the_old_certificate";
    isolated(name, prepare, |fixture| {
        let signer = signer(fixture, &fixture.config("gw"), PIN, "key").unwrap();
        close_all();
        reopen();
        let module = softhsm();
        let login = ["--module", module.to_str().unwrap(), "--token-label", "gw", "--login", "--pin", PIN];
        let delete = ["--delete-object", "--type", "privkey", "--id", "01"];
        fixture.run("pkcs11-tool", &[&login[..], &delete].concat());
        let place = ["--token", "gw", "--label", "key", "--id", "01", "--pin", PIN, "--force"];
        fixture.run("softhsm2-util", &[&["--import", "new.pem"], &place[..]].concat());

        let error = signer.sign(signer.schemes()[0], b"message").unwrap_err();
        assert_eq!(error.code(), Code::Pkcs11KeyMismatch, "{error:?}");
        assert!(error.message().contains(&fixture.public_key("key").fingerprint()), "{error}");
    });
}
