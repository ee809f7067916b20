//! Topics that JavaScript has been told, each by a place in a short list: most devices get messages of a few only, and to make
//! a string of each anew costs more than to look here.

/// How many are remembered. The oldest gives way.
const PLACES: usize = 16;

/// A longer one is not remembered.
const LENGTH: usize = 256;

/// How a topic is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Told {
    /// It is at this place already.
    Known(usize),
    /// With its bytes, and to be remembered at this place.
    New(usize),
    /// With its bytes.
    Alone,
}

/// What JavaScript remembers.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    /// Copies: those of the messages share the memory of all that came with them.
    known: Vec<Box<[u8]>>,
    next: usize,
}

impl Topics {
    pub(crate) fn tell(&mut self, topic: &[u8]) -> Told {
        if topic.len() > LENGTH {
            return Told::Alone;
        }
        if let Some(place) = self.known.iter().position(|known| **known == *topic) {
            return Told::Known(place);
        }
        let place = self.next;
        if let Some(known) = self.known.get_mut(place) {
            *known = topic.into();
        } else {
            self.known.push(topic.into());
        }
        self.next = (place + 1) % PLACES;
        Told::New(place)
    }
}
