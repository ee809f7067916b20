//! An identity whose key is in a token: what is known before it is opened, and opening it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use refresh_session_core::{Certificate, Clock, Code, Error, Result, Secret, Warning, shown};
use refresh_session_pkcs11::{ObjectSelector, Pkcs11Uri, Token, TokenConfig, TokenSelector, uri};
use refresh_session_tls::ClientIdentity;
use tokio::task::spawn_blocking;

use super::options::{Pkcs11Fields, Pkcs11Options};
use crate::PinSource;
use crate::description::Description;

/// A token that holds our key, before anybody has opened it.
#[derive(Debug)]
pub(super) struct TokenIdentity {
    config: TokenConfig,
    pin: PinSource,
    /// Whether the PIN is being waited for.
    asking: AtomicBool,
}

impl TokenIdentity {
    /// Parses the option; touches neither module nor token.
    ///
    /// `limit`: of a whole fetch. A wait for the token that outlives it would help nobody and hold a thread.
    pub(super) fn new(
        options: Pkcs11Options,
        limit: Duration,
        clock: &Arc<dyn Clock>,
    ) -> Result<(Self, Vec<Warning>)> {
        let (mut config, pin, warnings) = parse(options, clock)?;
        config.sign_timeout = config.sign_timeout.min(limit);
        Ok((Self { config, pin, asking: AtomicBool::new(false) }, warnings))
    }

    /// Adds what decides whether it can be opened. False if that cannot be known beforehand: a callback's PIN.
    pub(super) fn describe(&self, description: &mut Description) -> bool {
        // Module, selectors and deadlines; no secret among them.
        description.field("token", format!("{:?}", self.config));
        match &self.pin {
            PinSource::None => description.field("no PIN", []),
            PinSource::Value(pin) => description.field("PIN", pin.expose()),
            PinSource::File(path) => description.field("PIN file", path.as_os_str().as_encoded_bytes()),
            PinSource::Callback(_) | PinSource::Variable(..) => return false,
        }
        true
    }

    /// Opens the token, proves the key against the certificate, which is `chain`'s or in the token too, and makes the
    /// identity.
    pub(super) async fn open(&self, chain: Option<Vec<Certificate>>) -> Result<ClientIdentity> {
        self.asking.store(matches!(self.pin, PinSource::Callback(_)), Ordering::Relaxed);
        let pin = self.pin.obtain().await;
        self.asking.store(false, Ordering::Relaxed);
        let (pin, config) = (pin?, self.config.clone());
        // Every wait inside has its own deadline; one that outlives this fetch ends by itself.
        spawn_blocking(move || open(&config, pin.as_ref(), chain))
            .await
            .unwrap_or_else(|_| Err(Error::new(Code::Internal, "opening the token was cut short")))
    }

    /// The error for an [`open`](Self::open) that was dropped because a fetch may take no more than `limit`.
    pub(super) fn timed_out(&self, limit: Duration) -> Error {
        let limit = limit.as_millis();
        if self.asking.load(Ordering::Relaxed) {
            let message = format!("option `pkcs11.userPin`: the callback gave no PIN within {limit} ms");
            return Error::new(Code::Pkcs11PinCallback, message).with_param("pkcs11.userPin").with_hint(
                "It must return, or resolve to, a string or Uint8Array in time; or raise `timeoutMs`.",
            );
        }
        Error::new(Code::Timeout, format!("opening the token: not done within {limit} ms")).with_hint(
            "The token is slow or hung: check it, or raise `timeoutMs` and `pkcs11.signTimeoutMs`.",
        )
    }
}

/// What the option says, and what the user should know about it.
pub(crate) fn parse(
    options: Pkcs11Options,
    clock: &Arc<dyn Clock>,
) -> Result<(TokenConfig, PinSource, Vec<Warning>)> {
    let (param, parsed) = match options {
        Pkcs11Options::Uri(text) => ("pkcs11", from_uri(&text, clock)?),
        Pkcs11Options::Fields(fields) if fields.uri.is_some() => {
            // Whichever of the two names the module: both are refused.
            let param = if fields.library.is_some() { "pkcs11.library" } else { "pkcs11.uri" };
            (param, from_uri_and_fields(*fields, clock)?)
        }
        Pkcs11Options::Fields(fields) => {
            let config = from_fields(&fields, clock)?;
            let warnings = config.token.warnings();
            ("pkcs11.library", (config, fields.user_pin, warnings))
        }
    };
    if !parsed.0.module.is_absolute() {
        return Err(relative(&parsed.0.module, param));
    }
    Ok(parsed)
}

fn open(
    config: &TokenConfig,
    pin: Option<&Secret>,
    chain: Option<Vec<Certificate>>,
) -> Result<ClientIdentity> {
    let token = Token::open(config, pin)?;
    let chain = match chain {
        Some(chain) => chain,
        None => token.certificates(&config.certificate)?,
    };
    let Some(leaf) = chain.first() else {
        return Err(Error::new(
            Code::Pkcs11CertificateNotFound,
            "the token holds no certificate for the key",
        ));
    };
    let signer = token.signer(&config.key, leaf.public_key())?;
    ClientIdentity::from_signer(&chain, Arc::new(signer))
}

