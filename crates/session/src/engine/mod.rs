//! One source with its machine: carries out what the machine says.
//!
//! * Everything the machine is told and does happens under one lock, in [`Engine::step`]; nobody waits while holding it.
//! * Whether a copy of the keys is still good is asked without it: a load of what the last step published.
//! * A fetch is a task of its own; it lands in a step, also when it panics.
//! * A timer task sleeps in boot time until the machine's next timeout. It holds no engine alive.

mod flight;
mod present;
mod report;
mod timer;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use refresh_session_core::{BootTime, Calendar, Clock, Error};
use refresh_session_refresh::{Action, Demand, Event, Held, Machine, Outcome, Read, Settings, Ticket};
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};

use crate::alarm::Alarm;
use crate::device::Device;
use crate::listener::{Listener, SessionEvent};
use crate::network::Network;
use crate::source::Source;
use flight::Flight;
pub use present::Presented;
pub use report::SessionStatus;
pub(crate) use report::at;
use timer::Timer;

/// The clocks and the runtime an engine lives by.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Reads the time.
    pub clock: Arc<dyn Clock>,
    /// What time it is, by what servers have told.
    pub calendar: Calendar,
    /// Wakes in boot time. Its changes are this engine's alone.
    pub alarm: Arc<dyn Alarm>,
    /// Tells when there is a way to the network again. Its notices are this user's alone; engines do not ask for them.
    pub network: Arc<dyn Network>,
    /// Runs fetches and the timer.
    pub runtime: Handle,
}

/// A source with its machine.
pub(crate) struct Engine {
    source: Box<dyn Source>,
    around: Surroundings,
    limit: Duration,
    /// How long a caller waits at most: the startup jitter, a fetch under way, and one more.
    patience: Duration,
    state: Mutex<State>,
    published: ArcSwapOption<Published>,
    wake: Arc<Notify>,
}

struct State {
    machine: Machine,
    waiting: HashMap<Ticket, oneshot::Sender<Outcome>>,
    flight: Option<Flight>,
    /// Until when the timer sleeps, where it runs.
    timer: Option<Timer>,
    listeners: Vec<(u64, Listener)>,
    next_listener: u64,
    /// Counts what readers may hold copies of: sets of keys, and the wall clocks their end was told by.
    serial: u32,
    /// The generation that `serial` counts.
    serial_of: u32,
}

/// What readers may use without the lock.
struct Published {
    held: Arc<Held>,
    until: BootTime,
    serial: u32,
}

/// What a step leaves to be done without the lock.
enum Effect {
    Fetch(refresh_session_refresh::FetchId),
    RunTimer,
}

impl Engine {
    /// Nothing happens before somebody [listens](Self::listen).
    pub(crate) fn new(
        source: Box<dyn Source>,
        settings: &Settings,
        seed: u64,
        around: Surroundings,
    ) -> Arc<Self> {
        let machine = Machine::new(*settings, seed, around.clock.boot());
        let state = State {
            machine,
            waiting: HashMap::new(),
            flight: None,
            timer: None,
            listeners: Vec::new(),
            next_listener: 0,
            serial: 0,
            serial_of: 0,
        };
        Arc::new(Self {
            source,
            around,
            limit: settings.fetch_limit,
            patience: settings.startup_jitter + settings.fetch_limit * 2,
            state: Mutex::new(state),
            published: ArcSwapOption::empty(),
            wake: Arc::default(),
        })
    }

    /// The serial number of what is published while it may be used without asking; otherwise 0. Takes no lock.
    pub(crate) fn fresh_serial(&self) -> u32 {
        let published = self.published.load();
        match &*published {
            Some(now) if self.around.clock.boot() < now.until => now.serial,
            _ => 0,
        }
    }

    /// Keys, or why there are none. Dropping the future gives up the wait, not the fetch.
    pub(crate) async fn read(self: &Arc<Self>, demand: Demand) -> Outcome {
        if demand == Demand::Valid
            && let Some(held) = self.fresh()
        {
            return Ok(held);
        }
        let read =
            self.step(|state, now| match state.machine.handle_read(now, demand, now.after(self.patience)) {
                Read::Keys(held) => Ok(Waited::Not(held)),
                Read::Refused(error) => Err(error),
                Read::Wait(ticket) => {
                    let (answer, answered) = oneshot::channel();
                    state.waiting.insert(ticket, answer);
                    Ok(Waited::For(Waiting { engine: self.clone(), ticket, answered }))
                }
            });
        match read? {
            Waited::Not(held) => Ok(held),
            Waited::For(mut waiting) => match (&mut waiting.answered).await {
                Ok(outcome) => outcome,
                // A machine answers everybody; only a process that is being torn down loses one.
                Err(_) => Err(closed()),
            },
        }
    }

    pub(crate) fn invalidate(self: &Arc<Self>, access_key_id: &str) -> bool {
        self.step(|state, _| state.machine.handle_invalidate(access_key_id))
    }

    /// An eager machine's first timeout is from here on: the first fetch has somebody to tell.
    pub(crate) fn listen(self: &Arc<Self>, listener: Listener) -> u64 {
        self.step(|state, _| {
            state.next_listener += 1;
            let id = state.next_listener;
            state.listeners.push((id, listener));
            id
        })
    }

    pub(crate) fn unlisten(&self, id: u64) {
        let mut state = self.state();
        state.listeners.retain(|(listener, _)| *listener != id);
    }

