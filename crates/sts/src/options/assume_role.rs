//! `AssumeRole`.

use std::collections::HashSet;
use std::fmt;

use refresh_session_core::Result;

use super::DEFAULT_SESSION_NAME;
use super::check::{self, NAME, PATH, PRINTED, ROLE, TAG};

/// Parameters of `AssumeRole` as they are given; `TokenCode` comes with each call.
#[derive(Clone, Default)]
pub struct AssumeRoleFields {
    /// `RoleArn`.
    pub role_arn: String,
    /// `RoleSessionName`; [`DEFAULT_SESSION_NAME`] if not given.
    pub role_session_name: Option<String>,
    /// `PolicyArns`.
    pub policy_arns: Vec<String>,
    /// `Policy`.
    pub policy: Option<String>,
    /// `DurationSeconds`.
    pub duration_seconds: Option<u32>,
    /// `ExternalId`.
    pub external_id: Option<String>,
    /// `SerialNumber` of the MFA device.
    pub serial_number: Option<String>,
    /// `Tags`: key and value.
    pub tags: Vec<(String, String)>,
    /// `TransitiveTagKeys`.
    pub transitive_tag_keys: Vec<String>,
    /// `SourceIdentity`.
    pub source_identity: Option<String>,
    /// `ProvidedContexts`.
    pub provided_contexts: Vec<ProvidedContext>,
}

/// One of `ProvidedContexts`.
#[derive(Clone)]
pub struct ProvidedContext {
    /// `ProviderArn`.
    pub provider_arn: String,
    /// `ContextAssertion`: signed by the provider.
    pub context_assertion: String,
}

/// Checked parameters of `AssumeRole`.
#[derive(Clone, Debug)]
pub struct AssumeRole {
    pub(crate) fields: AssumeRoleFields,
}

impl AssumeRole {
    /// Checks every parameter.
    ///
    /// # Errors
    /// `ERR_INVALID_OPTION` naming the option, such as `assumeRole.RoleArn`.
    pub fn new(mut fields: AssumeRoleFields) -> Result<Self> {
        let name = |name: &str| format!("{ROLE}.{name}");
        check::arn(&name("RoleArn"), &fields.role_arn, "role/")?;
        let session = fields.role_session_name.get_or_insert_with(|| DEFAULT_SESSION_NAME.to_owned());
        check::text(&name("RoleSessionName"), session, (2, 64), NAME)?;
        check::at_most(&name("PolicyArns"), &fields.policy_arns, 10)?;
        for policy in &fields.policy_arns {
            check::arn(&name("PolicyArns"), policy, "policy/")?;
        }
        if let Some(policy) = &fields.policy {
            check::policy(&name("Policy"), policy)?;
        }
        check::seconds(&name("DurationSeconds"), fields.duration_seconds, (900, 43_200))?;
        if let Some(external_id) = &fields.external_id {
            check::text(&name("ExternalId"), external_id, (2, 1224), PATH)?;
        }
        if let Some(serial) = &fields.serial_number {
            check::text(&name("SerialNumber"), serial, (9, 256), PATH)?;
        }
        check_tags(&fields)?;
        if let Some(identity) = &fields.source_identity {
            let param = name("SourceIdentity");
            if identity.starts_with("aws:") {
                return Err(check::invalid(&param, "begins with \"aws:\", which is reserved".into()));
            }
            check::text(&param, identity, (2, 64), NAME)?;
        }
        check::at_most(&name("ProvidedContexts"), &fields.provided_contexts, 5)?;
        for context in &fields.provided_contexts {
            check::arn(&name("ProvidedContexts"), &context.provider_arn, "")?;
            check::text(&name("ProvidedContexts"), &context.context_assertion, (4, 2048), PRINTED)?;
        }
        Ok(Self { fields })
    }

    /// The role asked for.
    #[must_use]
    pub fn role_arn(&self) -> &str {
        &self.fields.role_arn
    }

