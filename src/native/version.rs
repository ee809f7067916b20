//! Which version this is. Root package and platform package are installed apart: a lock file, a copied folder or a stale
//! build can bring two together that do not fit, and every object that crosses the bridge would be misread in silence.

use napi_derive::napi;

/// The version of this addon; `src/ts/native.ts` compares it with the package's.
#[napi]
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
