//! AWS's public vectors, played under a policy.
//!
//! Under `aws` each is a test of its own. Under the others they are one test: exactly those come out differently that
//! the user's page lists.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use libtest_mimic::Trial;
use refresh_session_refresh::delay::Delay;
use refresh_session_refresh::{Demand, Outcome, Policy, Settings, Zone};
use serde::Deserialize;

use crate::story::{Keys, Mark, Reply};
use crate::world::World;
use crate::{Checked, differences};

/// How many there are. A file with fewer would be a silent pass.
const COUNT: usize = 24;

/// The policies that answer some of them differently.
const OTHERS: &[Policy] = &[Policy::GATEWAY, Policy::BOTOCORE];

/// Says where the file is.
const VARIABLE: &str = "CREDENTIAL_REFRESH_VECTORS";

/// Where it is otherwise, seen from this crate.
const BESIDE_THE_CHECKOUT: &str = "../../../shared/vectors/credential-refresh-tests.json";

/// The life of keys that a vector does not say more about: longer than every window.
const LIFE: f64 = 4.0 * 3600.0;

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    documentation: String,
    given: Given,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Given {
    cached_credentials: Cached,
    access_key_id: Option<String>,
    configured_advisory_window_seconds: Option<u64>,
    refresh_backoff_seconds: Option<u64>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Cached {
    None,
    Valid,
    Advisory,
    Mandatory,
    Expired,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Step {
    GetCredentials { response: Option<Response>, lifetime_seconds: Option<f64>, expected: Expected },
    AdvanceTime { seconds: u64 },
    Invalidate { rejected_access_key_id: String },
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Response {
    FreshCredentials,
    StaleCredentials,
    Error,
    NonRecoverableError,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Expected {
    result: Got,
    source_contacted: bool,
    rate_limited: bool,
    advisory_window_seconds: Option<u64>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase")]
enum Got {
    NewCredentials,
    CachedCredentials,
    NoCredentialsError,
    NonRecoverableError,
}

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    let path = path();
    let asked_for = env::var_os(VARIABLE).is_some();
    let vectors = match load(&path) {
        Ok(vectors) => Some(vectors),
        Err(_) if !asked_for && !path.exists() => None,
        Err(error) => return vec![Trial::test("vectors", move || Err(error.into()))],
    };
    let trial = |name: String, run: fn(&[Vector], usize) -> Checked, which: usize| {
        let (vectors, absent) = (vectors.clone().unwrap_or_default(), vectors.is_none());
        Trial::test(name, move || run(&vectors, which).map_err(Into::into)).with_ignored_flag(absent)
    };
    let of_aws = (1..=COUNT).map(|number| trial(format!("vectors::aws::{number:02}"), passes, number));
    let of_others = OTHERS.iter().enumerate().map(|(which, policy)| {
        trial(format!("vectors::{}::differ_as_documented", policy.name), differ_as_documented, which)
    });
    of_aws.chain(of_others).collect()
}

fn path() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join(BESIDE_THE_CHECKOUT);
    env::var_os(VARIABLE).map_or_else(beside, PathBuf::from)
}

fn load(path: &Path) -> Checked<Vec<Vector>> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let vectors: Vec<Vector> = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    if vectors.len() == COUNT { Ok(vectors) } else { Err(format!("{} vectors, not {COUNT}", vectors.len())) }
}

fn passes(vectors: &[Vector], number: usize) -> Checked {
    let vector =
        number.checked_sub(1).and_then(|index| vectors.get(index)).ok_or("there is no such vector")?;
    play(vector, Policy::AWS).map_err(|error| format!("{}\n{error}", vector.documentation))
}

fn differ_as_documented(vectors: &[Vector], which: usize) -> Checked {
    let policy = *OTHERS.get(which).ok_or("there is no such policy")?;
    let documented = differences::documented(policy.name)?;
    let results: Vec<_> = vectors.iter().map(|vector| play(vector, policy)).collect();
    let found: BTreeSet<_> =
        (1..).zip(&results).filter(|(_, result)| result.is_err()).map(|(number, _)| number).collect();
    if found == documented {
        return Ok(());
    }
    let reasons: Vec<_> =
        (1..).zip(results).filter_map(|(number, result)| Some((number, result.err()?))).collect();
    Err(format!("documented {documented:?}, found {found:?}: {reasons:#?}"))
}

fn play(vector: &Vector, mut policy: Policy) -> Checked {
    let given = &vector.given;
    if let Some(seconds) = given.refresh_backoff_seconds {
        let (min, max) = (Duration::from_secs(seconds), Duration::from_secs(seconds));
        policy.unreachable = Delay::Uniform { min, max };
        policy.answered = Delay::Uniform { min, max };
    }
    let settings = Settings {
        advisory: given.configured_advisory_window_seconds.map(Duration::from_secs),
        extends: true,
        ..Settings::new(policy, Duration::from_secs(10))
    };
    let mut world = World::new(&settings, 1);
    prepare(&mut world, given)?;
    for (number, step) in (1..).zip(&vector.steps) {
        let place = |error| format!("step {number}: {error}");
        match step {
            Step::AdvanceTime { seconds } => {
                world.go(world.now.after(Duration::from_secs(*seconds)), None).map_err(place)?;
            }
            Step::Invalidate { rejected_access_key_id } => {
                world.invalidate(rejected_access_key_id).map_err(place)?;
            }
            Step::GetCredentials { response, lifetime_seconds, expected } => {
                let reply = reply(*response, lifetime_seconds.unwrap_or(LIFE), number);
                get(&mut world, &reply, number, expected).map_err(place)?;
            }
        }
    }
    Ok(())
}

/// Brings the machine into the state by a fetch and by time.
fn prepare(world: &mut World, given: &Given) -> Checked {
    if let Cached::None = given.cached_credentials {
        return Ok(());
    }
    world.read(Demand::Valid, "before the vector", Duration::from_secs(1))?;
    let id = given.access_key_id.clone().unwrap_or_else(|| "CACHED".into());
    world.reply(&Reply::Keys(Keys { id: Some(id), life: Some(LIFE), clock: 0.0, dated: true }))?;
    let halfway = |world: &World, from, to| Ok::<_, String>(world.at(from)?.midpoint(world.at(to)?));
    let (at, zone) = match given.cached_credentials {
        Cached::None | Cached::Valid => (world.now, Zone::Fresh),
        Cached::Advisory => (halfway(world, Mark::Refresh, Mark::Mandatory)?, Zone::Advisory),
        Cached::Mandatory => (halfway(world, Mark::Mandatory, Mark::End)?, Zone::Mandatory),
        Cached::Expired => (world.at(Mark::End)?, Zone::Expired),
    };
    world.go(at, None)?;
    let found = world.machine.zone(world.now);
    if found == zone { Ok(()) } else { Err(format!("prepared {found}, not {zone}")) }
}

fn reply(response: Option<Response>, life: f64, step: u32) -> Reply {
    let keys = |life| Reply::Keys(Keys { id: Some(new_id(step)), life: Some(life), clock: 0.0, dated: true });
    match response {
        Some(Response::FreshCredentials) => keys(life),
        Some(Response::StaleCredentials) => keys(0.0),
        Some(Response::NonRecoverableError) => Reply::Denied,
        // Without a response the source is not to be contacted; that it was is noticed all the same.
        Some(Response::Error) | None => Reply::Unreachable,
    }
}

fn new_id(step: u32) -> String {
    format!("NEW-{step}")
}

fn get(world: &mut World, reply: &Reply, step: u32, expected: &Expected) -> Checked {
    const READER: &str = "the reader";
    let contacts = world.contacts;
    let at_once = world.read(Demand::Valid, READER, Duration::from_secs(30))?;
    let contacted = world.contacts > contacts;
    if contacted {
        world.reply(reply)?;
    }
    let outcome = at_once.or_else(|| world.answers.remove(READER)).ok_or("the reader has no answer")?;
    let got = got(&outcome, step);
    let status = world.machine.status(world.now);
    let paused = status.zone != Zone::Fresh && status.refresh_at.is_some_and(|at| at > world.now);
    let limited = !contacted && outcome.is_ok() && paused;
    if (got, contacted, limited) != (expected.result, expected.source_contacted, expected.rate_limited) {
        return Err(format!(
            "got {got:?}, contacted: {contacted}, limited: {limited}; expected {expected:?}"
        ));
    }
    let window = outcome.map(|held| held.advisory_window.as_secs()).ok();
    match expected.advisory_window_seconds {
        Some(wanted) if window != Some(wanted) => Err(format!("the window is {window:?}, not {wanted}")),
        _ => Ok(()),
    }
}

fn got(outcome: &Outcome, step: u32) -> Got {
    match outcome {
        Ok(held) if held.identity.access_key_id == new_id(step) => Got::NewCredentials,
        Ok(_) => Got::CachedCredentials,
        Err(error) if error.retryable() => Got::NoCredentialsError,
        Err(_) => Got::NonRecoverableError,
    }
}
