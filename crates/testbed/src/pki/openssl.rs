//! What the OpenSSL command line does for the fixtures: the keys that ring cannot make (RSA, P-521) or makes in a
//! form that OpenSSL cannot read (Ed25519), certificates for them, and the other forms a key file can have.

use std::path::{Path, PathBuf};

use crate::{failure::Failure, pki::PASSPHRASE, program::Program};

/// The forms of a private key file, by the name under which the ready line lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// PKCS#8.
    Pkcs8,
    /// SEC1, `BEGIN EC PRIVATE KEY`.
    Sec1,
    /// PKCS#1, `BEGIN RSA PRIVATE KEY`.
    Pkcs1,
    /// PKCS#8, encrypted with PBES2 and AES-256-CBC.
    Encrypted,
    /// The old `Proc-Type: 4,ENCRYPTED` form.
    LegacyEncrypted,
}

impl Form {
    /// The name in the ready line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pkcs8 => "privateKey",
            Self::Sec1 => "privateKeySec1",
            Self::Pkcs1 => "privateKeyPkcs1",
            Self::Encrypted => "privateKeyEncrypted",
            Self::LegacyEncrypted => "privateKeyLegacyEncrypted",
        }
    }

    /// The file name of `key` in this form.
    pub(crate) fn file(self, key: &str) -> String {
        match self {
            Self::Pkcs8 => format!("{key}.key.pem"),
            Self::Sec1 => format!("{key}.sec1.key.pem"),
            Self::Pkcs1 => format!("{key}.pkcs1.key.pem"),
            Self::Encrypted => format!("{key}.enc.key.pem"),
            Self::LegacyEncrypted => format!("{key}-legacy-encrypted.key.pem"),
        }
    }
}

/// The algorithms OpenSSL generates keys for here.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Algorithm {
    /// RSA with this many bits.
    Rsa(u16),
    /// ECDSA on P-521.
    P521,
    /// Ed25519.
    Ed25519,
}

/// Generates a key and writes it as PKCS#8 to `out`.
pub(crate) fn generate(algorithm: Algorithm, out: &Path) -> Result<(), Failure> {
    let out = out.to_string_lossy();
    let bits;
    let mut arguments = vec!["genpkey", "-out", &out, "-algorithm"];
    match algorithm {
        Algorithm::Rsa(size) => {
            bits = format!("rsa_keygen_bits:{size}");
            arguments.extend(["RSA", "-pkeyopt", &bits]);
        }
        Algorithm::P521 => {
            arguments.extend([
                "EC",
                "-pkeyopt",
                "ec_paramgen_curve:P-521",
                "-pkeyopt",
                "ec_param_enc:named_curve",
            ]);
        }
        Algorithm::Ed25519 => arguments.push("ED25519"),
    }
    Program::OPENSSL.run(arguments).map(drop)
}

/// The authority that [`certify`] signs with, as files.
pub(crate) struct AuthorityFiles {
    /// Its certificate.
    pub(crate) certificate: PathBuf,
    /// Its key.
    pub(crate) key: PathBuf,
    /// The extensions of a device certificate, in OpenSSL's words.
    pub(crate) extensions: PathBuf,
}

impl AuthorityFiles {
    /// What belongs into the file of extensions. Without any, OpenSSL would make a version 1 certificate.
    pub(crate) const EXTENSIONS: &str = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n";
}

/// Writes a certificate for the key in `key` (PKCS#8) to `out`.
pub(crate) fn certify(
    authority: &AuthorityFiles,
    common_name: &str,
    key: &Path,
    out: &Path,
) -> Result<(), Failure> {
    let public = out.with_extension("pub");
    Program::OPENSSL.run([
        "pkey".as_ref(),
        "-in".as_ref(),
        key,
        "-pubout".as_ref(),
        "-out".as_ref(),
        &public,
    ])?;
    let subject = format!("/CN={common_name}");
    Program::OPENSSL.run([
        "x509".as_ref(),
        "-new".as_ref(),
        "-force_pubkey".as_ref(),
        public.as_path(),
        "-subj".as_ref(),
        subject.as_ref(),
        "-CA".as_ref(),
        &authority.certificate,
        "-CAkey".as_ref(),
        &authority.key,
        "-extfile".as_ref(),
        &authority.extensions,
        "-days".as_ref(),
        "90".as_ref(),
        "-out".as_ref(),
        out,
    ])?;
    // Nothing needs it any more, and a leftover `.pub` would only raise questions.
    let _ = std::fs::remove_file(public);
    Ok(())
}

/// Writes the PKCS#8 key in `key` to `out` in another form.
pub(crate) fn convert(key: &Path, form: Form, out: &Path) -> Result<(), Failure> {
    let (key, out) = (key.to_string_lossy(), out.to_string_lossy());
    let pass = format!("pass:{PASSPHRASE}");
    let mut arguments = match form {
        Form::Pkcs8 => vec!["pkey"],
        Form::Sec1 => vec!["ec"],
        Form::Pkcs1 => vec!["rsa", "-traditional"],
        Form::Encrypted => vec!["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", &pass],
        Form::LegacyEncrypted => vec!["ec", "-aes256", "-passout", &pass],
    };
    arguments.extend(["-in", &key, "-out", &out]);
    Program::OPENSSL.run(arguments).map(drop)
}