fn relative(module: &Path, param: &'static str) -> Error {
    // A URI in the wrong option may have a PIN in it.
    if module.to_string_lossy().starts_with("pkcs11:") {
        return Error::invalid_option(param, "is a `pkcs11:` URI: give that as `pkcs11` itself");
    }
    let found = format!(
        "names the module {}: its path must be absolute, since loading it runs its code",
        shown::path(module)
    );
    Error::invalid_option(param, found)
}

fn from_uri(text: &str, clock: &Arc<dyn Clock>) -> Result<(TokenConfig, PinSource, Vec<Warning>)> {
    from_parsed(uri::parse(text)?, clock)
}

fn from_parsed(parsed: Pkcs11Uri, clock: &Arc<dyn Clock>) -> Result<(TokenConfig, PinSource, Vec<Warning>)> {
    let pin = match (parsed.pin, parsed.pin_source) {
        (Some(pin), _) => PinSource::Value(pin),
        (None, Some(path)) => PinSource::File(path),
        (None, None) => PinSource::None,
    };
    let module = parsed.module.ok_or_else(|| {
        Error::invalid_option(
            "pkcs11",
            "is a URI without `module-path`: give the module as `?module-path=/…`",
        )
    })?;
    let mut config = TokenConfig::new(module, Arc::clone(clock));
    config.token = parsed.token;
    config.key = parsed.key;
    config.certificate = parsed.certificate;
    Ok((config, pin, parsed.warnings))
}

/// What is selected is the URI's, how it is used the fields'.
fn from_uri_and_fields(
    fields: Pkcs11Fields,
    clock: &Arc<dyn Clock>,
) -> Result<(TokenConfig, PinSource, Vec<Warning>)> {
    let text = fields.uri.as_deref().unwrap_or_default();
    let mut parsed = uri::parse(text).map_err(in_object)?;
    let selectors = [
        ("pkcs11.slotId", fields.slot_id.is_some()),
        ("pkcs11.tokenLabel", fields.token_label.is_some()),
        ("pkcs11.tokenSerial", fields.token_serial.is_some()),
        ("pkcs11.privateKeyLabel", fields.private_key_label.is_some()),
        ("pkcs11.privateKeyId", fields.private_key_id.is_some()),
        ("pkcs11.certificateLabel", fields.certificate_label.is_some()),
        ("pkcs11.certificateId", fields.certificate_id.is_some()),
        ("pkcs11.library", fields.library.is_some() && parsed.module.is_some()),
    ];
    if let Some((param, _)) = selectors.into_iter().find(|(_, given)| *given) {
        let message = format!("option `{param}` and `pkcs11.uri` exclude each other");
        return Err(Error::new(Code::ConflictingOptions, message)
            .with_param(param)
            .with_hint("Say it in the URI, or leave the URI out."));
    }
    let in_uri = parsed.pin.is_some() || parsed.pin_source.is_some();
    let param = match &fields.user_pin {
        PinSource::None => None,
        PinSource::Variable(..) => Some("pkcs11.userPinEnv"),
        _ => Some("pkcs11.userPin"),
    };
    if let (true, Some(param)) = (in_uri, param) {
        let message = format!("option `{param}` is given, and a PIN in `pkcs11.uri` too");
        return Err(Error::new(Code::ConflictingOptions, message).with_param(param));
    }
    parsed.module = parsed.module.or_else(|| fields.library.as_ref().map(PathBuf::from));
    let (mut config, pin, warnings) = from_parsed(parsed, clock).map_err(in_object)?;
    apply_handling(&fields, &mut config);
    Ok((config, if in_uri { pin } else { fields.user_pin }, warnings))
}

/// The same error for a URI that is a field of the object.
fn in_object(error: Error) -> Error {
    const PARAM: &str = "pkcs11.uri";
    match error.message().strip_prefix("option `pkcs11` ") {
        Some(found) => {
            let renamed = Error::new(error.code(), format!("option `{PARAM}` {found}")).with_param(PARAM);
            error.hint().map(str::to_owned).into_iter().fold(renamed, Error::with_hint)
        }
        None => error,
    }
}

fn apply_handling(fields: &Pkcs11Fields, config: &mut TokenConfig) {
    config.module_sha256.clone_from(&fields.library_sha256);
    config.force_login = fields.force_login;
    if let Some(limit) = fields.sign_timeout {
        config.sign_timeout = limit;
    }
}

fn from_fields(fields: &Pkcs11Fields, clock: &Arc<dyn Clock>) -> Result<TokenConfig> {
    let Some(library) = &fields.library else {
        return Err(Error::new(Code::MissingOption, "option `pkcs11.library` is missing")
            .with_param("pkcs11.library"));
    };
    let mut config = TokenConfig::new(PathBuf::from(library), Arc::clone(clock));
    apply_handling(fields, &mut config);
    config.token = TokenSelector {
        slot_id: fields.slot_id,
        label: fields.token_label.clone(),
        serial: fields.token_serial.clone(),
        ..TokenSelector::default()
    };
    config.key =
        ObjectSelector { label: fields.private_key_label.clone(), id: fields.private_key_id.clone() };
    config.certificate =
        ObjectSelector { label: fields.certificate_label.clone(), id: fields.certificate_id.clone() };
    Ok(config)
}
