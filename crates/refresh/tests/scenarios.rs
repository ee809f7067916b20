//! The machine in virtual time: one named test for each story of `scenarios/*.json`, and one for each of AWS's public
//! vectors.
//!
//! | Module | Holds |
//! |---|---|
//! | [`story`] | the format of our files |
//! | [`world`] | a machine with its time, its source and its callers |
//! | [`play`] | a story, step by step, over many seeds |
//! | [`expect`] | what a step says must hold after it |
//! | [`vectors`] | the public vectors, played under a policy |
//! | [`differences`] | the vectors that `docs/refresh.md` says a policy answers differently |
//!
//! The vectors are not part of this repository: they are looked for where `CREDENTIAL_REFRESH_VECTORS` says, else
//! beside the checkout, in `shared/vectors`. Without them their tests are listed as ignored.

#[path = "scenarios/differences.rs"]
mod differences;
#[path = "scenarios/expect.rs"]
mod expect;
#[path = "scenarios/play.rs"]
mod play;
#[path = "scenarios/story.rs"]
mod story;
#[path = "scenarios/vectors.rs"]
mod vectors;
#[path = "scenarios/world.rs"]
mod world;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// What a check comes to: a sentence about what is wrong is all that a failed test needs.
type Checked<T = ()> = Result<T, String>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = stories();
    trials.extend(vectors::trials());
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn stories() -> Vec<Trial> {
    match story::files() {
        Ok(files) => files.into_iter().flat_map(|(subject, stories)| of_file(&subject, stories)).collect(),
        Err(error) => vec![Trial::test("stories", move || Err(error.into()))],
    }
}

/// A story is told once for each policy it holds for.
fn of_file(subject: &str, stories: Vec<story::Story>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for story in stories {
        for policy in story.policies.clone() {
            let name = format!("{subject}::{policy}::{}", words(&story.name));
            let story = story.clone();
            trials.push(Trial::test(name, move || play::story(&story, &policy).map_err(Into::into)));
        }
    }
    trials
}

/// A name that a shell takes without quotes.
fn words(name: &str) -> String {
    let words: Vec<_> =
        name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join("_")
}
