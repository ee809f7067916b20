//! What is sent.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method};

/// A request. It may carry secrets: `Debug` has neither header values nor the body.
#[derive(Clone)]
pub struct HttpRequest {
    /// GET, POST.
    pub method: Method,
    /// Path and query, already encoded.
    pub path: String,
    /// `host` is added, and `content-length`.
    pub headers: HeaderMap,
    /// Empty for a GET.
    pub body: Bytes,
    /// Never sent a second time, not even where a kept connection turns out to be closed: it goes over a new one. For
    /// a one-time code, which the server would not take twice.
    pub once: bool,
}

impl HttpRequest {
    /// Asks for `path`.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            once: false,
        }
    }

    /// Sends `body` to `path`.
    #[must_use]
    pub fn post(path: impl Into<String>, body: Bytes) -> Self {
        Self { method: Method::POST, body, ..Self::get(path) }
    }

    /// With these headers.
    #[must_use]
    pub fn with_headers(self, headers: HeaderMap) -> Self {
        Self { headers, ..self }
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_has_names_and_no_values() {
        let headers = [(http::header::AUTHORIZATION, "canary".parse().unwrap())].into_iter().collect();
        let request = HttpRequest::post("/", Bytes::from_static(b"canary")).with_headers(headers);
        let shown = format!("{request:?}");
        assert!(shown.contains("authorization") && !shown.contains("canary"), "{shown}");
    }
}
