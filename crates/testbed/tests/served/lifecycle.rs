//! How a testbed begins and ends.

use std::{
    fs,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::json;
use tokio::{net::TcpStream, time};

use crate::{
    bed::{Bed, bounded, command, fresh_folder},
    client::{GET, GOOD},
};

/// The exit code, for which nobody waits for ever.
async fn ended(bed: &mut Bed) -> Option<i32> {
    bounded(async {
        loop {
            // A child process can only be polled; the pause is between polls and proves nothing.
            if let Some(status) = bed.child().try_wait().unwrap() {
                return status.code();
            }
            time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

#[tokio::test]
async fn ends_with_stdin() {
    let mut bed = Bed::start(&[]);
    let _open = GOOD.connect(&bed).await.unwrap();
    drop(bed.child().stdin.take());
    assert_eq!(ended(&mut bed).await, Some(0));
    assert!(TcpStream::connect(("127.0.0.1", bed.port())).await.is_err());
    assert!(bed.folder().join("pki/ca.pem").exists());
}

#[tokio::test]
async fn ends_with_signals() {
    for signal in ["-TERM", "-INT"] {
        let mut bed = Bed::start(&[]);
        let process = bed.ready["pid"].to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
        assert_eq!(ended(&mut bed).await, Some(0), "{signal}");
    }
}

#[tokio::test]
async fn ends_when_told_to() {
    let mut bed = Bed::start(&[]);
    bounded(bed.control("POST", "/shutdown", json!({}))).await;
    assert_eq!(ended(&mut bed).await, Some(0));
}

#[test]
fn leaves_folders_of_others_alone() {
    let folder = fresh_folder();
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("precious"), "data").unwrap();
    let output = command(&["serve", "--dir"]).arg(&folder).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8(output.stderr).unwrap().contains("neither empty nor made by"));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_folder_is_for_one_at_a_time_and_can_be_used_again() {
    let mut bed = Bed::start(&[]);
    let second =
        || command(&["serve", "--stop-with-stdin", "--dir"]).arg(bed.folder()).stdin(Stdio::null()).output();
    let refused = second().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("another testbed is serving"));
    assert_eq!(bounded(GOOD.request(&bed, GET)).await.unwrap().status, 200);

    drop(bed.child().stdin.take());
    assert_eq!(ended(&mut bed).await, Some(0));
    let again =
        command(&["serve", "--stop-with-stdin", "--dir"]).arg(bed.folder()).stdin(Stdio::null()).output();
    let again = again.unwrap();
    assert_eq!(again.status.code(), Some(0));
    assert!(again.stdout.starts_with(b"{\"ready\":true"));
}

#[test]
fn says_which_package_is_missing() {
    let folder = fresh_folder();
    let output = command(&["serve", "--dir"]).arg(&folder).env("PATH", "").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8(output.stderr).unwrap().contains("apt-get install openssl"));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn refuses_wrong_command_lines() {
    for arguments in [&[][..], &["serve"], &["serve", "--dir", "x", "--fast"]] {
        let output = command(arguments).output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(64), 0), "{arguments:?}");
    }
}

#[test]
fn makes_every_form_of_key() {
    let bed = Bed::start(&[]);
    let begins = |device: &str, form: &str, label: &str| {
        let text = fs::read_to_string(bed.device_file(device, form)).unwrap();
        assert!(text.starts_with(&format!("-----BEGIN {label}-----")), "{device} {form}: {text}");
        text
    };
    for device in
        ["ec256", "ec384", "ec521", "rsa2048", "rsa1024", "ed25519", "ec256-expired", "ec256-unknown"]
    {
        begins(device, "privateKey", "PRIVATE KEY");
    }
    begins("ec256", "privateKeySec1", "EC PRIVATE KEY");
    begins("ec256", "privateKeyEncrypted", "ENCRYPTED PRIVATE KEY");
    begins("rsa2048", "privateKeyPkcs1", "RSA PRIVATE KEY");
    begins("rsa2048", "privateKeyEncrypted", "ENCRYPTED PRIVATE KEY");
    let legacy = begins("ec256", "privateKeyLegacyEncrypted", "EC PRIVATE KEY");
    assert!(legacy.contains("Proc-Type: 4,ENCRYPTED"));
}

/// Needs SoftHSM; where it is missing, the testbed has to say so.
#[test]
fn makes_tokens() {
    let probe = Command::new("softhsm2-util").arg("--version").output();
    if probe.is_err() {
        let output = command(&["serve", "--tokens", "--dir"]).arg(fresh_folder()).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        return;
    }
    let bed = Bed::start(&["--tokens"]);
    let tokens = &bed.ready["tokens"];
    let gateway = &tokens["tokens"]["gw"];
    assert_eq!((gateway["label"].as_str(), gateway["pin"].as_str()), (Some("gw"), Some("canary-pin-8361")));
    for (name, label, id) in [
        ("ec256", "ec256", "01"),
        ("ec384", "ec384", "02"),
        ("rsa2048", "rsa2048", "03"),
        ("dup-0b", "dup", "0b"),
    ] {
        let key = &gateway["keys"][name];
        assert_eq!((key["label"].as_str(), key["id"].as_str()), (Some(label), Some(id)));
        assert!(fs::exists(key["certificate"].as_str().unwrap()).unwrap());
    }
    let serial = |name: &str| tokens["tokens"][name]["serial"].as_str().unwrap().to_owned();
    assert_eq!(tokens["tokens"]["twin-1"]["label"], tokens["tokens"]["twin-2"]["label"]);
    let mut serials = ["gw", "other", "twin-1", "twin-2"].map(serial).to_vec();
    serials.sort_unstable();
    serials.dedup();
    assert_eq!(serials.len(), 4);
    // The only copy of a token's key is in the token.
    for file in fs::read_dir(bed.folder().join("pki")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(!name.starts_with("hsm-") || name.ends_with(".cert.pem"), "{name}");
    }
}
