//! Jobs: `$aws/things/{thing}/jobs/` with `get`, `start-next`, `{jobId}/get` and `{jobId}/update`, answered on
//! `…/accepted` or `…/rejected`; changes are told on `…/jobs/notify` and `…/jobs/notify-next`.
//!
//! A job is made by `POST /mqtt/jobs`: `thing`, `jobId`, `document`. `$next` stands for the one whose turn it is.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Reply, rejected, request, with_token};

/// The jobs of each thing, in the order they were made.
#[derive(Default)]
pub(crate) struct Jobs {
    of: BTreeMap<String, Vec<Job>>,
}

struct Job {
    id: String,
    document: Value,
    status: String,
    details: Value,
    version: u64,
    queued_at: i64,
    started_at: Option<i64>,
    updated_at: i64,
}

const RUNNING: [&str; 2] = ["QUEUED", "IN_PROGRESS"];
const ENDED: [&str; 6] = ["SUCCEEDED", "FAILED", "REJECTED", "CANCELED", "TIMED_OUT", "REMOVED"];

impl Job {
    fn runs(&self) -> bool {
        RUNNING.contains(&self.status.as_str())
    }

    fn summary(&self) -> Value {
        json!({
            "jobId": self.id,
            "queuedAt": self.queued_at,
            "startedAt": self.started_at,
            "lastUpdatedAt": self.updated_at,
            "versionNumber": self.version,
            "executionNumber": 1,
        })
    }

    fn execution(&self, thing: &str, with_document: bool) -> Value {
        let mut shown = self.summary();
        shown["thingName"] = json!(thing);
        shown["status"] = json!(self.status);
        shown["statusDetails"] = self.details.clone();
        if with_document {
            shown["jobDocument"] = self.document.clone();
        }
        shown
    }

    fn change(&mut self, status: &str, details: Option<&Value>, timestamp: i64) {
        status.clone_into(&mut self.status);
        self.version += 1;
        self.updated_at = timestamp;
        if status == "IN_PROGRESS" {
            self.started_at = self.started_at.or(Some(timestamp));
        }
        if let Some(details) = details {
            self.details = details.clone();
        }
    }
}

impl Jobs {
    /// Makes a job, or says why not; what is told of it.
    pub(crate) fn create(
        &mut self,
        thing: &str,
        id: &str,
        document: Value,
        timestamp: i64,
    ) -> Result<Vec<Reply>, String> {
        let jobs = self.of.entry(thing.to_owned()).or_default();
        if jobs.iter().any(|job| job.id == id) {
            return Err(format!("there is a job `{id}` already"));
        }
        let first = !jobs.iter().any(Job::runs);
        jobs.push(Job {
            id: id.to_owned(),
            document,
            status: "QUEUED".to_owned(),
            details: json!({}),
            version: 1,
            queued_at: timestamp,
            started_at: None,
            updated_at: timestamp,
        });
        Ok(self.told(thing, first, timestamp))
    }

    /// As the control port shows them.
    pub(crate) fn to_json(&self, thing: &str) -> Value {
        self.of.get(thing).into_iter().flatten().map(|job| job.execution(thing, true)).collect()
    }

    /// Requests that name no job.
    pub(super) fn answer(&mut self, thing: &str, action: &str, payload: &[u8], timestamp: i64) -> Vec<Reply> {
        let topic = format!("$aws/things/{thing}/jobs/{action}");
        if !matches!(action, "get" | "start-next") {
            return Vec::new();
        }
        let Some(request) = request(payload) else {
            return rejected(&topic, "InvalidJson", "the payload is no JSON object", timestamp);
        };
        let jobs = self.of.entry(thing.to_owned()).or_default();
        let body = if action == "get" {
            let of = |status: &str| -> Value {
                jobs.iter().filter(|job| job.status == status).map(Job::summary).collect()
            };
            json!({"queuedJobs": of("QUEUED"), "inProgressJobs": of("IN_PROGRESS"), "timestamp": timestamp})
        } else {
            match next(jobs) {
                None => json!({"timestamp": timestamp}),
                Some(job) => {
                    if job.status == "QUEUED" {
                        job.change("IN_PROGRESS", request.get("statusDetails"), timestamp);
                    }
                    json!({"execution": job.execution(thing, true), "timestamp": timestamp})
                }
            }
        };
        vec![(format!("{topic}/accepted"), with_token(body, &request))]
    }

    /// Requests that name one.
    pub(super) fn answer_of(
        &mut self,
        thing: &str,
        id: &str,
        action: &str,
        payload: &[u8],
        timestamp: i64,
    ) -> Vec<Reply> {
        let topic = format!("$aws/things/{thing}/jobs/{id}/{action}");
        if !matches!(action, "get" | "update") {
            return Vec::new();
        }
        let Some(request) = request(payload) else {
            return rejected(&topic, "InvalidJson", "the payload is no JSON object", timestamp);
        };
        let jobs = self.of.entry(thing.to_owned()).or_default();
        let job = if id == "$next" { next(jobs) } else { jobs.iter_mut().find(|job| job.id == id) };
        let done = match (job, action) {
            (None, "get") if id == "$next" => Ok((json!({"timestamp": timestamp}), false)),
            (None, _) => Err(("ResourceNotFound", "there is no such job", None)),
            (Some(job), "get") => {
                let with_document = request.get("includeJobDocument") != Some(&json!(false));
                let body = json!({"execution": job.execution(thing, with_document), "timestamp": timestamp});
                Ok((body, false))
            }
            (Some(job), _) => update(job, &request, timestamp),
        };
        let (mut replies, ended) = match done {
            Ok((body, ended)) => (vec![(format!("{topic}/accepted"), body)], ended),
            Err((code, message, state)) => {
                let mut replies = rejected(&topic, code, message, timestamp);
                if let (Some(state), Some((_, body))) = (state, replies.first_mut()) {
                    body["executionState"] = state;
                }
                (replies, false)
            }
        };
        for (_, body) in &mut replies {
            *body = with_token(body.take(), &request);
        }
        if ended {
            replies.extend(self.told(thing, true, timestamp));
        }
        replies
    }

