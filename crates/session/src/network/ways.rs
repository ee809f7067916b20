//! What there is already, so that only what is new is news.
//!
//! The kernel repeats itself: a router's advertisement renews an address, a scan for Wi-Fi speaks of a link that runs.
//! And it leaves out what it deems implied: of a link that went down it does not say that its IPv4 routes are gone too.

use std::collections::BTreeSet;

use super::words::Word;

/// Of either family, filled up with zeros.
pub(super) type Address = [u8; 16];

/// What one needs to get out.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Way {
    /// A link that runs, by its index.
    Link(u32),
    /// An address to be reached at.
    Address { link: u32, address: Address },
    /// A default route. Over several links it has none: zero.
    Route { place: Place, link: u32, gateway: Address },
}

/// Which routes replace one another.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Place {
    pub(super) family: u8,
    pub(super) table: u32,
    pub(super) metric: u32,
}

/// The ways of which the kernel has told. Of those that were there before, it has not: they are news when it first does.
#[derive(Debug, Default)]
pub(super) struct Ways {
    known: BTreeSet<Way>,
}

/// More than any gateway has. One that has, hears of some twice.
const MOST: usize = 1024;

impl Ways {
    /// Whether it is news that there is a way.
    pub(super) fn hear(&mut self, word: Word) -> bool {
        match word {
            Word::There(way) => self.learn(way),
            Word::Instead(way) => {
                if let Way::Route { place: of, .. } = way {
                    self.known.retain(|known| {
                        *known == way || !matches!(known, Way::Route { place, .. } if *place == of)
                    });
                }
                self.learn(way)
            }
            Word::Gone(way) => {
                self.forget(way);
                false
            }
        }
    }

    /// Nobody knows what has come and gone meanwhile.
    pub(super) fn forget_all(&mut self) {
        self.known.clear();
    }

    fn learn(&mut self, way: Way) -> bool {
        if self.known.len() >= MOST && !self.known.contains(&way) {
            self.known.clear();
        }
        self.known.insert(way)
    }

    /// With all that was there by its leave.
    fn forget(&mut self, gone: Way) {
        self.known.remove(&gone);
        match gone {
            Way::Link(gone) => self.known.retain(|known| match known {
                Way::Link(_) => true,
                Way::Address { link, .. } => *link != gone,
                Way::Route { link, .. } => *link != gone && *link != 0,
            }),
            Way::Address { link: gone, .. } => self.known.retain(|known| match known {
                Way::Link(_) | Way::Address { .. } => true,
                Way::Route { link, .. } => *link != gone && *link != 0,
            }),
            Way::Route { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: Way = Way::Link(3);
    const ADDRESS: Way = Way::Address { link: 3, address: [1; 16] };

    fn route(metric: u32, link: u32, gateway: u8) -> Way {
        Way::Route { place: Place { family: 2, table: 254, metric }, link, gateway: [gateway; 16] }
    }

    /// Which of them are news.
    fn news<const N: usize>(words: [Word; N]) -> [bool; N] {
        let mut ways = Ways::default();
        words.map(|word| ways.hear(word))
    }

    #[test]
    fn what_is_known_is_no_news() {
        use Word::{Gone, There};
        assert_eq!(
            news([There(LINK), There(LINK), There(Way::Link(4)), Gone(LINK), Gone(LINK), There(LINK)]),
            [true, false, true, false, false, true]
        );
    }

    #[test]
    fn with_a_link_goes_what_hangs_on_it() {
        use Word::{Gone, There};
        let other = Way::Address { link: 4, address: [1; 16] };
        let mut ways = Ways::default();
        for way in [LINK, ADDRESS, other, route(0, 3, 1), route(0, 4, 1), route(0, 0, 0)] {
            assert!(ways.hear(There(way)));
        }
        assert!(!ways.hear(Gone(LINK)));
        let again = [LINK, ADDRESS, other, route(0, 3, 1), route(0, 4, 1), route(0, 0, 0)];
        assert_eq!(again.map(|way| ways.hear(There(way))), [true, true, false, true, false, true]);
        assert!(!ways.hear(Gone(ADDRESS)));
        assert_eq!(again.map(|way| ways.hear(There(way))), [false, true, false, true, false, true]);
    }

    #[test]
    fn a_route_in_the_place_of_another_is_news_also_when_it_was_there_before() {
        use Word::{Instead, There};
        assert_eq!(
            news([
                There(route(0, 3, 1)),
                There(route(600, 4, 1)),
                Instead(route(0, 3, 2)),
                Instead(route(0, 3, 2)),
                Instead(route(0, 3, 1)),
                There(route(600, 4, 1)),
            ]),
            [true, true, true, false, true, false]
        );
        // Several routers, each of which renews its own.
        assert_eq!(
            news([
                There(route(0, 3, 1)),
                There(route(0, 3, 2)),
                There(route(0, 3, 1)),
                There(route(0, 3, 2))
            ]),
            [true, true, false, false]
        );
    }

    #[test]
    fn memory_is_bounded() {
        let mut ways = Ways::default();
        for index in 2..10_000 {
            assert!(ways.hear(Word::There(Way::Link(index))));
            assert!(ways.known.len() <= MOST);
        }
        assert!(!ways.hear(Word::There(Way::Link(9_999))));
    }
}