    /// The MFA device that a code is needed of.
    #[must_use]
    pub fn serial_number(&self) -> Option<&str> {
        self.fields.serial_number.as_deref()
    }

    /// Everything that decides which keys are issued, for telling requests apart. Not for logs: it holds the
    /// external id.
    #[must_use]
    pub fn described(&self) -> String {
        let AssumeRoleFields {
            role_arn,
            role_session_name,
            policy_arns,
            policy,
            duration_seconds,
            external_id,
            serial_number,
            tags,
            transitive_tag_keys,
            source_identity,
            provided_contexts,
        } = &self.fields;
        let contexts: Vec<_> =
            provided_contexts.iter().map(|it| (&it.provider_arn, &it.context_assertion)).collect();
        format!(
            "{:?}",
            (
                (role_arn, role_session_name, policy_arns, policy, duration_seconds),
                (external_id, serial_number, tags, transitive_tag_keys, source_identity, contexts)
            )
        )
    }
}

fn check_tags(fields: &AssumeRoleFields) -> Result<()> {
    let param = format!("{ROLE}.Tags");
    check::at_most(&param, &fields.tags, 50)?;
    let mut keys = HashSet::new();
    for (key, value) in &fields.tags {
        check::text(&param, key, (1, 128), TAG)?;
        check::text(&param, value, (0, 256), TAG)?;
        // Keys that differ in case alone are the same to AWS.
        if !keys.insert(key.to_lowercase()) {
            return Err(check::invalid(&param, format!("has the key {key:?} twice")));
        }
    }
    let param = format!("{ROLE}.TransitiveTagKeys");
    check::at_most(&param, &fields.transitive_tag_keys, 50)?;
    fields.transitive_tag_keys.iter().try_for_each(|key| check::text(&param, key, (1, 128), TAG))
}

