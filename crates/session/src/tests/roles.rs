//! Roles by STS and by web identity: what is asked of whom, in which order, and what two sources may share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use refresh_session_core::{Calendar, Class, Clock, Code, Identity, Result, Secret};
use refresh_session_mfa::{Command, CommandOptions};
use refresh_session_refresh::{Mode, Policy, Settings};
use refresh_session_sts::{AssumeRoleFields, WebIdentityFields};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::alarm::SystemAlarm;
use crate::ca::CaOptions;
use crate::clock::SystemClock;
use crate::description::Description;
use crate::engine::Surroundings;
use crate::mfa::{MfaCallback, MfaProvider};
use crate::options::CommonOptions;
use crate::proxy::ProxyOptions;
use crate::session::Session;
use crate::source::{Fetching, Source};
use crate::sts::{
    BaseCredentials, StsClientOptions, StsLink, StsOptions, StsSource, base_identity, caller_identity,
};
use crate::web_identity::{TokenSource, WebIdentityOptions, WebIdentitySource};

const ROLE: &str = "arn:aws:iam::123456789012:role/Gateway";

const CALLER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 268\r\n\r\n\
    <GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
    <Arn>arn:aws:sts::123456789012:assumed-role/Gateway/gw</Arn><UserId>A:gw</UserId>\
    <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";

/// Of the whole process, as no code is sent twice.
static CODES: AtomicUsize = AtomicUsize::new(100_000);

/// What was asked of whom.
type Log = Arc<Mutex<Vec<String>>>;

/// Base credentials, codes and STS in one, each noting that it was asked.
#[derive(Clone, Debug, Default)]
struct World {
    log: Log,
    silent: Option<&'static str>,
}

impl World {
    async fn asked(&self, what: &str) {
        self.log.lock().unwrap().push(what.to_owned());
        if self.silent.is_some_and(|silent| what.starts_with(silent)) {
            std::future::pending::<()>().await;
        }
    }

    /// Issues keys to whoever asks.
    async fn sts(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let world = self.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let world = world.clone();
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    while stream.read_buf(&mut request).await.is_ok_and(|read| read > 0) {
                        let text = String::from_utf8_lossy(&request).into_owned();
                        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                        if body.len() < length.unwrap().parse().unwrap() {
                            continue;
                        }
                        let body = body.strip_prefix("Action=").unwrap();
                        let action = body.split('&').next().unwrap();
                        let signer = head.split("Credential=").nth(1).and_then(|rest| rest.split('/').next());
                        if action == "GetCallerIdentity" {
                            world.asked(&format!("{action} {}", signer.unwrap())).await;
                            stream.write_all(CALLER.as_bytes()).await.unwrap();
                            request.clear();
                            continue;
                        }
                        let secret = body.split('&').filter(|pair| {
                            pair.starts_with("TokenCode") || pair.starts_with("WebIdentityToken")
                        });
                        world.asked(&format!("{action} {}", secret.collect::<String>())).await;
                        stream.write_all(reply(action).as_bytes()).await.unwrap();
                        request.clear();
                    }
                });
            }
        });
        url
    }
}

fn reply(action: &str) -> String {
    let body = format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><AssumedRoleUser>\
         <AssumedRoleId>A:gw</AssumedRoleId><Arn>arn:aws:sts::123456789012:assumed-role/Gateway/gw</Arn>\
         </AssumedRoleUser><Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>canary</SecretAccessKey>\
         <SessionToken>canary</SessionToken><Expiration>2999-07-04T11:00:00Z</Expiration></Credentials>\
         </{action}Result></{action}Response>"
    );
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

impl BaseCredentials for World {
    fn credentials(&self) -> Fetching<'_, Result<Identity>> {
        Box::pin(async {
            self.asked("base").await;
            Ok(Identity::new("AKIAEXAMPLE".into(), "canary".into(), None, None))
        })
    }

    fn describe(&self, _: &mut Description) -> bool {
        true
    }
}

impl MfaCallback for World {
    fn code(&self) -> Fetching<'_, Result<Secret>> {
        Box::pin(async {
            self.asked("code").await;
            Ok(CODES.fetch_add(1, Ordering::Relaxed).to_string().into())
        })
    }
}

fn client(endpoint: &str) -> StsClientOptions {
    StsClientOptions {
        region: Some("eu-west-1".into()),
        endpoint: Some(endpoint.into()),
        use_fips: false,
        use_dualstack: false,
        ca: CaOptions::System,
        verify_peer: true,
        server_name: None,
        proxy: ProxyOptions::Direct,
        connect_timeout: None,
    }
}

fn options(world: &World, url: &str, serial: Option<&str>) -> StsOptions {
    let serial_number = serial.map(str::to_owned);
    StsOptions {
        assume_role: AssumeRoleFields { role_arn: ROLE.into(), serial_number, ..Default::default() },
        client: client(url),
        base: Arc::new(world.clone()),
        token_code: None,
        mfa: serial.map(|_| of_callback(world, "a function")),
        limit: Duration::from_secs(10),
    }
}

