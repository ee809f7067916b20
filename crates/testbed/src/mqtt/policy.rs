//! A small policy: what clients may do, in the words of an AWS IoT policy.
//!
//! `PUT /mqtt/policy` replaces it by a list of statements: `effect` (`Allow`, `Deny`), `action` (`iot:Connect`,
//! `iot:Publish`, `iot:Subscribe`, `iot:Receive`, `iot:*`) and `resource`, a client id, topic or filter in which `*`
//! stands for anything. What nothing allows is denied, and a `Deny` wins. At the start everything is allowed but
//! what begins with `denied/` (`denied-` for client ids).

use serde::{Deserialize, Serialize};

/// The statements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Policy(Vec<Statement>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    effect: Effect,
    action: Action,
    resource: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Effect {
    Allow,
    Deny,
}

/// What a client wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Action {
    #[serde(rename = "iot:Connect")]
    Connect,
    #[serde(rename = "iot:Publish")]
    Publish,
    #[serde(rename = "iot:Subscribe")]
    Subscribe,
    #[serde(rename = "iot:Receive")]
    Receive,
    #[serde(rename = "iot:*")]
    Anything,
}

impl Default for Policy {
    fn default() -> Self {
        let statement = |effect, resource: &str| Statement {
            effect,
            action: Action::Anything,
            resource: resource.to_owned(),
        };
        Self(vec![
            statement(Effect::Allow, "*"),
            statement(Effect::Deny, "denied/*"),
            statement(Effect::Deny, "denied-*"),
        ])
    }
}

impl Policy {
    /// Whether it allows this.
    pub(crate) fn allows(&self, action: Action, resource: &str) -> bool {
        let says = |effect| {
            self.0.iter().any(|statement| {
                statement.effect == effect
                    && (statement.action == action || statement.action == Action::Anything)
                    && stands_for(&statement.resource, resource)
            })
        };
        says(Effect::Allow) && !says(Effect::Deny)
    }
}

/// Whether a pattern with `*` in it stands for a text.
fn stands_for(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(before) else { return false };
    after.is_empty()
        || rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| stands_for(after, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deny_wins_and_silence_denies() {
        let policy = Policy::default();
        assert!(policy.allows(Action::Publish, "a/b") && !policy.allows(Action::Publish, "denied/b"));
        let policy: Policy =
            serde_json::from_str(r#"[{"effect": "Allow", "action": "iot:Publish", "resource": "a/*/c"}]"#)
                .unwrap();
        assert!(policy.allows(Action::Publish, "a/b/c") && policy.allows(Action::Publish, "a//c"));
        assert!(!policy.allows(Action::Publish, "a/b") && !policy.allows(Action::Subscribe, "a/b/c"));
    }
}
