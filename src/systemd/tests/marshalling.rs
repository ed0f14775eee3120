//! The wire format, by hand and by chance.

use super::super::message::{Call, FIXED, Kind, Message};
use super::super::refused::Why;
use super::super::value::{Value, write_properties};
use super::super::wire::{Reader, Writer};
use super::{read_properties, read_variant};
use proptest::collection::vec;
use proptest::prelude::*;

fn variant(value: &Value) -> Vec<u8> {
    let mut to = Writer::default();
    value.write_variant(&mut to);
    to.finish().unwrap()
}

#[test]
fn marshals_as_the_specification_says() {
    // The specification's own example: the array [5] of UINT64.
    let mut to = Writer::default();
    to.array(8, |to| to.raw(&5u64.to_le_bytes()));
    assert_eq!(to.finish().unwrap(), b"\x08\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0");
    // The specification's strings "foo", "+", "bar", one after the other.
    let mut to = Writer::default();
    ["foo", "+", "bar"].iter().for_each(|text| to.string(text));
    assert_eq!(to.finish().unwrap(), b"\x03\0\0\0foo\0\x01\0\0\0+\0\0\0\x03\0\0\0bar\0");
}

#[test]
fn marshals_each_type() {
    assert_eq!(variant(&Value::Bool(true)), b"\x01b\0\0\x01\0\0\0");
    assert_eq!(variant(&Value::Str("é".into())), b"\x01s\0\0\x02\0\0\0\xc3\xa9\0");
    assert_eq!(variant(&Value::U32s(vec![1, 0x0102_0304])), b"\x02au\0\x08\0\0\0\x01\0\0\0\x04\x03\x02\x01");
}

#[test]
fn marshals_properties() {
    let mut to = Writer::default();
    // The padding before the first structure is not in the length, that before the second is.
    write_properties(&mut to, &[("Delegate", Value::Bool(true)), ("PIDs", Value::U32s(vec![9]))]);
    let expected = b"\x30\0\0\0\0\0\0\0\
        \x08\0\0\0Delegate\0\x01b\0\x01\0\0\0\0\0\0\0\
        \x04\0\0\0PIDs\0\x02au\0\0\0\0\x04\0\0\0\x09\0\0\0";
    assert_eq!(to.finish().unwrap(), expected);
}

/// `Hello`, byte by byte.
const HELLO: &[u8] = b"l\x01\0\x01\0\0\0\0\x01\0\0\0\x6d\0\0\0\
    \x01\x01o\0\x15\0\0\0/org/freedesktop/DBus\0\0\0\
    \x02\x01s\0\x14\0\0\0org.freedesktop.DBus\0\0\0\0\
    \x03\x01s\0\x05\0\0\0Hello\0\0\0\
    \x06\x01s\0\x14\0\0\0org.freedesktop.DBus\0\0\0\0";

fn hello<'a>() -> Call<'a> {
    super::super::bus_call("Hello", None)
}

#[test]
fn encodes_a_call() {
    let bytes = hello().encode(1).unwrap();
    assert_eq!(bytes, HELLO);
    assert_eq!(bytes.len() % 8, 0, "a body would start at a multiple of 8");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!((message.kind, message.serial, message.member.as_str()), (Kind::Other, 1, "Hello"));
}

#[test]
fn reads_both_byte_orders() {
    let little = b"l\x02\x01\x01\x06\0\0\0\x07\0\0\0\x0f\0\0\0\
        \x05\x01u\0\x03\0\0\0\x08\x01g\0\x01o\0\0\x01\0\0\0/\0";
    let big = b"B\x02\x01\x01\0\0\0\x06\0\0\0\x07\0\0\0\x0f\
        \x05\x01u\0\0\0\0\x03\x08\x01g\0\x01o\0\0\0\0\0\x01/\0";
    for bytes in [little, big] {
        let message = Message::parse(bytes).unwrap();
        assert_eq!((message.kind, message.reply_to), (Kind::Return, 3));
        assert_eq!(message.body("o").unwrap().string().unwrap(), "/");
        assert!(matches!(message.body("s"), Err(Why::Malformed(_))));
    }
}

#[test]
fn refuses_what_cannot_be_said() {
    let mut call = hello();
    call.signature = "s";
    call.body.string("a\0b");
    assert!(matches!(call.encode(1), Err(Why::Malformed(_))));
    let mut call = hello();
    call.signature = "s";
    call.body.string(&"x".repeat(1 << 20));
    assert!(matches!(call.encode(1), Err(Why::Malformed(_))));
}

