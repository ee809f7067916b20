//! The MQTT connection, on its way between JavaScript and the session.
//!
//! | Module | Holds |
//! |---|---|
//! | `connection` | the native class: commands in, deliveries out |
//! | `packed` | how both are packed: nothing crosses for a single message |
//! | `topics` | topics that JavaScript knows already |
//! | `event` | what is rare among the deliveries, as objects |
//! | `properties` | the properties of MQTT 5, as an object |
//! | `options` | data transfer objects of the options |
//! | `open` | how a connection is made |

mod connection;
mod event;
mod open;
mod options;
mod packed;
mod properties;
mod topics;
