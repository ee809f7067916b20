//! The parameters of each operation, checked before anything is sent. Names and limits are those of the API reference.

mod assume_role;
mod check;
mod session_token;
mod web_identity;

pub use assume_role::{AssumeRole, AssumeRoleFields, ProvidedContext};
pub use session_token::SessionToken;
pub use web_identity::{WebIdentityFields, WebIdentityRole};

/// `RoleSessionName` where none is given: what CloudTrail shows.
pub const DEFAULT_SESSION_NAME: &str = "refresh-session";