/// Header fields that later versions of D-Bus may have.
#[test]
fn passes_over_unknown_fields() {
    for (signature, value) in [
        ("y", &b"\x01"[..]),
        ("n", b"\x01\0"),
        ("q", b"\x01\0"),
        ("b", b"\0\0\x01\0\0\0"),
        ("i", b"\0\0\x01\0\0\0"),
        ("u", b"\0\0\x01\0\0\0"),
        ("h", b"\0\0\x01\0\0\0"),
        ("x", b"\0\0\0\0\0\0\x01\0\0\0\0\0\0\0"),
        ("t", b"\0\0\0\0\0\0\x01\0\0\0\0\0\0\0"),
        ("d", b"\0\0\0\0\0\0\x01\0\0\0\0\0\0\0"),
        ("s", b"\0\0\x01\0\0\0a\0"),
        ("o", b"\0\0\x01\0\0\0/\0"),
        ("g", b"\x01u\0"),
    ] {
        // Two bytes are before it, of which an alignment counts.
        let bytes = [b"\x07\x07", value].concat();
        let mut from = Reader::new(&bytes, false);
        let _ = (from.u8().unwrap(), from.u8().unwrap());
        from.skip_basic(signature).unwrap();
        assert!(from.u8().is_err(), "{signature}: there is nothing after it");
        let mut from = Reader::new(&bytes[..bytes.len() - 1], false);
        let _ = (from.u8().unwrap(), from.u8().unwrap());
        assert!(from.skip_basic(signature).is_err(), "{signature}: it ends early");
    }
    assert!(Reader::new(b"\0\0\0\0", false).skip_basic("ay").is_err());
}

#[test]
fn refuses_wrong_lengths() {
    let mut from = Reader::new(b"\xff\xff\xff\xffab\0", false);
    assert!(from.string().is_err());
    let mut from = Reader::new(b"\xff\xff\xff\xffab\0", false);
    assert!(from.array(8, Reader::u32).is_err());
    let mut from = Reader::new(b"\x06\0\0\0\x01\0\0\0\x02\0\0\0", false);
    assert!(from.array(4, Reader::u32).is_err(), "an element that is half outside");
    let mut from = Reader::new(b"\x02\0\0\0ab\x01", false);
    assert!(from.string().is_err(), "no NUL");
    let mut from = Reader::new(b"\x02\0\0\0a\xff\0", false);
    assert!(from.string().is_err(), "not UTF-8");
    let endless = b"l\x02\0\x01\xff\xff\xff\xff\x01\0\0\0\xff\xff\xff\xff";
    assert!(matches!(Message::length(endless), Err(Why::Malformed(_))));
}

fn text() -> impl Strategy<Value = String> {
    "[^\0]{0,20}"
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        text().prop_map(Value::Str),
        vec(any::<u32>(), 0..6).prop_map(Value::U32s),
    ]
}

fn call_with(properties: &[(String, Value)]) -> Vec<u8> {
    let borrowed: Vec<_> = properties.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let mut call = hello();
    call.signature = "a(sv)";
    write_properties(&mut call.body, &borrowed);
    call.encode(7).unwrap()
}

proptest! {
    #[test]
    fn what_was_written_is_read(properties in vec((text(), value()), 0..6)) {
        let bytes = call_with(&properties);
        prop_assert_eq!(Message::length(&bytes[..FIXED]).unwrap(), bytes.len());
        let message = Message::parse(&bytes).unwrap();
        prop_assert_eq!(read_properties(&mut message.body("a(sv)").unwrap()).unwrap(), properties);
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in vec(any::<u8>(), 0..200)) {
        let _ = Message::length(&bytes);
        let _ = Message::parse(&bytes);
        let _ = read_properties(&mut Reader::new(&bytes, false));
        let _ = read_variant(&mut Reader::new(&bytes, true));
    }

    /// Random bytes seldom get past the first check. A flipped one does.
    #[test]
    fn no_damage_is_too_strange(
        properties in vec((text(), value()), 0..4),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = call_with(&properties);
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(message) = Message::parse(&bytes) {
            let _ = message.first_string();
            let _ = message.body("a(sv)").and_then(|mut body| read_properties(&mut body));
        }
        bytes.truncate(cut.index(bytes.len()));
        let _ = Message::parse(&bytes);
    }
}
