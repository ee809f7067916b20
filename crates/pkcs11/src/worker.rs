//! A thread that owns what only one thread may touch, and callers that do not wait for ever.
//!
//! No PKCS#11 module has a timeout: a call into a stopped TPM comes back when the TPM does. So the call is made on
//! a thread of its own and the caller waits with a deadline. A caller whose call has started and not come back
//! marks the worker *hung*: whoever comes next is refused at once, nothing more is queued, no second thread is
//! started. When the call does come back, the worker serves again by itself.
//!
//! A job that nobody waits for, such as closing a session, may hang as well. Whoever waits in the queue behind it for
//! all of their time marks the worker then.
//!
//! The threads are never joined and hold up no exit of the process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use refresh_session_core::{Code, Error, Result};

/// Virtual memory only. Modules bring OpenSSL, XML parsers and gRPC along; the default 2 MiB is for whole programs.
const STACK_BYTES: usize = 1 << 20;

/// Whether workers take no more jobs.
static GATE_SHUT: AtomicBool = AtomicBool::new(false);

/// From here on every worker refuses jobs. A module that is called while the C library tears the process down meets
/// its own destructors half-way, and crashes.
///
/// Whether it was open.
pub(crate) fn shut_gate() -> bool {
    !GATE_SHUT.swap(true, Ordering::AcqRel)
}

/// Workers take jobs again.
pub(crate) fn open_gate() {
    GATE_SHUT.store(false, Ordering::Release);
}

/// How many workers of a group hang: those that call the same module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stuck(Arc<AtomicUsize>);

impl Stuck {
    pub(crate) fn any(&self) -> bool {
        self.0.load(Ordering::Acquire) > 0
    }
}

/// The sending side of the thread; `S` lives on the other.
pub(crate) struct Worker<S> {
    jobs: Sender<Job<S>>,
    progress: Arc<Mutex<Progress>>,
    /// Completes "… does not answer".
    subject: String,
}

struct Job<S> {
    number: u64,
    attended: bool,
    run: Box<dyn FnOnce(&mut S) + Send>,
}

struct Progress {
    /// Jobs are numbered in the order of the queue.
    issued: u64,
    started: u64,
    running: Option<Running>,
    /// Jobs whose callers left before they began. They are skipped.
    abandoned: Vec<u64>,
    hung: bool,
    stuck: Stuck,
}

#[derive(Clone, Copy)]
struct Running {
    number: u64,
    /// Somebody waits for it, and will say so when it takes too long.
    attended: bool,
}

