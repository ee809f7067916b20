//! The faults that one connection has, and what is left of them.

use super::Fault;
use crate::{link::Toward, mqtt::codec::ToClient};

/// What becomes of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// These are sent now: the answer, or what had been held back.
    Send(Vec<ToClient>),
    /// It is sent so many milliseconds later.
    Later(u64, ToClient),
}

/// What is said in place of the truth.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told<T> {
    /// The truth.
    Truth,
    /// Nothing at all.
    Nothing,
    /// This.
    This(T),
}

/// The faults of a connection.
#[derive(Debug, Default)]
pub(crate) struct Plight {
    faults: Vec<Fault>,
    publishes: u64,
    held_pubacks: Vec<ToClient>,
    held_messages: Vec<ToClient>,
}

impl Plight {
    /// One fault more.
    pub(crate) fn add(&mut self, fault: Fault) {
        match fault {
            Fault::Several { faults } => faults.into_iter().for_each(|fault| self.add(fault)),
            fault => self.faults.push(fault),
        }
    }

    /// Whether anything is wrong at all.
    pub(crate) fn is_any(&self) -> bool {
        !self.faults.is_empty()
    }

    /// The CONNACK to send: reason and session present.
    pub(crate) fn connack(&self) -> Told<(u8, bool)> {
        let told = self.faults.iter().find_map(|fault| match fault {
            Fault::NoConnack {} => Some(Told::Nothing),
            Fault::Connack { reason, session_present } => Some(Told::This((*reason, *session_present))),
            _ => None,
        });
        told.unwrap_or(Told::Truth)
    }

    /// Whether the session is lost.
    pub(crate) fn loses_session(&self) -> bool {
        self.faults.contains(&Fault::LoseSession {})
    }

    /// After how many bytes in this direction the connection is reset.
    pub(crate) fn reset_after(&self, direction: Toward) -> Option<usize> {
        self.faults.iter().find_map(|fault| match fault {
            Fault::ResetAfter { bytes, toward } if *toward == direction => Some(*bytes),
            _ => None,
        })
    }

    /// In frames of how many bytes a WebSocket sends.
    pub(crate) fn fragment(&self) -> Option<usize> {
        self.faults.iter().find_map(|fault| match fault {
            Fault::Fragment { bytes } => Some(*bytes),
            _ => None,
        })
    }

    /// The client has published once more.
    pub(crate) fn published(&mut self) {
        self.publishes += 1;
    }

    /// What strikes now that it has published so often.
    pub(crate) fn due(&mut self) -> Option<Fault> {
        let publishes = self.publishes;
        let at =
            self.faults.iter().position(|fault| fault.after().is_some_and(|after| after <= publishes))?;
        Some(self.faults.remove(at))
    }

    /// What a PUBACK is to say, if not what it would.
    pub(crate) fn puback_reason(&mut self) -> Option<u8> {
        match self.strike(|fault| matches!(fault, Fault::Puback { .. }))? {
            Fault::Puback { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// What becomes of a PUBACK.
    pub(crate) fn puback(&mut self, packet: ToClient) -> Fate {
        if self.strike(|fault| matches!(fault, Fault::NoPuback { .. })).is_some() {
            return Fate::Send(Vec::new());
        }
        if let Some(Fault::LatePuback { ms, .. }) =
            self.strike(|fault| matches!(fault, Fault::LatePuback { .. }))
        {
            return Fate::Later(ms, packet);
        }
        let size = self.faults.iter().find_map(|fault| match fault {
            Fault::ReorderPubacks { size } => Some(*size),
            _ => None,
        });
        Fate::Send(reordered(&mut self.held_pubacks, size, packet))
    }

    /// What becomes of a message to the client.
    pub(crate) fn message(&mut self, packet: ToClient) -> Vec<ToClient> {
        let size = self.faults.iter().find_map(|fault| match fault {
            Fault::ReorderMessages { size } => Some(*size),
            _ => None,
        });
        reordered(&mut self.held_messages, size, packet)
    }

    /// Whether this message comes twice.
    pub(crate) fn redelivers(&mut self) -> bool {
        self.strike(|fault| matches!(fault, Fault::Redeliver { .. })).is_some()
    }

    /// The reasons of a SUBACK.
    pub(crate) fn suback(&mut self) -> Told<Vec<u8>> {
        match self.strike(|fault| matches!(fault, Fault::NoSuback { .. } | Fault::Suback { .. })) {
            None => Told::Truth,
            Some(Fault::Suback { reasons, .. }) => Told::This(reasons),
            Some(_) => Told::Nothing,
        }
    }

    /// Whether an UNSUBACK is missing.
    pub(crate) fn hides_unsuback(&mut self) -> bool {
        self.strike(|fault| matches!(fault, Fault::NoUnsuback { .. })).is_some()
    }

    /// Whether a PINGRESP is missing.
    pub(crate) fn hides_pingresp(&mut self) -> bool {
        self.strike(|fault| matches!(fault, Fault::NoPingresp { .. })).is_some()
    }

    /// The first fault of this kind, which has struck once more.
    fn strike(&mut self, kind: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let at = self.faults.iter().position(kind)?;
        let fault = self.faults[at].clone();
        if let Some(times) = self.faults[at].times() {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.faults.remove(at);
            }
        }
        Some(fault)
    }
}

/// Holds packets back until there are `size` of them, then lets them go, the last first.
fn reordered(held: &mut Vec<ToClient>, size: Option<usize>, packet: ToClient) -> Vec<ToClient> {
    let Some(size) = size else { return vec![packet] };
    held.push(packet);
    if held.len() < size {
        return Vec::new();
    }
    let mut all = std::mem::take(held);
    all.reverse();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_strike_as_often_as_they_were_told_to() {
        let mut plight = Plight::default();
        plight.add(Fault::Several {
            faults: vec![
                Fault::NoPuback { times: Some(1) },
                Fault::ReorderPubacks { size: 2 },
                Fault::Disconnect { reason: 0x8b, after: 1 },
            ],
        });
        assert_eq!(plight.puback(ToClient::Pingresp), Fate::Send(vec![]));
        assert_eq!(plight.puback(ToClient::Raw(vec![1])), Fate::Send(vec![]));
        let two = Fate::Send(vec![ToClient::Raw(vec![2]), ToClient::Raw(vec![1])]);
        assert_eq!(plight.puback(ToClient::Raw(vec![2])), two);
        assert_eq!(plight.due(), None);
        plight.published();
        assert_eq!(plight.due(), Some(Fault::Disconnect { reason: 0x8b, after: 1 }));
        assert_eq!(plight.due(), None);
    }
}
