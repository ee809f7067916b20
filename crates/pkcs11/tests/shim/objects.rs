//! How objects are found and what they say of themselves, as told.

use cryptoki_sys as sys;

use crate::script::{has, words};
use crate::{attributes_as_told, find_as_told, find_init_as_told, lists, session_number};

/// What C_FindObjects gives next.
static FINDS_NOTHING: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

pub(crate) unsafe extern "C" fn find_init(
    session: sys::CK_SESSION_HANDLE,
    template: *mut sys::CK_ATTRIBUTE,
    count: sys::CK_ULONG,
) -> sys::CK_RV {
    // SAFETY: the caller's template, so many attributes long.
    let kinds: Vec<_> = (0..usize::try_from(count).unwrap())
        .map(|at| unsafe { template.add(at).read_unaligned() }.type_)
        .collect();
    let is_told = |word: &str| kinds.iter().any(|kind| has(&format!("{word}={kind:x}")));
    if is_told("unsearchable") {
        return sys::CKR_ATTRIBUTE_TYPE_INVALID;
    }
    FINDS_NOTHING.store(is_told("blind"), std::sync::atomic::Ordering::SeqCst);
    // SAFETY: the caller's arguments, handed on.
    unsafe { find_init_as_told(session, template, count) }
}

pub(crate) unsafe extern "C" fn find(
    session: sys::CK_SESSION_HANDLE,
    objects: *mut sys::CK_OBJECT_HANDLE,
    most: sys::CK_ULONG,
    count: *mut sys::CK_ULONG,
) -> sys::CK_RV {
    // SAFETY: the caller's arguments, handed on; then the places that SoftHSM has filled in.
    unsafe {
        let value = find_as_told(session, objects, most, count);
        if value == sys::CKR_OK && FINDS_NOTHING.load(std::sync::atomic::Ordering::SeqCst) {
            *count = 0;
        }
        if value == sys::CKR_OK && has("twice") && (1..most).contains(&*count) {
            objects.add(usize::try_from(*count).unwrap()).write(objects.read());
            *count += 1;
        }
        value
    }
}

pub(crate) unsafe extern "C" fn attributes(
    session: sys::CK_SESSION_HANDLE,
    object: sys::CK_OBJECT_HANDLE,
    template: *mut sys::CK_ATTRIBUTE,
    count: sys::CK_ULONG,
) -> sys::CK_RV {
    // SAFETY: the caller's template of at least one attribute.
    let asked = unsafe { template.read_unaligned() };
    let kind = asked.type_;
    let how = (count == 1).then(|| how(session, object, kind)).flatten();
    let Some(how) = how else {
        // SAFETY: the caller's arguments, handed on.
        return unsafe { attributes_as_told(session, object, template, count) };
    };
    let real = value(session, object, kind);
    let (value, extra) = match how.as_str() {
        "absent" => return answer(template, asked, sys::CK_UNAVAILABLE_INFORMATION, 0x12),
        "sensitive" => return answer(template, asked, sys::CK_UNAVAILABLE_INFORMATION, 0x11),
        "unavailable" => return answer(template, asked, sys::CK_UNAVAILABLE_INFORMATION, sys::CKR_OK),
        "huge" => return answer(template, asked, sys::CK_ULONG::MAX / 2, sys::CKR_OK),
        "overlong" => (real, 1 << 40),
        "spaces" => ([real, vec![b' '; 20]].concat(), 0),
        "zeros" => ([real, vec![0; 20]].concat(), 0),
        "bare" => (point(&real).to_vec(), 0),
        "compressed" => (compressed(point(&real)), 0),
        hex => (bytes(hex.strip_prefix('=').unwrap()), 0),
    };
    let length = sys::CK_ULONG::try_from(value.len()).unwrap();
    if asked.pValue.is_null() {
        return answer(template, asked, length, sys::CKR_OK);
    }
    assert!(asked.ulValueLen >= length, "{kind:x}: the buffer is shorter than was said");
    // SAFETY: the caller's buffer, which is as long.
    unsafe { std::ptr::copy_nonoverlapping(value.as_ptr(), asked.pValue.cast(), value.len()) };
    answer(template, asked, length + extra, sys::CKR_OK)
}

fn answer(
    template: *mut sys::CK_ATTRIBUTE,
    asked: sys::CK_ATTRIBUTE,
    length: sys::CK_ULONG,
    result: sys::CK_RV,
) -> sys::CK_RV {
    // SAFETY: the caller's template of one attribute.
    unsafe { template.write_unaligned(sys::CK_ATTRIBUTE { ulValueLen: length, ..asked }) };
    result
}

/// What an `attr` word says of this attribute.
fn how(
    session: sys::CK_SESSION_HANDLE,
    object: sys::CK_OBJECT_HANDLE,
    kind: sys::CK_ATTRIBUTE_TYPE,
) -> Option<String> {
    let words = words();
    let mut rules = words.iter().filter_map(|word| {
        let (class, rule) = word.strip_prefix("attr=")?.split_once(':')?;
        let (attribute, how) = rule.split_once(':')?;
        (attribute == format!("{kind:x}")).then_some((class, how))
    });
    let class = value(session, object, sys::CKA_CLASS);
    let class = sys::CK_OBJECT_CLASS::from_ne_bytes(class.try_into().ok()?);
    rules.find(|(of, _)| *of == "*" || *of == format!("{class:x}")).map(|(_, how)| how.to_owned())
}

/// What SoftHSM says, nothing if it says nothing.
fn value(
    session: sys::CK_SESSION_HANDLE,
    object: sys::CK_OBJECT_HANDLE,
    kind: sys::CK_ATTRIBUTE_TYPE,
) -> Vec<u8> {
    let Some(session) = session_number("C_GetAttributeValue", session) else { return Vec::new() };
    let mut value = vec![0_u8; 8192];
    let mut template = sys::CK_ATTRIBUTE { type_: kind, pValue: value.as_mut_ptr().cast(), ulValueLen: 8192 };
    // SAFETY: a template of one attribute with a buffer of that length.
    let result = unsafe { lists().real.C_GetAttributeValue.unwrap()(session, object, &raw mut template, 1) };
    let length = template.ulValueLen;
    value.truncate(if result == sys::CKR_OK { usize::try_from(length).unwrap() } else { 0 });
    value
}

/// What is in an OCTET STRING.
fn point(wrapped: &[u8]) -> &[u8] {
    if wrapped[1] == 0x81 { &wrapped[3..] } else { &wrapped[2..] }
}

fn compressed(point: &[u8]) -> Vec<u8> {
    let (x, y) = point[1..].split_at(point.len() / 2);
    [&[2 + (y[y.len() - 1] & 1)], x].concat()
}

pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
