//! The form of a request: its parameters, their lists, and what STS says of those that cannot be.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{
    aws::signed::Refusal,
    http::request::{Request, form},
};

/// Of these the log keeps the length alone.
const SECRET: [&str; 3] = ["TokenCode", "WebIdentityToken", "ContextAssertion"];
/// No list of an action is longer.
const LONGEST_LIST: usize = 60;

/// The parameters of an action.
pub(super) struct Parameters(Vec<(String, String)>);

/// What a text must be like.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    /// The fewest and the most characters.
    pub(super) length: (usize, usize),
    /// What is allowed besides letters and digits; `None` if everything is.
    pub(super) punctuation: Option<&'static str>,
}

impl Parameters {
    pub(super) fn of(request: &Request) -> Self {
        Self(form(&String::from_utf8_lossy(&request.body)))
    }

    /// A parameter as it came.
    pub(super) fn raw(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that, if it is there, keeps to the rule.
    pub(super) fn text(&self, name: &str, rule: Rule) -> Result<Option<&str>, Refusal> {
        self.raw(name).map(|value| rule.check(name, value).map(|()| value)).transpose()
    }

    /// A parameter that must be there and keep to the rule.
    pub(super) fn required(&self, name: &str, rule: Rule) -> Result<&str, Refusal> {
        self.text(name, rule)?.ok_or_else(|| invalid(name, None, "Member must not be null"))
    }

    /// `DurationSeconds`, if it is there, between these two.
    pub(super) fn duration(&self, shortest: i64, longest: i64) -> Result<Option<i64>, Refusal> {
        let name = "DurationSeconds";
        let Some(value) = self.raw(name) else { return Ok(None) };
        let problem = match value.parse::<i64>() {
            Ok(seconds) if seconds < shortest => {
                format!("Member must have value greater than or equal to {shortest}")
            }
            Ok(seconds) if seconds > longest => {
                format!("Member must have value less than or equal to {longest}")
            }
            Ok(seconds) => return Ok(Some(seconds)),
            Err(_) => "Member must be a number".to_owned(),
        };
        Err(invalid(name, Some(value), &problem))
    }

    /// The members of a list, in order: for `Tags`, `Key` and `Value` of each; for a list of texts the text as `""`.
    pub(super) fn members(&self, list: &str) -> Vec<BTreeMap<&str, &str>> {
        let member = |index| {
            let prefix = format!("{list}.member.{index}");
            let fields = self.0.iter().filter_map(|(name, value)| {
                let rest = name.strip_prefix(&prefix)?;
                if rest.is_empty() {
                    Some(("", value.as_str()))
                } else {
                    Some((rest.strip_prefix('.')?, value.as_str()))
                }
            });
            Some(fields.collect::<BTreeMap<_, _>>()).filter(|fields| !fields.is_empty())
        };
        (1..=LONGEST_LIST).map_while(member).collect()
    }

    /// As the log shows them.
    pub(super) fn to_json(&self) -> Value {
        let shown = self.0.iter().map(|(name, value)| {
            let secret = name.rsplit('.').next().is_some_and(|last| SECRET.contains(&last));
            let value =
                if secret { format!("({} characters)", value.chars().count()) } else { value.clone() };
            (name.clone(), value.into())
        });
        Value::Object(shown.collect::<Map<_, _>>())
    }
}

impl Rule {
    /// A rule for a parameter of this length.
    pub(super) const fn of(shortest: usize, longest: usize, punctuation: Option<&'static str>) -> Self {
        Self { length: (shortest, longest), punctuation }
    }

    pub(super) fn check(self, name: &str, value: &str) -> Result<(), Refusal> {
        let (shortest, longest) = self.length;
        let length = value.chars().count();
        let allowed = |character: char| {
            character.is_alphanumeric() || self.punctuation.is_none_or(|others| others.contains(character))
        };
        let problem = if length < shortest {
            format!("Member must have length greater than or equal to {shortest}")
        } else if length > longest {
            format!("Member must have length less than or equal to {longest}")
        } else if !value.chars().all(allowed) {
            let pattern = self.punctuation.unwrap_or_default();
            format!("Member must satisfy regular expression pattern: [\\w{pattern}]*")
        } else {
            return Ok(());
        };
        let secret = SECRET.contains(&name);
        Err(invalid(name, (!secret).then_some(value), &problem))
    }
}

/// One violation, in the words of AWS. `value` is left out where it is a secret.
fn invalid(name: &str, value: Option<&str>, problem: &str) -> Refusal {
    let value = value.map(|value| format!(" '{value}'")).unwrap_or_default();
    let mut field = name.to_owned();
    if let Some(first) = field.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    let what = format!("Value{value} at '{field}' failed to satisfy constraint: {problem}");
    Refusal::new(400, "ValidationError", format!("1 validation error detected: {what}"))
}
