//! Keys of the endpoint, and requests signed with them.

use ring::{digest, hmac};

use crate::{
    bed::Bed,
    client::{GET, GOOD},
};

const REGION: &str = "eu-west-1";

/// What to sign with.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) token: String,
}

/// What to sign.
pub(crate) struct Unsigned<'a> {
    pub(crate) service: &'a str,
    pub(crate) method: &'a str,
    /// Without a query.
    pub(crate) target: &'a str,
    pub(crate) host: &'a str,
    /// More of them, in lowercase.
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a str,
}

impl Keys {
    /// Keys that an alias gives.
    pub(crate) async fn fetch(bed: &Bed, alias: &str) -> Self {
        let reply = GOOD.request(bed, &GET.replace("gateway-role", alias)).await.unwrap();
        let credentials = reply.json()["credentials"].clone();
        let field = |name: &str| credentials[name].as_str().unwrap().to_owned();
        Self { id: field("accessKeyId"), secret: field("secretAccessKey"), token: field("sessionToken") }
    }

    /// A signed request. Written down step by step from the specification, on purpose not with the server's code.
    pub(crate) fn sign(&self, unsigned: &Unsigned<'_>, date: &str) -> String {
        let Unsigned { service, method, target, host, headers, body } = unsigned;
        let day = &date[..8];
        let mut headers = headers.to_vec();
        headers.extend([("host", *host), ("x-amz-date", date), ("x-amz-security-token", &self.token)]);
        headers.sort_unstable();
        let signed = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let lines =
            headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect::<Vec<_>>().concat();
        let declared = headers.iter().find(|(name, _)| *name == "x-amz-content-sha256");
        let payload = declared.map_or_else(|| hash(body), |(_, value)| (*value).to_owned());
        let canonical = format!("{method}\n{target}\n\n{lines}\n{signed}\n{payload}");
        let scope = format!("{day}/{REGION}/{service}/aws4_request");
        let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hash(&canonical));
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [day, REGION, service, "aws4_request", &text] {
            key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec();
        }
        let sent =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<Vec<_>>().concat();
        format!(
            "{method} {target} HTTP/1.1\r\n{sent}Content-Length: {}\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential={}/{scope}, SignedHeaders={signed}, Signature={}\r\n\r\n{body}",
            body.len(),
            self.id,
            hex(&key)
        )
    }
}

/// The hash of a body, in lowercase hexadecimal.
pub(crate) fn hash(text: &str) -> String {
    hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// The time of the testbed, in the form that signatures want.
pub(crate) async fn now(bed: &Bed) -> String {
    let date = GOOD.request(bed, GET).await.unwrap().header("date").unwrap().to_owned();
    let parts: Vec<&str> = date.split([' ', ':']).collect();
    let [_, day, month, year, hour, minute, second, _] = parts.as_slice() else { panic!("{date}") };
    let months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    format!("{year}{:02}{day}T{hour}{minute}{second}Z", months.find(month).unwrap() / 3 + 1)
}
