//! Processes that are killed while they write.

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _, stderr, stdin};
use std::process::{Command, Stdio};

use refresh_session_spool::{Record, Spool};
use support::{Temporary, options, record};

const KILLS: usize = 100;

/// A queue that is appended to and removed from, over and over, until it is killed. What it does goes to standard error, where
/// the test harness does not write.
#[test]
#[ignore = "the child of the next test"]
fn child() {
    let mut directory = String::new();
    stdin().read_line(&mut directory).unwrap();
    let (mut spool, warnings) = Spool::open(&options(directory.trim_end())).unwrap();
    assert!(warnings.iter().all(|warning| warning.code == "WARN_MQTT_QUEUE_TRUNCATED"), "{warnings:?}");
    let say = |what: &str, ids: &[u64]| {
        let ids: Vec<_> = ids.iter().map(u64::to_string).collect();
        // In one write, so that no line is cut.
        stderr().write_all(format!("{what} {}\n", ids.join(" ")).as_bytes()).unwrap();
    };
    loop {
        let stored = spool.stats().messages as usize;
        // Texts of different lengths, so that frames end anywhere.
        let batch: Vec<Record> =
            (0..=stored % 4).map(|index| record(&"x".repeat(17 * index + stored))).collect();
        let ids = spool.append_batch(&batch).unwrap();
        say("stored", &ids.iter().map(|id| id.as_u64()).collect::<Vec<_>>());
        if stored > 200 {
            let oldest: Vec<_> = spool.ids().take(150).collect();
            say("removing", &oldest.iter().map(|id| id.as_u64()).collect::<Vec<_>>());
            spool.remove(&oldest).unwrap();
        }
    }
}

#[test]
fn what_was_reported_is_there_after_a_kill() {
    let place = Temporary::new("crash");
    let mut expected = BTreeSet::new();
    let mut given = 0;
    for round in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "child", "--nocapture"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        writeln!(child.stdin.take().unwrap(), "{}", place.queue().display()).unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        // It runs on while we read: the kill comes wherever it is then.
        let mut lines: Vec<String> = said.by_ref().take(1 + round % 17).map(Result::unwrap).collect();
        let error = Spool::open(&options(place.queue())).unwrap_err();
        assert_eq!(error.code().as_str(), "ERR_MQTT_QUEUE_LOCKED");
        child.kill().unwrap();
        child.wait().unwrap();
        lines.extend(said.map_while(Result::ok));
        for line in &lines {
            let mut words = line.split(' ');
            let what = words.next().unwrap();
            for id in words.map(|word| word.parse::<u64>().unwrap_or_else(|_| panic!("{line}"))) {
                match what {
                    "stored" => {
                        assert!(id > given, "{id} is used twice");
                        given = id;
                        assert!(expected.insert(id));
                    }
                    // Perhaps it was done, perhaps not.
                    _ => drop(expected.remove(&id)),
                }
            }
        }
        // The lock went with the process.
        let (mut spool, warnings) = Spool::open(&options(place.queue())).unwrap();
        assert!(warnings.iter().all(|warning| warning.code == "WARN_MQTT_QUEUE_TRUNCATED"), "{warnings:?}");
        let there: BTreeSet<u64> =
            spool.read_after(None, usize::MAX).unwrap().iter().map(|(id, _)| id.as_u64()).collect();
        let lost: Vec<_> = expected.difference(&there).collect();
        assert!(lost.is_empty(), "lost in round {round}: {lost:?}");
        given = given.max(there.last().copied().unwrap_or(0));
        expected = there;
    }
    assert!(given > KILLS as u64, "{given}");
}
