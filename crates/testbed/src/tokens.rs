//! The SoftHSM tokens of `--tokens`.
//!
//! | Token   | User PIN              | Holds                                                                |
//! |---------|-----------------------|----------------------------------------------------------------------|
//! | `gw`    | `canary-pin-8361`     | `ec256` id 01, `ec384` id 02, `rsa2048` id 03, and `dup` ids 0a, 0b  |
//! | `other` | `canary-pin-other-55` | nothing                                                              |
//! | `twin`  | `1234`                | `ec256` id 01; there are two tokens of this label, with a key each   |
//!
//! The SO PIN is `12345678` everywhere. Keys are made in files, imported, and the files removed: the tokens hold
//! the only copy. Each key's certificate (`hsm-*.cert.pem`, signed by the device CA) lies next to it in the token
//! if `pkcs11-tool` is installed, under the same label and id. Clients need `SOFTHSM2_CONF` set to `conf`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use rcgen::KeyPair;

use crate::{
    failure::{During, Failure},
    folder::Folder,
    pki::{
        Pki,
        authority::Validity,
        device::Device,
        openssl::{Algorithm, Form},
    },
    program::Program,
};

const SO_PIN: &str = "12345678";
/// Where Debian and the distributions derived from it put the module; the first that exists is used.
const MODULES: [&str; 4] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];

/// One token.
pub(crate) struct Token {
    pub(crate) label: &'static str,
    pub(crate) serial: String,
    /// The slot it is in; labels do not tell twins apart, and `pkcs11-tool` does not know serial numbers.
    slot: String,
    pub(crate) pin: &'static str,
    /// By the name the ready line gives the key.
    pub(crate) keys: BTreeMap<&'static str, TokenKey>,
}

/// A key in a token and the certificate that goes with it.
pub(crate) struct TokenKey {
    pub(crate) label: &'static str,
    pub(crate) id: &'static str,
    pub(crate) device: Device,
}

/// All tokens, by the name the ready line gives them.
pub(crate) struct Tokens {
    pub(crate) module: &'static str,
    pub(crate) conf: PathBuf,
    pub(crate) by_name: BTreeMap<&'static str, Token>,
}

#[derive(Clone, Copy)]
enum Kind {
    P256,
    P384,
    Rsa2048,
}

/// Token, name, label, id and kind of the keys, and the name of their certificate.
const KEYS: [(&str, &str, &str, &str, Kind, &str); 7] = [
    ("gw", "ec256", "ec256", "01", Kind::P256, "hsm-ec256"),
    ("gw", "ec384", "ec384", "02", Kind::P384, "hsm-ec384"),
    ("gw", "rsa2048", "rsa2048", "03", Kind::Rsa2048, "hsm-rsa2048"),
    ("gw", "dup-0a", "dup", "0a", Kind::P256, "hsm-dup-0a"),
    ("gw", "dup-0b", "dup", "0b", Kind::P256, "hsm-dup-0b"),
    ("twin-1", "ec256", "ec256", "01", Kind::P256, "hsm-twin-1"),
    ("twin-2", "ec256", "ec256", "01", Kind::P256, "hsm-twin-2"),
];

/// Name, label and PIN of the tokens.
const TOKENS: [(&str, &str, &str); 4] = [
    ("gw", "gw", "canary-pin-8361"),
    ("other", "other", "canary-pin-other-55"),
    ("twin-1", "twin", "1234"),
    ("twin-2", "twin", "1234"),
];

impl Tokens {
    /// Makes the tokens in `folder`.
    pub(crate) fn make(folder: &Folder, pki: &Pki) -> Result<Self, Failure> {
        let module = MODULES
            .into_iter()
            .find(|path| Path::new(path).exists())
            .ok_or_else(|| Failure::missing_program("libsofthsm2.so", "softhsm2"))?;
        let store = folder.join("tokens");
        fs::create_dir(&store).during("creating tokens")?;
        let conf = folder.join("softhsm2.conf");
        let text = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            store.display()
        );
        fs::write(&conf, text).during("writing softhsm2.conf")?;

