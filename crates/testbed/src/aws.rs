//! The parts of AWS that the testbed plays: the IoT credentials endpoint, STS with its users and roles, S3,
//! and the other places that keys come from: the container endpoint, IMDS and SSO.

pub(crate) mod alias;
pub(crate) mod buckets;
pub(crate) mod certificates;
pub(crate) mod container;
pub(crate) mod iam;
pub(crate) mod identity_tokens;
pub(crate) mod imds;
pub(crate) mod iot;
pub(crate) mod judge;
pub(crate) mod principal;
pub(crate) mod s3;
pub(crate) mod signed;
pub(crate) mod sigv4;
pub(crate) mod source;
pub(crate) mod sso;
pub(crate) mod sts;
pub(crate) mod vault;
pub(crate) mod xml;
