//! What the client is subscribed to, or wants to be.

use std::collections::BTreeMap;

use crate::codec::Subscription;
use crate::machine::OpId;
use crate::text::Text;

/// How it stands with a filter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    /// An operation asks for it.
    Pending(OpId),
    /// The server has granted it.
    Active,
    /// It was granted; the session that held it is gone. Asked for again by itself.
    Lost { on_wire: bool },
    /// An operation ends it.
    Leaving(OpId),
    /// Whoever asked has given up when the request was on the wire already: the server may have granted it. It counts,
    /// and is not asked for again.
    Unknown,
}

/// One filter.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub wish: Subscription,
    pub standing: Standing,
}

/// All filters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subscriptions {
    entries: BTreeMap<Text, Entry>,
    /// How many are lost and not on the wire: usually none, and looked at often.
    lost: usize,
}

impl Subscriptions {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn contains(&self, filter: &Text) -> bool {
        self.entries.contains_key(filter)
    }

    pub(crate) fn active(&self) -> usize {
        self.entries.values().filter(|entry| entry.standing == Standing::Active).count()
    }

    /// How many are to be asked for again.
    pub(crate) fn lost(&self) -> usize {
        self.lost
    }

    /// A subscription is asked for. One that is active stays so until the answer.
    pub(crate) fn asked(&mut self, wish: &Subscription, by: OpId) {
        let standing = self.entries.get(&wish.filter).map(|entry| entry.standing);
        if standing != Some(Standing::Active) {
            self.put(&wish.filter, Entry { wish: wish.clone(), standing: Standing::Pending(by) });
        }
    }

    pub(crate) fn granted(&mut self, wish: &Subscription, by: OpId) {
        match self.entries.get(&wish.filter).map(|entry| entry.standing) {
            Some(Standing::Pending(other)) if other != by => {}
            Some(Standing::Leaving(_)) | None => {}
            Some(_) => self.put(&wish.filter, Entry { wish: wish.clone(), standing: Standing::Active }),
        }
    }

    pub(crate) fn refused(&mut self, filter: &Text, by: OpId) {
        if self.standing(filter) == Some(Standing::Pending(by)) {
            self.remove(filter);
        }
    }

    /// Its operation is over without an answer.
    pub(crate) fn given_up(&mut self, filter: &Text, by: OpId, was_sent: bool) {
        match self.standing(filter) {
            Some(Standing::Pending(other)) if other == by && was_sent => {
                self.stand(filter, Standing::Unknown)
            }
            Some(Standing::Pending(other)) if other == by => self.remove(filter),
            Some(Standing::Leaving(other)) if other == by && was_sent => {
                self.stand(filter, Standing::Unknown)
            }
            // The session that held it may be gone meanwhile. To ask once more does no harm.
            Some(Standing::Leaving(other)) if other == by => {
                self.stand(filter, Standing::Lost { on_wire: false })
            }
            _ => {}
        }
    }

    pub(crate) fn leaving(&mut self, filter: &Text, by: OpId) {
        if self.contains(filter) {
            self.stand(filter, Standing::Leaving(by));
        }
    }

    pub(crate) fn left(&mut self, filter: &Text, by: OpId) {
        if self.standing(filter) == Some(Standing::Leaving(by)) {
            self.remove(filter);
        }
    }

    /// The server has no session: what was granted is lost.
    pub(crate) fn session_lost(&mut self) {
        self.entries.retain(|_, entry| entry.standing != Standing::Unknown);
        for entry in self.entries.values_mut() {
            if matches!(entry.standing, Standing::Active | Standing::Lost { .. }) {
                entry.standing = Standing::Lost { on_wire: false };
            }
        }
        self.recount();
    }

    /// The connection is lost: what was being asked for again must be asked for once more.
    pub(crate) fn connection_lost(&mut self) {
        for entry in self.entries.values_mut() {
            if matches!(entry.standing, Standing::Lost { .. }) {
                entry.standing = Standing::Lost { on_wire: false };
            }
        }
        self.recount();
    }

    /// Some that are lost, to be asked for now.
    pub(crate) fn take_lost(
        &mut self,
        most: usize,
        fits: impl Fn(&[Subscription], &Subscription) -> bool,
    ) -> Vec<Subscription> {
        let mut taken: Vec<Subscription> = Vec::new();
        for entry in self.entries.values_mut() {
            if entry.standing != (Standing::Lost { on_wire: false }) {
                continue;
            }
            if taken.len() == most || (!taken.is_empty() && !fits(&taken, &entry.wish)) {
                break;
            }
            entry.standing = Standing::Lost { on_wire: true };
            taken.push(entry.wish.clone());
        }
        self.recount();
        taken
    }

    /// The answer for one that was lost; whether it had still been waited for.
    pub(crate) fn regained(&mut self, filter: &Text, granted: bool) -> bool {
        if self.standing(filter) != Some(Standing::Lost { on_wire: true }) {
            return false;
        }
        if granted {
            self.stand(filter, Standing::Active);
        } else {
            self.remove(filter);
        }
        true
    }

    fn standing(&self, filter: &Text) -> Option<Standing> {
        self.entries.get(filter).map(|entry| entry.standing)
    }

    fn stand(&mut self, filter: &Text, standing: Standing) {
        if let Some(entry) = self.entries.get_mut(filter) {
            entry.standing = standing;
        }
        self.recount();
    }

    fn put(&mut self, filter: &Text, entry: Entry) {
        self.entries.insert(filter.clone(), entry);
        self.recount();
    }

    fn remove(&mut self, filter: &Text) {
        self.entries.remove(filter);
        self.recount();
    }

    fn recount(&mut self) {
        let lost = |entry: &&Entry| entry.standing == Standing::Lost { on_wire: false };
        self.lost = self.entries.values().filter(lost).count();
    }
}
