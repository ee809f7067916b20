//! Certificate, private key and CA as the options give them, read anew when their files change.
//!
//! A look reads them and compares what they hold: sizes and times need not show a change. What is new is parsed and
//! matched first, and replaces what is in use only if it is whole: somebody may be in the middle of writing it. What is
//! refused is told once for each content.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use refresh_session_core::crypto::keyed_hash::KeyedHash;
use refresh_session_core::{Certificate, Code, Error, PublicKey, Result, Secret, Warning, shown};
use refresh_session_tls::{ClientIdentity, Material, Trust};

use super::memory::Memory;
use super::watched::{Watched, chain_of, hash, load, of};
use crate::ca::CaOptions;
use crate::description::Description;

/// What the options say about certificate, key and CA.
pub(super) struct Given {
    pub(super) certificate: Option<Material>,
    /// `None`: in a token.
    pub(super) private_key: Option<Material>,
    pub(super) passphrase: Option<Secret>,
    pub(super) ca: CaOptions,
}

/// What is in use.
#[derive(Clone)]
pub(super) struct Current {
    /// Another one with every change.
    pub(super) revision: u64,
    pub(super) holder: Holder,
    pub(super) trust: Trust,
}

/// The certificate, with the key if that is at hand.
#[derive(Clone)]
pub(super) enum Holder {
    /// Key in memory, matched.
    Ready(ClientIdentity),
    /// Key in a token, and the certificate if that is not.
    Token(Option<Vec<Certificate>>),
}

impl Holder {
    pub(super) fn leaf(&self) -> Option<&Certificate> {
        match self {
            Self::Ready(identity) => Some(identity.leaf()),
            Self::Token(chain) => chain.as_ref().and_then(|chain| chain.first()),
        }
    }
}

/// Certificate, key and CA with their files.
pub(super) struct Files {
    pair: Vec<Watched>,
    ca: Vec<Watched>,
    passphrase: Option<Secret>,
    /// Held for as long as a look takes.
    looking: Mutex<Looking>,
    current: Mutex<Current>,
    /// The key that a token has proved to hold.
    proven: Mutex<Option<PublicKey>>,
    warnings: Mutex<Vec<Warning>>,
}

struct Looking {
    pair: Memory,
    ca: Memory,
}

impl Files {
    /// Reads and parses all that is given, and adds it to what the source is.
    ///
    /// The same content in other files is another source: it may change in one place and not in the other.
    pub(super) fn open(given: Given, description: &mut Description) -> Result<Self> {
        let ca: Vec<_> = match given.ca {
            CaOptions::System => None,
            CaOptions::Bundle(material) => Watched::new("ca", Some(material)),
        }
        .into_iter()
        .collect();
        let loaded_ca = load(&ca)?;
        let trust = trust_of(&loaded_ca)?;
        let ca_memory = Memory::new(hash(&loaded_ca)?);
        if !ca.is_empty() {
            description.field("ca", ca_memory.good());
        }
        let pair: Vec<_> =
            [Watched::new("certificate", given.certificate), Watched::new("privateKey", given.private_key)]
                .into_iter()
                .flatten()
                .collect();
        let loaded = load(&pair)?;
        let holder = holder_of(&loaded, given.passphrase.as_ref())?;
        // Whoever gets past this has the key that belongs to the certificate: no need to describe it.
        for certificate in chain_of(&loaded)?.iter().flatten() {
            description.field("certificate", certificate.der());
        }
        for Watched { param, material } in pair.iter().chain(&ca) {
            let path = material.path().map(|path| path.as_os_str().as_encoded_bytes());
            description.field("file of", param);
            description.optional("path", path);
        }
        let looking = Looking { pair: Memory::new(hash(&loaded)?), ca: ca_memory };
        Ok(Self {
            pair: pair.into_iter().map(Watched::absolute).collect(),
            ca: ca.into_iter().map(Watched::absolute).collect(),
            passphrase: given.passphrase,
            looking: Mutex::new(looking),
            current: Mutex::new(Current { revision: 0, holder, trust }),
            proven: Mutex::default(),
            warnings: Mutex::default(),
        })
    }

    /// Whether there is anything to look at.
    pub(super) fn can_change(&self) -> bool {
        self.pair.iter().chain(&self.ca).any(|watched| watched.path().is_some())
    }

    /// What is in use.
    pub(super) fn current(&self) -> Current {
        lock(&self.current).clone()
    }

