//! `pkcs11:` URIs (RFC 7512): parsing them into the parts of a configuration.
//!
//! Stricter than many readers, because a typo must not select another key: path attributes we do not know are
//! refused, so are duplicates and characters that have to be percent-encoded. Query attributes we do not know are
//! ignored, as the RFC wants it. No error repeats a value: any of them might be the PIN in the wrong place.

use std::path::PathBuf;

use refresh_session_core::{Error, Result, Secret, Warning};

use crate::config::{ObjectSelector, TokenSelector};

const PARAM: &str = "pkcs11";

/// What a `pkcs11:` URI says. `Debug` does not show the PIN.
#[derive(Clone, Debug, Default)]
pub struct Pkcs11Uri {
    /// `token`, `serial`, `manufacturer`, `model`, `slot-…` and `library-…`.
    pub token: TokenSelector,
    /// `object` and `id`, unless `type=cert`.
    pub key: ObjectSelector,
    /// `object` and `id`, unless `type=private`.
    pub certificate: ObjectSelector,
    /// `module-path`.
    pub module: Option<PathBuf>,
    /// `pin-value`.
    pub pin: Option<Secret>,
    /// `pin-source`: an absolute path or a `file:` URI of one. Read by the caller, one trailing newline stripped.
    pub pin_source: Option<PathBuf>,
    /// `WARN_PKCS11_PIN_IN_URI`, `WARN_PKCS11_SLOT_ID_ONLY`.
    pub warnings: Vec<Warning>,
}

/// Parses a `pkcs11:` URI. Every error is [`Code::InvalidOption`](refresh_session_core::Code::InvalidOption) for
/// the option `pkcs11`.
pub fn parse(uri: &str) -> Result<Pkcs11Uri> {
    let Some(rest) = uri.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("pkcs11:")).and(uri.get(7..))
    else {
        return Err(invalid("is not a URI that starts with `pkcs11:`"));
    };
    let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));

    let mut parsed = Pkcs11Uri::default();
    let mut object = ObjectSelector::default();
    let mut kind = None;
    for (name, value) in attributes(path, ';')? {
        let token = &mut parsed.token;
        match name {
            "token" => set(name, &mut token.label, text(name, &value)?)?,
            "serial" => set(name, &mut token.serial, text(name, &value)?)?,
            "manufacturer" => set(name, &mut token.manufacturer, text(name, &value)?)?,
            "model" => set(name, &mut token.model, text(name, &value)?)?,
            "slot-id" => set(name, &mut token.slot_id, number(name, &value)?)?,
            "slot-description" => set(name, &mut token.slot_description, text(name, &value)?)?,
            "slot-manufacturer" => set(name, &mut token.slot_manufacturer, text(name, &value)?)?,
            "library-description" => set(name, &mut token.library_description, text(name, &value)?)?,
            "library-manufacturer" => set(name, &mut token.library_manufacturer, text(name, &value)?)?,
            "library-version" => set(name, &mut token.library_version, text(name, &value)?)?,
            "object" => set(name, &mut object.label, text(name, &value)?)?,
            "id" => set(name, &mut object.id, value)?,
            "type" => set(name, &mut kind, text(name, &value)?)?,
            "module-path" | "module-name" | "pin-value" | "pin-source" => {
                return Err(invalid(format!("has `{name}` in the wrong place: it belongs after a `?`")));
            }
            unknown => return Err(invalid(format!("has the unknown attribute `{}`", printable(unknown)))),
        }
    }
    (parsed.key, parsed.certificate) = match kind.as_deref() {
        None => (object.clone(), object),
        Some("private") => (object, ObjectSelector::default()),
        Some("cert") => (ObjectSelector::default(), object),
        Some(_) => return Err(invalid("has a `type` other than `private` and `cert`")),
    };

    read_query(query.unwrap_or_default(), &mut parsed)?;
    parsed.warnings.extend(parsed.token.warnings());
    Ok(parsed)
}

