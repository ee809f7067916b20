//! Everything the servers share: what they have been told, what they have issued, and what has happened.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use tokio::sync::{Notify, watch};

use crate::{
    aws::{
        alias::{self, Alias},
        buckets::Buckets,
        certificates::Certificates,
        iam::Iam,
        identity_tokens::Issuer,
        imds,
        sso::sign_ins::SignIns,
        vault::{Issued, Vault},
    },
    clock,
    failure::Failure,
    fault::Schedule,
    link,
    log::Log,
    mqtt::Mqtt,
    proxy,
    script::Script,
    settings::Settings,
    sync::lock,
};

/// The shared state. Nobody holds two of its locks at a time, or one while waiting for something.
pub(crate) struct World {
    pub(crate) settings: Mutex<Settings>,
    /// Those of the credentials endpoint.
    pub(crate) faults: Mutex<Schedule>,
    pub(crate) sts_faults: Mutex<Schedule>,
    pub(crate) s3_faults: Mutex<Schedule>,
    pub(crate) container_faults: Mutex<Schedule>,
    pub(crate) imds_faults: Mutex<Schedule>,
    pub(crate) sso_faults: Mutex<Schedule>,
    pub(crate) sso_oidc_faults: Mutex<Schedule>,
    /// Those of the relay and of the proxy.
    pub(crate) link_faults: Mutex<Script<link::Fault>>,
    pub(crate) proxy_faults: Mutex<Script<proxy::Fault>>,
    pub(crate) aliases: Mutex<BTreeMap<String, Alias>>,
    pub(crate) certificates: Mutex<Certificates>,
    /// Users and roles.
    pub(crate) iam: Mutex<Iam>,
    /// Who signs identity tokens.
    pub(crate) issuer: Issuer,
    pub(crate) vault: Mutex<Vault>,
    /// The tokens of IMDS.
    pub(crate) imds_tokens: Mutex<imds::Tokens>,
    /// Who is signed in to SSO.
    pub(crate) sign_ins: Mutex<SignIns>,
    /// What S3 keeps.
    pub(crate) buckets: Mutex<Buckets>,
    /// The broker.
    pub(crate) mqtt: Mqtt,
    pub(crate) log: Log,
    /// Told when the testbed is to stop.
    pub(crate) stop: Notify,
    /// As they were at the start, for [`World::reset`].
    pristine: Pristine,
    connections: AtomicU64,
    open: AtomicUsize,
    drops: watch::Sender<u64>,
}

/// What the start has made and a reset brings back.
struct Pristine {
    certificates: Certificates,
    iam: Iam,
}

impl World {
    /// The state at the start; the log goes to `DIR/requests.jsonl`.
    pub(crate) fn new(log: &Path, certificates: Certificates) -> Result<Self, Failure> {
        let iam = Iam::new();
        Ok(Self {
            settings: Mutex::default(),
            faults: Mutex::default(),
            sts_faults: Mutex::default(),
            s3_faults: Mutex::default(),
            container_faults: Mutex::default(),
            imds_faults: Mutex::default(),
            sso_faults: Mutex::default(),
            sso_oidc_faults: Mutex::default(),
            link_faults: Mutex::default(),
            proxy_faults: Mutex::default(),
            aliases: Mutex::new(alias::defaults()),
            certificates: Mutex::new(certificates.clone()),
            iam: Mutex::new(iam.clone()),
            issuer: Issuer::new()?,
            vault: Mutex::default(),
            imds_tokens: Mutex::default(),
            sign_ins: Mutex::default(),
            buckets: Mutex::default(),
            mqtt: Mqtt::new(),
            log: Log::create(log)?,
            stop: Notify::new(),
            pristine: Pristine { certificates, iam },
            connections: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            drops: watch::Sender::new(0),
        })
    }

    /// A copy of the settings.
    pub(crate) fn settings(&self) -> Settings {
        lock(&self.settings).clone()
    }

