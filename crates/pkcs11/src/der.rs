//! The few lines of DER (X.690) that this crate needs: ECDSA signatures, and the SubjectPublicKeyInfo of a key that
//! the token shows only in parts.

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// `ECDSA-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER }` (RFC 3279 section 2.2.3) of the r‖s that a token returns.
///
/// `None` if `signature` is neither r‖s of two `scalar_len`-byte numbers nor, as some modules have it, already DER.
pub(crate) fn ecdsa_signature(signature: &[u8], scalar_len: usize) -> Option<Vec<u8>> {
    if signature.len() == 2 * scalar_len {
        let (r, s) = signature.split_at(scalar_len);
        return Some(sequence(&[integer(r), integer(s)]));
    }
    let body = whole(SEQUENCE, signature)?;
    let (r, rest) = take(INTEGER, body)?;
    let s = whole(INTEGER, rest)?;
    let fits = |number: &[u8]| number.iter().skip_while(|byte| **byte == 0).count() <= scalar_len;
    // Encoded anew: a module that forgets the sign byte may forget to strip zeros as well.
    (fits(r) && fits(s)).then(|| sequence(&[integer(r), integer(s)]))
}

/// The SubjectPublicKeyInfo (RFC 5480) of an EC key from `CKA_EC_PARAMS` and `CKA_EC_POINT`.
pub(crate) fn ec_spki(ec_params: &[u8], ec_point: &[u8]) -> Vec<u8> {
    const EC_PUBLIC_KEY: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    sequence(&[sequence(&[EC_PUBLIC_KEY.to_vec(), ec_params.to_vec()]), bit_string(self::ec_point(ec_point))])
}

/// The point in a `CKA_EC_POINT`: a DER OCTET STRING, or bare from modules older than PKCS#11 v2.30.
///
/// A bare one starts with 04 as an OCTET STRING does, and one in 256 goes on with its own length. No OCTET STRING with a
/// point of P-256, P-384 or P-521 in it is as long as such a point.
pub(crate) fn ec_point(ec_point: &[u8]) -> &[u8] {
    if matches!(ec_point, [4, ..] if matches!(ec_point.len(), 65 | 97 | 133)) {
        return ec_point;
    }
    whole(OCTET_STRING, ec_point).unwrap_or(ec_point)
}

/// The SubjectPublicKeyInfo (RFC 3279 section 2.3.1) of an RSA key from its DER `RSAPublicKey`.
pub(crate) fn rsa_spki(raw: &[u8]) -> Vec<u8> {
    const RSA_ENCRYPTION: &[u8] =
        &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    sequence(&[sequence(&[RSA_ENCRYPTION.to_vec()]), bit_string(raw)])
}

/// Unsigned big-endian bytes as the shortest INTEGER: leading zeros go *first*, then one comes back if the top bit
/// would read as a sign. Leaving out the first step fails for one signature in 270.
fn integer(number: &[u8]) -> Vec<u8> {
    let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    let digits = number.get(start..).unwrap_or_default();
    let needs_zero = digits.first().is_none_or(|first| *first >= 0x80);
    let mut content = Vec::with_capacity(digits.len() + 1);
    if needs_zero {
        content.push(0);
    }
    content.extend_from_slice(digits);
    tlv(INTEGER, &content)
}

fn bit_string(bytes: &[u8]) -> Vec<u8> {
    tlv(BIT_STRING, &[&[0], bytes].concat())
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(SEQUENCE, &parts.concat())
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = length.iter().position(|byte| *byte != 0).map_or(&[0][..], |at| &length[at..]);
    let mut der = Vec::with_capacity(2 + significant.len() + content.len());
    der.push(tag);
    match significant {
        [short @ ..=0x7f] => der.push(*short),
        long => {
            // At most eight bytes of length on any machine there is.
            der.push(0x80 | u8::try_from(long.len()).unwrap_or_default());
            der.extend_from_slice(long);
        }
    }
    der.extend_from_slice(content);
    der
}

/// The content of the one element that `der` consists of.
fn whole(tag: u8, der: &[u8]) -> Option<&[u8]> {
    take(tag, der).and_then(|(content, rest)| rest.is_empty().then_some(content))
}

