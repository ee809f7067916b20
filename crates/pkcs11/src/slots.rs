//! Finding the token: what is there, which of it is meant (PKCS#11 v2.40 section 5.5).
//!
//! A slot's number means nothing beyond the next listing, so a token is known by label and serial number, and its
//! slot is looked up anew whenever a session is opened.

use std::fmt;

use cryptoki::context::Info;
use cryptoki::slot::{Slot, SlotInfo};
use refresh_session_core::{Code, Error, Result};

use crate::config::TokenSelector;
use crate::failure::Failure;
use crate::module::{Lease, Module};
use crate::token_flags::{self, TokenFlag};
use crate::token_info::TokenInfo;

/// By what a token is known across listings.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct TokenIdentity {
    pub(crate) label: String,
    pub(crate) serial: String,
}

impl TokenIdentity {
    /// Whether `selector` names this token, by what does not change when it is put into another slot.
    pub(crate) fn has_names_of(&self, selector: &TokenSelector) -> bool {
        let same = |wanted: &Option<String>, ours: &str| {
            wanted.as_ref().is_none_or(|wanted| trimmed(wanted) == ours)
        };
        let named = selector.label.is_some() || selector.serial.is_some();
        named && same(&selector.label, &self.label) && same(&selector.serial, &self.serial)
    }
}

impl fmt::Display for TokenIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "token `{}`", self.label.escape_debug())
    }
}

/// A slot with a token in it.
#[derive(Clone, Debug)]
pub(crate) struct SeenSlot {
    pub(crate) slot: Slot,
    /// `Err` completes "slot 3: …".
    pub(crate) token: Result<SeenToken, String>,
}

/// A token as a listing shows it.
#[derive(Clone, Debug)]
pub(crate) struct SeenToken {
    pub(crate) identity: TokenIdentity,
    pub(crate) manufacturer: String,
    pub(crate) model: String,
    pub(crate) initialised: bool,
    pub(crate) flags: Vec<TokenFlag>,
    slot_description: String,
    slot_manufacturer: String,
}

/// Everything that a listing showed.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    slots: Vec<SeenSlot>,
    library: Option<LibraryTexts>,
    softhsm: bool,
}

#[derive(Clone, Debug)]
struct LibraryTexts {
    description: String,
    manufacturer: String,
    version: String,
}

/// Lists the tokens that are there now. A slot that cannot be read is kept, as such, for the message.
pub(crate) fn list(module: &Module, lease: &Lease<'_>) -> Result<Seen, Failure> {
    let context = lease.context();
    let mut slots = Vec::new();
    for slot in context.get_slots_with_token()? {
        let token = match TokenInfo::read(lease, slot) {
            Ok(token) => Ok(SeenToken::new(token, context.get_slot_info(slot).ok().as_ref())),
            Err(failure) if failure.is_not_initialised() => return Err(failure),
            Err(failure) => Err(failure.to_string()),
        };
        slots.push(SeenSlot { slot, token });
    }
    let info = lease.info();
    Ok(Seen { slots, library: info.map(LibraryTexts::new), softhsm: module.is_softhsm(info) })
}

impl Seen {
    /// Those with a token in them.
    pub(crate) fn slots(&self) -> &[SeenSlot] {
        &self.slots
    }

    /// What the module calls itself: description, manufacturer, version; empty where it does not say.
    pub(crate) fn library(&self) -> (String, String, String) {
        let texts = self.library.as_ref();
        let text = |part: fn(&LibraryTexts) -> &str| {
            texts.map(part).map(trimmed).map(Into::into).unwrap_or_default()
        };
        (text(|texts| &texts.description), text(|texts| &texts.manufacturer), text(|texts| &texts.version))
    }

    /// The one token that `selector` means.
    pub(crate) fn select(&self, module: &Module, selector: &TokenSelector) -> Result<TokenIdentity> {
        let matching: Vec<_> =
            self.tokens().filter(|(slot, token)| self.fits(selector, *slot, token)).collect();
        let subject = module.subject();
        match matching.as_slice() {
            [] => Err(self.not_found(subject, &format!("has no token with {selector}"))),
            [(_, token)] => {
                let alike = self.tokens().filter(|(_, other)| other.identity == token.identity).count();
                if alike > 1 {
                    return Err(
                        self.ambiguous(subject, "has two tokens with the same label and serial number")
                    );
                }
                Ok(token.identity.clone())
            }
            several => {
                let what = format!("has {} tokens with {selector}", several.len());
                Err(self.ambiguous(subject, &what))
            }
        }
    }

