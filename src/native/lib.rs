//! The bridge, Rust side. It converts and decides nothing.
//!
//! | Module | Holds |
//! |---|---|
//! | `options` | data transfer objects, names and order as in `src/ts`; conversion to the session's options |
//! | `session` | the one native class |
//! | `error` | a core error as a plain object; `src/ts/errors.ts` makes the class of it |
//! | `caller` | who a session is: an STS made for the question |
//! | `event` | a session's events, as calls of a JavaScript function |
//! | `fresh` | whether a copy of the keys may be used: the call that is made for every signature |
//! | `status` | how a session stands |
//! | `custom` | a JavaScript function as a provider of credentials |
//! | `inventory` | what a PKCS#11 module has; for the command line |
//! | `pin` | a JavaScript callback as a PIN provider |
//! | `promise` | futures as promises |
//! | `runtime` | the tokio runtime of the process |
//! | `mqtt` | the MQTT connection |
//! | `lifecycle` | counts Node environments; the last one to go closes the tokens |
//! | `guard` | no panic crosses into Node |
//! | `version` | which version this is |
//!
//! Nothing here throws: what can fail returns either a value or an error object, so that the TypeScript side builds
//! the typed error in one place. Internal: not part of the public API.

#![allow(unsafe_code, reason = "Node-API is a C interface; the derive macros write the unsafe blocks")]
#![allow(clippy::needless_pass_by_value, reason = "napi-derive hands arguments over by value")]
#![allow(unreachable_pub, reason = "napi-derive exports what is `pub`, wherever it stands")]
#![cfg_attr(test, allow(dead_code, reason = "napi-derive registers nothing in a test build"))]
#![allow(missing_docs, reason = "napi-derive generates undocumented items; ours carry their docs")]

mod caller;
mod calls;
mod container;
mod custom;
mod error;
mod event;
mod fresh;
mod guard;
mod inventory;
mod lifecycle;
mod mqtt;
mod open;
mod options;
mod pin;
mod promise;
mod runtime;
mod session;
mod status;
mod sts;
mod text;
mod version;
