//! Rates and bytes: messages of 256 bytes with 40 bytes of header.
//!
//! `cargo run --release -p refresh-session-spool --example figures -- DIRECTORY`

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "an example")]
#![allow(clippy::cast_precision_loss, reason = "rates")]
#![allow(clippy::disallowed_methods, reason = "measures itself")]

use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use refresh_session_spool::{Fsync, Record, Spool, SpoolOptions};

const MESSAGES: usize = 10_000;

fn main() {
    let directory = std::env::args().nth(1).expect("a directory");
    for (fsync, batch) in
        [(Fsync::Always, 1), (Fsync::Always, 10), (Fsync::Always, 100), (Fsync::OnDemand, 1)]
    {
        let path = Path::new(&directory).join(format!("{fsync:?}-{batch}"));
        let (mut spool, _) = open(&path, fsync);
        let start = Instant::now();
        for _ in 0..MESSAGES / batch {
            spool.append_batch(&vec![record(); batch]).unwrap();
        }
        let rate = MESSAGES as f64 / start.elapsed().as_secs_f64();
        let bytes = spool.stats().written_bytes as f64 / MESSAGES as f64;
        println!("{fsync:?}, batches of {batch}: {rate:.0} messages/s, {bytes:.0} bytes each");
        drop(spool);
        let start = Instant::now();
        let (mut spool, _) = open(&path, fsync);
        println!("  opened with {} in {:?}", spool.stats().messages, start.elapsed());
        let before = spool.stats().written_bytes;
        let start = Instant::now();
        while spool.ids().next().is_some() {
            let ids: Vec<_> = spool.ids().take(batch).collect();
            spool.remove(&ids).unwrap();
        }
        let rate = MESSAGES as f64 / start.elapsed().as_secs_f64();
        let bytes = (spool.stats().written_bytes - before) as f64 / MESSAGES as f64;
        println!("  removed: {rate:.0} messages/s, {bytes:.0} bytes each");
    }
}

fn open(path: &Path, fsync: Fsync) -> (Spool, usize) {
    let options = SpoolOptions {
        directory: path.to_owned(),
        identity: "gw-0042".into(),
        max_bytes: 16 << 20,
        max_messages: 100_000,
        fsync,
    };
    let (spool, warnings) = Spool::open(&options).unwrap();
    (spool, warnings.len())
}

fn record() -> Record {
    Record { header: Bytes::from_static(&[1; 40]), payload: Bytes::from_static(&[2; 256]) }
}
