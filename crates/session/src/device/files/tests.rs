//! Real files, written as they are written in the field: whole, half, one of two.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{CertificateParams, KeyPair};

use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("rotation-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> Material {
        Material::Path(self.0.join(name))
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.0.join(name), content).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A certificate of `key`, and the key.
fn pair(key: &KeyPair) -> (String, String) {
    let certificate = CertificateParams::new(vec!["gw".to_owned()]).unwrap().self_signed(key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn new_pair() -> (String, String) {
    pair(&KeyPair::generate().unwrap())
}

fn write(folder: &Folder, (certificate, key): &(String, String)) {
    folder.write("cert", certificate);
    folder.write("key", key);
}

fn open(folder: &Folder, key: bool, ca: CaOptions) -> Files {
    let private_key = key.then(|| folder.file("key"));
    let given = Given { certificate: Some(folder.file("cert")), private_key, passphrase: None, ca };
    Files::open(given, &mut Description::new("test")).unwrap()
}

fn bed() -> (Folder, Files, (String, String)) {
    let (folder, first) = (Folder::new(), new_pair());
    write(&folder, &first);
    let files = open(&folder, true, CaOptions::System);
    (folder, files, first)
}

/// Whether this certificate is in use.
fn uses(files: &Files, (certificate, _): &(String, String)) -> bool {
    let expected = Certificate::all_from_pem(certificate.as_bytes()).unwrap();
    files.current().holder.leaf().unwrap().der() == expected[0].der()
}

/// The codes of the warnings after a look.
fn look(files: &Files) -> Vec<&'static str> {
    files.look();
    files.take_warnings().into_iter().map(|warning| warning.code).collect()
}

const REFUSED: [&str; 1] = ["WARN_CERTIFICATE_NOT_RELOADED"];

#[test]
fn a_new_pair_is_taken_over_once() {
    let (folder, files, first) = bed();
    assert_eq!((look(&files).len(), files.current().revision), (0, 0));
    let second = new_pair();
    write(&folder, &second);
    assert!(look(&files).is_empty() && uses(&files, &second) && !uses(&files, &first));
    assert!(look(&files).is_empty());
    assert_eq!(files.current().revision, 1);
}

#[test]
fn half_of_a_pair_is_told_once_and_the_old_one_stays() {
    let (folder, files, first) = bed();
    let second = new_pair();
    folder.write("key", &second.1);
    assert_eq!(look(&files), REFUSED);
    assert!(look(&files).is_empty(), "the same content again");
    folder.write("cert", &second.0[..second.0.len() / 2]);
    assert_eq!(look(&files), REFUSED);
    folder.write("cert", "");
    files.look();
    let message = files.take_warnings().remove(0).message;
    assert!(message.contains(folder.0.join("cert").to_str().unwrap()), "{message}");
    assert!(uses(&files, &first) && files.current().revision == 0);
    folder.write("cert", &second.0);
    assert!(look(&files).is_empty() && uses(&files, &second));
}

#[test]
fn a_file_that_is_gone_is_told_once() {
    let (folder, files, first) = bed();
    std::fs::remove_file(folder.0.join("key")).unwrap();
    assert_eq!(look(&files), REFUSED);
    assert!(look(&files).is_empty());
    write(&folder, &first);
    assert!(look(&files).is_empty() && uses(&files, &first));
    assert_eq!(files.current().revision, 0, "it is the one in use");
}

#[test]
fn no_byte_of_a_write_in_place_is_taken_for_the_whole() {
    let (folder, files, first) = bed();
    let second = new_pair();
    folder.write("key", &second.1);
    for end in 0..second.0.trim_end().len() {
        folder.write("cert", &second.0[..end]);
        files.look();
        assert!(uses(&files, &first), "{end}");
    }
    folder.write("cert", &second.0);
    files.look();
    assert!(uses(&files, &second));
}

#[test]
fn the_ca_is_watched_by_itself() {
    let (folder, first) = (Folder::new(), new_pair());
    write(&folder, &first);
    folder.write("ca", &first.0);
    let files = open(&folder, true, CaOptions::Bundle(folder.file("ca")));
    folder.write("ca", "-----BEGIN CERTIFICATE-----\nMII");
    let second = new_pair();
    write(&folder, &second);
    assert_eq!(look(&files), ["WARN_CA_NOT_RELOADED"]);
    assert!(uses(&files, &second), "a CA that is being written does not hold up a certificate");
    folder.write("ca", &second.0);
    assert!(look(&files).is_empty());
    assert_eq!(files.current().revision, 2);
}

#[test]
fn a_certificate_must_be_of_the_key_that_the_token_proved() {
    let (folder, key) = (Folder::new(), KeyPair::generate().unwrap());
    let first = pair(&key);
    write(&folder, &first);
    let files = open(&folder, false, CaOptions::System);
    files.proved(files.current().holder.leaf().unwrap().public_key());
    let stranger = new_pair();
    folder.write("cert", &stranger.0);
    assert_eq!(look(&files), REFUSED);
    assert!(uses(&files, &first));
    let renewed = pair(&key);
    folder.write("cert", &renewed.0);
    assert!(look(&files).is_empty() && uses(&files, &renewed));
    folder.write("cert", &stranger.0);
    assert_eq!(look(&files), REFUSED);
    files.disproved();
    assert!(look(&files).is_empty() && uses(&files, &stranger));
}

#[test]
fn the_same_content_in_other_files_is_another_source() {
    let (one, other, content) = (Folder::new(), Folder::new(), new_pair());
    let described = |folder: &Folder| {
        write(folder, &content);
        let mut description = Description::new("test");
        let (certificate, private_key) = (Some(folder.file("cert")), Some(folder.file("key")));
        let given = Given { certificate, private_key, passphrase: None, ca: CaOptions::System };
        Files::open(given, &mut description).unwrap();
        description.finish().unwrap()
    };
    assert_eq!(described(&one), described(&one));
    assert_ne!(described(&one), described(&other));
}

#[test]
fn a_change_that_leaves_size_and_times_as_they_were_is_seen() {
    let (folder, files, _) = bed();
    let (key, path) = (KeyPair::generate().unwrap(), folder.0.join("cert"));
    let one = pair(&key);
    // The length of a signature varies.
    let alike = |other: &(String, String)| other.0.len() == one.0.len();
    let other = std::iter::repeat_with(|| pair(&key)).find(alike).unwrap();
    write(&folder, &one);
    let times = std::fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
    let touch = || std::fs::File::options().write(true).open(&path).unwrap().set_times(times).unwrap();
    touch();
    assert!(look(&files).is_empty() && uses(&files, &one));
    folder.write("cert", &other.0);
    touch();
    assert_eq!(one.0.len(), other.0.len());
    assert!(look(&files).is_empty() && uses(&files, &other));
}

#[test]
fn what_does_not_fit_is_read_once_more() {
    let folder = Folder::new();
    let (first, second) = (new_pair(), new_pair());
    let read = |pair: &(String, String)| {
        write(&folder, pair);
        load(&[
            Watched { param: "certificate", material: folder.file("cert") },
            Watched { param: "privateKey", material: folder.file("key") },
        ])
    };
    let (torn, gone) = ((first.0.clone(), second.1.clone()), (String::new(), String::new()));
    // What each reading finds; whether there is something new; whether the user hears of it.
    for (readings, new, told) in [
        ([&torn, &second], true, false),
        ([&torn, &first], false, false),
        ([&gone, &second], true, false),
        ([&torn, &torn], false, true),
        ([&torn, &gone], false, true),
    ] {
        let mut memory = Memory::new(hash(&read(&first).unwrap()).unwrap());
        let left = std::cell::RefCell::new(readings.to_vec());
        let found =
            changed(&mut memory, || read(left.borrow_mut().remove(0)), |loaded| holder_of(loaded, None));
        assert_eq!((found.is_err(), found.is_ok_and(|found| found.is_some())), (told, new));
    }
}

#[test]
fn a_folder_that_is_swapped_as_a_whole_is_followed() {
    let (folder, first, second) = (Folder::new(), new_pair(), new_pair());
    let version = |name: &str, pair: &(String, String)| {
        let (data, next) = (folder.0.join("..data"), folder.0.join("..data_tmp"));
        std::fs::create_dir(folder.0.join(name)).unwrap();
        folder.write(&format!("{name}/cert"), &pair.0);
        folder.write(&format!("{name}/key"), &pair.1);
        std::os::unix::fs::symlink(name, &next).unwrap();
        std::fs::rename(next, data).unwrap();
    };
    version("..1", &first);
    for name in ["cert", "key"] {
        std::os::unix::fs::symlink(format!("..data/{name}"), folder.0.join(name)).unwrap();
    }
    let files = open(&folder, true, CaOptions::System);
    version("..2", &second);
    std::fs::remove_dir_all(folder.0.join("..1")).unwrap();
    assert!(look(&files).is_empty() && uses(&files, &second));
}

#[test]
fn whatever_else_is_in_its_place_changes_nothing_and_is_told_once() {
    let (folder, files, first) = bed();
    let path = folder.0.join("cert");
    let huge = || std::fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    for put in [&|| std::fs::create_dir(&path).unwrap(), &huge as &dyn Fn()] {
        std::fs::remove_file(&path).unwrap();
        put();
        assert_eq!(look(&files), REFUSED);
        assert!(look(&files).is_empty() && uses(&files, &first));
        let _ = std::fs::remove_dir(&path);
        folder.write("cert", &first.0);
        assert!(look(&files).is_empty());
    }
}

#[test]
fn while_a_look_hangs_others_give_up_at_once() {
    let (folder, files, first) = bed();
    write(&folder, &new_pair());
    let hangs = files.looking.lock().unwrap();
    files.look();
    files.disproved();
    assert!(uses(&files, &first));
    drop(hangs);
    files.look();
    assert!(!uses(&files, &first));
}
