//! Topics and filters that may go to the wire.

use refresh_session_core::shown::quoted;
use refresh_session_core::{Code, Error, Result};

use crate::limits::Limits;
use crate::text::Text;

/// A topic to publish to.
pub fn check_topic(topic: &Text, limits: &Limits) -> Result<()> {
    let text = topic.as_str();
    if text.contains(['+', '#']) {
        return Err(refused(text, "has wildcards, which only filters may have", "Publish to one topic."));
    }
    check_text(text)?;
    check_size(text, without_rule(text), limits)
}

/// A filter to subscribe to.
pub fn check_filter(filter: &Text, limits: &Limits) -> Result<()> {
    let text = filter.as_str();
    check_text(text)?;
    let counted = match text.strip_prefix("$share/") {
        Some(shared) => {
            let (name, rest) = shared.split_once('/').unwrap_or((shared, ""));
            if name.is_empty() || name.contains(['+', '#']) || rest.is_empty() {
                let hint = "Write `$share/{name}/{filter}`, with a name without wildcards.";
                return Err(refused(text, "is no shared subscription", hint));
            }
            if name.len() > usize::from(limits.share_name) {
                let found = format!("has a share name of {} bytes, over {}", name.len(), limits.share_name);
                return Err(refused(text, &found, "Choose a shorter name."));
            }
            rest
        }
        None => text,
    };
    let levels = counted.split('/').count();
    for (at, level) in counted.split('/').enumerate() {
        let misplaced = (level.contains('#') && (level != "#" || at + 1 != levels))
            || (level.contains('+') && level != "+");
        if misplaced {
            let hint = "`+` stands for a whole level, `#` for all levels from there on, and only at the end.";
            return Err(refused(text, "has a wildcard in the wrong place", hint));
        }
    }
    check_size(text, without_rule(counted), limits)
}

/// Basic Ingest's prefix does not count.
fn without_rule(text: &str) -> &str {
    text.strip_prefix("$aws/rules/").and_then(|rest| rest.split_once('/')).map_or(text, |(_, rest)| rest)
}

fn check_text(text: &str) -> Result<()> {
    if text.is_empty() {
        return Err(refused(text, "is empty", "Give at least one character."));
    }
    if text.contains('\0') {
        return Err(refused(text, "holds U+0000", "Leave it out: MQTT does not allow it."));
    }
    if text.len() > usize::from(u16::MAX) {
        return Err(refused(text, "is longer than the 65,535 bytes that MQTT can say", "Make it shorter."));
    }
    Ok(())
}

fn check_size(text: &str, counted: &str, limits: &Limits) -> Result<()> {
    if counted.len() > usize::from(limits.topic) {
        let found = format!("has {} bytes, over the limit of {}", counted.len(), limits.topic);
        return Err(refused(text, &found, "Make it shorter; AWS IoT would end the connection."));
    }
    let slashes = counted.matches('/').count();
    if let Some(most) = limits.slashes.filter(|most| slashes > usize::from(*most)) {
        let found = format!("has {slashes} slashes, over the limit of {most}");
        return Err(refused(text, &found, "Use fewer levels; AWS IoT would end the connection."));
    }
    Ok(())
}

fn refused(text: &str, found: &str, hint: &'static str) -> Error {
    Error::new(Code::MqttTopic, format!("topic {} {found}", quoted(text))).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters() {
        let fine = |text: &str| check_filter(&text.into(), &Limits::AWS).is_ok();
        for text in
            ["a", "#", "+", "/", "a/+/b", "a/#", "+/+/#", "$share/g/a/#", "$aws/things/x/shadow/update"]
        {
            assert!(fine(text), "{text}");
        }
        let share = format!("$share/{}/a", "n".repeat(129));
        for text in
            ["", "a#", "a/#/b", "a+", "#/a", "\0", "$share/g", "$share//a", "$share/+/a", "$share/g/", &share]
        {
            assert!(!fine(text), "{text}");
        }
    }

    #[test]
    fn sizes_count_without_the_prefixes_that_aws_does_not_count() {
        let seven = "a/b/c/d/e/f/g/h";
        for (text, is_fine) in [
            (seven.to_string(), true),
            (format!("{seven}/i"), false),
            (format!("$aws/rules/rule/{seven}"), true),
            ("x".repeat(256), true),
            ("x".repeat(257), false),
        ] {
            assert_eq!(check_topic(&text.as_str().into(), &Limits::AWS).is_ok(), is_fine, "{text}");
            assert_eq!(check_filter(&text.as_str().into(), &Limits::AWS).is_ok(), is_fine, "{text}");
            assert_eq!(
                check_filter(&format!("$share/g/{text}").into(), &Limits::AWS).is_ok(),
                is_fine,
                "{text}"
            );
            assert!(check_topic(&text.as_str().into(), &Limits::NONE).is_ok());
        }
        assert!(check_topic(&"a/+".into(), &Limits::NONE).is_err());
        assert!(check_topic(&"é".repeat(40_000).into(), &Limits::NONE).is_err());
    }
}
