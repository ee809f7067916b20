//! The known refusals.

use refresh_session_core::Code;

/// One known refusal.
pub(super) struct Row {
    /// AWS's codes.
    pub(super) codes: &'static [&'static str],
    /// Part of the message, lower case.
    pub(super) message: &'static str,
    pub(super) code: Code,
    pub(super) found: &'static str,
    pub(super) hint: &'static str,
}

pub(super) const EVERY_5XX: &[&str] =
    &["InternalFailure", "InternalError", "ServiceUnavailable", "ServiceUnavailableException"];
pub(super) const THROTTLED: &[&str] =
    &["RequestLimitExceeded", "TooManyRequestsException", "SlowDown", "BandwidthLimitExceeded"];

pub(super) const SKEWED: &Row = &Row {
    codes: &["RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"],
    message: "",
    code: Code::ClockSkew,
    found: "the request is signed with another time than the server's, also after that was learnt",
    hint: "Check the clock of what answers at the endpoint: its `Date` and its judgement differ.",
};

pub(super) const TABLE: &[Row] = &[
    Row {
        codes: &["AccessDenied", "AccessDeniedException"],
        message: "invalid mfa one time pass code",
        code: Code::MfaCodeRefused,
        found: "the MFA code is not accepted",
        hint: "A code is good once and for half a minute: wait for the next one. Check `assumeRole.SerialNumber`, and the device's clock.",
    },
    Row {
        codes: &["AccessDenied", "AccessDeniedException"],
        message: "multifactorauthentication failed",
        code: Code::MfaCodeRefused,
        found: "the MFA device or its code is not accepted",
        hint: "Check that `assumeRole.SerialNumber` is the device of the user whose credentials sign the request.",
    },
    Row {
        codes: &["ExpiredTokenException", "ExpiredToken"],
        message: "",
        code: Code::SourceCredentialsExpired,
        found: "the credentials that sign the request are over",
        hint: "Renew `sourceCredentials`; they are asked for again at the next attempt.",
    },
    Row {
        codes: &["InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId"],
        message: "",
        code: Code::SourceCredentialsRefused,
        found: "the credentials that sign the request are not known",
        hint: "Check `sourceCredentials`: key id and session token must be of one set, active, and of this partition.",
    },
    Row {
        codes: &["SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure", "IncompleteSignature"],
        message: "",
        code: Code::SourceCredentialsRefused,
        found: "the signature is wrong, so the secret is not that of the key id",
        hint: "Check `sourceCredentials`, and that nothing on the way changes requests.",
    },
    Row {
        codes: &["MissingAuthenticationToken", "MissingAuthenticationTokenException"],
        message: "",
        code: Code::SourceCredentialsRefused,
        found: "the request came without a signature",
        hint: "Check that nothing on the way removes headers.",
    },
    Row {
        codes: &["InvalidIdentityToken"],
        message: "",
        code: Code::IdentityTokenRefused,
        found: "the web identity token is not accepted",
        hint: "Check that the role's account has an OIDC provider for its issuer, with its audience and certificate.",
    },
    Row {
        codes: &["IDPRejectedClaim"],
        message: "",
        code: Code::IdentityTokenRefused,
        found: "the identity provider rejected the web identity token",
        hint: "The token may have been revoked, or is for somebody else: have a new one issued.",
    },
    Row {
        codes: &["IDPCommunicationError"],
        message: "",
        code: Code::ServiceUnavailable,
        found: "STS could not reach the identity provider",
        hint: "Nothing to do here: it is tried again. Check that AWS can reach the provider.",
    },
    Row {
        codes: &["MalformedPolicyDocument"],
        message: "",
        code: Code::PolicyRefused,
        found: "the session policy is malformed",
        hint: "Correct `assumeRole.Policy`: it is an IAM policy in JSON.",
    },
    Row {
        codes: &["PackedPolicyTooLarge"],
        message: "",
        code: Code::PolicyRefused,
        found: "policies and tags are too large together",
        hint: "Shorten `assumeRole.Policy`, `PolicyArns` and `Tags`.",
    },
    Row {
        codes: &["RegionDisabledException"],
        message: "",
        code: Code::RegionDisabled,
        found: "STS is not activated for this account in this region",
        hint: "Activate it in IAM's account settings, or choose another `stsClientConfig.region`.",
    },
    Row {
        codes: &["ValidationError", "InvalidParameterValue"],
        message: "durationseconds exceeds",
        code: Code::DurationTooLong,
        found: "a longer life is asked for than is allowed",
        hint: "Lower `assumeRole.DurationSeconds`, or raise the role's MaxSessionDuration. With keys of a role it is an hour at most.",
    },
    Row {
        codes: &[
            "ValidationError",
            "InvalidParameterValue",
            "InvalidParameterCombination",
            "MissingParameter",
            "MalformedInput",
        ],
        message: "",
        code: Code::RequestRefused,
        found: "it finds a parameter invalid",
        hint: "Check the values of `assumeRole`; with the request id AWS support can tell which.",
    },
];