    pub(crate) fn device(&self) -> Option<Arc<Device>> {
        self.source.device()
    }

    /// Tells what warnings the source has.
    pub(crate) fn tell_warnings(&self) {
        self.state().tell_warnings(&*self.source);
    }

    /// Ends it: callers are answered, the fetch is dropped, keys are wiped, the source lets go of what it holds.
    pub(crate) async fn close(self: &Arc<Self>) {
        self.abandon();
        self.source.close().await;
    }

    /// The same without waiting for the source, which lets go when it is dropped.
    pub(crate) fn abandon(self: &Arc<Self>) {
        self.step(|state, _| state.machine.handle_close());
        // The timer ends now, not when the last one who knows this engine forgets it.
        self.wake.notify_one();
    }

    fn fresh(&self) -> Option<Arc<Held>> {
        let published = self.published.load();
        let now = self.around.clock.boot();
        published.as_ref().filter(|published| now < published.until).map(|published| published.held.clone())
    }

    /// Tells the machine something, and carries out what it says.
    fn step<T>(self: &Arc<Self>, tell: impl FnOnce(&mut State, BootTime) -> T) -> T {
        let mut effects = Vec::new();
        let told = {
            let mut state = self.state();
            let now = self.around.clock.boot();
            let told = tell(&mut state, now);
            self.carry_out(&mut state, now, &mut effects);
            self.publish(&mut state, now);
            self.arm(&mut state, &mut effects);
            told
        };
        for effect in effects {
            // Not under the lock: a runtime that is shutting down drops a task where it is spawned, and that lands.
            match effect {
                Effect::Fetch(id) => self.take_off(id),
                Effect::RunTimer => timer::run(self),
            }
        }
        told
    }

    fn carry_out(&self, state: &mut State, now: BootTime, effects: &mut Vec<Effect>) {
        while let Some(action) = state.machine.poll_action() {
            match action {
                Action::Fetch { id } => {
                    state.flight = Some(Flight { id, task: None });
                    effects.push(Effect::Fetch(id));
                }
                Action::Abandon { id } => {
                    if let Some(flight) = state.flight.take_if(|flight| flight.id == id) {
                        flight.abort();
                    }
                    let error = self.source.timed_out(self.limit);
                    state.machine.handle_failed(now, id, error.into());
                }
                Action::Answer { ticket, outcome } => {
                    if let Some(answer) = state.waiting.remove(&ticket) {
                        // Nobody waiting any more is no failure.
                        let _ = answer.send(outcome);
                    }
                }
                Action::Tell(event) => state.tell(&SessionEvent::from(event)),
            }
        }
    }

    fn publish(&self, state: &mut State, now: BootTime) {
        let view = state.machine.view(now);
        if let Some(view) = &view
            && view.held.generation != state.serial_of
        {
            state.serial_of = view.held.generation;
            state.serial = state.serial.wrapping_add(1).max(1);
        }
        let serial = state.serial;
        self.published
            .store(view.map(|view| Arc::new(Published { held: view.held, until: view.until, serial })));
    }

    /// Wakes the timer if it would sleep too long. One that wakes too early does no harm: a fetch that lands in time
    /// need not wake it twice.
    fn arm(&self, state: &mut State, effects: &mut Vec<Effect>) {
        let Some(timeout) = state.machine.poll_timeout() else { return };
        match &mut state.timer {
            Some(timer) if timer.until.is_some_and(|until| until <= timeout) => {}
            Some(timer) => {
                timer.until = Some(timeout);
                self.wake.notify_one();
            }
            None => {
                state.timer = Some(Timer { until: Some(timeout) });
                effects.push(Effect::RunTimer);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; if it did, the machine is still whole: it only ever replaces its parts.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn tell(&self, event: &SessionEvent) {
        for (_, listener) in &self.listeners {
            listener(event);
        }
    }

    fn tell_warnings(&self, source: &dyn Source) {
        for warning in source.take_warnings() {
            self.tell(&SessionEvent::Warning(warning));
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The timer finds nobody and ends.
        self.wake.notify_one();
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("source", &self.source).finish_non_exhaustive()
    }
}

impl From<Event> for SessionEvent {
    fn from(event: Event) -> Self {
        let of = |held: &Held| (held.identity.access_key_id.clone(), held.identity.expiration);
        match event {
            Event::Refreshed { held } => {
                let (access_key_id, expiration) = of(&held);
                Self::Refreshed { access_key_id, expiration }
            }
            Event::Failed { error, pause, left } => Self::RefreshFailed { error, pause, left },
            Event::Expired { held } => {
                let (access_key_id, expiration) = of(&held);
                Self::Expired { access_key_id, expiration }
            }
        }
    }
}

enum Waited {
    Not(Arc<Held>),
    For(Waiting),
}

/// A caller who waits; dropped, one who has given up.
struct Waiting {
    engine: Arc<Engine>,
    ticket: Ticket,
    answered: oneshot::Receiver<Outcome>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut state = self.engine.state();
        if state.waiting.remove(&self.ticket).is_some() {
            state.machine.handle_cancel(self.ticket);
        }
    }
}

pub(crate) fn closed() -> Error {
    Error::new(refresh_session_core::Code::Closed, "the session is closed")
        .with_hint("Make a new session, or close it later.")
}
