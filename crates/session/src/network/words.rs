//! What the kernel's messages say, as far as it is of use: rtnetlink(7).
//!
//! A datagram holds messages one behind the other, each at a multiple of four bytes:
//!
//! ```text
//! nlmsghdr   length u32 | type u16 | flags u16 | sequence u32 | port u32     length counts from here
//! link       family u8, 0 | type u16 | index i32 | flags u32 | change u32
//! address    family u8 | prefix u8 | flags u8 | scope u8 | index u32          then attributes
//! route      family u8 | dst_len, src_len, tos, table, protocol, scope, type: u8 each | flags u32      then attributes
//! attribute  length u16 | type u16 | value                                    length counts from here
//! ```
//!
//! Numbers have the machine's byte order. A length that does not fit ends the reading: what stands behind it is unknown.

use super::ways::{Address, Place, Way};

/// Of the kernel, about one thing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Word {
    /// The way is there.
    There(Way),
    /// So it is, and whatever else was in its place is not any more.
    Instead(Way),
    /// It is not, or may not be used.
    Gone(Way),
}

/// The words of a datagram, in order. What is of no use, or is not understood, is left out.
pub(super) fn words(datagram: &[u8]) -> impl Iterator<Item = Word> + '_ {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        loop {
            let message = Message::take(&mut rest)?;
            if let Some(word) = message.word() {
                return Some(word);
            }
        }
    })
}

const HEADER: usize = 16;
/// `NLM_F_REPLACE`.
const REPLACE: u16 = 0x100;

const NEW_LINK: u16 = 16;
const DEL_LINK: u16 = 17;
const NEW_ADDRESS: u16 = 20;
const DEL_ADDRESS: u16 = 21;
const NEW_ROUTE: u16 = 24;
const DEL_ROUTE: u16 = 25;

struct Message<'a> {
    kind: u16,
    flags: u16,
    body: &'a [u8],
}

impl<'a> Message<'a> {
    fn take(rest: &mut &'a [u8]) -> Option<Self> {
        let bytes = *rest;
        let length = usize::try_from(u32_at(bytes, 0)?).ok()?;
        let body = bytes.get(HEADER..length)?;
        *rest = bytes.get(length.checked_next_multiple_of(4)?..).unwrap_or_default();
        Some(Self { kind: u16_at(bytes, 4)?, flags: u16_at(bytes, 6)?, body })
    }

    fn word(&self) -> Option<Word> {
        match self.kind {
            NEW_LINK | DEL_LINK => link(self.body, self.kind == NEW_LINK),
            NEW_ADDRESS | DEL_ADDRESS => address(self.body, self.kind == NEW_ADDRESS),
            NEW_ROUTE | DEL_ROUTE => route(self.body, self.kind == NEW_ROUTE, self.flags & REPLACE != 0),
            _ => None,
        }
    }
}

/// The loopback's index, in every network namespace.
const LOOPBACK: u32 = 1;
/// `IFF_UP` and `IFF_RUNNING`: it is switched on, and there is somebody at the other end, who has let us in.
const RUNNING: u32 = 0x1 | 0x40;

fn link(body: &[u8], there: bool) -> Option<Word> {
    // What a bridge says about its ports has a family.
    let (family, index, flags) = (*body.first()?, u32_at(body, 4)?, u32_at(body, 8)?);
    u32_at(body, 12)?;
    if family != 0 || index == LOOPBACK {
        return None;
    }
    let way = Way::Link(index);
    Some(if there && flags & RUNNING == RUNNING { Word::There(way) } else { Word::Gone(way) })
}

/// `IFA_F_DADFAILED`, `IFA_F_DEPRECATED`, `IFA_F_TENTATIVE`.
const NOT_FOR_USE: u8 = 0x08 | 0x20 | 0x40;
/// `RT_SCOPE_LINK`; beyond it is what is only for this machine.
const SCOPE_LINK: u8 = 253;

fn address(body: &[u8], there: bool) -> Option<Word> {
    const ADDRESS: u16 = 1;
    const LOCAL: u16 = 2;
    let (flags, scope, index) = (*body.get(2)?, *body.get(3)?, u32_at(body, 4)?);
    // What is not for use yet is told of again when it is.
    if scope >= SCOPE_LINK || index == LOOPBACK || (there && flags & NOT_FOR_USE != 0) {
        return None;
    }
    let (mut address, mut local) = (None, None);
    for (kind, value) in attributes(body.get(8..)?) {
        match kind {
            ADDRESS => address = Some(fixed(value)?),
            LOCAL => local = Some(fixed(value)?),
            _ => {}
        }
    }
    // On a link to one other machine the former is that machine's.
    let way = Way::Address { link: index, address: local.or(address)? };
    Some(if there { Word::There(way) } else { Word::Gone(way) })
}

