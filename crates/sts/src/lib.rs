//! AWS STS: credentials in, or a web identity token, and credentials of a role out.
//!
//! `aws-sdk-sts` writes the requests and reads the replies, `aws-sigv4` signs. Everything else of the SDK is left out:
//!
//! | The SDK's | Here |
//! |---|---|
//! | runtime: interceptors, retries, timeouts, identity cache | none: `codec` calls an operation's serializer and deserializer; when to ask again is the refresh machine's affair, the caller limits the whole |
//! | HTTP client and TLS | [`tls::HttpClient`](refresh_session_tls::HttpClient) |
//! | clock, skew correction | the process's [`Calendar`](refresh_session_core::Calendar), `skew` |
//! | endpoint rules | [`endpoint`]: regional, FIPS, dual-stack, or one's own |
//! | errors | one typed error, `refusal` holds the table |
//!
//! Nothing of one call lives on in another.
//!
//! # Time
//!
//! A signature holds for about five minutes, and a device may boot in 1970. Requests are signed with the calendar's time. One
//! that is refused for its time teaches this client the server's, and is signed and sent once more.
//!
//! # Secrets
//!
//! AWS's messages are compared and never passed on: that for a wrong signature repeats the request with its token. Only
//! an ARN is taken out of one, where it says who may not do something. The SDK's own copies of keys are wiped, its copies of a
//! body (with a web identity token or an MFA code) are not.

#![forbid(unsafe_code)]

mod call;
mod client;
mod codec;
pub mod endpoint;
pub mod options;
mod refusal;
mod reply;
mod signed;
mod skew;

pub use client::{CallerIdentity, StsClient};
pub use endpoint::{StsEndpoint, StsSettings};
pub use options::{
    AssumeRole, AssumeRoleFields, ProvidedContext, SessionToken, WebIdentityFields, WebIdentityRole,
};