    /// Looks whether the files have changed, and takes over what is good.
    ///
    /// Blocks. While a look hangs, on a file system that has gone, others give up at once: what is in use still is.
    pub(super) fn look(&self) {
        let mut looking = match self.looking.try_lock() {
            Ok(looking) => looking,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        match changed(
            &mut looking.pair,
            || load(&self.pair),
            |loaded| {
                let holder = holder_of(loaded, self.passphrase.as_ref())?;
                self.refuse_another_tokens(&holder)?;
                Ok(holder)
            },
        ) {
            Ok(Some(holder)) => self.replace(|current| current.holder = holder),
            Ok(None) => {}
            Err(error) => self.warn(not_reloaded(&self.pair, &error)),
        }
        match changed(&mut looking.ca, || load(&self.ca), trust_of) {
            Ok(Some(trust)) => self.replace(|current| current.trust = trust),
            Ok(None) => {}
            Err(error) => self.warn(not_reloaded(&self.ca, &error)),
        }
    }

    /// A token has proved to hold this key; a certificate for another one is no use.
    pub(super) fn proved(&self, key: &PublicKey) {
        *lock(&self.proven) = Some(key.clone());
    }

    /// The token's key is another one now, so a certificate that did not fit may.
    pub(super) fn disproved(&self) {
        *lock(&self.proven) = None;
        // A look that hangs must not hold this up; the certificate is then tried when it is written again.
        if let Ok(mut looking) = self.looking.try_lock() {
            looking.pair.forget_refusal();
        }
    }

    pub(super) fn warn(&self, warning: Warning) {
        lock(&self.warnings).push(warning);
    }

    pub(super) fn take_warnings(&self) -> Vec<Warning> {
        std::mem::take(&mut *lock(&self.warnings))
    }

    fn replace(&self, change: impl FnOnce(&mut Current)) {
        let mut current = lock(&self.current);
        change(&mut current);
        current.revision += 1;
    }

    fn refuse_another_tokens(&self, holder: &Holder) -> Result<()> {
        let Holder::Token(Some(chain)) = holder else { return Ok(()) };
        let proven = lock(&self.proven);
        let (Some(proven), Some(leaf)) = (proven.as_ref(), chain.first()) else { return Ok(()) };
        if leaf.public_key() == proven {
            return Ok(());
        }
        Err(Error::new(
            Code::Pkcs11KeyMismatch,
            format!(
                "option `certificate`: \"{}\" has the key sha256:{}, the token holds sha256:{}",
                leaf.subject(),
                leaf.public_key().fingerprint(),
                proven.fingerprint()
            ),
        ))
    }
}

/// What `parse` gives of content that was not tried before; its error, once for each content.
///
/// What does not parse is read a second time: all files may have been replaced between the first and the last one.
fn changed<T>(
    memory: &mut Memory,
    read: impl Fn() -> Result<Vec<Watched>>,
    parse: impl Fn(&[Watched]) -> Result<T>,
) -> Result<Option<T>> {
    let mut refused = None;
    for _ in 0..2 {
        let loaded = read();
        let content = content(&loaded)?;
        if content == memory.good() {
            // Nobody needs to know what was seen of it for a moment.
            refused = None;
        }
        if !memory.is_new(content) {
            break;
        }
        match loaded.and_then(|loaded| parse(&loaded)) {
            Ok(parsed) => {
                memory.accept();
                return Ok(Some(parsed));
            }
            Err(error) => refused = Some(error),
        }
    }
    refused.map_or(Ok(None), Err)
}

/// What was read, or why it could not be.
fn content(loaded: &Result<Vec<Watched>>) -> Result<KeyedHash> {
    match loaded {
        Ok(loaded) => hash(loaded),
        Err(error) => KeyedHash::of("unreadable file", &Secret::from(error.message().to_owned())),
    }
}

fn holder_of(loaded: &[Watched], passphrase: Option<&Secret>) -> Result<Holder> {
    let chain = chain_of(loaded)?;
    let Some(key) = of(loaded, "privateKey") else { return Ok(Holder::Token(chain)) };
    let chain = chain.ok_or_else(|| super::missing("certificate", "give the device certificate"))?;
    ClientIdentity::from_key(&chain, key, passphrase).map(Holder::Ready)
}

fn trust_of(loaded: &[Watched]) -> Result<Trust> {
    of(loaded, "ca").map_or(Ok(Trust::System), Trust::bundle)
}

fn not_reloaded(watched: &[Watched], error: &Error) -> Warning {
    let paths: Vec<_> = watched.iter().filter_map(Watched::path).map(shown::path).collect();
    let of_ca = watched.iter().any(|watched| watched.param == "ca");
    let (code, what) = if of_ca {
        ("WARN_CA_NOT_RELOADED", "the CA bundle")
    } else {
        ("WARN_CERTIFICATE_NOT_RELOADED", "the device certificate")
    };
    Warning {
        code,
        message: format!(
            "{what} in {} has changed and is not used: {}. The one before stays in use. If this lasts, write the files \
             anew: each under a temporary name beside it, then renamed, so that nobody reads half of one.",
            paths.join(" and "),
            error.message()
        ),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in there is replaced as a whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