impl Progress {
    fn set_hung(&mut self, hung: bool) {
        if self.hung == hung {
            return;
        }
        self.hung = hung;
        if hung {
            self.stuck.0.fetch_add(1, Ordering::AcqRel);
        } else {
            self.stuck.0.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl<S: Send + 'static> Worker<S> {
    /// Starts the thread. `subject` is for messages, such as ``token `gw` ``; `stuck` is counted up while it hangs.
    pub(crate) fn spawn(thread_name: &str, subject: String, stuck: &Stuck, mut state: S) -> Result<Self> {
        let (jobs, queue) = channel::<Job<S>>();
        let progress = Progress {
            issued: 0,
            started: 0,
            running: None,
            abandoned: Vec::new(),
            hung: false,
            stuck: stuck.clone(),
        };
        let progress = Arc::new(Mutex::new(progress));
        let shared = Arc::clone(&progress);
        let work = move || {
            for job in queue {
                if !begin(&shared, Running { number: job.number, attended: job.attended }) {
                    continue;
                }
                // A panic drops the reply's sender, which tells the caller. The state is one that any C call may
                // leave behind, so it is fit to go on with.
                let _ = catch_unwind(AssertUnwindSafe(|| (job.run)(&mut state)));
                let mut progress = lock(&shared);
                progress.running = None;
                progress.set_hung(false);
            }
        };
        thread::Builder::new()
            .name(thread_name.into())
            .stack_size(STACK_BYTES)
            .spawn(work)
            .map_err(|error| Error::new(Code::Internal, format!("a thread for {subject}: {error}")))?;
        Ok(Self { jobs, progress, subject })
    }

    /// Runs `job` on the thread and waits for it, at most `deadline`.
    ///
    /// [`Code::Pkcs11Timeout`] if it takes longer, in the queue or in the module; [`Code::Pkcs11Hung`] if an earlier
    /// one still does.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        what: &'static str,
        deadline: Duration,
        job: impl FnOnce(&mut S) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        // The answer has a place of its own: channel and wait are built once, not for each kind of answer.
        let place = Arc::new(Mutex::new(None));
        let answer = Arc::clone(&place);
        let job = move |state: &mut S| {
            let answered = job(state);
            *lock(&answer) = Some(answered);
        };
        let waited = self.wait(what, deadline, Box::new(job));
        // After a timeout it may have finished after all.
        lock(&place).take().unwrap_or_else(|| Err(waited.err().unwrap_or_else(|| self.broken(what))))
    }

    fn wait(&self, what: &str, deadline: Duration, job: Box<dyn FnOnce(&mut S) + Send>) -> Result<()> {
        let (done, end) = channel();
        let progress = self.admit()?;
        let number = self.queue(progress, true, move |state| {
            job(state);
            // Whoever asked may have left.
            let _ = done.send(());
        })?;
        match end.recv_timeout(deadline) {
            Ok(()) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => Err(self.broken(what)),
            Err(RecvTimeoutError::Timeout) => {
                let stage = self.leave(number);
                Err(self.timeout(what, deadline, stage))
            }
        }
    }

    /// Queues `job` without waiting, also behind a call that hangs: it is what puts things in order after that.
    /// Refused while the [gate](shut_gate) is shut.
    pub(crate) fn post(&self, job: impl FnOnce(&mut S) + Send + 'static) -> Result<u64> {
        let progress = self.admit_open()?;
        self.queue(progress, false, job)
    }

    /// Queues `job` even while the gate is shut, but not behind a call that hangs: for what must be done before the
    /// process ends.
    pub(crate) fn post_last(&self, job: impl FnOnce(&mut S) + Send + 'static) -> Result<u64> {
        let progress = lock(&self.progress);
        if progress.hung {
            return Err(self.hung());
        }
        self.queue(progress, false, job)
    }

    fn admit(&self) -> Result<MutexGuard<'_, Progress>> {
        let progress = self.admit_open()?;
        if progress.hung { Err(self.hung()) } else { Ok(progress) }
    }

    fn admit_open(&self) -> Result<MutexGuard<'_, Progress>> {
        let progress = lock(&self.progress);
        // Under the lock: a job that is let in is queued before the last one.
        if GATE_SHUT.load(Ordering::Acquire) {
            return Err(Error::new(Code::Closed, format!("{}: the process is ending", self.subject)));
        }
        Ok(progress)
    }

    fn queue(
        &self,
        mut progress: MutexGuard<'_, Progress>,
        attended: bool,
        job: impl FnOnce(&mut S) + Send + 'static,
    ) -> Result<u64> {
        progress.issued += 1;
        let number = progress.issued;
        self.jobs.send(Job { number, attended, run: Box::new(job) }).map_err(|_| self.broken("its queue"))?;
        Ok(number)
    }

    fn leave(&self, number: u64) -> Stage {
        let mut progress = lock(&self.progress);
        match progress.running {
            Some(running) if running.number == number => {
                progress.set_hung(true);
                return Stage::Running;
            }
            // Nobody else would say so.
            Some(running) if !running.attended && number > running.number => progress.set_hung(true),
            _ => {}
        }
        if number > progress.started {
            progress.abandoned.push(number);
        }
        Stage::Queued
    }

    fn timeout(&self, what: &str, deadline: Duration, stage: Stage) -> Error {
        let waited = match stage {
            Stage::Running => "did not come back",
            Stage::Queued => "did not get its turn behind other calls",
        };
        let message = format!("{}: {what} {waited} within {} ms", self.subject, deadline.as_millis());
        Error::new(Code::Pkcs11Timeout, message).with_hint(
            "Check that the device answers (its own tools, the kernel log); a token that waits for a touch or \
             is slow needs a longer `pkcs11.signTimeoutMs`.",
        )
    }

    fn hung(&self) -> Error {
        let message =
            format!("{}: an earlier call has not come back, nothing more is sent to it", self.subject);
        Error::new(Code::Pkcs11Hung, message).with_hint(
            "The device or its driver is stuck; it is used again by itself once that call returns, otherwise \
             reset the device or restart the process.",
        )
    }

    fn broken(&self, what: &str) -> Error {
        Error::new(Code::Internal, format!("{}: {what} ended without an answer", self.subject))
    }
}