fn route(body: &[u8], there: bool, instead: bool) -> Option<Word> {
    const OUT: u16 = 4;
    const GATEWAY: u16 = 5;
    const METRIC: u16 = 6;
    const TABLE: u16 = 15;
    const VIA: u16 = 18;
    const UNICAST: u8 = 1;
    let (family, to, from, table, kind) =
        (*body.first()?, *body.get(1)?, *body.get(2)?, *body.get(4)?, *body.get(7)?);
    let is_default = to == 0 && from == 0;
    if !is_default || kind != UNICAST {
        return None;
    }
    let mut place = Place { family, table: table.into(), metric: 0 };
    let (mut link, mut gateway) = (0, Address::default());
    for (kind, value) in attributes(body.get(12..)?) {
        match kind {
            OUT => link = u32_at(value, 0)?,
            GATEWAY => gateway = fixed(value)?,
            METRIC => place.metric = u32_at(value, 0)?,
            TABLE => place.table = u32_at(value, 0)?,
            // Of another family, which stands before it.
            VIA => gateway = fixed(value.get(2..)?)?,
            _ => {}
        }
    }
    let way = Way::Route { place, link, gateway };
    Some(match (there, instead) {
        (false, _) => Word::Gone(way),
        (true, false) => Word::There(way),
        (true, true) => Word::Instead(way),
    })
}

