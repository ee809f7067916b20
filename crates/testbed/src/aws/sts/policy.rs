//! Session policies and session tags: whether they can be, and how much of the room for them they take.
//!
//! AWS packs both in a form that it does not tell. Here each character counts as one byte, without the white space of
//! the policy, and there is room for 2048; `PackedPolicySize` is the share that is taken, in percent.

use std::collections::BTreeSet;

use serde_json::Value;

use super::parameters::{Parameters, Rule};
use crate::aws::{principal::account, signed::Refusal};

const ROOM: usize = 2048;
const MOST_POLICIES: usize = 10;
const MOST_TAGS: usize = 50;
const MOST_CONTEXTS: usize = 5;
const ARN: Rule = Rule::of(20, 2048, None);
const TAG: &str = " _.:/=+-@";

/// What came with an assumption besides the role.
pub(super) struct Narrowing {
    /// The share of the room, if any is taken.
    pub(super) packed_percent: Option<usize>,
    /// The tags that go on to further sessions, those of the caller among them.
    pub(super) transitive_tags: Vec<(String, String)>,
}

/// Reads `Policy`, `PolicyArns`, `Tags`, `TransitiveTagKeys` and `ProvidedContexts`. `inherited` are the transitive
/// tags of the caller.
pub(super) fn read(
    parameters: &Parameters,
    role_arn: Option<&str>,
    inherited: &[(String, String)],
) -> Result<Narrowing, Refusal> {
    let policy = policy(parameters)?;
    let arns = policy_arns(parameters, role_arn)?;
    let tags = tags(parameters)?;
    contexts(parameters)?;
    let mut transitive = inherited.to_vec();
    for member in parameters.members("TransitiveTagKeys") {
        let key = member.get("").copied().unwrap_or_default();
        let tag = tags.iter().find(|(other, _)| other.eq_ignore_ascii_case(key)).ok_or_else(|| {
            let message =
                format!("The specified transitive tag key must be included in the requested tags: {key}");
            Refusal::new(400, "ValidationError", message)
        })?;
        transitive.push(tag.clone());
    }
    if tags.iter().any(|(key, _)| inherited.iter().any(|(other, _)| other.eq_ignore_ascii_case(key))) {
        let message = "One of the specified transitive tag keys can't be set because it conflicts with a transitive \
                       tag key from the calling session.";
        return Err(Refusal::new(400, "InvalidParameterValue", message));
    }
    let tagged = inherited.iter().chain(&tags).map(|(key, value)| key.len() + value.len());
    let taken = policy + arns.iter().map(String::len).sum::<usize>() + tagged.sum::<usize>();
    let percent = (taken * 100).div_ceil(ROOM);
    if percent > 100 {
        let what = if policy > 0 || !arns.is_empty() { "session policies and tags" } else { "session tags" };
        let message = format!("Packed size of {what} consumes {percent}% of allotted space.");
        return Err(Refusal::new(400, "PackedPolicyTooLarge", message));
    }
    Ok(Narrowing { packed_percent: (taken > 0).then_some(percent), transitive_tags: transitive })
}

/// The length of the policy without white space.
fn policy(parameters: &Parameters) -> Result<usize, Refusal> {
    let Some(text) = parameters.text("Policy", Rule::of(1, ROOM, None))? else { return Ok(0) };
    let malformed = |message: &str| Refusal::new(400, "MalformedPolicyDocument", message);
    let policy: Value =
        serde_json::from_str(text).map_err(|_| malformed("This policy contains invalid Json"))?;
    let statements = match &policy["Statement"] {
        Value::Array(statements) => statements.clone(),
        Value::Null => Vec::new(),
        statement => vec![statement.clone()],
    };
    let stated = |statement: &Value| {
        let effect = matches!(statement["Effect"].as_str(), Some("Allow" | "Deny"));
        let has = |name: &str| !statement[name].is_null();
        effect && (has("Action") || has("NotAction")) && (has("Resource") || has("NotResource"))
    };
    if statements.is_empty() || !statements.iter().all(stated) {
        return Err(malformed("Syntax errors in policy."));
    }
    Ok(policy.to_string().len())
}

fn policy_arns(parameters: &Parameters, role_arn: Option<&str>) -> Result<Vec<String>, Refusal> {
    let members = parameters.members("PolicyArns");
    within("PolicyArns", members.len(), MOST_POLICIES)?;
    let mut arns = Vec::new();
    for member in members {
        let arn = member.get("arn").copied().unwrap_or_default();
        ARN.check("PolicyArns", arn)?;
        let ours = account(arn) == "aws" || role_arn.is_none_or(|role| account(role) == account(arn));
        if !arn.starts_with("arn:aws:iam::") || !arn.contains(":policy/") || !ours {
            let message = format!("ARN {arn} is not valid.");
            return Err(Refusal::new(400, "ValidationError", message));
        }
        arns.push(arn.to_owned());
    }
    Ok(arns)
}

fn tags(parameters: &Parameters) -> Result<Vec<(String, String)>, Refusal> {
    let members = parameters.members("Tags");
    within("Tags", members.len(), MOST_TAGS)?;
    let (mut tags, mut keys) = (Vec::new(), BTreeSet::new());
    for member in members {
        let field = |name| member.get(name).copied().unwrap_or_default();
        let (key, value) = (field("Key"), field("Value"));
        Rule::of(1, 128, Some(TAG)).check("Tags", key)?;
        Rule::of(0, 256, Some(TAG)).check("Tags", value)?;
        if !keys.insert(key.to_ascii_lowercase()) {
            let message = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
            return Err(Refusal::new(400, "InvalidParameterValue", message));
        }
        tags.push((key.to_owned(), value.to_owned()));
    }
    Ok(tags)
}

fn contexts(parameters: &Parameters) -> Result<(), Refusal> {
    let members = parameters.members("ProvidedContexts");
    within("ProvidedContexts", members.len(), MOST_CONTEXTS)?;
    for member in members {
        let field = |name| member.get(name).copied().unwrap_or_default();
        ARN.check("ProviderArn", field("ProviderArn"))?;
        Rule::of(4, 2048, None).check("ContextAssertion", field("ContextAssertion"))?;
    }
    Ok(())
}

fn within(list: &str, length: usize, most: usize) -> Result<(), Refusal> {
    if length <= most {
        return Ok(());
    }
    let message = format!(
        "1 validation error detected: Value at '{list}' failed to satisfy constraint: Member must have length less \
         than or equal to {most}"
    );
    Err(Refusal::new(400, "ValidationError", message))
}
