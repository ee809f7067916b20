//! The native class of a connection: commands in, deliveries out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use napi::Env;
use napi::bindgen_prelude::{Buffer, BufferSlice, Either, PromiseRaw, Uint32ArraySlice};
use napi_derive::napi;
use refresh_session_core::Warning;
use refresh_session_session::mqtt::{Delivery, MqttConnection};

use super::event::NativeMqttEvent;
use super::packed::{Packed, pack, unpack};
use super::topics::Topics;
use crate::error::{NativeError, NativeWarning, internal};
use crate::guard::guarded;
use crate::promise::promise;

/// Bytes of messages that one call brings, about: what JavaScript deals with before its event loop goes on.
const BUDGET: usize = 64 * 1024;

/// Set in what `collect` gives if there is more.
const MORE: u32 = 1 << 31;

/// A connection to an MQTT server. `src/ts/mqtt/packed.ts` knows what goes in and what comes out.
#[napi]
pub struct NativeMqttConnection {
    connection: Arc<MqttConnection>,
    held: Mutex<Held>,
    /// Of the options.
    warnings: Mutex<Vec<Warning>>,
}

/// Deliveries that had no room yet, and what JavaScript knows of those before.
#[derive(Default)]
struct Held {
    deliveries: VecDeque<Delivery>,
    topics: Topics,
    /// The connection has more.
    more: bool,
}

/// What `collect` gives if words do not say it all.
#[napi(object, object_from_js = false)]
pub struct NativeMqttBatch {
    /// As `collect` would give it alone.
    pub length: u32,
    /// Topics and payloads, if they had no room.
    pub bytes: Option<Buffer>,
    pub large: Option<Vec<Buffer>>,
    pub rare: Option<Vec<NativeMqttEvent>>,
}

/// How a connection stands.
#[napi(object, object_from_js = false)]
pub struct NativeMqttStats {
    pub connected: bool,
    pub attempts: f64,
    pub connections: f64,
    pub sent: f64,
    pub repeated: f64,
    pub acknowledged: f64,
    pub received: f64,
    pub failed: f64,
    pub pending: f64,
    pub pending_bytes: f64,
    pub in_flight: f64,
    pub subscriptions: f64,
    pub stored: f64,
    pub bytes_in: f64,
    pub bytes_out: f64,
}

impl NativeMqttConnection {
    pub(super) fn new(connection: MqttConnection, warnings: Vec<Warning>) -> Self {
        Self { connection: Arc::new(connection), held: Mutex::default(), warnings: Mutex::new(warnings) }
    }
}

#[napi]
impl NativeMqttConnection {
    /// Takes the first `length` bytes of `records`, and the payload that the last of them has beside. Both are copied: they
    /// may be used again.
    #[napi(ts_return_type = "NativeError | undefined")]
    pub fn submit(&self, records: &[u8], length: u32, beside: Option<&[u8]>) -> Either<(), NativeError> {
        guarded(|| {
            let length = usize::try_from(length).unwrap_or(usize::MAX).min(records.len());
            let records = Bytes::copy_from_slice(&records[..length]);
            let (commands, understood) = unpack(records, beside.map(Bytes::copy_from_slice));
            self.connection.submit(commands);
            match understood {
                Ok(()) => Either::A(()),
                Err(_) => Either::B(internal("packed commands were not understood")),
            }
        })
    }

    /// Fills `words` with what has come up: how many are filled, and in bit 31 whether there is more. Topics and payloads are
    /// put into `bytes`, from `from` on.
    #[napi(ts_return_type = "number | NativeMqttBatch | NativeError")]
    pub fn collect(
        &self,
        mut words: Uint32ArraySlice<'_>,
        mut bytes: BufferSlice<'_>,
        from: u32,
    ) -> Either<Either<u32, NativeMqttBatch>, NativeError> {
        guarded(|| {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            if held.deliveries.is_empty() {
                let (deliveries, more) = self.connection.collect(BUDGET);
                held.deliveries = deliveries.into();
                held.more = more;
            }
            let Held { deliveries, topics, .. } = &mut *held;
            let from = usize::try_from(from).unwrap_or(usize::MAX);
            let room = bytes.get_mut(from..).unwrap_or_default();
            // SAFETY: JavaScript lends it for this call, which runs in its thread; nothing else looks at it meanwhile.
            let packed = pack(deliveries, topics, unsafe { words.as_mut() }, room);
            let more = held.more || !held.deliveries.is_empty();
            drop(held);
            Either::A(given(packed, more))
        })
    }

    /// How things stand.
    #[napi]
    pub fn stats(&self) -> NativeMqttStats {
        stats(self.connection.stats())
    }

    /// Warnings of the options; later ones are deliveries.
    #[napi]
    pub fn take_warnings(&self) -> Vec<NativeWarning> {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *warnings).into_iter().map(Into::into).collect()
    }

    /// Resolves when it is over and its transport closed.
    #[napi]
    pub fn closed<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, ()>> {
        let connection = self.connection.clone();
        promise(env, async move { connection.closed().await })
    }
}

fn given(packed: Packed, more: bool) -> Either<u32, NativeMqttBatch> {
    let Packed { words, bytes, large, rare } = packed;
    let length = u32::try_from(words).unwrap_or_default() | if more { MORE } else { 0 };
    if bytes.is_empty() && large.is_empty() && rare.is_empty() {
        return Either::A(length);
    }
    Either::B(NativeMqttBatch {
        length,
        bytes: (!bytes.is_empty()).then(|| bytes.into()),
        large: (!large.is_empty())
            .then(|| large.into_iter().map(|payload| payload.to_vec().into()).collect()),
        rare: (!rare.is_empty()).then(|| rare.into_iter().map(Into::into).collect()),
    })
}

#[expect(clippy::cast_precision_loss, reason = "counters stay far below 2 to the 53rd")]
fn stats(stats: refresh_session_session::mqtt::MqttStats) -> NativeMqttStats {
    let machine = stats.machine;
    NativeMqttStats {
        connected: stats.connected,
        attempts: stats.attempts as f64,
        connections: machine.connections as f64,
        sent: machine.sent as f64,
        repeated: machine.repeated as f64,
        acknowledged: machine.acknowledged as f64,
        received: machine.received as f64,
        failed: machine.failed as f64,
        pending: machine.pending as f64,
        pending_bytes: machine.pending_bytes as f64,
        in_flight: machine.in_flight as f64,
        subscriptions: machine.subscriptions as f64,
        stored: stats.stored as f64,
        bytes_in: stats.bytes_in as f64,
        bytes_out: stats.bytes_out as f64,
    }
}
