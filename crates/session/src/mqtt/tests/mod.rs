//! What the driver does, in virtual time, against a server that a test plays.

mod bed;
mod disk;
mod life;
mod messages;
