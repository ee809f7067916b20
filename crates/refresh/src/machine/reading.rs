//! What a caller gets.

use refresh_session_core::{BootTime, Error};

use super::{Demand, Machine, Read, closed};
use crate::waiters::Wants;
use crate::zone::Zone;

impl Machine {
    /// A caller asks. One that has to wait is answered by `deadline` in any case.
    pub fn handle_read(&mut self, now: BootTime, demand: Demand, deadline: BootTime) -> Read {
        let zone = self.zone(now);
        match (zone, demand) {
            (Zone::Closed, _) => Read::Refused(closed()),
            (_, Demand::Valid) => self.read_valid(now, zone, deadline),
            (_, Demand::Forced) => match self.asked_to_wait(now) {
                Some(error) => Read::Refused(error),
                None => self.fetch_now(now, deadline),
            },
            (Zone::Fresh, Demand::Fresh) => self.keys(),
            (_, Demand::Fresh) => match self.paused(now).or_else(|| self.refused(now)) {
                Some(error) if self.flight.is_none() => Read::Refused(error),
                _ => self.join(now, deadline, Wants::Outcome),
            },
        }
    }

    fn read_valid(&mut self, now: BootTime, zone: Zone, deadline: BootTime) -> Read {
        if zone == Zone::Fresh {
            return self.keys();
        }
        // A forced refresh goes ahead in spite of a refusal or a pause: its outcome is for everybody.
        if self.flight.is_none()
            && let Some(error) = self.refused(now)
        {
            return Read::Refused(error);
        }
        match (zone, self.paused(now)) {
            (Zone::Advisory | Zone::Mandatory, Some(_)) => self.keys(),
            (Zone::Advisory, None) => {
                let starts = self.flight.is_none();
                self.start(now);
                if starts && self.settings.policy.starter_waits {
                    return Read::Wait(self.waiters.add(deadline, Wants::Valid));
                }
                self.keys()
            }
            (Zone::Expired, Some(_)) if self.settings.past_expiry() => self.keys(),
            (_, Some(error)) if self.flight.is_none() => Read::Refused(error),
            _ => self.join(now, deadline, Wants::Valid),
        }
    }

    /// Waits for the fetch under way, or for one that starts now or at the end of the startup jitter.
    fn join(&mut self, now: BootTime, deadline: BootTime, wants: Wants) -> Read {
        let too_early = self.held.is_none() && self.settings.startup_holds_callers && now < self.starts_at;
        if !too_early {
            self.start(now);
        }
        Read::Wait(self.waiters.add(deadline, wants))
    }

    fn fetch_now(&mut self, now: BootTime, deadline: BootTime) -> Read {
        self.start(now);
        Read::Wait(self.waiters.add(deadline, Wants::Outcome))
    }

    fn keys(&self) -> Read {
        match &self.held {
            Some(held) => Read::Keys(held.clone()),
            None => Read::Refused(closed()),
        }
    }

    /// The error of the last failure while reads leave the source alone because of it.
    pub(super) fn paused(&self, now: BootTime) -> Option<Error> {
        self.pause.as_ref().filter(|pause| now < pause.reads_until).map(|pause| pause.error.clone())
    }

    fn asked_to_wait(&self, now: BootTime) -> Option<Error> {
        self.pause.as_ref().filter(|pause| now < pause.asked_until).map(|pause| pause.error.clone())
    }

    pub(super) fn refused(&self, now: BootTime) -> Option<Error> {
        self.refusal.as_ref().filter(|refusal| now < refusal.until).map(|refusal| refusal.error.clone())
    }
}
