//! Topic names and filters (MQTT 5, section 4.7), as AWS IoT reads them: `a/#` does not match `a`.

/// Whether this can be the name of a topic.
pub(crate) fn is_name(topic: &str) -> bool {
    !topic.is_empty() && !topic.contains(['+', '#'])
}

/// Whether this can be a filter, `$share/GROUP/` and what follows included.
pub(crate) fn is_filter(filter: &str) -> bool {
    let Some((group, filter)) = shared(filter) else {
        return !filter.starts_with("$share/") && is_plain_filter(filter);
    };
    !group.is_empty() && !group.contains(['+', '#']) && is_plain_filter(filter)
}

fn is_plain_filter(filter: &str) -> bool {
    let levels: Vec<&str> = filter.split('/').collect();
    let last = levels.len() - 1;
    !filter.is_empty()
        && levels.iter().enumerate().all(|(at, level)| match *level {
            "+" => true,
            "#" => at == last,
            level => !level.contains(['+', '#']),
        })
}

/// Group and filter of a shared subscription.
pub(crate) fn shared(filter: &str) -> Option<(&str, &str)> {
    filter.strip_prefix("$share/")?.split_once('/')
}

/// Whether a filter, not a shared one, matches a topic.
pub(crate) fn matches(filter: &str, topic: &str) -> bool {
    // Section 4.7.2: a wildcard at the beginning does not reach topics that begin with a dollar sign.
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
    loop {
        match (filter.next(), topic.next()) {
            (Some("#"), Some(_)) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(wanted), Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
}

/// What counts of a topic or filter for the limits of AWS: without `$share/GROUP/` and `$aws/rules/NAME/`.
pub(crate) fn counted(topic: &str) -> &str {
    let topic = shared(topic).map_or(topic, |(_, filter)| filter);
    let ingested = topic.strip_prefix("$aws/rules/").and_then(|rest| rest.split_once('/'));
    ingested.map_or(topic, |(_, rest)| rest)
}

/// The rule that a topic of Basic Ingest names.
pub(crate) fn basic_ingest(topic: &str) -> Option<&str> {
    topic.strip_prefix("$aws/rules/")?.split('/').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_match_as_aws_has_it() {
        for (filter, topic, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/b/c", false),
            ("a/+", "a/b", true),
            ("a/+", "a/", true),
            ("a/+", "a", false),
            ("a/#", "a/b/c", true),
            ("a/#", "a", false),
            ("#", "a/b", true),
            ("#", "$aws/x", false),
            ("+/x", "$aws/x", false),
            ("$aws/#", "$aws/x", true),
            ("+/+", "/x", true),
        ] {
            assert_eq!(matches(filter, topic), expected, "{filter} {topic}");
        }
    }

    #[test]
    fn names_and_filters() {
        for filter in ["a", "a/+/b", "#", "a/#", "$share/g/a/#", "/"] {
            assert!(is_filter(filter), "{filter}");
        }
        for filter in ["", "a#", "a/#/b", "a+/b", "$share/g", "$share//a", "$share/+/a", "$share/g/"] {
            assert!(!is_filter(filter), "{filter}");
        }
        assert!(is_name("a/b") && !is_name("a/+") && !is_name(""));
        assert_eq!(counted("$share/g/a/b"), "a/b");
        assert_eq!((counted("$aws/rules/r/a/b"), basic_ingest("$aws/rules/r/a")), ("a/b", Some("r")));
    }
}
