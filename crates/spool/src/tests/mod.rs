//! The queue over a medium that fails, and loses what was not synced.

mod damage;
mod faults;
mod medium;
mod random;
mod wear;
mod worlds;
