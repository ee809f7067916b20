//! The queue on disk, on a thread of its own: a disk that is slow, or hangs, holds up its messages and nothing else.

use std::fmt;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use refresh_session_core::{Calendar, Clock, Code, Error, Result, Warning};
use refresh_session_mqtt::Publish;
use refresh_session_spool::{Fsync, Record, RecordId, Spool, SpoolOptions};
use tokio::sync::mpsc as async_mpsc;

use super::options::MqttQueueOptions;
use super::stored;
use super::words::OperationNumber;

/// What the log needs beside a message, generously.
const FRAMING: u64 = 64;
/// The log's messages get three quarters of its room, and the largest one a sixteenth: see [`SpoolOptions`].
const LEAST_ROOM: u64 = 4 * 1024 * 1024;
/// So much is read from the disk at a time.
const READ: usize = 256 * 1024;
/// With `fsync: "interval"`: so much may be lost in a power cut.
const INTERVAL: Duration = Duration::from_secs(1);

/// A message on its way to the disk.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) operation: OperationNumber,
    pub(super) message: Publish,
    pub(super) limit: Option<Duration>,
    pub(super) until_stored: bool,
}

/// A message that an earlier process has left behind.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) record: RecordId,
    pub(super) message: Publish,
    /// How long it has been on the disk, as far as that is known.
    pub(super) age: Duration,
}

/// What the thread has done.
#[derive(Debug)]
pub(super) enum Done {
    /// In the order of the appends.
    Stored(Vec<(Pending, Result<RecordId>)>),
    /// Something went wrong that no message can tell.
    Warning(Warning),
}

enum Job {
    Append(Vec<(Pending, Record)>),
    Remove(Vec<RecordId>),
}

/// The driver's end of the thread. Dropped, the thread does what it was given and ends.
pub(super) struct Store {
    jobs: mpsc::Sender<Job>,
    done: async_mpsc::UnboundedReceiver<Done>,
    calendar: Calendar,
    /// Appends that have not come back.
    under_way: usize,
    messages: usize,
}

/// The bounds of the queue in memory, which are those of the queue on disk: a message is in both.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

/// A queue, and what an earlier process has left in it.
pub(super) struct Opened {
    pub(super) store: Store,
    pub(super) left: Vec<Left>,
    pub(super) warnings: Vec<Warning>,
}

impl Store {
    /// Opens the queue, and gives what an earlier process has left in it.
    ///
    /// # Errors
    /// `ERR_INVALID_OPTION` naming `offlineQueue.fsync`, and those of [`Spool::open`].
    pub(super) fn open(
        options: &MqttQueueOptions,
        identity: String,
        bounds: Bounds,
        calendar: Calendar,
        clock: &dyn Clock,
    ) -> Result<Option<Opened>> {
        let Some(directory) = options.directory.clone() else { return Ok(None) };
        let (fsync, interval) = match options.fsync.as_deref() {
            None | Some("always") => (Fsync::Always, None),
            Some("interval") => (Fsync::OnDemand, Some(INTERVAL)),
            Some("never") => (Fsync::OnDemand, None),
            Some(other) => {
                let found = format!(
                    "is {}: it must be one of \"always\", \"interval\", \"never\"",
                    refresh_session_core::shown::quoted(other)
                );
                return Err(Error::invalid_option("offlineQueue.fsync", found));
            }
        };
        // The queue in memory is full first, and its policy says what gives way.
        let messages = u32::try_from(bounds.messages).unwrap_or(u32::MAX).saturating_mul(2);
        let room = (bounds.bytes as u64 + bounds.messages as u64 * FRAMING).saturating_mul(2);
        let (mut spool, mut warnings) = Spool::open(&SpoolOptions {
            directory,
            identity,
            max_bytes: room.max(LEAST_ROOM),
            max_messages: messages.max(1),
            fsync,
        })?;
        let left = read(&mut spool, &calendar, clock, &mut warnings)?;
        let (jobs, work) = mpsc::channel();
        let (report, done) = async_mpsc::unbounded_channel();
        thread::Builder::new()
            .name("mqtt-queue".into())
            .spawn(move || Worker { spool, report, interval, dirty: false }.run(&work))
            .map_err(|error| {
                Error::new(Code::Internal, format!("the queue's thread did not start: {error}"))
            })?;
        let messages = left.len();
        let store = Self { jobs, done, calendar, under_way: 0, messages };
        Ok(Some(Opened { store, left, warnings }))
    }

    /// Stores messages, in this order. They come back as [`Done::Stored`].
    pub(super) fn append(&mut self, batch: Vec<Pending>, clock: &dyn Clock) {
        let reading = self.calendar.reading(clock);
        let batch: Vec<_> = batch
            .into_iter()
            .map(|pending| {
                let record = stored::record(&pending.message, reading);
                (pending, record)
            })
            .collect();
        self.under_way += batch.len();
        self.give(Job::Append(batch));
    }

    /// They are over.
    pub(super) fn remove(&mut self, records: Vec<RecordId>) {
        self.messages = self.messages.saturating_sub(records.len());
        self.give(Job::Remove(records));
    }

