//! Whose operation is whose.

use std::collections::HashMap;

use refresh_session_mqtt::{AckToken, OpId, Text};
use refresh_session_spool::RecordId;

use super::words::{MessageNumber, OperationNumber};

/// Who hears how an operation ends.
#[derive(Debug)]
pub(super) enum Owner {
    /// A caller.
    Caller(OperationNumber),
    /// It is on the disk too.
    Stored {
        /// Where.
        record: RecordId,
        /// `None`: the caller only wanted it stored, or belonged to an earlier process.
        caller: Option<OperationNumber>,
        topic: Text,
    },
}

/// The operations of the machine by the callers' numbers.
#[derive(Debug, Default)]
pub(super) struct Operations {
    owners: HashMap<OpId, Owner>,
}

impl Operations {
    pub(super) fn begun(&mut self, id: OpId, owner: Owner) {
        self.owners.insert(id, owner);
    }

    pub(super) fn settled(&mut self, id: OpId) -> Option<Owner> {
        self.owners.remove(&id)
    }

    /// Rare enough to look through all of them.
    pub(super) fn id_of(&self, number: OperationNumber) -> Option<OpId> {
        let is = |owner: &Owner| match owner {
            Owner::Caller(caller) => *caller == number,
            Owner::Stored { caller, .. } => *caller == Some(number),
        };
        self.owners.iter().find(|(_, owner)| is(owner)).map(|(id, _)| *id)
    }
}

/// Messages that wait for their acknowledgement, by number.
#[derive(Debug, Default)]
pub(super) struct Unacknowledged {
    tokens: HashMap<MessageNumber, AckToken>,
    last: MessageNumber,
}

impl Unacknowledged {
    pub(super) fn came(&mut self, token: AckToken) -> MessageNumber {
        self.last = self.last.wrapping_add(1);
        self.tokens.insert(self.last, token);
        self.last
    }

    pub(super) fn take(&mut self, number: MessageNumber) -> Option<AckToken> {
        self.tokens.remove(&number)
    }

    /// The server sends them again on the next connection.
    pub(super) fn lost(&mut self) {
        self.tokens.clear();
    }
}
