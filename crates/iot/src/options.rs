//! The options that make the request, checked before anything is sent.

use http::{HeaderMap, HeaderValue};
use refresh_session_core::{Code, Error, Result};
use refresh_session_tls::HttpRequest;

const MAX_NAME: usize = 128;
const MIN_DURATION_SECONDS: u32 = 900;
const MAX_DURATION_SECONDS: u32 = 43_200;

/// A request for the credentials of one role alias.
#[derive(Clone, Debug)]
pub struct IotRequest {
    http: HttpRequest,
    role_alias: String,
    thing_name: Option<String>,
}

impl IotRequest {
    /// Checks the parts and puts the request together.
    ///
    /// * `role_alias`: 1 to 128 of `[A-Za-z0-9_=,@-]` (API reference, `CreateRoleAlias`).
    /// * `thing_name`: 1 to 128 of `[A-Za-z0-9:_-]` (API reference, `CreateThing`).
    /// * `duration_seconds`: 900 to 43 200, the bounds of a role alias.
    ///
    /// # Errors
    /// `ERR_INVALID_OPTION` naming the option.
    pub fn new(
        role_alias: String,
        thing_name: Option<String>,
        duration_seconds: Option<u32>,
    ) -> Result<Self> {
        check_name("roleAlias", &role_alias, b"_=,@-")?;
        let mut headers = HeaderMap::new();
        if let Some(thing_name) = &thing_name {
            check_name("thingName", thing_name, b":_-")?;
            let value = HeaderValue::from_str(thing_name).map_err(|_| unsendable())?;
            headers.insert("x-amzn-iot-thingname", value);
        }
        if let Some(seconds) = duration_seconds {
            check_duration(seconds)?;
            headers.insert("x-amzn-iot-credential-duration-seconds", seconds.into());
        }
        let http = HttpRequest::get(format!("/role-aliases/{role_alias}/credentials")).with_headers(headers);
        Ok(Self { http, role_alias, thing_name })
    }

    /// The alias asked for.
    #[must_use]
    pub fn role_alias(&self) -> &str {
        &self.role_alias
    }

    /// The thing named, if any.
    #[must_use]
    pub fn thing_name(&self) -> Option<&str> {
        self.thing_name.as_deref()
    }

    pub(crate) fn http(&self) -> &HttpRequest {
        &self.http
    }
}

/// Its characters have been checked.
fn unsendable() -> Error {
    Error::new(Code::Internal, "a checked name does not go into a header")
}

fn check_name(param: &'static str, name: &str, punctuation: &[u8]) -> Result<()> {
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(Error::invalid_option(
            param,
            format!("has {} characters: it must have 1 to {MAX_NAME}", name.chars().count()),
        ));
    }
    match name
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && !punctuation.iter().any(|p| char::from(*p) == *c))
    {
        None => Ok(()),
        Some(wrong) => Err(Error::invalid_option(
            param,
            format!(
                "holds {wrong:?}: only letters, digits and {} are allowed",
                String::from_utf8_lossy(punctuation).chars().map(String::from).collect::<Vec<_>>().join(" ")
            ),
        )),
    }
}

fn check_duration(seconds: u32) -> Result<()> {
    if (MIN_DURATION_SECONDS..=MAX_DURATION_SECONDS).contains(&seconds) {
        return Ok(());
    }
    Err(Error::invalid_option(
        "durationSeconds",
        format!("is {seconds}: it must be from {MIN_DURATION_SECONDS} to {MAX_DURATION_SECONDS}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn puts_the_request_together() {
        let request = IotRequest::new("gw_role=1,a@b-c".into(), Some("gw:0042".into()), Some(900)).unwrap();
        assert_eq!(request.http().path, "/role-aliases/gw_role=1,a@b-c/credentials");
        let header = |name| request.http().headers.get(name).unwrap().to_str().unwrap();
        assert_eq!(header("x-amzn-iot-thingname"), "gw:0042");
        assert_eq!(header("x-amzn-iot-credential-duration-seconds"), "900");
        assert_eq!(request.http().headers.len(), 2);
    }

    #[test]
    fn refuses_bad_parts_by_name() {
        let long = "a".repeat(129);
        for alias in ["", "a b", "a/b", "a%20b", "r\u{f4}le", "a\r\nX: y", long.as_str()] {
            let error = IotRequest::new(alias.into(), None, None).unwrap_err();
            assert_eq!(error.param(), Some("roleAlias"), "{alias:?}");
        }
        for thing in ["", "a b", "a\nb", "a=b"] {
            let error = IotRequest::new("alias".into(), Some(thing.into()), None).unwrap_err();
            assert_eq!(error.param(), Some("thingName"), "{thing:?}");
        }
        for seconds in [0, 899, 43_201] {
            let error = IotRequest::new("alias".into(), None, Some(seconds)).unwrap_err();
            assert_eq!(error.param(), Some("durationSeconds"), "{seconds}");
        }
    }
}
