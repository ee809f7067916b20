//! Private keys in files: PKCS#8 (RFC 5958), SEC1 (RFC 5915), PKCS#1 (RFC 8017), and encrypted PKCS#8 (RFC 8018).
//!
//! The old encrypted PEM form (`Proc-Type: 4,ENCRYPTED`) is refused: its key derivation is one MD5.

use pkcs8::der::Decode as _;
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use refresh_session_core::crypto::public_key::{EC_PUBLIC_KEY, P256, P384, RSA_ENCRYPTION};
use refresh_session_core::{Code, Error, Result, Secret};
use rustls::pki_types::pem::{PemObject as _, SectionKind};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use crate::material::is_pem;

/// About two seconds on a fast machine.
const MAX_ITERATIONS: u32 = 10_000_000;

const CONVERT: &str = "Convert it with `openssl pkcs8 -topk8 -in OLD -out NEW`.";

/// Reads the first private key of `content`, decrypting it if need be.
pub(super) fn parse(
    content: &Secret,
    passphrase: Option<&Secret>,
) -> Result<Zeroizing<PrivateKeyDer<'static>>> {
    if is_pem(content.expose()) { from_pem(content, passphrase) } else { from_der(content, passphrase) }
}

/// The name of a key that the crypto provider is going to refuse for its kind, as far as its form tells.
pub(super) fn unsupported_kind(key: &PrivateKeyDer<'_>) -> Option<&'static str> {
    const RSA: &str = "an RSA key of less than 2048 bits (or a damaged one)";
    match key {
        PrivateKeyDer::Pkcs1(_) => Some(RSA),
        PrivateKeyDer::Pkcs8(key) => {
            let algorithm = PrivateKeyInfoRef::from_der(key.secret_pkcs8_der()).ok()?.algorithm;
            match algorithm.oid {
                RSA_ENCRYPTION => Some(RSA),
                EC_PUBLIC_KEY => algorithm
                    .parameters_oid()
                    .is_ok_and(|curve| curve != P256 && curve != P384)
                    .then_some("an EC key on a curve other than P-256 and P-384"),
                _ => Some("a key that is neither EC nor RSA"),
            }
        }
        _ => None,
    }
}

fn from_pem(content: &Secret, passphrase: Option<&Secret>) -> Result<Zeroizing<PrivateKeyDer<'static>>> {
    let text = content.expose();
    if contains(text, b"Proc-Type: 4,ENCRYPTED") {
        return Err(
            bad("the key is in the old encrypted PEM form, whose protection is broken").with_hint(CONVERT)
        );
    }
    if let Some(encrypted) = encrypted_block(text)? {
        return decrypt(&encrypted, passphrase);
    }
    let key = PrivateKeyDer::from_pem_slice(text).map_err(|_| {
        bad("the PEM text holds no private key").with_hint(
            "It must hold a `PRIVATE KEY`, `EC PRIVATE KEY`, `RSA PRIVATE KEY` or `ENCRYPTED PRIVATE KEY` block.",
        )
    })?;
    let key = Zeroizing::new(key);
    refuse_idle_passphrase(passphrase)?;
    Ok(key)
}

fn from_der(content: &Secret, passphrase: Option<&Secret>) -> Result<Zeroizing<PrivateKeyDer<'static>>> {
    let der = content.expose();
    if EncryptedPrivateKeyInfoRef::from_der(der).is_ok() {
        return decrypt(content, passphrase);
    }
    let key = PrivateKeyDer::try_from(der)
        .map_err(|_| bad("the bytes are neither PEM nor a PKCS#8, SEC1 or PKCS#1 key in DER"))?;
    refuse_idle_passphrase(passphrase)?;
    Ok(Zeroizing::new(key.clone_key()))
}

/// The content of the first `ENCRYPTED PRIVATE KEY` block. The PEM reader of rustls has no kind for it, so its label
/// is renamed to one that it hands out as it is.
fn encrypted_block(text: &[u8]) -> Result<Option<Secret>> {
    const LABEL: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
    let Some(start) = text.windows(LABEL.len()).position(|window| window == LABEL) else { return Ok(None) };
    let Ok(block) = std::str::from_utf8(&text[start..]) else {
        return Err(bad("the encrypted key is not valid PEM"));
    };
    let renamed = Zeroizing::new(block.replace("ENCRYPTED PRIVATE KEY", "PRIVATE KEY"));
    match <(SectionKind, Vec<u8>)>::from_pem_slice(renamed.as_bytes()) {
        Ok((SectionKind::PrivateKey, der)) => Ok(Some(Secret::new(der))),
        _ => Err(bad("the encrypted key is not valid PEM")),
    }
}

fn decrypt(encrypted: &Secret, passphrase: Option<&Secret>) -> Result<Zeroizing<PrivateKeyDer<'static>>> {
    let Some(passphrase) = passphrase else {
        return Err(Error::new(
            Code::Passphrase,
            "option `privateKey`: the key is encrypted and no passphrase was given",
        )
        .with_param("privateKeyPassphrase")
        .with_hint("Give `privateKeyPassphrase`."));
    };
    let info = EncryptedPrivateKeyInfoRef::from_der(encrypted.expose())
        .map_err(|_| bad("the encrypted key is not PKCS#8 with PBES2").with_hint(CONVERT))?;
    // OpenSSL writes 2 048 by default. Deriving the key blocks the caller's thread.
    let iterations = info
        .encryption_algorithm
        .pbes2()
        .and_then(|scheme| scheme.kdf.pbkdf2())
        .map(|kdf| kdf.iteration_count);
    if iterations.is_some_and(|count| count > MAX_ITERATIONS) {
        return Err(bad("the encrypted key asks for more than 10 000 000 iterations of its key derivation")
            .with_hint(CONVERT));
    }
    let document = info.decrypt(passphrase.expose()).map_err(|_| {
        Error::new(
            Code::Passphrase,
            "option `privateKeyPassphrase`: it does not open the key, or the key's cipher is not one of PBES2 with AES or 3DES",
        )
        .with_param("privateKeyPassphrase")
        .with_hint("Check it with `openssl pkey -in KEY -noout`.")
    })?;
    Ok(Zeroizing::new(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(document.as_bytes().to_vec()))))
}

/// A passphrase for a key that is not encrypted means that somebody believes it is.
fn refuse_idle_passphrase(passphrase: Option<&Secret>) -> Result<()> {
    if passphrase.is_none() {
        return Ok(());
    }
    Err(Error::new(
        Code::ConflictingOptions,
        "option `privateKeyPassphrase` is given, but the private key is not encrypted",
    )
    .with_param("privateKeyPassphrase")
    .with_hint("Leave the passphrase out, or encrypt the key with `openssl pkcs8 -topk8`."))
}

fn bad(what: &str) -> Error {
    Error::new(Code::BadPrivateKey, format!("option `privateKey`: {what}")).with_param("privateKey")
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|window| window == needle)
}
