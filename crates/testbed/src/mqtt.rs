//! MQTT as AWS IoT Core speaks it: MQTT 5 and 3.1.1, over TLS with a client certificate, with a custom authorizer, or
//! over a WebSocket with a signature ([`door`]).
//!
//! It shares nothing with the client of the house, not even the codec ([`codec`]), and has the limits and manners of AWS
//! ([`rules`]) where they differ from the standard: no QoS 2, no subscription identifiers, no DUP, no retained messages
//! for filters with wildcards, silence for what is thrown away. What clients may do is a [`policy`]. It can be told to
//! misbehave ([`faults`]), and time can be put on top of its own ([`clock`]).
//!
//! Control requests are in [`crate::control`], what is written down in [`crate::log`].

pub(crate) mod authorizer;
pub(crate) mod broker;
pub(crate) mod clock;
mod codec;
mod connection;
mod conversation;
pub(crate) mod door;
pub(crate) mod faults;
pub(crate) mod message;
pub(crate) mod order;
mod origin;
pub(crate) mod policy;
pub(crate) mod received;
pub(crate) mod rules;
pub(crate) mod services;
mod session;
mod topic;
pub(crate) mod upgrade;
mod web_socket;

use std::{
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use tokio::time;

use self::{broker::Broker, clock::Clock};
use crate::{sync::lock, world::World};

/// How often the broker looks for what is due.
const TICK: Duration = Duration::from_millis(50);

/// The broker and its clock.
pub(crate) struct Mqtt {
    pub(crate) broker: Mutex<Broker>,
    pub(crate) clock: Clock,
}

impl Mqtt {
    pub(crate) fn new() -> Self {
        Self { broker: Mutex::default(), clock: Clock::new() }
    }

    /// Does what is due.
    pub(crate) fn tick(&self) {
        let now = self.clock.now();
        lock(&self.broker).tick(now);
    }

    /// Forgets everything.
    pub(crate) fn reset(&self) {
        *lock(&self.broker) = Broker::default();
    }
}

/// Sees to it that wills are published and sessions end as long as there is a world.
pub(crate) fn keep_time(world: &Arc<World>) {
    let world: Weak<World> = Arc::downgrade(world);
    tokio::spawn(async move {
        while let Some(world) = world.upgrade() {
            world.mqtt.tick();
            drop(world);
            time::sleep(TICK).await;
        }
    });
}
