//! The format of `scenarios/*.json`: an array of stories, each a list of steps in virtual time.
//!
//! A step does one thing and says what must hold after it. Times are in seconds. Every answer to a caller who waited,
//! and every contact with the source, has to be foretold by the step in which it happens: what is left out of
//! `expect` is not ignored but expected not to happen. Where a value is drawn, bounds stand for it, and `spread`
//! demands that the seeds fill them.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::Checked;

/// One story.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Story {
    /// What it shows; a part of the test's name.
    pub(crate) name: String,
    /// The policies it holds for.
    pub(crate) policies: Vec<String>,
    /// What the user changed in them.
    #[serde(default)]
    pub(crate) settings: Changes,
    /// Keys that a fetch has brought before the story begins.
    pub(crate) holding: Option<Keys>,
    /// With how many seeds it is told.
    #[serde(default = "many")]
    pub(crate) seeds: u64,
    pub(crate) steps: Vec<Step>,
}

/// Settings other than the policy's.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "independent settings, not a state")]
pub(crate) struct Changes {
    pub(crate) eager: bool,
    pub(crate) at_start: bool,
    pub(crate) advisory: Option<u64>,
    pub(crate) mandatory: Option<u64>,
    pub(crate) startup_jitter: u64,
    pub(crate) startup_holds_callers: bool,
    /// The deadline of one fetch; 10 if it does not matter.
    pub(crate) limit: Option<u64>,
    pub(crate) extends: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    #[serde(rename = "do")]
    pub(crate) deed: Deed,
    #[serde(default)]
    pub(crate) expect: Expect,
}

/// What happens.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Deed {
    /// Time passes: the timer fires, a source that answers by itself does.
    Go(Go),
    /// A caller asks.
    Read(Asked),
    /// The source answers the fetch under way.
    Reply(Reply),
    /// It answers one that has been given up.
    Late(Reply),
    /// From now on it answers by itself; `null`: no more.
    Source(Option<Auto>),
    /// A service refuses these keys; `ours` is what the machine should say to that.
    Invalidate { key: String, ours: bool },
    /// The caller gives up.
    Cancel(String),
    /// The network is up again, or the like.
    Change,
    /// Time passes and no timer fires; then the machine learns of it.
    Suspend(f64),
    /// Time passes, no timer fires, and the machine does not learn why.
    Oversleep(f64),
    /// The wall clock is set to be wrong by so much.
    Wall(f64),
    /// The end.
    Close,
}

/// How far time goes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum Go {
    By(f64),
    To(To),
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct To {
    /// From here if none.
    pub(crate) mark: Option<Mark>,
    #[serde(default)]
    pub(crate) plus: f64,
    /// Somebody reads this often meanwhile.
    pub(crate) reading_every: Option<f64>,
}

/// An instant that depends on what was drawn.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mark {
    /// The fresh zone of the keys held ends.
    Refresh,
    /// Callers begin to wait.
    Mandatory,
    /// The keys end.
    End,
    /// The pause last told ends.
    Pause,
    /// The machine's next timeout.
    Timeout,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    #[serde(default)]
    pub(crate) want: Want,
    /// Who: named by the answer, if it comes later.
    #[serde(default)]
    pub(crate) by: String,
    /// The caller's own deadline.
    #[serde(default = "half_a_minute")]
    pub(crate) within: f64,
    /// The id of the keys, the code of an error, or `wait`.
    pub(crate) gets: String,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Want {
    #[default]
    Valid,
    Fresh,
    Forced,
}

/// What the source says.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    Keys(Keys),
    /// Nobody answers.
    Unreachable,
    /// It answers that something is wrong with it.
    Broken,
    /// It asks to be left alone for so long.
    Busy(f64),
    /// It refuses, until a person changes something.
    Denied,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keys {
    /// Without an id they get the next one: `K1`, `K2`, …
    pub(crate) id: Option<String>,
    /// `null`: without end.
    pub(crate) life: Option<f64>,
    /// The source's clock is wrong by so much.
    #[serde(default)]
    pub(crate) clock: f64,
    /// Whether the reply has a date.
    #[serde(default = "yes")]
    pub(crate) dated: bool,
}

/// A source that answers by itself.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Auto {
    pub(crate) says: Reply,
    #[serde(default)]
    pub(crate) after: f64,
}

/// What must hold after a step.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Expect {
    pub(crate) zone: Option<String>,
    /// Fetches of the whole story so far; left out: no new one.
    pub(crate) contacts: Option<Count>,
    /// Callers answered in this step; left out: none.
    pub(crate) answers: BTreeMap<String, String>,
    /// Everything told since `events` was last given.
    pub(crate) events: Option<Vec<String>>,
    /// From now to the next timeout.
    pub(crate) next: Option<Bounds>,
    /// There is no next timeout.
    pub(crate) idle: bool,
    /// The pause that the last failure told.
    pub(crate) pause: Option<Bounds>,
    /// From now to the `refreshAt` of the status.
    pub(crate) refresh: Option<Bounds>,
    /// What is left of the keys held.
    pub(crate) left: Option<Bounds>,
    /// The source's calendar as the machine knows it, against the true one.
    pub(crate) server_clock: Option<Bounds>,
    /// Bounds of this step are filled by the seeds.
    pub(crate) spread: bool,
    /// Of those who read in passing: served at once or after a wait.
    pub(crate) served: Option<Count>,
    /// Had to wait.
    pub(crate) waited: Option<Count>,
    /// Got an error.
    pub(crate) refused: Option<Count>,
}

/// A number, or from this to that.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Count {
    Is(u64),
    Between(u64, u64),
}

/// From this to that, in seconds.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Bounds(pub(crate) f64, pub(crate) f64);

impl Count {
    pub(crate) fn holds(self, found: u64) -> bool {
        match self {
            Self::Is(number) => found == number,
            Self::Between(least, most) => (least..=most).contains(&found),
        }
    }
}

fn many() -> u64 {
    64
}

fn half_a_minute() -> f64 {
    30.0
}

fn yes() -> bool {
    true
}

/// All files by subject, which is their name.
pub(crate) fn files() -> Checked<Vec<(String, Vec<Story>)>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let unreadable = |error: io::Error| format!("{}: {error}", directory.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(&directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let text = fs::read_to_string(&path).map_err(unreadable)?;
        let stories = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let subject = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        files.push((subject, stories));
    }
    files.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(files)
}
