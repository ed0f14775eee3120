//! The wire format, by hand and by chance.

use super::super::message::{Call, FIXED, Kind, Message};
use super::super::refused::Why;
use super::super::value::{Value, write_properties};
use super::super::wire::{Reader, Writer};
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
    to.array(8, |to| to.u64(5));
    assert_eq!(to.finish().unwrap(), b"\x08\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0");
    // The specification's strings "foo", "+", "bar", one after the other.
    let mut to = Writer::default();
    ["foo", "+", "bar"].iter().for_each(|text| to.string(text));
    assert_eq!(to.finish().unwrap(), b"\x03\0\0\0foo\0\x01\0\0\0+\0\0\0\x03\0\0\0bar\0");
}

#[test]
fn marshals_each_type() {
    assert_eq!(variant(&Value::Bool(true)), b"\x01b\0\0\x01\0\0\0");
    assert_eq!(variant(&Value::U32(0x0102_0304)), b"\x01u\0\0\x04\x03\x02\x01");
    assert_eq!(variant(&Value::U64(0x0102)), b"\x01t\0\0\0\0\0\0\x02\x01\0\0\0\0\0\0");
    assert_eq!(variant(&Value::Str("é".into())), b"\x01s\0\0\x02\0\0\0\xc3\xa9\0");
    assert_eq!(variant(&Value::U32s(vec![1, 2])), b"\x02au\0\x08\0\0\0\x01\0\0\0\x02\0\0\0");
    assert_eq!(variant(&Value::Bytes(vec![7, 8, 9])), b"\x02ay\0\x03\0\0\0\x07\x08\x09");
    assert_eq!(
        variant(&Value::Strs(vec!["cpu".into(), "io".into()])),
        b"\x02as\0\x0f\0\0\0\x03\0\0\0cpu\0\x02\0\0\0io\0"
    );
    // The padding before the first structure is not in the length, that before the second is.
    assert_eq!(
        variant(&Value::DeviceLimits(vec![("/d".into(), 1), ("/e".into(), 2)])),
        b"\x05a(st)\0\0\x20\0\0\0\0\0\0\0\x02\0\0\0/d\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0/e\0\0\x02\0\0\0\0\0\0\0"
    );
}

#[test]
fn marshals_properties() {
    let mut to = Writer::default();
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

#[test]
fn refuses_wrong_lengths() {
    let mut from = Reader::new(b"\xff\xff\xff\xffab\0", false);
    assert!(from.string().is_err());
    let mut from = Reader::new(b"\xff\xff\xff\xffab\0", false);
    assert!(from.array(8, Reader::u64).is_err());
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
        any::<u32>().prop_map(Value::U32),
        any::<u64>().prop_map(Value::U64),
        text().prop_map(Value::Str),
        vec(any::<u32>(), 0..6).prop_map(Value::U32s),
        vec(any::<u8>(), 0..20).prop_map(Value::Bytes),
        vec((text(), any::<u64>()), 0..5).prop_map(Value::DeviceLimits),
        vec(text(), 0..5).prop_map(Value::Strs),
    ]
}

fn read_properties(from: &mut Reader) -> Result<Vec<(String, Value)>, Why> {
    from.array(8, |from| {
        from.align(8)?;
        Ok((from.string()?.to_owned(), Value::read_variant(from)?))
    })
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
        let _ = Value::read_variant(&mut Reader::new(&bytes, true));
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
