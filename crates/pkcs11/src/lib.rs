//! Private keys on PKCS#11 tokens (HSM, TPM, secure element, SoftHSM): finding them, logging in, signing.
//!
//! ```no_run
//! use refresh_session_core::{PublicKey, Secret, Signer};
//! use refresh_session_pkcs11::{ObjectSelector, Token, TokenConfig, TokenSelector};
//!
//! # fn example(clock: std::sync::Arc<dyn refresh_session_core::Clock>) -> refresh_session_core::Result<()> {
//! let config = TokenConfig {
//!     token: TokenSelector { label: Some("gw".into()), ..TokenSelector::default() },
//!     key: ObjectSelector::label("key"),
//!     ..TokenConfig::new("/usr/lib/softhsm/libsofthsm2.so", clock)
//! };
//! let token = Token::open(&config, Some(&Secret::from("1234")))?;
//! let certificate = token.certificates(&config.certificate)?.remove(0);
//! let signer = token.signer(&config.key, certificate.public_key())?;
//! let signature = signer.sign(signer.schemes()[0], b"handshake")?;
//! # Ok(())
//! # }
//! ```
//!
//! # For whoever runs it
//!
//! **Module.** An absolute path, no search, no default: it is code that runs in this process. Neither the file nor a
//! folder above it may be writable for, or belong to, anybody but root and the user of this process. It is loaded once,
//! with its symbols bound to its own libraries (glibc), and never unloaded. A module that other code in the process
//! has initialised is shared with it. Modules read their configuration from the environment, SoftHSM from
//! `SOFTHSM2_CONF`, tpm2-pkcs11 from `TPM2_PKCS11_STORE`: set it for the whole process, before it starts.
//!
//! **Token and key** must be unambiguous. Nothing is ever taken because it came first; an error lists what was
//! there. Tokens are known by label and serial number; slot numbers change.
//!
//! **PIN.** Sent only when something needs a login. A refused PIN is not sent again by this process, whoever asks;
//! correct it and restart. Once the token has accepted a PIN, another one is refused without asking the token. A
//! token that is locked or has one try left is not sent any. Each restart of the process may spend one try: a
//! service manager should not restart on `ERR_PKCS11_PIN_INCORRECT`.
//!
//! **Session.** One for each token, however many use it; closed, and so logged out, when the last of them is gone.
//! [`close_all`] belongs into the exit hook of the process.
//!
//! **Recovery.** A session, login, key handle, device or module that was lost is renewed by the next request, within
//! its deadline; `docs/pkcs11.md` has the cases. A module is finalised and initialised anew only if this crate
//! initialised it, at most every half minute, and never while a call of another token is under way. Several copies of
//! this package in one process count as one (Linux).
//!
//! **Threads.** Each token has one, `pkcs11-<label>`, which makes all its calls; each module one for listing
//! tokens. None holds up the process's exit. A call that does not come back costs its caller the deadline
//! (`ERR_PKCS11_TIMEOUT`) and everybody else nothing (`ERR_PKCS11_HUNG`, at once) until it does.
//!
//! **fork.** A child that does not exec must not use a token: modules do not notice that they were copied.
//!
//! # For whoever changes it
//!
//! | File | Holds |
//! |---|---|
//! | `config`, `uri` | what the caller fixes; RFC 7512 |
//! | `inventory`, `token_flags`, `written_uri` | what is there, for whoever sets a device up |
//! | `trust`, `elf` | whether a module may be loaded: who could have put it there, for what it was built |
//! | `companions` | what a module is known to load itself |
//! | `library`, `module`, `registry` | loading; initialisation as a state with generations; one of each per process |
//! | `common`, `first_copy` | what several copies of this package in the process share of a module, and where |
//! | `gate`, `pace`, `budget` | calls and initialising exclude each other; how often anew; how much time is left |
//! | `recovery` | the ladder: what is tried after a failure, and in which order |
//! | `worker` | a thread with deadlines; knows nothing of PKCS#11 |
//! | `slots`, `token_info` | searching for the token; what it says of itself |
//! | `objects`, `attribute`, `certificates`, `public_half` | searching on it, and reading what was found |
//! | `pin`, `session`, `unlock` | what is remembered of PINs; the one session and its login; how a token is unlocked |
//! | `token_state` | what a token's thread owns; run, climb the ladder, run again |
//! | `mechanism`, `raw_sign`, `der` | how a signature is asked for and encoded |
//! | `token_verify` | checking the signatures that only the token can |
//! | `access` | a user's way to a token's thread |
//! | `token`, `signer` | the public handles |
//! | `failure`, `return_value` | what went wrong inside, and what it is called outside |
//!
//! **Order of locks.** The registry's maps, then a worker's progress. On a thread that calls a module: the gate, then
//! that of all copies (both held through calls), then the PIN memory (held through C_Login), then a module's state
//! (never through a call). The two groups do not meet: nobody waits for a worker while holding one of the second, and
//! the jobs of a worker take none of the first but the map of tokens, for a moment and with nothing else in hand.

#![allow(
    unsafe_code,
    reason = "PKCS#11 is a C interface; eight files call C directly or are called by it, each with its reason"
)]

mod access;
mod attribute;
mod budget;
mod certificates;
mod common;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod companions;
mod config;
mod der;
#[cfg(target_os = "linux")]
mod elf;
mod failure;
mod first_copy;
mod gate;
mod inventory;
mod library;
mod mechanism;
mod module;
mod objects;
mod pace;
mod pin;
mod public_half;
mod raw_sign;
mod recovery;
mod registry;
mod return_value;
mod session;
mod signer;
mod slots;
mod token;
mod token_flags;
mod token_info;
mod token_state;
mod token_verify;
mod trust;
mod unlock;
pub mod uri;
mod worker;
mod written_uri;

pub use config::{DEFAULT_SIGN_TIMEOUT, ObjectSelector, TokenConfig, TokenSelector};
pub use inventory::{
    CertificateEntry, Depth, Inventory, KeyEntry, Objects, SlotEntry, TokenEntry, inventory,
};
pub use registry::{close_all, reopen};
pub use signer::Pkcs11Signer;
pub use token::Token;
pub use token_flags::TokenFlag;
pub use uri::Pkcs11Uri;