#[derive(Clone, Copy)]
enum Stage {
    Queued,
    Running,
}

fn begin(progress: &Mutex<Progress>, job: Running) -> bool {
    let mut progress = lock(progress);
    progress.started = job.number;
    if let Some(at) = progress.abandoned.iter().position(|abandoned| *abandoned == job.number) {
        progress.abandoned.swap_remove(at);
        return false;
    }
    progress.running = Some(job);
    true
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    const SHORT: Duration = Duration::from_millis(50);
    const LONG: Duration = Duration::from_secs(10);

    fn counter() -> Worker<u32> {
        Worker::spawn("test", "token `t`".into(), &Stuck::default(), 0).unwrap()
    }

    fn count(worker: &Worker<u32>, deadline: Duration) -> Result<u32> {
        worker.call("a signature", deadline, |state| {
            *state += 1;
            Ok(*state)
        })
    }

    #[test]
    fn a_stuck_call_times_out_then_fails_fast_then_recovers() {
        let worker = counter();
        let (release, stuck) = sync_channel::<()>(0);
        let error = worker
            .call("a signature", SHORT, move |_| {
                let _ = stuck.recv();
                Ok(())
            })
            .unwrap_err();
        assert_eq!(error.code(), Code::Pkcs11Timeout);
        assert!(error.message().contains("token `t`: a signature did not come back within 50 ms"), "{error}");
        // Refused without waiting: the deadline here would fail the test run.
        let refused = count(&worker, Duration::from_hours(1)).unwrap_err();
        assert_eq!(refused.code(), Code::Pkcs11Hung);
        release.send(()).unwrap();
        let recovered = (0..100).find_map(|_| {
            thread::sleep(Duration::from_millis(10));
            count(&worker, LONG).ok()
        });
        assert_eq!(recovered, Some(1), "only the call after the recovery ran");
    }

    #[test]
    fn a_caller_that_leaves_the_queue_takes_its_job_along_and_does_not_mark_it_hung() {
        let worker = counter();
        let (release, busy) = sync_channel::<()>(0);
        let (started, running) = sync_channel::<()>(1);
        thread::scope(|scope| {
            let patient = scope.spawn(|| {
                worker.call("a signature that waits for a touch", LONG, move |_| {
                    let _ = started.send(());
                    let _ = busy.recv();
                    Ok(())
                })
            });
            running.recv().unwrap();
            let error = count(&worker, SHORT).unwrap_err();
            assert!(error.message().contains("did not get its turn"), "{error}");
            release.send(()).unwrap();
            assert_eq!(count(&worker, LONG).unwrap(), 1);
            patient.join().unwrap().unwrap();
        });
    }

    #[test]
    fn a_stuck_call_that_nobody_waits_for_is_noticed_by_the_first_behind_it() {
        let stuck = Stuck::default();
        let worker = Worker::spawn("test", "token `t`".into(), &stuck, 0).unwrap();
        let (release, busy) = sync_channel::<()>(0);
        worker
            .post(move |_| {
                let _ = busy.recv();
            })
            .unwrap();
        assert_eq!(count(&worker, SHORT).unwrap_err().code(), Code::Pkcs11Timeout);
        assert!(stuck.any());
        assert_eq!(count(&worker, Duration::from_hours(1)).unwrap_err().code(), Code::Pkcs11Hung);
        // What puts things in order afterwards is kept.
        worker.post(|state| *state += 10).unwrap();
        release.send(()).unwrap();
        let recovered = (0..100).find_map(|_| {
            thread::sleep(Duration::from_millis(10));
            count(&worker, LONG).ok()
        });
        assert_eq!(recovered, Some(11));
        assert!(!stuck.any());
    }

    #[test]
    fn a_panic_is_an_answer_and_the_thread_goes_on() {
        let worker = counter();
        let error = worker.call("a signature", LONG, |_| -> Result<()> { panic!("on purpose") }).unwrap_err();
        assert_eq!(error.code(), Code::Internal);
        assert_eq!(count(&worker, LONG).unwrap(), 1);
    }
}