/// Types without their flags, and values.
fn attributes(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    const KIND: u16 = 0x3fff;
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(rest, 0)?);
        let (kind, value) = (u16_at(rest, 2)? & KIND, rest.get(4..length)?);
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// An address of any family; none has more than sixteen bytes.
fn fixed(value: &[u8]) -> Option<Address> {
    let mut address = Address::default();
    address.get_mut(..value.len())?.copy_from_slice(value);
    Some(address)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|found| u16::from_ne_bytes(*found))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|found| u32::from_ne_bytes(*found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEADER + body.len()).unwrap();
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend([0; 8]);
        bytes.extend(body);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = u16::try_from(4 + value.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn link_body(family: u8, index: u32, flags: u32) -> Vec<u8> {
        let mut body = vec![family, 0, 0, 0];
        for number in [index, flags, 0] {
            body.extend(number.to_ne_bytes());
        }
        body
    }

    fn address_body(flags: u8, scope: u8, index: u32, attributes: &[Vec<u8>]) -> Vec<u8> {
        let mut body = vec![2, 24, flags, scope];
        body.extend(index.to_ne_bytes());
        body.extend(attributes.concat());
        body
    }

    fn route_body(length: u8, kind: u8, attributes: &[Vec<u8>]) -> Vec<u8> {
        let mut body = vec![2, length, 0, 0, 254, 4, 0, kind, 0, 0, 0, 0];
        body.extend(attributes.concat());
        body
    }

    fn read(datagram: &[u8]) -> Vec<Word> {
        words(datagram).collect()
    }

    fn v4(last: u8) -> Address {
        fixed(&[192, 0, 2, last]).unwrap()
    }

    #[test]
    fn a_link_runs_when_it_is_up_and_somebody_is_there() {
        for (flags, runs) in [(0x1 | 0x40 | 0x1000, true), (0x1, false), (0x40, false), (0, false)] {
            let way = Way::Link(7);
            let expected = if runs { Word::There(way) } else { Word::Gone(way) };
            assert_eq!(read(&message(NEW_LINK, 0, &link_body(0, 7, flags))), [expected]);
        }
        assert_eq!(read(&message(DEL_LINK, 0, &link_body(0, 7, RUNNING))), [Word::Gone(Way::Link(7))]);
        assert_eq!(read(&message(NEW_LINK, 0, &link_body(7, 7, RUNNING))), [], "a bridge's port");
        assert_eq!(read(&message(NEW_LINK, 0, &link_body(0, LOOPBACK, RUNNING))), []);
    }

    #[test]
    fn an_address_counts_when_it_leads_beyond_the_link_and_may_be_used() {
        let own = attribute(2, &[192, 0, 2, 1]);
        let peer = attribute(1, &[192, 0, 2, 9]);
        let way = Way::Address { link: 3, address: v4(1) };
        let read_one = |kind, flags, scope, attributes: &[Vec<u8>]| {
            read(&message(kind, 0, &address_body(flags, scope, 3, attributes)))
        };
        let both = [peer.clone(), own];
        assert_eq!(read_one(NEW_ADDRESS, 0x80, 0, &both), [Word::There(way)]);
        assert_eq!(read_one(DEL_ADDRESS, 0x80, 0, &both), [Word::Gone(way)]);
        for flags in [0x08, 0x20, 0x40] {
            assert_eq!(read_one(NEW_ADDRESS, flags, 0, &both), []);
            assert_eq!(read_one(DEL_ADDRESS, flags, 0, &both), [Word::Gone(way)]);
        }
        assert_eq!(read_one(NEW_ADDRESS, 0, 253, &both), []);
        assert_eq!(read_one(NEW_ADDRESS, 0, 254, &both), []);
        assert_eq!(read_one(NEW_ADDRESS, 0, 0, &[]), []);
        let only = Way::Address { link: 3, address: v4(9) };
        assert_eq!(read_one(NEW_ADDRESS, 0, 0, &[peer]), [Word::There(only)]);
        assert_eq!(read_one(NEW_ADDRESS, 0, 0, &[attribute(1, &[1; 17])]), [], "no address is so long");
    }

    #[test]
    fn of_routes_the_default_one_counts() {
        let attributes = [
            attribute(15, &70_000_u32.to_ne_bytes()),
            attribute(5, &[192, 0, 2, 1]),
            attribute(4, &3_u32.to_ne_bytes()),
            attribute(6, &600_u32.to_ne_bytes()),
        ];
        let place = Place { family: 2, table: 70_000, metric: 600 };
        let way = Way::Route { place, link: 3, gateway: v4(1) };
        let default = route_body(0, 1, &attributes);
        assert_eq!(read(&message(NEW_ROUTE, 0, &default)), [Word::There(way)]);
        assert_eq!(read(&message(NEW_ROUTE, REPLACE, &default)), [Word::Instead(way)]);
        assert_eq!(read(&message(DEL_ROUTE, 0, &default)), [Word::Gone(way)]);
        assert_eq!(read(&message(NEW_ROUTE, 0, &route_body(24, 1, &attributes))), [], "to a network");
        assert_eq!(read(&message(NEW_ROUTE, 0, &route_body(0, 7, &attributes))), [], "unreachable");
        let via = [attribute(18, &[10, 0, 0xfe, 0x80]), attribute(4, &3_u32.to_ne_bytes())];
        let place = Place { family: 2, table: 254, metric: 0 };
        let way = Way::Route { place, link: 3, gateway: fixed(&[0xfe, 0x80]).unwrap() };
        assert_eq!(read(&message(NEW_ROUTE, 0, &route_body(0, 1, &via))), [Word::There(way)]);
    }

    #[test]
    fn several_messages_are_several_words_and_unknown_ones_none() {
        let datagram = [
            message(NEW_LINK, 0, &link_body(0, 7, RUNNING)),
            message(3, 0, &[]),
            message(0xffff, 0xffff, &[1, 2, 3]),
            message(NEW_LINK, 0, &link_body(0, 8, RUNNING)[..15]),
            message(NEW_LINK, 0, &link_body(0, 9, RUNNING)),
        ]
        .concat();
        assert_eq!(read(&datagram), [Word::There(Way::Link(7)), Word::There(Way::Link(9))]);
    }

    #[test]
    fn no_length_is_believed() {
        let good = message(NEW_LINK, 0, &link_body(0, 7, RUNNING));
        for length in [0, 1, 15, 33, u32::MAX - 2, u32::MAX] {
            let mut bad = good.clone();
            bad[..4].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(read(&bad), [], "{length}");
        }
        for end in 0..good.len() {
            assert_eq!(read(&good[..end]), []);
        }
        for length in [0_u16, 3, 9, u16::MAX] {
            let mut bad = attribute(2, &[192, 0, 2, 1]);
            bad[..2].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(read(&message(NEW_ADDRESS, 0, &address_body(0, 0, 3, &[bad]))), [], "{length}");
        }
    }

    #[test]
    fn garbage_ends() {
        let good = [
            message(NEW_LINK, 0, &link_body(0, 7, RUNNING)),
            message(NEW_ADDRESS, 0, &address_body(0, 0, 3, &[attribute(1, &[192, 0, 2, 1])])),
            message(NEW_ROUTE, 0, &route_body(0, 1, &[attribute(5, &[192, 0, 2, 1])])),
        ]
        .concat();
        // Numbers that look random and are the same each time.
        let mut state = 1_u64;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % below
        };
        for _ in 0..50_000 {
            let mut bad = good.clone();
            bad.truncate(next(good.len() + 1));
            for _ in 0..next(6) {
                if !bad.is_empty() {
                    let at = next(bad.len());
                    bad[at] = u8::try_from(next(256)).unwrap();
                }
            }
            assert!(words(&bad).count() <= bad.len() / HEADER);
        }
    }
}
