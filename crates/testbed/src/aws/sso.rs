//! IAM Identity Center ("SSO"): the portal that gives keys for a bearer token ([`portal`]), and the OIDC service that
//! renews such tokens ([`oidc`]). Both are served at one address; the log and the faults call them `sso` and `sso-oidc`.
//!
//! Nobody can sign in here: `POST /sso/login` on the control port gives what `aws sso login` writes into its cache,
//! and `POST /sso/logout` ends every sign-in.

mod oidc;
mod portal;
pub(crate) mod sign_ins;

use std::sync::Mutex;

use super::source::{Life, Source, refusal};
use crate::{
    fault::Schedule,
    http::{answer::Answer, request::Request},
    world::World,
};

/// Where the sign-in page would be.
pub(crate) const START_URL: &str = "https://testbed.awsapps.example/start";
/// The region of the directory.
pub(crate) const REGION: &str = "eu-west-1";
/// The role there are keys for, in the first account.
pub(crate) const ROLE: &str = "SsoRole";

/// Portal and OIDC service.
pub(crate) struct Sso;

impl Source for Sso {
    fn service(request: &Request) -> &'static str {
        if request.path == oidc::PATH { "sso-oidc" } else { "sso" }
    }

    fn faults<'a>(world: &'a World, request: &Request) -> &'a Mutex<Schedule> {
        if request.path == oidc::PATH { &world.sso_oidc_faults } else { &world.sso_faults }
    }

    fn respond(world: &World, request: &Request, life: Life) -> Answer {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", portal::PATH) => portal::respond(world, request, life),
            ("POST", oidc::PATH) => oidc::respond(world, request),
            _ => refusal(404, "ResourceNotFoundException", "there is no such operation"),
        }
    }
}
