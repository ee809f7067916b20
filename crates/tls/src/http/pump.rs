//! What moves bytes between a request and its socket.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use crate::way::Stream;

type Driver = http1::Connection<TokioIo<Stream>, Full<Bytes>>;

/// hyper's side of a connection, moved along only while an exchange is under way.
///
/// A task of its own would do that too, at the price of two more switches of task for every request. Between requests
/// nothing has to move: that the server has closed shows when the next one begins.
pub(super) struct Pump {
    driver: Option<Pin<Box<Driver>>>,
    failure: Option<hyper::Error>,
}

impl Pump {
    pub(super) fn new(driver: Driver) -> Self {
        Self { driver: Some(Box::pin(driver)), failure: None }
    }

    /// Whether the connection is over.
    pub(super) fn has_ended(&self) -> bool {
        self.driver.is_none()
    }

    /// Runs `work`, a part of an exchange, while the connection moves along.
    ///
    /// If the connection fails, its own error is given rather than what `work` makes of it: where no request is on
    /// the way yet, that is only "channel closed", and a server's alert is lost.
    pub(super) async fn run<T>(
        &mut self,
        work: impl Future<Output = Result<T, hyper::Error>>,
    ) -> Result<T, hyper::Error> {
        let mut work = pin!(work);
        let done = poll_fn(|context| {
            if let Some(driver) = &mut self.driver
                && let Poll::Ready(ended) = driver.as_mut().poll(context)
            {
                self.driver = None;
                self.failure = ended.err();
            }
            work.as_mut().poll(context)
        })
        .await;
        done.map_err(|error| self.failure.take().unwrap_or(error))
    }
}
