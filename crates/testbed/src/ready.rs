//! The ready line: one line of JSON on stdout that tells the caller everything it needs.

use std::{net::SocketAddr, path::Path};

use serde_json::{Map, Value, json};

use crate::{
    aws::{alias, buckets, container, iam, identity_tokens, sso},
    folder::Folder,
    link::Link,
    mqtt::authorizer,
    pki::{ALT_NAME, DATA_NAME, HOST, PASSPHRASE, Pki, THING},
    proxy,
    sync::lock,
    tokens::{Token, Tokens},
    world::World,
};

/// Where the servers listen.
pub(crate) struct Addresses {
    pub(crate) control: SocketAddr,
    pub(crate) iot: SocketAddr,
    pub(crate) sts_http: SocketAddr,
    pub(crate) sts_https: SocketAddr,
    pub(crate) s3_http: SocketAddr,
    pub(crate) s3_https: SocketAddr,
    pub(crate) container: SocketAddr,
    pub(crate) imds: SocketAddr,
    pub(crate) sso: SocketAddr,
    pub(crate) mqtt: SocketAddr,
    pub(crate) mqtt_alpn: SocketAddr,
}

/// The ready line, without its line break.
pub(crate) fn line(
    folder: &Folder,
    pki: &Pki,
    tokens: Option<&Tokens>,
    addresses: &Addresses,
    link: &Link,
    proxy: SocketAddr,
    world: &World,
) -> String {
    let devices: Map<String, Value> = pki
        .devices
        .iter()
        .map(|device| {
            let mut files = Map::new();
            files.insert("certificate".to_owned(), path(&device.certificate));
            files.extend(device.keys.iter().map(|(form, file)| (form.name().to_owned(), path(file))));
            (device.name.clone(), Value::Object(files))
        })
        .collect();
    let port = addresses.iot.port();
    json!({
        "ready": true,
        "pid": std::process::id(),
        "dir": path(folder.path()),
        "control": format!("http://{}", addresses.control),
        "iot": {"endpoint": format!("{HOST}:{port}"), "host": HOST, "port": port, "altName": ALT_NAME},
        "link": {
            "endpoint": format!("{HOST}:{}", link.relay.port()),
            "mqtt": format!("{HOST}:{}", link.mqtt.port()),
            "mqttAlpn": format!("{HOST}:{}", link.mqtt_alpn.port()),
            "blackHole": link.black_hole.to_string(),
            "refusing": link.refusing.to_string(),
        },
        "proxy": {
            "url": format!("http://{proxy}"),
            "address": proxy.to_string(),
            "user": proxy::USER,
            "password": proxy::PASSWORD,
        },
        "sts": {
            "http": format!("http://{}", addresses.sts_http),
            "https": format!("https://{HOST}:{}", addresses.sts_https.port()),
        },
        "iam": iam_json(world),
        "identityTokens": {
            "issuer": identity_tokens::ISSUER,
            "audience": identity_tokens::AUDIENCE,
            "subject": identity_tokens::SUBJECT,
        },
        "s3": {
            "http": format!("http://{}", addresses.s3_http),
            "https": format!("https://{HOST}:{}", addresses.s3_https.port()),
            "bucket": buckets::BUCKET,
        },
        "container": {
            "url": format!("http://{}", addresses.container),
            "relativeUri": container::RELATIVE_PATH,
            "fullUri": format!("http://{}{}", addresses.container, container::RELATIVE_PATH),
        },
        "imds": {"endpoint": format!("http://{}", addresses.imds)},
        "sso": {
            "url": format!("http://{}", addresses.sso),
            "startUrl": sso::START_URL,
            "region": sso::REGION,
            "accountId": iam::ACCOUNT,
            "roleName": sso::ROLE,
        },
        "mqtt": mqtt_json(addresses),
        "pki": {
            "deviceCa": path(&pki.device_authority_files().certificate),
            "deviceCaKey": path(&pki.device_authority_files().key),
            "serverCa": path(pki.server_ca_path()),
            "devices": devices,
        },
        "tokens": tokens.map(tokens_json),
        "aliases": alias::defaults().keys().collect::<Vec<_>>(),
        "thing": THING,
        "passphrase": PASSPHRASE,
    })
    .to_string()
}

fn mqtt_json(addresses: &Addresses) -> Value {
    let port = |address: SocketAddr| {
        let port = address.port();
        json!({"endpoint": format!("{HOST}:{port}"), "host": HOST, "port": port})
    };
    json!({
        "tls": port(addresses.mqtt),
        "alpn": port(addresses.mqtt_alpn),
        "altName": DATA_NAME,
        "authorizer": {
            "name": authorizer::NAME,
            "tokenKey": authorizer::TOKEN_KEY,
            "token": authorizer::TOKEN,
            "signature": authorizer::SIGNATURE,
            "user": authorizer::USER,
            "password": authorizer::PASSWORD,
        },
    })
}

fn iam_json(world: &World) -> Value {
    let iam = lock(&world.iam);
    let roles: Map<String, Value> = iam
        .role_arns()
        .filter_map(|arn| Some((alias::role_name(arn)?.to_owned(), arn.clone().into())))
        .collect();
    json!({
        "account": iam::ACCOUNT,
        "otherAccount": iam::OTHER_ACCOUNT,
        "user": iam.user(iam::USER).map(iam::User::to_json),
        "roles": roles,
    })
}

fn tokens_json(tokens: &Tokens) -> Value {
    let all: Map<String, Value> =
        tokens.by_name.iter().map(|(name, token)| ((*name).to_owned(), token_json(token))).collect();
    json!({"module": tokens.module, "conf": path(&tokens.conf), "tokens": all})
}

fn token_json(token: &Token) -> Value {
    let keys: Map<String, Value> = token
        .keys
        .iter()
        .map(|(name, key)| {
            let value =
                json!({"label": key.label, "id": key.id, "certificate": path(&key.device.certificate)});
            ((*name).to_owned(), value)
        })
        .collect();
    json!({"label": token.label, "serial": token.serial, "pin": token.pin, "keys": keys})
}

fn path(path: &Path) -> Value {
    path.to_string_lossy().into()
}