fn read_query(query: &str, parsed: &mut Pkcs11Uri) -> Result<()> {
    for (name, value) in attributes(query, '&')? {
        match name {
            "module-path" => set(name, &mut parsed.module, text(name, &value)?.into())?,
            "module-name" => {
                return Err(invalid(
                    "names its module by `module-name`: give its whole path as `module-path`",
                ));
            }
            "pin-value" => set(name, &mut parsed.pin, Secret::new(value))?,
            "pin-source" => set(name, &mut parsed.pin_source, pin_source(&text(name, &value)?)?)?,
            // RFC 7512 section 2.3: vendors may add their own.
            _ => {}
        }
    }
    if parsed.pin.is_some() && parsed.pin_source.is_some() {
        return Err(invalid("has both `pin-value` and `pin-source`: give one"));
    }
    if parsed.pin.is_some() {
        parsed.warnings.push(Warning {
            code: "WARN_PKCS11_PIN_IN_URI",
            message:
                "the PIN stands in the URI, and URIs end up in configuration dumps; use `pin-source` or \
                      `pkcs11.userPin`"
                    .into(),
        });
    }
    Ok(())
}

/// Splits into names and decoded values.
fn attributes(part: &str, separator: char) -> Result<Vec<(&str, Vec<u8>)>> {
    if part.is_empty() {
        return Ok(Vec::new());
    }
    part.split(separator)
        .map(|attribute| {
            let (name, value) = attribute
                .split_once('=')
                .ok_or_else(|| invalid(format!("has an attribute without `=` between the `{separator}`")))?;
            Ok((name, decode(name, value)?))
        })
        .collect()
}

fn decode(name: &str, value: &str) -> Result<Vec<u8>> {
    let bad = |what: &str| invalid(format!("has {what} in `{}`", printable(name)));
    let mut decoded = Vec::with_capacity(value.len());
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
            let (Some(high), Some(low)) = (digit(), digit()) else {
                return Err(bad("a `%` without two hexadecimal digits"));
            };
            decoded.push(u8::try_from(high << 4 | low).unwrap_or_default());
            continue;
        }
        if !byte.is_ascii_graphic() {
            return Err(bad("a space or another character that must be percent-encoded (a space is `%20`)"));
        }
        decoded.push(byte);
    }
    Ok(decoded)
}

fn set<T>(name: &str, field: &mut Option<T>, value: T) -> Result<()> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(invalid(format!("has `{name}` twice"))),
    }
}

fn text(name: &str, value: &[u8]) -> Result<String> {
    // C reads up to it, and so would mean another object than what is shown.
    if value.contains(&0) {
        return Err(invalid(format!("has a NUL character in `{}`", printable(name))));
    }
    String::from_utf8(value.to_vec())
        .map_err(|_| invalid(format!("has bytes that are not UTF-8 in `{}`", printable(name))))
}

fn number(name: &str, value: &[u8]) -> Result<u64> {
    let digits = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    digits
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| invalid(format!("has a `{name}` that is not a decimal number")))
}

/// RFC 7512 section 2.4: a path, a `file:` URI, or a command behind `|`, which is never run here.
fn pin_source(value: &str) -> Result<PathBuf> {
    let path = match value.strip_prefix("file:") {
        Some(path) => path.strip_prefix("//localhost").or(path.strip_prefix("//")).unwrap_or(path),
        None => value,
    };
    let path = PathBuf::from(path);
    if !path.is_absolute() {
        return Err(invalid("has a `pin-source` that is not the absolute path of a file"));
    }
    Ok(path)
}

/// An attribute's name for a message: what stands before `=` could be anything, even a part of a PIN.
fn printable(name: &str) -> &str {
    let plain = |c: char| c.is_ascii_lowercase() || c == '-';
    if !name.is_empty() && name.len() <= 24 && name.chars().all(plain) { name } else { "(not a name)" }
}

fn invalid(found: impl std::fmt::Display) -> Error {
    Error::invalid_option(PARAM, found)
}

#[cfg(test)]
mod tests {
    use refresh_session_core::Code;

    use super::*;

