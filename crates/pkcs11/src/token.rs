//! A token as its users hold it.

use std::fmt;
use std::sync::Arc;

use refresh_session_core::{Certificate, PublicKey, Result, Secret};

use crate::access::TokenAccess;
use crate::certificates::{self, Wanted};
use crate::config::{ObjectSelector, TokenConfig};
use crate::pin::Credential;
use crate::registry;
use crate::signer::Pkcs11Signer;

/// One token, opened with one PIN or none. Cheap to clone; all of them share the token's one session, which is closed
/// when the last of them, and of the signers they made, is gone.
///
/// Every method blocks, each of its waits at most [`TokenConfig::sign_timeout`]: call them where blocking is
/// allowed.
#[derive(Clone)]
pub struct Token {
    access: TokenAccess,
    key: ObjectSelector,
    certificate: ObjectSelector,
}

impl Token {
    /// Loads the module if need be, finds the token, and checks `pin` against what this process knows of the token.
    ///
    /// Does not log in: that happens when something is asked for that needs it. An empty PIN is a PIN; `None` is
    /// none.
    ///
    /// | Code | When |
    /// |---|---|
    /// | `InvalidOption`, `Pkcs11Module` | the path is no absolute path of a file; it cannot be loaded or is no module |
    /// | `Pkcs11ModuleWritable`, `…Owner`, `…Hash`, `…Platform` | it is not loaded: others could have changed it, it is not the one whose hash was given, or is built for another system |
    /// | `Pkcs11Initialize` | C_Initialize failed; the next call tries again |
    /// | `Pkcs11TokenNotFound`, `Pkcs11TokenAmbiguous` | not exactly one token fits; both list what was seen |
    /// | `Pkcs11PinMismatch` | the token accepted another PIN in this process |
    /// | `Pkcs11PinRequired` | no PIN given and the token is logged in by somebody's |
    /// | `Pkcs11PinNotRetried` | the token refused this PIN before |
    /// | `Pkcs11Timeout`, `Pkcs11Hung` | the module does not answer, or has not answered somebody else |
    pub fn open(config: &TokenConfig, pin: Option<&Secret>) -> Result<Self> {
        let credential = pin.map(|pin| Credential::new(pin, config.force_login)).transpose()?.map(Arc::new);
        let deadline = config.sign_timeout;
        let clock = Arc::clone(&config.clock);
        let (identity, user) = registry::module(config)?.token(&config.token, &clock, deadline)?;
        let checked = credential.clone();
        user.thread().call("opening it", deadline, move |state| state.admit(checked.as_deref()))?;
        Ok(Self {
            access: TokenAccess { user, credential, deadline, clock, subject: identity.to_string() },
            key: config.key.clone(),
            certificate: config.certificate.clone(),
        })
    }

    /// Finds the private key, logging in if it is not visible otherwise, and proves with a test signature that it
    /// belongs to `expected`, the certificate's key. An empty selector means the certificate's of the
    /// configuration, and if that is empty too, the only private key there is.
    ///
    /// | Code | When |
    /// |---|---|
    /// | `UnsupportedKey` | `expected` is of a kind that no signature scheme here fits, or P-521 and the token cannot check its signatures |
    /// | `Pkcs11KeyNotFound`, `Pkcs11KeyAmbiguous` | not exactly one key fits; both list what was seen |
    /// | `Pkcs11KeyMismatch` | it is another key; both fingerprints are in the message |
    /// | `Pkcs11Mechanism` | the token cannot make a signature that verifies |
    /// | `Pkcs11PinRequired`, `…PinIncorrect`, `…PinNotRetried`, `…PinMismatch`, `…PinLocked`, `…PinExpired` | the login |
    /// | `Pkcs11Call` | any other return value, by name |
    pub fn signer(&self, key: &ObjectSelector, expected: &PublicKey) -> Result<Pkcs11Signer> {
        let selector = key.or(&self.key).or(&self.certificate);
        Pkcs11Signer::open(self.access.clone(), selector.clone(), expected.clone())
    }

    /// The certificate that `selector` means, then its issuers as far as the token has them, without the root. An
    /// empty selector means the certificate's of the configuration; if that is empty too, the key's, or where no
    /// certificate has such names, the key itself; and without any, the only certificate there is.
    ///
    /// Of several with the right names those of the key are meant, and of these the one that ends last.
    ///
    /// `Pkcs11CertificateNotFound`, `Pkcs11CertificateAmbiguous` (both list what was seen), `BadCertificate` if it
    /// cannot be parsed, and those of a login if one is needed and a PIN was given.
    pub fn certificates(&self, selector: &ObjectSelector) -> Result<Vec<Certificate>> {
        let certificate = selector.or(&self.certificate).clone();
        let key = self.key.or(&certificate).clone();
        let wanted = Wanted { certificate, key };
        self.access.run("reading the certificate", move |access| certificates::chain(access, &wanted))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("token", &self.access.subject)
            .field("key", &self.key)
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}
