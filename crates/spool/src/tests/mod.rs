//! The queue over a medium that fails, and loses what was not synced.

mod faults;
mod medium;
mod random;
mod worlds;
