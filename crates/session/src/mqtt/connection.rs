//! One user's connection: commands in, deliveries out.

use std::sync::Arc;

use refresh_session_core::{Code, Error, Result, Warning};

use super::options::MqttOptions;
use super::words::{Command, Delivery, MqttStats};
use crate::{Session, Surroundings};

/// Called when deliveries have come up after a [`collect`](MqttConnection::collect) that left none. Must neither wait nor
/// call back nor panic.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// A connection to an MQTT server that stays up.
#[derive(Debug)]
pub struct MqttConnection {}

impl MqttConnection {
    /// Checks the options and reads the files they name. Nothing is connected before [`Command::Connect`].
    ///
    /// # Errors
    /// Codes of the classes validation and configuration, each naming the option.
    pub fn open(
        options: MqttOptions,
        session: &Arc<Session>,
        around: Surroundings,
        wake: Wake,
    ) -> Result<(Self, Vec<Warning>)> {
        let _ = (options, session, around, wake);
        Err(Error::new(Code::Internal, "not built yet"))
    }

    /// Takes commands, in order. Never waits. What is wrong with one, its operation settles with.
    pub fn submit(&self, commands: Vec<Command>) {
        drop(commands);
    }

    /// What has come up, in order, about `budget` bytes of messages at most; `true` if there is more.
    pub fn collect(&self, budget: usize) -> (Vec<Delivery>, bool) {
        let _ = budget;
        (Vec::new(), false)
    }

    /// How things stand.
    pub fn stats(&self) -> MqttStats {
        MqttStats::default()
    }

    /// Resolves when the connection is over and its transport closed.
    pub async fn closed(&self) {}
}
