//! The rules of the STS API reference for single values. Each error names the option.

use refresh_session_core::shown::quoted;
use refresh_session_core::{Error, Result};

/// The option that holds the parameters of a role.
pub(super) const ROLE: &str = "assumeRole";

/// `min` to `max` characters, all of which `allowed` accepts.
pub(super) fn text(
    name: &str,
    value: &str,
    (min, max): (usize, usize),
    (allowed, characters): (fn(char) -> bool, &str),
) -> Result<()> {
    let length = value.chars().count();
    if !(min..=max).contains(&length) {
        return Err(invalid(name, format!("has {length} characters: it must have {min} to {max}")));
    }
    match value.chars().find(|c| !allowed(*c)) {
        None => Ok(()),
        Some(wrong) => Err(invalid(name, format!("holds {wrong:?}: only {characters} are allowed"))),
    }
}

/// `[\w+=,.@-]`: names of sessions and identities.
pub(super) const NAME: (fn(char) -> bool, &str) =
    (|c| is_word(c) || "+=,.@-".contains(c), "letters, digits and _ + = , . @ -");

/// `[\w+=,.@:/-]`: serial numbers and external ids.
pub(super) const PATH: (fn(char) -> bool, &str) =
    (|c| is_word(c) || "+=,.@:/-".contains(c), "letters, digits and _ + = , . @ : / -");

/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]`: tags.
pub(super) const TAG: (fn(char) -> bool, &str) = (
    |c| c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c),
    "letters, digits, spaces and _ . : / = + - @",
);

/// Anything that is printed.
pub(super) const PRINTED: (fn(char) -> bool, &str) = (|c| !c.is_control(), "printed characters");

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// An ARN whose resource begins with `resource`, such as `role/`.
pub(super) fn arn(name: &str, value: &str, resource: &str) -> Result<()> {
    text(name, value, (20, 2048), PRINTED)?;
    let mut parts = value.splitn(6, ':');
    let is_arn = parts.next() == Some("arn") && parts.nth(4).is_some_and(|rest| rest.starts_with(resource));
    if is_arn && !value.contains(' ') {
        return Ok(());
    }
    let shape = if resource.is_empty() { "…" } else { resource };
    Err(invalid(name, format!("is {}: it must be an ARN, arn:aws:iam::123456789012:{shape}…", quoted(value))))
}

pub(super) fn seconds(name: &str, value: Option<u32>, (min, max): (u32, u32)) -> Result<()> {
    match value {
        Some(value) if !(min..=max).contains(&value) => {
            Err(invalid(name, format!("is {value}: it must be from {min} to {max}")))
        }
        _ => Ok(()),
    }
}

pub(super) fn at_most<T>(name: &str, values: &[T], max: usize) -> Result<()> {
    if values.len() <= max {
        return Ok(());
    }
    Err(invalid(name, format!("has {} entries: at most {max} are allowed", values.len())))
}

/// A session policy: JSON of at most 2048 characters.
pub(super) fn policy(name: &str, value: &str) -> Result<()> {
    text(
        name,
        value,
        (1, 2048),
        (|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}'), "Latin-1 characters"),
    )?;
    let json =
        value.trim_start().starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok();
    if json { Ok(()) } else { Err(invalid(name, "is no JSON object: give the policy as text".into())) }
}

pub(super) fn invalid(name: &str, found: String) -> Error {
    Error::invalid_option(name.to_owned(), found)
}
