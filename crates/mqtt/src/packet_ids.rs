//! Packet identifiers in use, and for what.

use std::collections::BTreeMap;

use crate::codec::Subscription;
use crate::machine::OpId;

/// What an identifier stands for.
#[derive(Clone, Debug)]
pub(crate) enum Owner {
    /// A message.
    Publish(OpId),
    /// Some filters of a SUBSCRIBE or UNSUBSCRIBE, by their place in the operation.
    Request(OpId, Vec<usize>),
    /// Subscriptions that are asked for again.
    Again(Vec<Subscription>),
    /// A message whose operation is over. The identifier stays taken until the server answers or the connection ends.
    ForgottenPublish,
    /// A SUBSCRIBE or UNSUBSCRIBE whose operation is over.
    ForgottenRequest,
}

/// All identifiers in use. Takes memory for those in use only.
#[derive(Clone, Debug, Default)]
pub(crate) struct PacketIds {
    used: BTreeMap<u16, (u64, Owner)>,
    last: u16,
    serial: u64,
}

impl PacketIds {
    /// One that is free, and the serial number of this use of it; `None` if all are in use.
    pub(crate) fn take(&mut self, owner: Owner) -> Option<(u16, u64)> {
        if self.is_full() {
            return None;
        }
        let mut id = self.last;
        loop {
            id = id.checked_add(1).unwrap_or(1);
            if !self.used.contains_key(&id) {
                break;
            }
        }
        self.last = id;
        Some((id, self.put(id, owner)))
    }

    /// This one is used once more, for the same.
    pub(crate) fn renew(&mut self, id: u16, owner: Owner) -> u64 {
        self.put(id, owner)
    }

    pub(crate) fn owner(&self, id: u16) -> Option<&Owner> {
        self.used.get(&id).map(|(_, owner)| owner)
    }

    pub(crate) fn is(&self, id: u16, serial: u64) -> bool {
        self.used.get(&id).is_some_and(|(found, _)| *found == serial)
    }

    pub(crate) fn replace(&mut self, id: u16, owner: Owner) {
        if let Some((_, found)) = self.used.get_mut(&id) {
            *found = owner;
        }
    }

    /// The operation of these is over.
    pub(crate) fn forget_request(&mut self, operation: OpId) {
        for (_, owner) in self.used.values_mut() {
            if matches!(owner, Owner::Request(found, _) if *found == operation) {
                *owner = Owner::ForgottenRequest;
            }
        }
    }

    pub(crate) fn free(&mut self, id: u16) -> Option<Owner> {
        self.used.remove(&id).map(|(_, owner)| owner)
    }

    /// Frees all but those of messages; gives the operations of those messages, and of the requests that were on the
    /// wire.
    pub(crate) fn connection_lost(&mut self) -> Vec<(u16, Owner)> {
        let all = std::mem::take(&mut self.used);
        let (kept, freed) = all.into_iter().partition(|(_, (_, owner))| matches!(owner, Owner::Publish(_)));
        self.used = kept;
        let mut told: Vec<_> = self.used.iter().map(|(id, (_, owner))| (*id, owner.clone())).collect();
        let freed: BTreeMap<u16, (u64, Owner)> = freed;
        told.extend(freed.into_iter().map(|(id, (_, owner))| (id, owner)));
        told
    }

    pub(crate) fn is_full(&self) -> bool {
        self.used.len() >= usize::from(u16::MAX)
    }

    pub(crate) fn len(&self) -> usize {
        self.used.len()
    }

    fn put(&mut self, id: u16, owner: Owner) -> u64 {
        self.serial += 1;
        self.used.insert(id, (self.serial, owner));
        self.serial
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_but_zero_are_given_out_and_none_twice() {
        let mut ids = PacketIds::default();
        let taken: Vec<u16> = (0..65_535).map(|_| ids.take(Owner::ForgottenPublish).unwrap().0).collect();
        assert_eq!((taken[0], taken[65_534]), (1, 65_535));
        assert!(ids.take(Owner::ForgottenPublish).is_none());
        ids.free(7);
        assert_eq!(ids.take(Owner::ForgottenPublish).unwrap().0, 7);
        ids.free(65_535);
        assert_eq!(ids.take(Owner::ForgottenPublish).unwrap().0, 65_535);
    }
}
