//! The container credentials endpoint: what ECS, EKS Pod Identity, Greengrass and the like offer to their containers.
//!
//! # The exchange
//!
//! `GET <URL>` with `Authorization: <token>` if there is one, as in the AWS SDKs and Tools reference guide, "Container
//! credential provider". A good reply is 200 with `{"AccessKeyId","SecretAccessKey","Token","Expiration"}` and
//! perhaps `AccountId`. It is read strictly: [`reply`]. Everything else becomes one error: [`refusal`] holds the table.
//!
//! # Where it may be
//!
//! Whoever can make this process ask somewhere else gets its token, or feeds it keys. So:
//!
//! | URL | Asked |
//! |---|---|
//! | a path | ECS, `169.254.170.2` |
//! | `http:` | if every address of the name is this machine's (loopback), `169.254.170.2`, `169.254.170.23` or `fd00:ec2::23`; then at one of the addresses that were checked |
//! | `https:` | always; the server's certificate is checked |
//!
//! Neither a redirect nor a proxy is followed.

#![forbid(unsafe_code)]

mod authorization;
mod client;
mod location;
mod refusal;
mod reply;

pub use authorization::Authorization;
pub use client::ContainerClient;
pub use location::{Given, Location};