    #[test]
    fn every_attribute_finds_its_place() {
        let uri = parse(
            "pkcs11:token=my%20gw;serial=01;manufacturer=M;model=X;slot-id=7;slot-description=sd;\
             slot-manufacturer=sm;library-description=ld;library-manufacturer=lm;library-version=2.6;\
             object=key;id=%01%aB;type=private?module-path=/lib/x.so&pin-source=file:///etc/pin&x-other=1",
        )
        .unwrap();
        let token = TokenSelector {
            slot_id: Some(7),
            label: Some("my gw".into()),
            serial: Some("01".into()),
            manufacturer: Some("M".into()),
            model: Some("X".into()),
            slot_description: Some("sd".into()),
            slot_manufacturer: Some("sm".into()),
            library_description: Some("ld".into()),
            library_manufacturer: Some("lm".into()),
            library_version: Some("2.6".into()),
        };
        assert_eq!(uri.token, token);
        assert_eq!(uri.key, ObjectSelector { label: Some("key".into()), id: Some(vec![1, 0xab]) });
        assert!(uri.certificate.is_empty() && uri.pin.is_none() && uri.warnings.is_empty());
        assert_eq!(uri.module, Some("/lib/x.so".into()));
        assert_eq!(uri.pin_source, Some("/etc/pin".into()));
    }

    #[test]
    fn object_names_both_unless_a_type_is_given() {
        let both = parse("PKCS11:object=a").unwrap();
        assert_eq!(both.key, both.certificate);
        let certificate = parse("pkcs11:object=a;type=cert").unwrap();
        assert!(certificate.key.is_empty() && !certificate.certificate.is_empty());
        assert!(parse("pkcs11:").unwrap().token.is_empty());
    }

    #[test]
    fn a_pin_in_the_uri_is_taken_warned_about_and_never_shown() {
        let uri = parse("pkcs11:token=a?pin-value=canary%2D77").unwrap();
        assert_eq!(uri.pin.as_ref().unwrap().expose(), b"canary-77");
        assert_eq!(uri.warnings[0].code, "WARN_PKCS11_PIN_IN_URI");
        assert!(!format!("{uri:?} {uri:#?}").contains("canary"));
        assert!(parse("pkcs11:?pin-value=").unwrap().pin.unwrap().is_empty());
    }

    #[test]
    fn pin_sources() {
        for (given, path) in [
            ("/etc/pin", Some("/etc/pin")),
            ("file:/etc/pin", Some("/etc/pin")),
            ("file://localhost/etc/pin", Some("/etc/pin")),
            ("%7Ccat%20/etc/pin", None),
            ("pin.txt", None),
        ] {
            let parsed = parse(&format!("pkcs11:?pin-source={given}"));
            assert_eq!(parsed.ok().and_then(|uri| uri.pin_source), path.map(PathBuf::from), "{given}");
        }
    }

    #[test]
    fn refusals_name_the_option_and_no_value() {
        for (uri, part) in [
            ("token=canary", "starts with"),
            ("pkcs11", "starts with"),
            ("pkcs11:canary", "without `=`"),
            ("pkcs11:token=canary;", "without `=`"),
            ("pkcs11:tokn=canary", "unknown attribute `tokn`"),
            ("pkcs11:canary 77=x", "unknown attribute `(not a name)`"),
            ("pkcs11:token=canary;token=canary", "`token` twice"),
            ("pkcs11:token=canary%4", "two hexadecimal"),
            ("pkcs11:token=canary%zz", "two hexadecimal"),
            ("pkcs11:token=canary x", "percent-encoded"),
            ("pkcs11:token=canary%ff", "not UTF-8"),
            ("pkcs11:slot-id=canary", "not a decimal"),
            ("pkcs11:slot-id=+1", "not a decimal"),
            ("pkcs11:type=canary", "`type` other than"),
            ("pkcs11:pin-value=canary", "belongs after a `?`"),
            ("pkcs11:?module-name=canary", "`module-path`"),
            ("pkcs11:?pin-value=canary&pin-value=canary", "`pin-value` twice"),
            ("pkcs11:?pin-value=canary&pin-source=/canary", "both"),
            ("pkcs11:?pin-value=canary%", "two hexadecimal"),
        ] {
            let error = parse(uri).unwrap_err();
            assert_eq!((error.code(), error.param()), (Code::InvalidOption, Some("pkcs11")), "{uri}");
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(part), "{uri}: {shown}");
            assert!(!shown.contains("canary"), "{uri}: {shown}");
        }
    }
}
