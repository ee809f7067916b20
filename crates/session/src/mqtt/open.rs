//! From options to a connection.

use std::sync::Arc;

use refresh_session_core::{Code, Error, Result, Warning};
use refresh_session_mqtt::Settings;
use refresh_session_tls::{Target, Trust};

use super::authorizer;
use super::connection::{MqttConnection, Wake};
use super::dialer::{Dialer, Who};
use super::options::{MqttIdentity, MqttOptions, MqttTransport};
use super::place::Place;
use super::route::Route;
use super::settings;
use super::upgrading::{Proof, Signed, Upgrading};
use crate::ca::{self, CaOptions};
use crate::description::Description;
use crate::device::{Device, DeviceOptions};
use crate::{Session, Surroundings, proxy};

const CA: &str = "ca";
/// As the IoT source does.
const WARNING_DAYS: u32 = 30;

impl MqttConnection {
    /// Checks the options and reads the files they name, the queue on disk among them. Nothing is connected before
    /// [`Command::Connect`](super::Command::Connect).
    ///
    /// # Errors
    /// Codes of the classes validation and configuration, each naming the option; those of the queue on disk.
    pub fn open(
        mut options: MqttOptions,
        session: &Arc<Session>,
        around: Surroundings,
        wake: Wake,
    ) -> Result<(Self, Vec<Warning>)> {
        let mut warnings = Vec::new();
        let place = Place::of(&options)?;
        let settings = settings::settings(&mut options)?;
        let target = Target::new(place.host.clone(), place.port, options.server_name.take())?;
        let proxy = proxy::on_the_way_to(&target, &options.proxy)?;
        if !options.verify_peer {
            warnings.push(ca::not_verified());
        }
        let route = Route {
            target,
            proxy,
            alpn: place.alpn,
            verify_peer: options.verify_peer,
            limit: settings::connect_limit(&options),
            clock: around.clock.clone(),
            calendar: around.calendar.clone(),
        };
        let (who, of_device) = who(&mut options, session, &around)?;
        warnings.extend(of_device);
        let upgrading = upgrading(&mut options, session, &place, &settings)?;
        let identity = format!("{}\n{}", place.host, options.client_id);
        let dialer = Dialer::new(route, who, upgrading);
        let queue = options.queue.as_ref();
        let (connection, of_queue) = Self::start(settings, queue, identity, Arc::new(dialer), around, wake)?;
        warnings.extend(of_queue);
        Ok((connection, warnings))
    }
}

/// Who we are in TLS.
fn who(
    options: &mut MqttOptions,
    session: &Arc<Session>,
    around: &Surroundings,
) -> Result<(Who, Vec<Warning>)> {
    let own = std::mem::take(&mut options.identity);
    let by_certificate = options.transport == MqttTransport::X509 && options.authorizer.is_none();
    if !by_certificate {
        refuse_identity(&own, options)?;
        let device = session.device().filter(|_| options.ca.is_none());
        let trust = trust(options.ca.take())?.unwrap_or(Trust::System);
        return Ok((Who::Nobody { trust, device }, Vec::new()));
    }
    if own.certificate.is_none() && own.private_key.is_none() && own.pkcs11.is_none() {
        refuse_passphrase(&own)?;
        let device = session.device().ok_or_else(no_certificate)?;
        let trust = trust(options.ca.take())?;
        return Ok((Who::Device { device, session: Some(session.clone()), trust }, Vec::new()));
    }
    let device = DeviceOptions {
        certificate: own.certificate,
        private_key: own.private_key,
        private_key_passphrase: own.private_key_passphrase,
        pkcs11: own.pkcs11,
        ca: options.ca.take().unwrap_or(CaOptions::System),
        timeout: settings::connect_limit(options),
        certificate_warning_days: WARNING_DAYS,
    };
    let mut description = Description::new("mqtt");
    let (device, warnings, _) = Device::new(device, &around.clock, &mut description)?;
    Ok((Who::Device { device: Arc::new(device), session: None, trust: None }, warnings))
}

fn upgrading(
    options: &mut MqttOptions,
    session: &Arc<Session>,
    place: &Place,
    settings: &Settings,
) -> Result<Option<Upgrading>> {
    if options.transport == MqttTransport::X509 {
        return Ok(None);
    }
    let proof = if let Some(authorizer) = &options.authorizer {
        Proof::Authorizer(authorizer::parameters(authorizer)?)
    } else {
        let region = options.region.take().or_else(|| place.region.clone());
        let region = region.or_else(|| options.session_region.take()).ok_or_else(no_region)?;
        Proof::Signed(Signed::new(session.clone(), region))
    };
    Ok(Some(Upgrading::new(proof, settings.limits.packet as usize)))
}

fn trust(given: Option<CaOptions>) -> Result<Option<Trust>> {
    match given {
        None => Ok(None),
        Some(CaOptions::System) => Ok(Some(Trust::System)),
        Some(CaOptions::Bundle(material)) => Trust::bundle(&material.loaded(CA)?).map(Some),
    }
}

/// A certificate that nobody would see is a misunderstanding.
fn refuse_identity(own: &MqttIdentity, options: &MqttOptions) -> Result<()> {
    let given = [
        ("certificate", own.certificate.is_some()),
        ("privateKey", own.private_key.is_some()),
        ("pkcs11", own.pkcs11.is_some()),
    ];
    let Some((param, _)) = given.into_iter().find(|(_, given)| *given) else { return refuse_passphrase(own) };
    let what = if options.authorizer.is_some() { "`customAuthorizer`" } else { "`transport: \"ws\"`" };
    Err(Error::new(
        Code::ConflictingOptions,
        format!("option `{param}` does not go with {what}, which shows no certificate"),
    )
    .with_param(param))
}

fn refuse_passphrase(own: &MqttIdentity) -> Result<()> {
    if own.private_key_passphrase.is_none() {
        return Ok(());
    }
    Err(Error::new(Code::ConflictingOptions, "option `privateKeyPassphrase` goes with `privateKey`")
        .with_param("privateKeyPassphrase"))
}

fn no_certificate() -> Error {
    Error::new(Code::MissingOption, "option `certificate` is missing: this session has no device certificate")
        .with_param("certificate")
        .with_hint(
            "Give `certificate` and `privateKey` or `pkcs11`, or connect with the session's credentials: \
             `transport: \"ws\"`.",
        )
}

fn no_region() -> Error {
    Error::new(
        Code::MissingOption,
        "option `region` is missing: the WebSocket is signed for a region, and the endpoint's name has none",
    )
    .with_param("region")
}