fn of_callback(world: &World, same: &str) -> MfaProvider {
    MfaProvider::Callback { callback: Arc::new(world.clone()), same: same.into() }
}

fn open(options: StsOptions) -> Result<StsSource> {
    Ok(StsSource::new(options, Arc::new(SystemClock), Calendar::new())?.0)
}

fn web_identity(url: &str, token: TokenSource) -> WebIdentitySource {
    let assume_role = WebIdentityFields { role_arn: ROLE.into(), ..Default::default() };
    let options = WebIdentityOptions { assume_role, token, client: client(url) };
    WebIdentitySource::new(options, Arc::new(SystemClock), Calendar::new()).unwrap().0
}

#[tokio::test]
async fn base_then_code_then_sts_and_all_of_them_each_time() {
    let world = World::default();
    let source = open(options(&world, &world.sts().await, Some("GAHT12345678"))).unwrap();
    for _ in 0..2 {
        let issued = source.fetch().await.unwrap();
        assert_eq!(issued.identity.account_id.as_deref(), Some("123456789012"));
    }
    let log = world.log.lock().unwrap().clone();
    let (codes, rest): (Vec<_>, Vec<_>) =
        log.iter().partition(|what| what.starts_with("AssumeRole TokenCode="));
    assert_eq!(rest, ["base", "code", "base", "code"]);
    assert!(codes.len() == 2 && codes[0] != codes[1], "{codes:?}");
    source.close().await;
}

#[tokio::test]
async fn a_fetch_that_takes_too_long_says_who_was_silent() {
    for (silent, param) in
        [("base", Some("sourceCredentials")), ("code", Some("mfaTokenProvider")), ("AssumeRole", None)]
    {
        let world = World { silent: Some(silent), ..World::default() };
        let source = open(options(&world, &world.sts().await, Some("GAHT12345678"))).unwrap();
        let limit = Duration::from_millis(300);
        assert!(timeout(limit, source.fetch()).await.is_err(), "{silent}");
        let error = source.timed_out(limit);
        assert_eq!((error.code(), error.param()), (Code::Timeout, param), "{error}");
        assert_eq!(error.class(), Class::Connection);
    }
}

#[test]
fn device_and_codes_go_together_and_a_region_is_needed() {
    let world = World::default();
    let mut without = options(&world, "http://localhost", Some("GAHT12345678"));
    without.mfa = None;
    assert_eq!(open(without).unwrap_err().param(), Some("mfaTokenProvider"));
    let mut alone = options(&world, "http://localhost", None);
    alone.token_code = Some("123456".into());
    assert_eq!(open(alone).unwrap_err().param(), Some("assumeRole.SerialNumber"));
    let mut wrong = options(&world, "http://localhost", Some("GAHT12345678"));
    (wrong.mfa, wrong.token_code) = (None, Some("canary".into()));
    let error = open(wrong).unwrap_err();
    assert_eq!((error.code(), error.param()), (Code::InvalidOption, Some("assumeRole.TokenCode")));
    assert!(!format!("{error:?}").contains("canary"));
    let mut needless = options(&world, "http://localhost", Some("GAHT12345678"));
    needless.assume_role.serial_number = None;
    assert_eq!(open(needless).unwrap_err().param(), Some("assumeRole.SerialNumber"));
    let mut nowhere = options(&world, "http://localhost", None);
    nowhere.client.region = None;
    let error = open(nowhere).unwrap_err();
    assert_eq!((error.code(), error.param()), (Code::MissingOption, Some("region")));
}

#[test]
fn sources_are_shared_if_they_would_get_the_same_keys() {
    let world = World::default();
    let sharing = |change: &dyn Fn(&mut StsOptions)| {
        let mut options = options(&world, "http://localhost", None);
        change(&mut options);
        open(options).unwrap().sharing()
    };
    let plain = sharing(&|_| {});
    assert!(plain.is_some() && plain == sharing(&|_| {}));
    for change in [
        (&|it: &mut StsOptions| it.assume_role.external_id = Some("ab".into())) as &dyn Fn(&mut StsOptions),
        &|it| it.assume_role.role_session_name = Some("other".into()),
        &|it| it.client.region = Some("us-east-1".into()),
        &|it| it.client.endpoint = Some("https://localhost".into()),
        &|it| it.client.server_name = Some("other".into()),
        &|it| it.base = Arc::new(Identity::new("AKIA".into(), "s".into(), None, None)),
        &|it| it.client.proxy = ProxyOptions::Url("http://proxy.lan".into()),
    ] {
        assert_ne!(plain, sharing(change));
    }
    let with_secret = |secret: &'static str| {
        sharing(&|it| it.base = Arc::new(Identity::new("AKIA".into(), secret.into(), None, None)))
    };
    assert_ne!(with_secret("s"), with_secret("t"));
    let with_codes = |same: &str| {
        let mut options = options(&world, "http://localhost", Some("GAHT12345678"));
        options.mfa = Some(of_callback(&world, same));
        open(options).unwrap().sharing()
    };
    assert!(with_codes("a") == with_codes("a") && with_codes("a") != with_codes("b"));
}

