//! What the driver does, in virtual time, against a server that a test plays.

mod bed;
mod life;
mod messages;