    /// Where a token known from an earlier listing is now. Some modules keep their list of tokens until they are
    /// initialised anew, so that is worth a try if it is gone.
    pub(crate) fn slot_of(&self, module: &Module, identity: &TokenIdentity) -> Result<Slot, Failure> {
        let mut slots = self.tokens().filter(|(_, token)| token.identity == *identity).map(|(slot, _)| slot);
        match (slots.next(), slots.next()) {
            (Some(slot), None) => Ok(slot),
            (None, _) => {
                let what = format!("no longer has {identity} (serial {})", identity.serial.escape_debug());
                Err(Failure::until_anew(self.not_found(module.subject(), &what)))
            }
            (Some(_), Some(_)) => {
                let what = "has two tokens with the same label and serial number";
                Err(self.ambiguous(module.subject(), what).into())
            }
        }
    }

    fn tokens(&self) -> impl Iterator<Item = (Slot, &SeenToken)> {
        self.slots.iter().filter_map(|seen| Some((seen.slot, seen.token.as_ref().ok()?)))
    }

    fn fits(&self, selector: &TokenSelector, slot: Slot, token: &SeenToken) -> bool {
        // Without a selector an empty slot, which SoftHSM always shows, is not meant.
        if selector.is_empty() {
            return token.initialised;
        }
        let same = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| trimmed(wanted) == trimmed(found))
        };
        let library = |part: fn(&LibraryTexts) -> &str| self.library.as_ref().map(part).unwrap_or_default();
        let version = library(|texts| &texts.version);
        let version_fits = selector.library_version.as_ref().is_none_or(|wanted| {
            // RFC 7512 section 2.3: the minor part may be left out, then it is 0.
            let wanted = if wanted.contains('.') { wanted.clone() } else { format!("{wanted}.0") };
            wanted == version
        });
        selector.slot_id.is_none_or(|id| id == slot.id())
            && same(&selector.label, &token.identity.label)
            && same(&selector.serial, &token.identity.serial)
            && same(&selector.manufacturer, &token.manufacturer)
            && same(&selector.model, &token.model)
            && same(&selector.slot_description, &token.slot_description)
            && same(&selector.slot_manufacturer, &token.slot_manufacturer)
            && same(&selector.library_description, library(|texts| &texts.description))
            && same(&selector.library_manufacturer, library(|texts| &texts.manufacturer))
            && version_fits
    }

    fn not_found(&self, subject: &str, what: &str) -> Error {
        let error = Error::new(Code::Pkcs11TokenNotFound, self.message(subject, what));
        if self.softhsm && !self.tokens().any(|(_, token)| token.initialised) {
            return error.with_hint(
                "SoftHSM shows no initialised token when it reads another configuration than the one the token \
                 was made with: set SOFTHSM2_CONF in the environment of this process before it starts, and check \
                 that its user may read the token directory.",
            );
        }
        error.with_param("pkcs11.tokenLabel").with_hint(
            "Compare with `pkcs11-tool --module <library> --list-token-slots`, run as the user of this process.",
        )
    }

    fn ambiguous(&self, subject: &str, what: &str) -> Error {
        Error::new(Code::Pkcs11TokenAmbiguous, self.message(subject, what))
            .with_param("pkcs11.tokenLabel")
            .with_hint("Add `pkcs11.tokenSerial`; no PIN was sent to any of them.")
    }

    fn message(&self, subject: &str, what: &str) -> String {
        let listed: Vec<_> = self.slots.iter().map(ToString::to_string).collect();
        let listed = if listed.is_empty() { "none".into() } else { listed.join("; ") };
        format!("PKCS#11 {subject} {what}; tokens seen: {listed}")
    }
}

impl fmt::Display for SeenSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.slot.id();
        match &self.token {
            Ok(token) if token.initialised => {
                let TokenIdentity { label, serial } = &token.identity;
                write!(f, "{label:?} serial {} in slot {id}", serial.escape_debug())
            }
            Ok(_) => write!(f, "an uninitialised token in slot {id}"),
            Err(reason) => write!(f, "slot {id}: {reason}"),
        }
    }
}

impl SeenToken {
    fn new(token: TokenInfo, slot: Option<&SlotInfo>) -> Self {
        Self {
            initialised: token.is_initialised(),
            flags: token_flags::of(&token),
            identity: TokenIdentity { label: token.label, serial: token.serial },
            manufacturer: token.manufacturer,
            model: token.model,
            slot_description: slot.map(|slot| slot.slot_description().into()).unwrap_or_default(),
            slot_manufacturer: slot.map(|slot| slot.manufacturer_id().into()).unwrap_or_default(),
        }
    }
}

impl LibraryTexts {
    fn new(info: &Info) -> Self {
        Self {
            description: info.library_description().into(),
            manufacturer: info.manufacturer_id().into(),
            version: info.library_version().to_string(),
        }
    }
}

/// The standard pads with spaces, some modules with zeros, or with one and whatever was in the memory behind it.
fn trimmed(text: &str) -> &str {
    text.split('\0').next().unwrap_or_default().trim_end_matches(' ')
}
