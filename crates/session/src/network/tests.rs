//! On links, addresses and routes that are the test's own: each runs in a process with a network namespace, which nobody
//! but root or a user namespace gets. Where there is none they are skipped, and say so.

use std::process::Command;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::socket::Socket;
use super::{Network as _, SystemNetwork};

/// Set in the process that is in the namespace.
const WITHIN: &str = "REFRESH_SESSION_OWN_NETWORK";

/// News that has not come by then does not come.
const HANGS: Duration = Duration::from_secs(20);

/// Runs the test named `name` again in a network of its own; there, `act`.
#[expect(clippy::disallowed_methods, reason = "how a test tells its child what it is")]
fn in_own_network(name: &str, act: impl FnOnce()) {
    if std::env::var(WITHIN).is_ok() {
        return act();
    }
    let namespace = if is_root() { "-n" } else { "-rn" };
    let probe = Command::new("unshare").args([namespace, "ip", "link", "set", "lo", "up"]).output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        eprintln!("{name} is skipped: it needs `unshare {namespace}` and `ip`");
        return;
    }
    let name = format!("network::tests::{name}");
    let output = Command::new("unshare")
        .arg(namespace)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture", "--test-threads=1"])
        .env(WITHIN, "1")
        .output()
        .unwrap();
    let shown =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{shown}");
    assert!(shown.contains("1 passed"), "{name} is not the name of a test:\n{shown}");
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// When it returns, the kernel has told everybody of it.
fn ip(line: &str) -> String {
    let output = Command::new("ip").args(line.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A wire with two ends that are switched on.
fn lay_wire() {
    ip("link add wire0 type veth peer name wire1");
    ip("link set wire0 up");
    ip("link set wire1 up");
    until_running(true);
}

/// A thread of the kernel's notices later whether there is somebody at the other end, and then tells.
fn until_running(running: bool) {
    while ["wire0", "wire1"]
        .iter()
        .any(|end| ip(&format!("-o link show {end}")).contains("state UP") != running)
    {
        std::thread::yield_now();
    }
}

fn sockets() -> usize {
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    let targets = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

#[test]
fn what_comes_together_is_one_notice_for_every_reader() {
    in_own_network("what_comes_together_is_one_notice_for_every_reader", || {
        let before = runtime().block_on(async {
            // The runtime may have some of its own.
            let before = sockets();
            let readers: [SystemNetwork; 10] = std::array::from_fn(|_| SystemNetwork::new());
            assert_eq!(sockets(), before, "opened before anybody waits");
            for reader in &readers {
                nothing(reader).await;
            }
            assert_eq!(sockets(), before + 1);
            lay_wire();
            ip("addr add 192.0.2.1/24 dev wire0");
            for reader in &readers {
                reader.came().await;
                nothing(reader).await;
            }
            // Of what is there already: not news, so that the next notice is of the route.
            ip("link set wire0 mtu 1400");
            ip("addr change 192.0.2.1/24 dev wire0 valid_lft 1000 preferred_lft 1000");
            let late = SystemNetwork::new();
            nothing(&late).await;
            ip("route add default via 192.0.2.9 dev wire0");
            late.came().await;
            for reader in &readers {
                reader.came().await;
                nothing(reader).await;
            }
            drop(readers);
            nothing(&late).await;
            assert_eq!(sockets(), before + 1, "there is a reader left");
            drop(late);
            nobody_runs().await;
            assert_eq!(sockets(), before);
            // And from the beginning.
            let again = SystemNetwork::new();
            nothing(&again).await;
            ip("route replace default via 192.0.2.8 dev wire0");
            again.came().await;
            before
        });
        assert!(sockets() <= before);
    });
}

#[test]
fn a_runtime_that_ends_takes_nobody_elses_notices_along() {
    in_own_network("a_runtime_that_ends_takes_nobody_elses_notices_along", || {
        let (first, second) = (runtime(), runtime());
        let (one, other) = (SystemNetwork::new(), SystemNetwork::new());
        first.block_on(nothing(&one));
        second.block_on(nothing(&other));
        drop(first);
        second.block_on(async {
            nothing(&other).await;
            lay_wire();
            other.came().await;
            // Its own runtime is gone, but it may be used in another.
            nothing(&one).await;
        });
    });
}

#[test]
fn the_kernel_tells_what_is_news() {
    in_own_network("the_kernel_tells_what_is_news", || {
        let runtime = runtime();
        let _inside = runtime.enter();
        let mut socket = Socket::open().unwrap();
        for (line, news) in [
            ("link add wire0 type veth peer name wire1", false),
            ("link set wire0 up", false),
            // Now somebody is at the other end.
            ("link set wire1 up", true),
            ("link set wire1 down", false),
            ("link set wire1 up", true),
            ("addr add 127.0.0.2/8 dev lo", false),
            ("addr add 169.254.1.1/16 dev wire0 scope link", false),
            ("addr add 192.0.2.1/24 dev wire0", true),
            ("addr del 192.0.2.1/24 dev wire0", false),
            ("addr add 192.0.2.1/24 dev wire0", true),
            ("-6 addr add 2001:db8::1/64 dev wire0 nodad", true),
            ("-6 addr change 2001:db8::1/64 dev wire0 nodad valid_lft 1000 preferred_lft 900", false),
            ("route add 198.51.100.0/24 via 192.0.2.9", false),
            ("route add default via 192.0.2.9 metric 5", true),
            ("route add default via 192.0.2.8 metric 6", true),
            ("route replace default via 192.0.2.7 metric 5", true),
            ("route replace default via 192.0.2.7 metric 5", false),
            ("route replace default via 192.0.2.9 metric 5", true),
            ("route del default via 192.0.2.9 metric 5", false),
            ("-6 route add default via fe80::9 dev wire0", true),
            ("route add unreachable default metric 9", false),
            ("link del wire0", false),
        ] {
            ip(line);
            match line {
                "link set wire1 up" => until_running(true),
                "link set wire1 down" => until_running(false),
                _ => {}
            }
            if news {
                // Of an IPv6 address the kernel tells when another of its threads has got to it.
                runtime.block_on(async { timeout(HANGS, socket.news()).await }).expect(line).unwrap();
                socket.heard();
            } else {
                assert_eq!(socket.heard(), 0, "{line}");
            }
        }
    });
}

#[test]
fn what_was_lost_counts_and_what_others_say_does_not() {
    in_own_network("what_was_lost_counts_and_what_others_say_does_not", || {
        let runtime = runtime();
        let _inside = runtime.enter();
        let mut socket = Socket::open().unwrap();
        ip("link add wire0 type veth");
        assert_eq!(socket.heard(), 0);
        // A link that runs: `RTM_NEWLINK` of 32 bytes.
        let mut forged = [0_u8; 32];
        forged[..4].copy_from_slice(&32_u32.to_ne_bytes());
        forged[4..6].copy_from_slice(&16_u16.to_ne_bytes());
        forged[20..24].copy_from_slice(&7_u32.to_ne_bytes());
        forged[24..28].copy_from_slice(&0x41_u32.to_ne_bytes());
        assert!(super::words::words(&forged).next().is_some());
        socket.is_sent(&forged);
        assert_eq!(socket.heard(), 0);

        socket.shrink();
        for _ in 0..20 {
            ip("link set wire0 mtu 1400");
            ip("link set wire0 mtu 1500");
        }
        assert_eq!(socket.heard(), 1, "the overrun");
        ip("link set wire0 mtu 1400");
        assert_eq!(socket.heard(), 0);
    });
}

/// No notice is due: what can run has run.
async fn nothing(network: &SystemNetwork) {
    tokio::select! {
        biased;
        () = network.came() => panic!("a notice"),
        () = nobody_runs() => {}
    }
}

async fn nobody_runs() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}
