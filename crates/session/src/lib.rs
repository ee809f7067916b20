//! The driver: from a source's options to credentials that are at hand when asked for.
//!
//! | Module | Holds |
//! |---|---|
//! | [`session`] | what one user has of a source: reads, listens, ends without ending the others' |
//! | `registry` | the engines of the process, by what they are on |
//! | [`engine`] | one source with its machine: carries out what the machine says |
//! | [`alarm`] | wakes in boot time, and tells of a resume or a step of the wall clock |
//! | [`network`] | tells when there is a way to the network again |
//! | `descriptor` | file descriptors to wait for |
//! | [`source`] | what a source of credentials is |
//! | [`description`] | what makes two sources the same |
//! | [`device`] | who a device is: certificate, key or token, and CA; files watched, token opened at first use, one for all users |
//! | [`iot`] | the AWS IoT source: options in, credentials for a device's certificate out |
//! | [`sts`] | roles by STS: base credentials and an MFA code in, keys of a role out; who a session is |
//! | [`web_identity`] | roles by an OpenID Connect token, read anew for every fetch |
//! | [`container`] | the container endpoint: by options or environment, tried three times |
//! | [`inventory`] | what a PKCS#11 module has, by the option that names it |
//! | [`custom`] | a callback or SDK provider as a source: what it gives is checked strictly |
//! | [`mqtt`] | the MQTT connection on a session's identity |
//! | [`mfa`] | MFA codes: asked for when they are needed, and none sent twice |
//! | [`options`] | the options of every method, and the machine's settings of them |
//! | [`listener`] | what a session tells whoever listens |
//! | `task` | tasks without a type each, for the size of the addon |
//! | `token_file` | files with a token that somebody else renews |
//! | [`ca`], [`proxy`] | options of every source that goes over the network |
//! | [`pin`] | where a token's PIN comes from |
//! | [`clock`] | the system's clocks: the only place that tells the time |

#![forbid(unsafe_code)]

pub mod alarm;
pub mod ca;
pub mod clock;
pub mod container;
pub mod custom;
pub mod description;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod descriptor;
pub mod device;
pub mod engine;
pub mod inventory;
pub mod iot;
pub mod listener;
pub mod mfa;
pub mod mqtt;
pub mod network;
pub mod options;
pub mod pin;
pub mod proxy;
mod registry;
pub mod session;
pub mod source;
pub mod sts;
mod task;
#[cfg(test)]
mod tests;
mod token_file;
pub mod web_identity;

pub use alarm::{Alarm, SystemAlarm};
pub use clock::SystemClock;
pub use container::{ContainerEnvironment, ContainerOptions, ContainerSource, Environment};
pub use custom::{CustomExpiration, CustomKeys, CustomName, CustomProvider, CustomSource};
pub use device::{Device, DeviceOptions, Identified};
pub use engine::{Presented, SessionStatus, Surroundings};
pub use iot::{IotOptions, IotSource};
pub use listener::{Listener, SessionEvent};
pub use mfa::{MfaCallback, MfaProvider};
pub use network::{Network, SystemNetwork};
pub use options::CommonOptions;
pub use pin::{PinProvider, PinSource};
pub use session::Session;
pub use source::{Fetching, Source};
pub use sts::{
    BaseCredentials, ProvidedBase, StsClientOptions, StsLink, StsOptions, StsSource, base_identity,
    caller_identity,
};
pub use web_identity::{TokenProvider, TokenSource, WebIdentityOptions, WebIdentitySource};
