//! AWS IoT Core's credentials endpoint: a device certificate in, temporary AWS keys out.
//!
//! # The exchange
//!
//! `GET https://<endpoint>/role-aliases/<alias>/credentials` over mutual TLS, as in the AWS IoT developer guide,
//! "Authorizing direct calls to AWS services using AWS IoT Core credential provider".
//!
//! | Header | When |
//! |---|---|
//! | `x-amzn-iot-thingname` | `thing_name` is given; the thing must be attached to the certificate |
//! | `x-amzn-iot-credential-duration-seconds` | `duration_seconds` is given. **AWS documents no such header**: the life of the keys is set on the role alias. It is sent because boto3-refresh-session sends it; the endpoint may ignore it |
//!
//! A good reply is 200 with `{"credentials":{"accessKeyId","secretAccessKey","sessionToken","expiration"}}`, the last
//! one in RFC 3339. It is read strictly: [`reply`]. Everything else becomes one error: [`refusal`] holds the table.

#![forbid(unsafe_code)]

mod client;
mod endpoint;
mod options;
mod refusal;
mod reply;

pub use client::IotClient;
pub use endpoint::Endpoint;
pub use options::IotRequest;
