//! A fleet of real machines before one source that admits so many requests a second, in virtual time.
//!
//! | Module | Holds |
//! |---|---|
//! | [`plan`] | what a run is about |
//! | [`run`] | the run: one queue of events for all |
//! | [`source`] | the source with its limit and its outage |
//! | [`report`] | what is measured |

pub(crate) mod plan;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod source;

pub(crate) use plan::Plan;
pub(crate) use report::{Recovery, Report};
pub(crate) use run::run;