    /// The servers' time.
    pub(crate) fn now(&self) -> OffsetDateTime {
        clock::now(lock(&self.settings).clock_offset_seconds)
    }

    /// The faults of every server but the credentials endpoint, by its name.
    pub(crate) fn service_faults(&self) -> [(&'static str, &Mutex<Schedule>); 6] {
        [
            ("sts", &self.sts_faults),
            ("s3", &self.s3_faults),
            ("container", &self.container_faults),
            ("imds", &self.imds_faults),
            ("sso", &self.sso_faults),
            ("sso-oidc", &self.sso_oidc_faults),
        ]
    }

    /// How long keys last that were asked for `asked` seconds of a role whose keys last `of_role`.
    pub(crate) fn life(&self, of_role: Option<i64>, asked: i64) -> i64 {
        self.settings().life_seconds.or(of_role).unwrap_or(asked)
    }

    /// The keys of this id, whether issued or a user's own.
    pub(crate) fn keys(&self, access_key_id: &str) -> Option<Arc<Issued>> {
        let issued = lock(&self.vault).find(access_key_id);
        issued.or_else(|| lock(&self.iam).keys(access_key_id))
    }

    /// Counts a new connection.
    pub(crate) fn connect(&self) -> Connection<'_> {
        self.open.fetch_add(1, Ordering::Relaxed);
        let id = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        Connection { world: self, id, dropped: self.drops.subscribe() }
    }

    /// Ends all connections to the endpoint, STS, S3, the broker, the link and the proxy, without a word.
    pub(crate) fn drop_connections(&self) {
        self.drops.send_modify(|generation| *generation += 1);
    }

    /// Makes everything as it was at the start and ends all connections.
    pub(crate) fn reset(&self) {
        *lock(&self.settings) = Settings::default();
        *lock(&self.faults) = Schedule::default();
        for (_, faults) in self.service_faults() {
            *lock(faults) = Schedule::default();
        }
        *lock(&self.link_faults) = Script::default();
        *lock(&self.proxy_faults) = Script::default();
        *lock(&self.aliases) = alias::defaults();
        *lock(&self.certificates) = self.pristine.certificates.clone();
        *lock(&self.iam) = self.pristine.iam.clone();
        *lock(&self.vault) = Vault::default();
        *lock(&self.imds_tokens) = imds::Tokens::default();
        *lock(&self.sign_ins) = SignIns::default();
        *lock(&self.buckets) = Buckets::default();
        self.mqtt.reset();
        self.drop_connections();
        self.log.clear();
    }

    /// As `GET /state` shows it.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "config": *lock(&self.settings),
            "faults": lock(&self.faults).to_json(),
            "serviceFaults": self
                .service_faults()
                .map(|(service, faults)| (service.to_owned(), lock(faults).to_json()))
                .into_iter()
                .collect::<Map<_, _>>(),
            "linkFaults": lock(&self.link_faults).to_json(),
            "proxyFaults": lock(&self.proxy_faults).to_json(),
            "aliases": *lock(&self.aliases),
            "iam": lock(&self.iam).to_json(),
            "certificates": lock(&self.certificates).to_json(),
            "issued": lock(&self.vault).len(),
            "openConnections": self.open.load(Ordering::Relaxed),
            "events": self.log.len(),
        })
    }
}

/// A connection that counts as open as long as this lives.
pub(crate) struct Connection<'a> {
    world: &'a World,
    /// Its number, counted from one.
    pub(crate) id: u64,
    dropped: watch::Receiver<u64>,
}

impl Connection<'_> {
    /// Carries out `work` unless the connection is dropped meanwhile.
    pub(crate) async fn unless_dropped(&mut self, work: impl Future<Output = ()>) {
        tokio::select! {
            () = work => {}
            _ = self.dropped.changed() => {}
        }
    }
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        self.world.open.fetch_sub(1, Ordering::Relaxed);
    }
}
