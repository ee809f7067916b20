//! Listing what a module has: what shows without a login, what with one, and that no PIN goes astray.

use std::time::Duration;

use refresh_session_core::{Code, Secret};
use refresh_session_pkcs11::{Depth, Inventory, Objects, TokenConfig, TokenEntry, TokenSelector, inventory};

use crate::hang::comes_back;
use crate::support::{P256, PIN, clock, isolated};

fn token<'a>(found: &'a Inventory, label: &str) -> &'a TokenEntry {
    let tokens = found.slots.iter().filter_map(|slot| slot.token.as_ref().ok());
    tokens.into_iter().find(|token| token.label == label).unwrap()
}

fn objects<'a>(found: &'a Inventory, label: &str) -> &'a Objects {
    token(found, label).objects.as_ref().unwrap().as_ref().unwrap()
}

#[test]
fn only_the_selected_token_is_logged_in_and_only_if_asked() {
    isolated(
        "inventory::only_the_selected_token_is_logged_in_and_only_if_asked",
        |fixture| {
            for label in ["gw", "other"] {
                fixture.token(label);
                fixture.key(label, "key", "01ab", P256);
            }
        },
        |fixture| {
            let config = fixture.spied("gw");
            let found = inventory(&config, Depth::Tokens).unwrap();
            assert_eq!(fixture.calls("C_OpenSession"), 0);
            assert!(token(&found, "gw").objects.is_none());
            assert!(token(&found, "gw").selected && !token(&found, "other").selected);

            let found = inventory(&config, Depth::Objects).unwrap();
            assert!(objects(&found, "gw").keys.is_empty() && !objects(&found, "gw").complete);
            assert_eq!(fixture.calls("C_Login"), 0);

            let pin = Secret::from(PIN);
            let found = inventory(&config, Depth::Login(Some(&pin))).unwrap();
            assert_eq!(fixture.calls("C_Login"), 1);
            let key = &objects(&found, "gw").keys[0];
            assert_eq!((key.label.as_deref(), key.id.as_deref()), (Some(&b"key"[..]), Some(&[1, 0xab][..])));
            assert_eq!(key.kind.as_deref(), Some("EC P-256"));
            assert!(key.uri.contains(";object=key;id=%01%AB;type=private?module-path=/"), "{}", key.uri);
            assert!(objects(&found, "other").keys.is_empty());

            // Two tokens, and none is named.
            let any = TokenConfig { token: TokenSelector::default(), ..config };
            let error = inventory(&any, Depth::Login(Some(&pin))).unwrap_err();
            assert_eq!(error.code(), Code::Pkcs11TokenAmbiguous);
            assert_eq!(fixture.calls("C_Login"), 1);
        },
    );
}

#[test]
fn a_pin_in_danger_is_not_sent() {
    isolated(
        "inventory::a_pin_in_danger_is_not_sent",
        |fixture| fixture.token("gw"),
        |fixture| {
            let pin = Secret::from(PIN);
            for (flag, name) in [("locked", "CKF_USER_PIN_LOCKED"), ("final-try", "CKF_USER_PIN_FINAL_TRY")] {
                fixture.script(&[flag]);
                let config = fixture.shim("gw");
                let error = inventory(&config, Depth::Login(Some(&pin))).unwrap_err();
                assert_eq!(error.code(), Code::Pkcs11PinLocked);
                let found = inventory(&config, Depth::Objects).unwrap();
                assert!(token(&found, "gw").flags.iter().any(|flag| flag.name == name));
            }
            assert_eq!(fixture.calls("C_Login"), 0);
            fixture.script(&["hang=C_FindObjectsInit"]);
            let hasty = TokenConfig {
                sign_timeout: Duration::from_millis(200),
                clock: clock(),
                ..fixture.shim("gw")
            };
            let look = || {
                let found = inventory(&hasty, Depth::Objects)?;
                token(&found, "gw").objects.clone().unwrap()
            };
            assert_eq!(look().unwrap_err().code(), Code::Pkcs11Timeout);
            // The process must not end while a thread is in the module.
            fixture.script(&[]);
            assert!(comes_back(|| look().is_ok()), "{:?}", look().err());
        },
    );
}