/// Without what may be confidential: external id, tags, assertions.
impl fmt::Debug for AssumeRoleFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssumeRoleFields")
            .field("role_arn", &self.role_arn)
            .field("role_session_name", &self.role_session_name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:iam::123456789012:role/path/Gateway";

    fn fields() -> AssumeRoleFields {
        AssumeRoleFields { role_arn: ARN.into(), ..Default::default() }
    }

    fn full() -> AssumeRoleFields {
        AssumeRoleFields {
            role_arn: ARN.into(),
            role_session_name: Some("gw_0042+=,.@-".into()),
            policy_arns: vec!["arn:aws:iam::aws:policy/ReadOnlyAccess".into()],
            policy: Some(r#" {"Version":"2012-10-17","Statement":[]}"#.into()),
            duration_seconds: Some(43_200),
            external_id: Some("canary:/ab".into()),
            serial_number: Some("arn:aws:iam::123456789012:mfa/me".into()),
            tags: vec![("Site Ö".into(), String::new()), ("b".into(), "x@y".into())],
            transitive_tag_keys: vec!["b".into()],
            source_identity: Some("me".into()),
            provided_contexts: vec![ProvidedContext {
                provider_arn: "arn:aws:iam::aws:contextProvider/IdentityCenter".into(),
                context_assertion: "canary".into(),
            }],
        }
    }

    #[test]
    fn every_parameter_may_be_given() {
        let role = AssumeRole::new(full()).unwrap();
        assert!(!format!("{role:?}").contains("canary"), "{role:?}");
        let plain = AssumeRole::new(fields()).unwrap();
        assert_eq!(plain.fields.role_session_name.as_deref(), Some(DEFAULT_SESSION_NAME));
        assert_ne!(plain.described(), role.described());
    }

    #[test]
    #[expect(clippy::type_complexity, reason = "a table")]
    fn limits_hold_and_are_named() {
        let long = |count| "x".repeat(count);
        let rows: Vec<(&str, Box<dyn Fn(&mut AssumeRoleFields)>)> = vec![
            ("RoleArn", Box::new(|it| it.role_arn = String::new())),
            ("RoleArn", Box::new(|it| it.role_arn = "arn:aws:iam::1:rol/".into())),
            ("RoleArn", Box::new(|it| it.role_arn = ARN.replace("role/", "user/"))),
            ("RoleArn", Box::new(|it| it.role_arn = format!("{ARN} x"))),
            ("RoleArn", Box::new(|it| it.role_arn = format!("{ARN}\nx"))),
            ("RoleArn", Box::new(move |it| it.role_arn = format!("{ARN}{}", long(2048)))),
            ("RoleSessionName", Box::new(|it| it.role_session_name = Some("a".into()))),
            ("RoleSessionName", Box::new(move |it| it.role_session_name = Some("x".repeat(65)))),
            ("RoleSessionName", Box::new(|it| it.role_session_name = Some("a b".into()))),
            ("RoleSessionName", Box::new(|it| it.role_session_name = Some("gw:1".into()))),
            ("PolicyArns", Box::new(|it| it.policy_arns = vec!["arn:aws:iam::aws:policy/A".into(); 11])),
            ("PolicyArns", Box::new(|it| it.policy_arns = vec!["ReadOnlyAccess-and-more".into()])),
            ("Policy", Box::new(|it| it.policy = Some(String::new()))),
            ("Policy", Box::new(|it| it.policy = Some("{".into()))),
            ("Policy", Box::new(|it| it.policy = Some("[]".into()))),
            ("Policy", Box::new(|it| it.policy = Some(format!("{{\"a\":\"{}\"}}", "x".repeat(2048))))),
            ("DurationSeconds", Box::new(|it| it.duration_seconds = Some(899))),
            ("DurationSeconds", Box::new(|it| it.duration_seconds = Some(43_201))),
            ("ExternalId", Box::new(|it| it.external_id = Some("a".into()))),
            ("ExternalId", Box::new(|it| it.external_id = Some("a b".into()))),
            ("ExternalId", Box::new(|it| it.external_id = Some("x".repeat(1225)))),
            ("SerialNumber", Box::new(|it| it.serial_number = Some("12345678".into()))),
            ("SerialNumber", Box::new(|it| it.serial_number = Some("x".repeat(257)))),
            ("Tags", Box::new(|it| it.tags = (0..51).map(|n| (n.to_string(), String::new())).collect())),
            ("Tags", Box::new(|it| it.tags = vec![(String::new(), String::new())])),
            ("Tags", Box::new(|it| it.tags = vec![("x".repeat(129), String::new())])),
            ("Tags", Box::new(|it| it.tags = vec![("a".into(), "x".repeat(257))])),
            ("Tags", Box::new(|it| it.tags = vec![("a".into(), "b;c".into())])),
            ("Tags", Box::new(|it| it.tags = vec![("a".into(), "b".into()), ("A".into(), "c".into())])),
            ("TransitiveTagKeys", Box::new(|it| it.transitive_tag_keys = vec![String::new()])),
            ("TransitiveTagKeys", Box::new(|it| it.transitive_tag_keys = vec!["a".into(); 51])),
            ("SourceIdentity", Box::new(|it| it.source_identity = Some("a".into()))),
            ("SourceIdentity", Box::new(|it| it.source_identity = Some("aws:me".into()))),
            (
                "ProvidedContexts",
                Box::new(|it| it.provided_contexts = vec![full().provided_contexts[0].clone(); 6]),
            ),
            (
                "ProvidedContexts",
                Box::new(|it| {
                    it.provided_contexts = full().provided_contexts;
                    it.provided_contexts[0].context_assertion = "abc".into();
                }),
            ),
        ];
        for (index, (name, change)) in rows.iter().enumerate() {
            let mut wrong = fields();
            change(&mut wrong);
            let error = AssumeRole::new(wrong).expect_err(&format!("row {index}, {name}"));
            assert_eq!(error.param(), Some(format!("assumeRole.{name}").as_str()), "row {index}");
            assert!(!error.message().contains('\n'), "{error}");
        }
    }
}
