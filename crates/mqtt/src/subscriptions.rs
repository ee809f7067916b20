//! What the client is subscribed to, or wants to be.

use std::collections::BTreeMap;

use crate::codec::Subscription;
use crate::machine::OpId;
use crate::text::Text;

/// What the server has of a filter, as far as we know.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Held {
    No,
    /// Whoever asked has given up when the request was on the wire already. It counts, and is not asked for again.
    Maybe,
    Yes,
    /// It was granted; the session that held it is gone, or `maybe` not. Asked for again by itself.
    Lost {
        on_wire: bool,
        maybe: bool,
    },
}

/// One filter.
#[derive(Clone, Debug)]
struct Entry {
    wish: Subscription,
    held: Held,
    /// Operations that ask for it and are not over.
    asking: Vec<OpId>,
    /// Operations that end it and are not over.
    leaving: Vec<OpId>,
}

impl Entry {
    /// To be asked for by itself: nobody else is about to.
    fn is_wanted_again(&self) -> bool {
        matches!(self.held, Held::Lost { on_wire: false, .. })
            && self.asking.is_empty()
            && self.leaving.is_empty()
    }

    fn is_over(&self) -> bool {
        self.held == Held::No && self.asking.is_empty() && self.leaving.is_empty()
    }
}

/// All filters of which the server may know, or will.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subscriptions {
    entries: BTreeMap<Text, Entry>,
    /// How many are to be asked for again: usually none, and looked at often.
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
        self.entries.values().filter(|entry| entry.held == Held::Yes).count()
    }

    /// How many are to be asked for again.
    pub(crate) fn lost(&self) -> usize {
        self.lost
    }

    /// An operation begins to ask for it.
    pub(crate) fn asked(&mut self, wish: &Subscription, by: OpId) {
        let new = || Entry { wish: wish.clone(), held: Held::No, asking: Vec::new(), leaving: Vec::new() };
        self.entries.entry(wish.filter.clone()).or_insert_with(new).asking.push(by);
        self.recount();
    }

    /// An operation begins to end it.
    pub(crate) fn leaving(&mut self, filter: &Text, by: OpId) {
        self.change(filter, |entry| entry.leaving.push(by));
    }

    /// The server has granted it.
    pub(crate) fn granted(&mut self, wish: &Subscription) {
        self.change(&wish.filter, |entry| {
            entry.held = Held::Yes;
            entry.wish = wish.clone();
        });
    }

    /// The server has ended it.
    pub(crate) fn left(&mut self, filter: &Text) {
        self.change(filter, |entry| entry.held = Held::No);
    }

    /// The server may have it.
    pub(crate) fn unknown(&mut self, filter: &Text) {
        self.change(filter, |entry| {
            if entry.held == Held::No {
                entry.held = Held::Maybe;
            }
        });
    }

    /// An operation is over. `unanswered`: it was on the wire, and nobody knows.
    pub(crate) fn over(&mut self, filter: &Text, operation: OpId, unanswered: bool) {
        self.change(filter, |entry| {
            let asked = entry.asking.contains(&operation);
            entry.asking.retain(|other| *other != operation);
            entry.leaving.retain(|other| *other != operation);
            if unanswered {
                entry.held = match (asked, entry.held) {
                    (true, Held::No) | (_, Held::Maybe) | (false, Held::Yes | Held::Lost { .. }) => {
                        Held::Maybe
                    }
                    (_, held) => held,
                };
            }
        });
    }

    /// Whether what was granted to an operation still stands, or was ended by a later one, or is about to be.
    pub(crate) fn stands(&self, filter: &Text) -> bool {
        self.entries.get(filter).is_some_and(|entry| {
            matches!(entry.held, Held::Yes | Held::Lost { .. }) && entry.leaving.is_empty()
        })
    }

    /// The server has no session: what was granted is lost.
    pub(crate) fn session_lost(&mut self) {
        self.change_all(|held| match held {
            Held::No | Held::Maybe => Held::No,
            Held::Yes | Held::Lost { .. } => Held::Lost { on_wire: false, maybe: false },
        });
    }

    /// The server may have no session but a new one.
    pub(crate) fn session_doubtful(&mut self) {
        self.change_all(|held| match held {
            Held::Yes | Held::Lost { .. } => Held::Lost { on_wire: false, maybe: true },
            held => held,
        });
    }

    /// The connection is lost: what was being asked for again must be asked for once more.
    pub(crate) fn connection_lost(&mut self) {
        self.change_all(|held| match held {
            // The request may have been granted all the same.
            Held::Lost { on_wire, maybe } => Held::Lost { on_wire: false, maybe: maybe || on_wire },
            held => held,
        });
    }

    /// Some that are lost, to be asked for now.
    pub(crate) fn take_lost(
        &mut self,
        most: usize,
        fits: impl Fn(&[Subscription], &Subscription) -> bool,
    ) -> Vec<Subscription> {
        let mut taken: Vec<Subscription> = Vec::new();
        for entry in self.entries.values_mut().filter(|entry| entry.is_wanted_again()) {
            if taken.len() == most || (!taken.is_empty() && !fits(&taken, &entry.wish)) {
                break;
            }
            let maybe = matches!(entry.held, Held::Lost { maybe: true, .. });
            entry.held = Held::Lost { on_wire: true, maybe };
            taken.push(entry.wish.clone());
        }
        self.recount();
        taken
    }

    /// The answer for one that was lost; whether it had still been waited for.
    pub(crate) fn regained(&mut self, filter: &Text, granted: bool) -> bool {
        let mut waited = false;
        self.change(filter, |entry| {
            let Held::Lost { on_wire: true, maybe } = entry.held else { return };
            waited = true;
            entry.held = match (granted, maybe) {
                (true, _) => Held::Yes,
                (false, true) => Held::Maybe,
                (false, false) => Held::No,
            };
        });
        waited
    }

    fn change(&mut self, filter: &Text, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entries.get_mut(filter) {
            change(entry);
            if entry.is_over() {
                self.entries.remove(filter);
            }
            self.recount();
        }
    }

    fn change_all(&mut self, change: impl Fn(Held) -> Held) {
        self.entries.values_mut().for_each(|entry| entry.held = change(entry.held));
        self.entries.retain(|_, entry| !entry.is_over());
        self.recount();
    }

    fn recount(&mut self) {
        self.lost = self.entries.values().filter(|entry| entry.is_wanted_again()).count();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(filter: &str) -> Subscription {
        Subscription { filter: filter.into(), ..Subscription::default() }
    }

    #[test]
    fn whatever_is_given_up_on_the_wire_counts_until_the_session_is_gone() {
        let mut all = Subscriptions::default();
        let filter = Text::from("a");
        all.asked(&wish("a"), OpId(1));
        all.over(&filter, OpId(1), true);
        assert_eq!((all.len(), all.active(), all.lost()), (1, 0, 0));
        all.session_lost();
        assert_eq!(all.len(), 0);
    }

    #[test]
    fn an_end_that_is_cancelled_before_it_was_sent_leaves_it_as_it_was() {
        let mut all = Subscriptions::default();
        let filter = Text::from("a");
        all.asked(&wish("a"), OpId(1));
        all.granted(&wish("a"));
        all.over(&filter, OpId(1), false);
        all.leaving(&filter, OpId(2));
        all.session_lost();
        assert_eq!(all.lost(), 0, "it is about to be ended");
        all.over(&filter, OpId(2), false);
        assert_eq!(all.lost(), 1);
        assert_eq!(all.take_lost(8, |_, _| true).len(), 1);
        assert!(all.regained(&filter, true) && all.active() == 1);
    }

    #[test]
    fn a_second_wish_that_is_cancelled_does_not_end_the_first() {
        let mut all = Subscriptions::default();
        all.asked(&wish("a"), OpId(1));
        all.asked(&wish("a"), OpId(2));
        all.over(&"a".into(), OpId(2), false);
        all.granted(&wish("a"));
        all.over(&"a".into(), OpId(1), false);
        assert_eq!(all.active(), 1);
    }
}