#[tokio::test]
async fn a_code_that_was_written_down_is_sent_once() {
    let world = World::default();
    let mut given = options(&world, &world.sts().await, Some("GAHT-given"));
    (given.mfa, given.token_code) = (None, Some("314159".into()));
    let clock = Arc::new(SystemClock);
    let (source, warnings) = StsSource::new(given, clock, Calendar::new()).unwrap();
    let told: Vec<_> = warnings.iter().map(|warning| warning.code).collect();
    assert_eq!(told, ["WARN_ROLE_SESSION_NAME", "WARN_TOKEN_CODE_ONCE"]);
    source.fetch().await.unwrap();
    let error = source.fetch().await.unwrap_err();
    assert_eq!((error.code(), error.retryable()), (Code::MfaCodeUsed, false));
    assert_eq!(world.log.lock().unwrap().iter().filter(|what| what.starts_with("AssumeRole")).count(), 1);
}

#[test]
fn a_fetch_has_time_for_a_code_and_no_timer_bothers_anybody() {
    let world = World::default();
    let common = CommonOptions { eager: true, timeout: Duration::from_secs(10), ..CommonOptions::default() };
    let settings = |mfa: Option<MfaProvider>| {
        let mut options = options(&world, "http://localhost", mfa.as_ref().map(|_| "GAHT12345678"));
        options.mfa = mfa;
        let settings = open(options).unwrap().settings(&common).unwrap();
        (settings.fetch_limit.as_secs(), settings.mode)
    };
    let command = Command::from_line("oathtool", CommandOptions::default()).unwrap();
    assert_eq!(settings(None), (10, Mode::Eager));
    assert_eq!(settings(Some(MfaProvider::Command(command))), (40, Mode::Eager));
    assert_eq!(settings(Some(of_callback(&world, "a"))), (130, Mode::AtStart));
}

#[tokio::test]
async fn a_web_identity_token_is_read_for_every_fetch() {
    let world = World::default();
    let path = std::env::temp_dir().join(format!("web-identity-{}", std::process::id()));
    let source = web_identity(&world.sts().await, TokenSource::File(path.clone()));
    for token in ["first.token", "second.token"] {
        std::fs::write(&path, format!("{token}\n")).unwrap();
        source.fetch().await.unwrap();
    }
    std::fs::remove_file(&path).unwrap();
    let gone = source.fetch().await.unwrap_err();
    assert_eq!((gone.code(), gone.param()), (Code::FileUnreadable, Some("webIdentityTokenFile")));
    let asked = |token: &str| format!("AssumeRoleWithWebIdentity WebIdentityToken={token}");
    assert_eq!(*world.log.lock().unwrap(), [asked("first.token"), asked("second.token")]);
}

#[tokio::test]
async fn whoami_is_asked_with_the_keys_of_the_session() {
    let world = World::default();
    let url = world.sts().await;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let around = Surroundings {
        clock: clock.clone(),
        calendar: Calendar::new(),
        alarm: Arc::new(SystemAlarm::new()),
        network: Arc::new(crate::SystemNetwork::new()),
        runtime: Handle::current(),
    };
    let source = open(options(&world, &url, None)).unwrap();
    let limit = Duration::from_secs(10);
    let settings = Settings::new(Policy::GATEWAY, limit);
    let session = Session::open(Box::new(source), &settings, around, Arc::new(|_| {})).unwrap();
    let (link, _) = StsLink::new(client(&url), clock, Calendar::new()).unwrap();
    let caller = caller_identity(&session, &link, limit).await.unwrap();
    assert_eq!((&*caller.account, &*caller.user_id), ("123456789012", "A:gw"));
    assert_eq!(world.log.lock().unwrap().last().unwrap(), "GetCallerIdentity ASIAEXAMPLE");

    let asked = world.log.lock().unwrap().len();
    base_identity(&session, &world, &link, limit).await.unwrap();
    assert_eq!(world.log.lock().unwrap()[asked..], ["base", "GetCallerIdentity AKIAEXAMPLE"]);
    let silent = World { silent: Some("base"), ..World::default() };
    let error = base_identity(&session, &silent, &link, Duration::from_millis(10)).await.unwrap_err();
    assert_eq!((error.code(), error.param()), (Code::Timeout, Some("sourceCredentials")));

    let waiting = base_identity(&session, &silent, &link, limit);
    let (outcome, ()) = tokio::join!(waiting, session.close());
    assert_eq!(outcome.unwrap_err().code(), Code::Closed);
}