fn take(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    if *first != tag {
        return None;
    }
    let (length, rest) = match rest.split_first()? {
        (short @ ..=0x7f, rest) => (usize::from(*short), rest),
        (0x81, rest) => rest.split_first().map(|(length, rest)| (usize::from(*length), rest))?,
        (0x82, [high, low, rest @ ..]) => (usize::from(*high) << 8 | usize::from(*low), rest),
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// r and s with `zeros` leading zero bytes and `top` as the first byte after them.
    fn scalar(len: usize, zeros: usize, top: u8) -> Vec<u8> {
        let mut number = vec![0x55; len];
        number[..zeros].fill(0);
        number[zeros] = top;
        number
    }

    #[test]
    fn integers_are_minimal_in_both_halves() {
        for zeros in [0, 1, 2, 31] {
            for top in [0x01, 0x7f, 0x80, 0xff] {
                let short = scalar(32, zeros, top);
                let plain = scalar(32, 0, 0x11);
                let expected_len = 32 - zeros + usize::from(top >= 0x80);
                for (r, s) in [(&short, &plain), (&plain, &short)] {
                    let der = ecdsa_signature(&[r.as_slice(), s].concat(), 32).unwrap();
                    let body = whole(SEQUENCE, &der).unwrap();
                    let (got_r, rest) = take(INTEGER, body).unwrap();
                    let got_s = whole(INTEGER, rest).unwrap();
                    let got = if r == &short { got_r } else { got_s };
                    assert_eq!(got.len(), expected_len, "{zeros} zeros, top {top:02x}");
                    assert!(got[0] < 0x80, "reads as negative");
                    assert_eq!(got.iter().copied().find(|b| *b != 0), Some(top));
                }
            }
        }
    }

    #[test]
    fn zero_is_one_byte() {
        assert_eq!(integer(&[0; 32]), [INTEGER, 1, 0]);
        assert_eq!(integer(&[]), [INTEGER, 1, 0]);
    }

    #[test]
    fn long_form_lengths() {
        // P-521 sizes need 0x81; the helper must also do what no signature needs.
        let der = ecdsa_signature(&[0x81; 132], 66).unwrap();
        assert_eq!(der[..3], [SEQUENCE, 0x81, 138]);
        assert_eq!(tlv(OCTET_STRING, &[0; 127])[..2], [OCTET_STRING, 127]);
        assert_eq!(tlv(OCTET_STRING, &[0; 128])[..3], [OCTET_STRING, 0x81, 128]);
        assert_eq!(tlv(OCTET_STRING, &[0; 256])[..4], [OCTET_STRING, 0x82, 1, 0]);
        assert_eq!(whole(OCTET_STRING, &tlv(OCTET_STRING, &[7; 300])), Some(&[7; 300][..]));
    }

    #[test]
    fn der_from_the_module_is_accepted_and_made_minimal() {
        let raw = [scalar(32, 1, 0x80), scalar(32, 0, 0x10)].concat();
        let der = ecdsa_signature(&raw, 32).unwrap();
        assert_eq!(ecdsa_signature(&der, 32).unwrap(), der);
        let padded = sequence(&[tlv(INTEGER, &[0, 0, 1]), tlv(INTEGER, &[2])]);
        assert_eq!(ecdsa_signature(&padded, 32).unwrap(), sequence(&[integer(&[1]), integer(&[2])]));
    }

    #[test]
    fn what_is_as_long_as_a_raw_signature_is_one_whatever_it_starts_with() {
        for (scalar_len, number_len) in [(32, 29), (48, 45)] {
            // r‖s that happens to be DER through and through: 30 .. 02 .. r' 02 .. s', two bytes a header.
            let half = integer(&vec![0x11; number_len]);
            let raw = sequence(&[half, integer(&vec![0x22; number_len])]);
            assert_eq!((raw.len(), raw[0]), (2 * scalar_len, SEQUENCE));
            let (r, s) = raw.split_at(scalar_len);
            let expected = sequence(&[integer(r), integer(s)]);
            assert_eq!(ecdsa_signature(&raw, scalar_len).unwrap(), expected);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [&[][..], &[0x30], &[0x30, 3, 2, 1, 1], &[0; 63], &[0x30, 0x82, 1], &[0x30, 0x80, 0, 0]] {
            assert_eq!(ecdsa_signature(bad, 32), None, "{bad:02x?}");
        }
        let of_p384 = sequence(&[integer(&[0x11; 48]), integer(&[0x11; 48])]);
        assert_eq!(ecdsa_signature(&of_p384, 32), None);
    }

    #[test]
    fn a_point_may_come_bare_or_wrapped() {
        let params = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
        let bare = [&[4][..], &[9; 64]].concat();
        assert_eq!(ec_spki(&params, &bare), ec_spki(&params, &tlv(OCTET_STRING, &bare)));
        // One in 256 bare ones looks like an OCTET STRING.
        for (len, first) in [(64, 63), (96, 95)] {
            let bare = [&[4, first][..], &vec![9; len - 1]].concat();
            assert!(whole(OCTET_STRING, &bare).is_some());
            assert_eq!((ec_point(&bare), ec_point(&tlv(OCTET_STRING, &bare))), (&bare[..], &bare[..]));
        }
    }
}
