//! What the system tells, waited for from round to round: each wait is a descriptor or a place in a list, made once for
//! each notice and not for each message.

use std::sync::Arc;

use crate::alarm::{Alarm, Change};
use crate::network::Network;
use crate::source::Fetching;

/// The waits for a resume, a clock that was set, and a network that came back.
pub(super) struct Notices {
    alarm: Arc<dyn Alarm>,
    network: Arc<dyn Network>,
    changing: Option<Fetching<'static, Change>>,
    coming: Option<Fetching<'static, ()>>,
}

impl Notices {
    pub(super) fn new(alarm: Arc<dyn Alarm>, network: Arc<dyn Network>) -> Self {
        Self { alarm, network, changing: None, coming: None }
    }

    /// The next change of time, or `None` for a network that has come; of networks nothing is heard, and nobody listens,
    /// unless they are `wanted`.
    pub(super) async fn next(&mut self, wanted: bool) -> Option<Change> {
        let alarm = &self.alarm;
        let changing = self.changing.get_or_insert_with(|| {
            let alarm = alarm.clone();
            Box::pin(async move { alarm.changed().await })
        });
        if !wanted {
            self.coming = None;
            let change = changing.as_mut().await;
            self.changing = None;
            return Some(change);
        }
        let network = &self.network;
        let coming = self.coming.get_or_insert_with(|| {
            let network = network.clone();
            Box::pin(async move { network.came().await })
        });
        tokio::select! {
            biased;
            change = changing.as_mut() => {
                self.changing = None;
                Some(change)
            }
            () = coming.as_mut() => {
                self.coming = None;
                None
            }
        }
    }
}
