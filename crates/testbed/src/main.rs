//! `testbed`: the local AWS that tests, demo and benchmarks run against.
//!
//! One process plays all parts on 127.0.0.1. Keys come from the AWS IoT credentials endpoint over mutual TLS
//! ([`aws::iot`]), from STS for the users and roles of two accounts ([`aws::sts`], [`aws::iam`]), and over plain HTTP
//! from the container endpoint of ECS and EKS ([`aws::container`]), IMDS ([`aws::imds`]) and SSO ([`aws::sso`]). STS
//! and S3 ([`aws::s3`]) accept exactly the keys that one of these issued. Messages go through an MQTT broker with the
//! limits of AWS IoT Core ([`mqtt`]). Through a control port a test makes any of
//! them misbehave ([`control`], [`fault`], [`settings`]). Before the endpoint there
//! can be a bad link ([`link`]) and an HTTP proxy ([`proxy`]). It makes its own certificates ([`pki`])
//! and, on demand, SoftHSM tokens ([`tokens`]), keeps a log of what it saw ([`log`]), and describes all of it in
//! one line of JSON on stdout ([`ready`]).
//!
//! Clients must connect to `localhost` by that name: like the real endpoint, this one refuses a handshake that
//! does not name it. See [`options::USAGE`] for the command line and [`failure`] for the exit codes.

#![forbid(unsafe_code)]

mod aws;
mod clock;
mod control;
mod encoding;
mod failure;
mod fault;
mod folder;
mod http;
mod link;
mod log;
mod mqtt;
mod net;
mod options;
mod overlay;
mod pki;
mod program;
mod proxy;
mod random;
mod ready;
mod script;
mod settings;
mod sync;
mod tokens;
mod world;

use std::{
    io::{self, Read, Write},
    path::Path,
    process::ExitCode,
    sync::Arc,
    thread,
};

use tokio::{
    runtime::Builder,
    select,
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use self::{
    aws::certificates::Certificates,
    failure::{During, Failure},
    folder::Folder,
    link::Link,
    net::{
        listen::{Service, listen},
        tls::Tls,
    },
    options::{Options, USAGE},
    pki::Pki,
    ready::Addresses,
    tokens::Tokens,
    world::World,
};

fn main() -> ExitCode {
    let done = match Options::parse(std::env::args_os().skip(1)) {
        Ok(Options::Help) => io::stdout().write_all(USAGE.as_bytes()).during("writing to stdout"),
        Ok(Options::Serve { dir, tokens, stop_with_stdin }) => serve(&dir, tokens, stop_with_stdin),
        Err(failure) => Err(failure),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "testbed: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn serve(dir: &Path, with_tokens: bool, stop_with_stdin: bool) -> Result<(), Failure> {
    // Watched from the beginning: the parent may die while the certificates are being made.
    let stdin_ended = stop_with_stdin.then(watch_stdin);
    let folder = Folder::claim(dir)?;
    let pki = Pki::make(&folder.join("pki"))?;
    let tokens = if with_tokens { Some(Tokens::make(&folder, &pki)?) } else { None };
    let devices = pki.devices.iter().chain(tokens.iter().flat_map(Tokens::devices));
    let world = Arc::new(World::new(&folder.join("requests.jsonl"), Certificates::of(devices))?);
    let tls = Arc::new(Tls::new(&pki)?);

    let runtime = Builder::new_multi_thread().enable_all().build().during("starting the runtime")?;
    let done = runtime.block_on(async {
        let stopped = stopped(&world, stdin_ended)?;
        let addresses = Addresses {
            control: listen(Service::Control, &world, &tls).await?,
            iot: listen(Service::Iot, &world, &tls).await?,
            sts_http: listen(Service::StsHttp, &world, &tls).await?,
            sts_https: listen(Service::StsHttps, &world, &tls).await?,
            s3_http: listen(Service::S3Http, &world, &tls).await?,
            s3_https: listen(Service::S3Https, &world, &tls).await?,
            container: listen(Service::Container, &world, &tls).await?,
            imds: listen(Service::Imds, &world, &tls).await?,
            sso: listen(Service::Sso, &world, &tls).await?,
            mqtt: listen(Service::Mqtt, &world, &tls).await?,
            mqtt_alpn: listen(Service::MqttAlpn, &world, &tls).await?,
        };
        mqtt::keep_time(&world);
        let bad_link = Link::open([addresses.iot, addresses.mqtt, addresses.mqtt_alpn], &world).await?;
        let proxy = proxy::listen(&world).await?;
        let line = ready::line(&folder, &pki, tokens.as_ref(), &addresses, &bad_link, proxy, &world);
        writeln!(io::stdout(), "{line}").during("writing to stdout")?;
        stopped.await;
        Ok(())
    });
    // Connections that are still open end here; nothing is worth waiting for.
    runtime.shutdown_background();
    done
}

/// Completes when the testbed is to stop. Signals count from the call on.
fn stopped(
    world: &Arc<World>,
    stdin_ended: Option<oneshot::Receiver<()>>,
) -> Result<impl Future<Output = ()> + use<>, Failure> {
    let mut terminate = signal(SignalKind::terminate()).during("watching for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).during("watching for SIGINT")?;
    let world = Arc::clone(world);
    Ok(async move {
        let stdin_ended = async {
            match stdin_ended {
                Some(ended) => drop(ended.await),
                None => std::future::pending().await,
            }
        };
        select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = world.stop.notified() => {}
            () = stdin_ended => {}
        }
    })
}

/// Tells when stdin ends. A thread of its own, as a read from stdin cannot be given up.
fn watch_stdin() -> oneshot::Receiver<()> {
    let (ended, receiver) = oneshot::channel();
    thread::spawn(move || {
        let mut ignored = [0; 256];
        while matches!(io::stdin().read(&mut ignored), Ok(1..)) {}
        let _ = ended.send(());
    });
    receiver
}