    pub(super) async fn done(&mut self) -> Done {
        match self.done.recv().await {
            Some(done) => {
                if let Done::Stored(all) = &done {
                    self.under_way -= all.len();
                    self.messages += all.iter().filter(|(_, stored)| stored.is_ok()).count();
                }
                done
            }
            // The thread has ended; nobody waits for anything of it, see `give`.
            None => std::future::pending().await,
        }
    }

    /// Whether messages are on their way to the disk.
    pub(super) fn is_busy(&self) -> bool {
        self.under_way > 0
    }

    /// Messages on the disk.
    pub(super) fn len(&self) -> usize {
        self.messages
    }

    /// What was given is done, and the directory is free for the next one.
    pub(super) async fn finish(self) {
        let Self { jobs, mut done, .. } = self;
        drop(jobs);
        while done.recv().await.is_some() {}
    }

    fn give(&self, job: Job) {
        // The thread ends when this end does, and does not panic.
        let _ = self.jobs.send(job);
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("messages", &self.messages).finish_non_exhaustive()
    }
}

struct Worker {
    spool: Spool,
    report: async_mpsc::UnboundedSender<Done>,
    interval: Option<Duration>,
    dirty: bool,
}

impl Worker {
    fn run(mut self, work: &mpsc::Receiver<Job>) {
        loop {
            let first = match self.interval.filter(|_| self.dirty) {
                None => work.recv().ok(),
                Some(interval) => match work.recv_timeout(interval) {
                    Ok(job) => Some(job),
                    Err(mpsc::RecvTimeoutError::Timeout) => {
                        self.sync();
                        continue;
                    }
                    Err(mpsc::RecvTimeoutError::Disconnected) => None,
                },
            };
            let Some(first) = first else { break };
            // All that has piled up while the disk was busy is written and synced at once.
            let jobs = std::iter::once(first).chain(work.try_iter()).collect::<Vec<_>>();
            self.work(jobs);
            for warning in self.spool.take_warnings() {
                let _ = self.report.send(Done::Warning(warning));
            }
        }
        self.sync();
    }

    fn work(&mut self, jobs: Vec<Job>) {
        let mut appends = Vec::new();
        for job in jobs {
            match job {
                Job::Append(batch) => appends.extend(batch),
                Job::Remove(records) => self.remove(&records),
            }
        }
        if appends.is_empty() {
            return;
        }
        self.dirty = true;
        let (pending, records): (Vec<_>, Vec<_>) = appends.into_iter().unzip();
        let stored = match self.spool.append_batch(&records) {
            Ok(ids) => pending.into_iter().zip(ids.into_iter().map(Ok)).collect(),
            // One that is too large, or one too many, must not take the others with it.
            Err(_) if pending.len() > 1 => pending
                .into_iter()
                .zip(&records)
                .map(|(pending, record)| (pending, self.append_one(record)))
                .collect(),
            Err(error) => pending.into_iter().map(|pending| (pending, Err(error.clone()))).collect(),
        };
        let _ = self.report.send(Done::Stored(stored));
    }

    fn append_one(&mut self, record: &Record) -> Result<RecordId> {
        let ids = self.spool.append_batch(std::slice::from_ref(record))?;
        ids.first().copied().ok_or_else(|| Error::new(Code::Internal, "a record without a number"))
    }

    /// What cannot be noted down comes again after a restart: at least once, as QoS 1 has it.
    fn remove(&mut self, records: &[RecordId]) {
        if let Err(error) = self.spool.remove(records) {
            let _ = self.report.send(Done::Warning(not_noted(&error)));
        }
    }

    fn sync(&mut self) {
        self.dirty = false;
        if let Err(error) = self.spool.sync() {
            self.dirty = true;
            let _ = self.report.send(Done::Warning(not_noted(&error)));
        }
    }
}

fn not_noted(error: &Error) -> Warning {
    let hint = error.hint().map(|hint| format!(" {hint}")).unwrap_or_default();
    Warning {
        code: "WARN_MQTT_QUEUE_STORAGE",
        message: format!(
            "the queue on disk: {}. Messages may be sent again after a restart.{hint}",
            error.message()
        ),
    }
}

fn read(
    spool: &mut Spool,
    calendar: &Calendar,
    clock: &dyn Clock,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Left>> {
    let reading = calendar.reading(clock);
    let mut left = Vec::new();
    let mut unknown = Vec::new();
    let mut after = None;
    loop {
        let records = spool.read_after(after, READ)?;
        let Some((last, _)) = records.last() else { break };
        after = Some(*last);
        for (record, content) in &records {
            match stored::message(content, reading) {
                Some((message, age)) => left.push(Left { record: *record, message, age }),
                None => unknown.push(*record),
            }
        }
    }
    if !unknown.is_empty() {
        // Not removed: a newer version of this software may have written them, and may come back.
        warnings.push(Warning {
            code: "WARN_MQTT_QUEUE_UNKNOWN",
            message: format!(
                "the queue on disk holds {} messages that this version cannot read; they are left there",
                unknown.len()
            ),
        });
    }
    warnings.extend(spool.take_warnings());
    Ok(left)
}