    /// What is told after a change of the list, and of whose turn it is.
    fn told(&mut self, thing: &str, next_changed: bool, timestamp: i64) -> Vec<Reply> {
        let jobs = self.of.entry(thing.to_owned()).or_default();
        let mut listed = Map::new();
        for status in RUNNING {
            let of: Vec<Value> = jobs.iter().filter(|job| job.status == status).map(Job::summary).collect();
            if !of.is_empty() {
                listed.insert(status.to_owned(), Value::Array(of));
            }
        }
        let topic = format!("$aws/things/{thing}/jobs/notify");
        let mut replies = vec![(topic.clone(), json!({"timestamp": timestamp, "jobs": listed}))];
        if next_changed {
            let mut body = json!({"timestamp": timestamp});
            if let Some(job) = next(jobs) {
                body["execution"] = job.execution(thing, true);
            }
            replies.push((format!("{topic}-next"), body));
        }
        replies
    }
}

type Refusal = (&'static str, &'static str, Option<Value>);

/// The body of the answer, and whether the job has come to an end.
fn update(job: &mut Job, request: &Map<String, Value>, timestamp: i64) -> Result<(Value, bool), Refusal> {
    let state =
        |job: &Job| json!({"status": job.status, "statusDetails": job.details, "versionNumber": job.version});
    let status = request.get("status").and_then(Value::as_str).unwrap_or_default();
    if !RUNNING.contains(&status) && !ENDED.contains(&status) {
        return Err(("InvalidRequest", "`status` is none that a job can have", None));
    }
    if request.get("expectedVersion").is_some_and(|expected| {
        expected.as_u64().or_else(|| expected.as_str()?.parse().ok()) != Some(job.version)
    }) {
        return Err(("VersionMismatch", "the expected version is not the current one", Some(state(job))));
    }
    if !job.runs() || status == "QUEUED" {
        return Err(("InvalidStateTransition", "the job cannot become that any more", Some(state(job))));
    }
    job.change(status, request.get("statusDetails"), timestamp);
    let mut body = json!({"timestamp": timestamp});
    if request.get("includeJobExecutionState") == Some(&json!(true)) {
        body["executionState"] = state(job);
    }
    if request.get("includeJobDocument") == Some(&json!(true)) {
        body["jobDocument"] = job.document.clone();
    }
    Ok((body, !job.runs()))
}

/// Whose turn it is: what has begun goes first.
fn next(jobs: &mut [Job]) -> Option<&mut Job> {
    let at = jobs
        .iter()
        .position(|job| job.status == "IN_PROGRESS")
        .or_else(|| jobs.iter().position(|job| job.status == "QUEUED"))?;
    jobs.get_mut(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_done_in_turn() {
        let mut jobs = Jobs::default();
        let told = jobs.create("gw", "one", json!({"do": 1}), 5).unwrap();
        assert_eq!(told[1].0, "$aws/things/gw/jobs/notify-next");
        assert_eq!(jobs.create("gw", "two", json!({"do": 2}), 6).unwrap().len(), 1);
        assert!(jobs.create("gw", "two", json!({}), 6).is_err());

        let started = jobs.answer("gw", "start-next", br#"{"clientToken": "t"}"#, 7).remove(0);
        assert_eq!(started.0, "$aws/things/gw/jobs/start-next/accepted");
        assert_eq!(
            (&started.1["execution"]["jobId"], &started.1["clientToken"]),
            (&json!("one"), &json!("t"))
        );
        assert_eq!(started.1["execution"]["status"], "IN_PROGRESS");
        let listed = jobs.answer("gw", "get", b"", 7).remove(0).1;
        assert_eq!(listed["queuedJobs"][0]["jobId"], "two");

        let stale =
            jobs.answer_of("gw", "one", "update", br#"{"status":"SUCCEEDED","expectedVersion":"1"}"#, 8);
        assert_eq!((stale.len(), &stale[0].1["code"]), (1, &json!("VersionMismatch")));
        assert_eq!(stale[0].1["executionState"]["versionNumber"], 2);
        let done = jobs.answer_of("gw", "one", "update", br#"{"status":"SUCCEEDED","expectedVersion":2}"#, 8);
        assert_eq!(done[0].0, "$aws/things/gw/jobs/one/update/accepted");
        assert_eq!(done[2].1["execution"]["jobId"], "two");
        let again = jobs.answer_of("gw", "one", "update", br#"{"status":"FAILED"}"#, 9);
        assert_eq!(again[0].1["code"], "InvalidStateTransition");
        assert_eq!(jobs.answer_of("gw", "$next", "get", b"", 9)[0].1["execution"]["jobId"], "two");
        assert_eq!(jobs.answer_of("gw", "x", "get", b"", 9)[0].1["code"], "ResourceNotFound");
        assert_eq!(jobs.answer_of("gw", "two", "get", b"[]", 9)[0].1["code"], "InvalidJson");
    }
}
