//! Commands as real processes. Linux only: they look into `/proc`.

#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]
#![allow(clippy::panic, reason = "the same")]

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use refresh_session_core::{Code, Error, Secret};
use refresh_session_mfa::{Command, CommandOptions};
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(20);

fn shell(script: &str, options: CommandOptions) -> Command {
    Command::from_words(vec!["/bin/sh".into(), "-c".into(), script.into()], options).unwrap()
}

async fn code(command: &Command) -> Result<String, Error> {
    let code = timeout(LONG, command.code()).await.expect("it ends")?;
    Ok(code.secret().expose_str().unwrap().to_owned())
}

/// The error, which must show nothing of what the command wrote or was given.
async fn error(command: &Command) -> String {
    let error = code(command).await.unwrap_err();
    assert_eq!(error.code(), Code::MfaCommand);
    assert_eq!(error.param(), Some("mfaTokenProvider"));
    let shown = format!("{error:?} {error} {command:?}");
    assert!(!shown.contains("canary") && !shown.contains("123456"), "{shown}");
    shown
}

#[tokio::test]
async fn the_last_code_of_the_output_is_taken() {
    let command =
        Command::from_line("printf 'first 111111\\nid=000123\\n'", CommandOptions::default()).unwrap();
    assert_eq!(code(&command).await.unwrap(), "000123");
}

#[tokio::test]
async fn no_shell_sees_the_words() {
    let command = Command::from_line("echo 111111 ; echo 222222 > $HOME", CommandOptions::default()).unwrap();
    assert_eq!(code(&command).await.unwrap(), "222222", "all of it is what one echo prints");
}

#[tokio::test]
async fn standard_error_is_not_read_and_standard_input_is_empty() {
    let command = shell("cat; echo 999999 >&2; echo 123456", CommandOptions::default());
    assert_eq!(code(&command).await.unwrap(), "123456");
}

#[tokio::test]
async fn input_environment_and_working_directory_are_those_given() {
    let options = CommandOptions {
        input: Some(Secret::from("654321")),
        env: Some(vec![("ONLY".into(), "x".into())]),
        cwd: Some("/usr".into()),
        timeout: None,
    };
    let script = r#"[ "$ONLY" = x ] && [ -z "$HOME" ] && [ "$PWD" = /usr ] && cat"#;
    assert_eq!(code(&shell(script, options)).await.unwrap(), "654321");
}

#[tokio::test]
async fn what_goes_wrong_is_told_without_what_was_written() {
    let options = CommandOptions::default;
    let missing = Command::from_line("/nowhere/ykman --password canary", options()).unwrap();
    let shown = error(&missing).await;
    assert!(shown.contains("/nowhere/ykman") && shown.contains("PATH"), "{shown}");
    let shown = error(&Command::from_line("/etc/passwd", options()).unwrap()).await;
    assert!(shown.contains("allowed to run it"), "{shown}");
    let shown = error(&shell("echo canary 123456; echo canary >&2; exit 3", options())).await;
    assert!(shown.contains("exit status: 3"), "{shown}");
    let shown = error(&shell("echo canary; kill -TERM $$", options())).await;
    assert!(shown.contains("signal: 15"), "{shown}");
    let shown = error(&shell("echo canary otp123456", options())).await;
    assert!(shown.contains("wrote no code"), "{shown}");
    let shown = error(&shell("while :; do echo canary; done", options())).await;
    assert!(shown.contains("more than 65536 bytes"), "{shown}");
    let nowhere = CommandOptions { cwd: Some("/nowhere".into()), ..options() };
    assert!(error(&shell("echo 123456", nowhere)).await.contains("cwd"));
}

#[tokio::test]
async fn at_its_deadline_it_is_killed_with_all_that_it_started() {
    let folder = Folder::new("deadline");
    let options = CommandOptions { timeout: Some(Duration::from_millis(300)), ..CommandOptions::default() };
    // The child holds the output open, and outlives its parent.
    let script =
        format!("sleep 1000 & echo $! > {0}/child; echo $$ > {0}/leader; exit 0", folder.0.display());
    let shown = error(&shell(&script, options)).await;
    assert!(shown.contains("within 300 ms"), "{shown}");
    folder.assert_gone(&["child", "leader"]);
}

#[tokio::test]
async fn when_nobody_waits_any_more_it_is_killed() {
    let folder = Folder::new("dropped");
    let script = format!("sleep 1000 & echo $! > {0}/child; echo $$ > {0}/leader; wait", folder.0.display());
    let command = shell(&script, CommandOptions::default());
    let waiting = command.code();
    tokio::select! {
        _ = waiting => panic!("it has no end of its own"),
        () = folder.written(&["child", "leader"]) => {}
    }
    folder.assert_gone(&["child", "leader"]);
}

#[tokio::test]
async fn input_that_is_not_read_does_no_harm() {
    let options =
        || CommandOptions { input: Some(Secret::new(vec![b'x'; 1 << 20])), ..CommandOptions::default() };
    assert_eq!(code(&shell("exec 0<&-; echo 123456", options())).await.unwrap(), "123456");
    let hasty = CommandOptions { timeout: Some(Duration::from_millis(300)), ..options() };
    assert!(error(&shell("echo 123456; sleep 1000", hasty)).await.contains("within 300 ms"));
}

#[tokio::test]
async fn many_runs_leave_nothing_behind() {
    let entries = |path: &str| fs::read_dir(path).unwrap().count();
    let command = shell("echo 123456", CommandOptions::default());
    code(&command).await.unwrap();
    let before = entries("/proc/self/fd");
    for _ in 0..50 {
        code(&command).await.unwrap();
    }
    // Other tests of this process open files of their own meanwhile.
    assert!(entries("/proc/self/fd") < before + 25);
}

#[test]
fn a_command_without_a_program_is_refused() {
    for line in ["", "  ", "''", "# nothing"] {
        let error = Command::from_line(line, CommandOptions::default()).unwrap_err();
        assert_eq!(
            (error.code(), error.param()),
            (Code::InvalidOption, Some("mfaTokenProvider")),
            "{line:?}"
        );
    }
    assert!(Command::from_words(vec!["a\0canary".into()], CommandOptions::default()).is_err());
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("mfa-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Until the script has written all of these.
    async fn written(&self, names: &[&str]) {
        while !names.iter().all(|name| self.pid(name).is_some()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn pid(&self, name: &str) -> Option<u32> {
        fs::read_to_string(self.0.join(name)).ok()?.trim().parse().ok()
    }

    /// None of these processes runs any more; one that nobody has waited for yet does not run.
    fn assert_gone(&self, names: &[&str]) {
        for name in names {
            let pid = self.pid(name).unwrap();
            let runs = || {
                let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
                stat.rsplit(')')
                    .next()
                    .is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with('Z'))
            };
            for _ in 0..400 {
                if !runs() {
                    break;
                }
                thread::sleep(Duration::from_millis(5));
            }
            assert!(!runs(), "{name} {pid} is still there");
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
