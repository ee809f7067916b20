//! Serves one connection: reads a request, has it answered, carries the answer out, and again.

use std::future::Future;

use serde_json::json;

use super::{
    answer::Answer,
    plan::{End, Plan},
    request::{Incoming, Reader, Request},
};
use crate::net::wire::Wire;

/// What a client with `Expect: 100-continue` waits for.
const GO_ON: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Answers the requests of one connection.
pub(crate) trait Handler {
    /// The answer to the request with this number, counted from one. The handler writes the log before it
    /// returns, so that a client which has an answer in hand finds its request in the log.
    fn answer(&mut self, number: u64, request: Request) -> impl Future<Output = Plan> + Send;
}

/// Serves until either side ends it.
pub(crate) async fn serve<W: Wire, H: Handler>(mut wire: W, mut handler: H) {
    let mut reader = Reader::default();
    let mut number = 0;
    loop {
        let plan = match reader.next(&mut wire).await {
            Ok(Incoming::Request(request)) => {
                number += 1;
                handler.answer(number, request).await
            }
            Ok(Incoming::Expectation) => Plan::write(GO_ON.to_vec(), End::KeepAlive),
            Ok(Incoming::Bad(reason)) => Answer::json(400, &json!({"message": reason})).into_plan(false),
            Ok(Incoming::End) | Err(_) => return,
        };
        match plan.run(wire).await {
            Some(open) => wire = open,
            None => return,
        }
    }
}