        let softhsm = Program::softhsm(&conf);
        let mut tokens = BTreeMap::new();
        for (name, label, pin) in TOKENS {
            softhsm.run(["--init-token", "--free", "--label", label, "--so-pin", SO_PIN, "--pin", pin])?;
            // The newcomer is the one whose serial number has not been seen yet.
            let slots = softhsm.run(["--show-slots"])?;
            let (slot, serial) = found(&slots, label)
                .find(|(_, serial)| !tokens.values().any(|token: &Token| token.serial == *serial))
                .ok_or_else(|| Failure::new(format!("softhsm2-util made no token {label}")))?;
            let (slot, serial) = (slot.to_owned(), serial.to_owned());
            tokens.insert(name, Token { label, serial, slot, pin, keys: BTreeMap::new() });
        }
        let with_certificates = Program::pkcs11_tool(&conf).installed();
        for (token, name, label, id, kind, certificate) in KEYS {
            let token =
                tokens.get_mut(token).ok_or_else(|| Failure::new("a key for a token that is not there"))?;
            let device = make_device(pki, certificate, kind)?;
            let mut key = TokenKey { label, id, device };
            import(&conf, token, &mut key)?;
            if with_certificates {
                write_certificate(&conf, module, token, &key)?;
            }
            token.keys.insert(name, key);
        }
        Ok(Self { module, conf, by_name: tokens })
    }

    /// The devices whose keys are in tokens.
    pub(crate) fn devices(&self) -> impl Iterator<Item = &Device> {
        self.by_name.values().flat_map(|token| token.keys.values()).map(|key| &key.device)
    }
}

fn make_device(pki: &Pki, name: &str, kind: Kind) -> Result<Device, Failure> {
    let algorithm = match kind {
        Kind::Rsa2048 => {
            let files = pki.device_authority_files();
            return Device::from_openssl(files, name, Algorithm::Rsa(2048), pki.folder());
        }
        Kind::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
        Kind::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
    };
    let key = KeyPair::generate_for(algorithm).during("generating a token key")?;
    Device::from_key(pki.device_authority(), name, &key, Validity::Current, pki.folder())
}

/// Moves the key from its file into the token.
fn import(conf: &Path, token: &Token, key: &mut TokenKey) -> Result<(), Failure> {
    let file = key.device.keys.remove(&Form::Pkcs8).ok_or_else(|| Failure::new("a key without a file"))?;
    let path = file.to_string_lossy();
    Program::softhsm(conf).run([
        "--import",
        path.as_ref(),
        "--serial",
        &token.serial,
        "--label",
        key.label,
        "--id",
        key.id,
        "--pin",
        token.pin,
    ])?;
    fs::remove_file(&file).during("removing an imported key")
}

fn write_certificate(conf: &Path, module: &str, token: &Token, key: &TokenKey) -> Result<(), Failure> {
    let der = key.device.certificate.with_extension("der");
    fs::write(&der, &key.device.der).during("writing a certificate")?;
    let path = der.to_string_lossy();
    Program::pkcs11_tool(conf).run([
        "--module",
        module,
        "--slot",
        &token.slot,
        "--login",
        "--pin",
        token.pin,
        "--write-object",
        path.as_ref(),
        "--type",
        "cert",
        "--id",
        key.id,
        "--label",
        key.label,
    ])?;
    fs::remove_file(&der).during("removing a certificate")
}

/// Slot and serial number of the tokens labelled `label` in what `softhsm2-util --show-slots` prints.
fn found<'a>(slots: &'a str, label: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    slots.split("\nSlot ").skip(1).filter_map(move |slot| {
        let field = |name: &str| {
            slot.lines()
                .find_map(|line| line.trim().strip_prefix(name)?.trim_start().strip_prefix(':'))
                .map(str::trim)
        };
        let number = slot.lines().next()?.trim();
        (field("Label") == Some(label)).then_some((number, field("Serial number")?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_tokens_by_label() {
        let slots = "Available slots:\nSlot 7\n    Token info:\n        Serial number:    aa11\n        \
                     Initialized:      yes\n        Label:            gw  \nSlot 8\n    Token info:\n        \
                     Serial number:    bb22\n        Label:            twin\nSlot 9\n    Token info:\n        \
                     Serial number:    cc33\n        Label:            twin\nSlot 10\n    Token info:\n        \
                     Serial number:    \n        Label:            \n";
        assert_eq!(found(slots, "gw").collect::<Vec<_>>(), [("7", "aa11")]);
        assert_eq!(found(slots, "twin").collect::<Vec<_>>(), [("8", "bb22"), ("9", "cc33")]);
        assert_eq!(found(slots, "none").count(), 0);
    }
}
