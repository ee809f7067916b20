//! The broker, met by clients that say what they are told to, and by those of others.

mod doors;
mod faults;
mod others;
mod rules;
mod services;
mod sessions;
mod talk;
mod web_socket;
