//! One run of the program.
//!
//! A thread of its own starts it, reads what it writes and waits for its end; whoever asked waits for that thread. Not
//! a runtime's child process: those learn of an end by SIGCHLD where the kernel has no pidfd, and Node.js has a
//! handler for that signal already.

use std::io::{self, Read, Write};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use refresh_session_core::{Error, Result};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::Command;

/// More than any program says beside a code.
const MAX_OUTPUT: usize = 64 * 1024;

/// Between two looks at a program that has closed its output and is about to end.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Runs it to its end and gives what it wrote.
pub(super) async fn run(command: &Command) -> Result<Zeroizing<Vec<u8>>> {
    let (report, result) = oneshot::channel();
    let running = Arc::new(Running::default());
    // Killed if the caller goes away; after the program's end this does nothing.
    let _kill_on_drop = KillOnDrop(Arc::clone(&running));
    let work = {
        let (command, running) = (command.clone(), Arc::clone(&running));
        move || {
            // Nobody may be waiting any more.
            let _ = report.send(running.to_its_end(&command));
        }
    };
    thread::Builder::new()
        .name("mfa-command".into())
        .spawn(work)
        .map_err(|error| command.failed(format_args!("was not started: no thread: {error}")))?;
    result.await.unwrap_or_else(|_| Err(command.failed("was given up by its thread")))
}

/// The process while it runs.
#[derive(Default)]
struct Running {
    child: Mutex<Option<Child>>,
    /// It must not be started any more, or was killed.
    over: AtomicBool,
}

struct KillOnDrop(Arc<Running>);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        self.0.kill();
    }
}

impl Running {
    fn to_its_end(self: &Arc<Self>, command: &Command) -> Result<Zeroizing<Vec<u8>>> {
        let (input, output) = self.start(command).map_err(|error| not_started(command, &error))?;
        let watch = Watch::over(self, command.timeout()).map_err(|error| {
            self.kill();
            command.failed(format_args!("was not started: no thread: {error}"))
        })?;
        if let (Some(mut pipe), Some(text)) = (input, &command.options.input) {
            // A program that does not read it all, or at all, is nobody's concern.
            let _ = pipe.write_all(text.expose());
        }
        let read = read(output);
        if !matches!(read, Ok(Some(_))) {
            // Nothing it does now is of use.
            self.kill();
        }
        let ended = self.wait();
        if watch.ran_out() {
            let limit = command.timeout().as_millis();
            return Err(command
                .failed(format_args!("was killed: it did not end within {limit} ms"))
                .with_hint(
                    "It must not wait for a person who is not there; or raise `mfaCommandOptions.timeoutMs`.",
                ));
        }
        let status = ended.map_err(|error| command.failed(format_args!("cannot be waited for: {error}")))?;
        let output = read
            .map_err(|error| command.failed(format_args!("gave an output that cannot be read: {error}")))?
            .ok_or_else(|| {
                command.failed(format_args!("was killed: it wrote more than {MAX_OUTPUT} bytes"))
            })?;
        if !status.success() {
            return Err(command.failed(format_args!("failed: {status}")).with_hint(
                "What it wrote is not shown, as it may be a secret. Run it by hand, as the same user.",
            ));
        }
        Ok(output)
    }

    fn start(
        &self,
        command: &Command,
    ) -> io::Result<(Option<std::process::ChildStdin>, Option<std::process::ChildStdout>)> {
        let mut program = std::process::Command::new(&command.program);
        let stdin = if command.options.input.is_some() { Stdio::piped() } else { Stdio::null() };
        program.args(&command.arguments).stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::null());
        if let Some(cwd) = &command.options.cwd {
            program.current_dir(cwd);
        }
        if let Some(env) = &command.options.env {
            program.env_clear().envs(env.iter().map(|(name, value)| (name, value)));
        }
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut program, 0);
        let mut slot = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if self.over.load(Ordering::SeqCst) {
            return Err(io::Error::other("nobody waits for it any more"));
        }
        let mut child = program.spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take());
        *slot = Some(child);
        Ok(pipes)
    }

    /// Waits for its end. Looked for again and again, so that in between it can be killed: once it has been waited
    /// for, its number may be another process's.
    fn wait(&self) -> io::Result<ExitStatus> {
        loop {
            let mut slot = self.child.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(child) = slot.as_mut() else {
                return Err(io::Error::other("it was waited for before"));
            };
            if let Some(status) = child.try_wait()? {
                *slot = None;
                return Ok(status);
            }
            drop(slot);
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Kills it with all that it has started, unless it has ended.
    fn kill(&self) {
        let mut slot = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        self.over.store(true, Ordering::SeqCst);
        if let Some(child) = slot.as_mut() {
            kill(child);
        }
    }
}

#[cfg(unix)]
fn kill(child: &mut Child) {
    use rustix::process::{Pid, Signal, kill_process_group};

    // It has not been waited for, so the number is still its own. An error means that it has just ended.
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill(child: &mut Child) {
    let _ = child.kill();
}

/// Kills the program at its deadline.
struct Watch {
    /// Dropped when the program has ended.
    _ended: std::sync::mpsc::Sender<()>,
    ran_out: Arc<AtomicBool>,
}

impl Watch {
    fn over(running: &Arc<Running>, limit: Duration) -> io::Result<Self> {
        let (ended, watched) = std::sync::mpsc::channel::<()>();
        let ran_out = Arc::new(AtomicBool::new(false));
        let work = {
            let (running, ran_out) = (Arc::clone(running), Arc::clone(&ran_out));
            move || {
                if watched.recv_timeout(limit) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                    ran_out.store(true, Ordering::SeqCst);
                    running.kill();
                }
            }
        };
        thread::Builder::new().name("mfa-deadline".into()).spawn(work)?;
        Ok(Self { _ended: ended, ran_out })
    }

    fn ran_out(&self) -> bool {
        self.ran_out.load(Ordering::SeqCst)
    }
}

/// All that is written, or `None` if that is too much.
fn read(output: Option<impl Read>) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let Some(output) = output else { return Ok(Some(Zeroizing::default())) };
    // As large as it can get from the start: a copy that is grown out of would not be overwritten.
    let mut all = Zeroizing::new(Vec::with_capacity(MAX_OUTPUT + 1));
    output.take(MAX_OUTPUT as u64 + 1).read_to_end(&mut all)?;
    Ok((all.len() <= MAX_OUTPUT).then_some(all))
}

fn not_started(command: &Command, error: &io::Error) -> Error {
    let failed = command.failed(format_args!("was not started: {error}"));
    match error.kind() {
        io::ErrorKind::NotFound => failed.with_hint(
            "Give its absolute path, or see to it that it is in PATH; `mfaCommandOptions.cwd` must exist.",
        ),
        io::ErrorKind::PermissionDenied => {
            failed.with_hint("The user of this process must be allowed to run it.")
        }
        _ => failed,
    }
}
