//! From JavaScript to [`Value`]: every property is fetched here, once, whatever getters and proxies do later.

use napi::bindgen_prelude::{FromNapiValue, Function, JsObjectValue, Object, Uint8Array, Unknown};
use napi::{Env, JsValue, KeyCollectionMode, KeyConversion, KeyFilter, Result, ValueType};

use crate::options::Value;

/// Options are five levels deep. A deeper tree is a cycle, or an attack on the stack.
const DEEPEST: u32 = 16;

/// The kernel takes a few thousand arguments at the most. A longer array is a proxy's invention.
const LONGEST: u32 = 1 << 20;

/// Fetch it all.
pub fn from_js(value: Unknown) -> Result<Value> {
    convert(value, 0)
}

fn convert(value: Unknown, depth: u32) -> Result<Value> {
    Ok(match value.get_type()? {
        ValueType::Undefined => Value::Undefined,
        ValueType::Null => Value::Null,
        ValueType::Boolean => Value::Bool(typed(&value)?),
        ValueType::Number => Value::Number(typed(&value)?),
        ValueType::String => text(&value)?,
        ValueType::BigInt => Value::BigInt(value.coerce_to_string()?.into_utf8()?.into_owned()?),
        ValueType::Function => Value::Function,
        ValueType::Symbol => Value::Other("Symbol"),
        ValueType::Object if depth >= DEEPEST => Value::Other("Object, nested too deep"),
        ValueType::Object if value.is_array()? || is_proxied_array(&value)? => array(&typed(&value)?, depth)?,
        ValueType::Object if value.is_typedarray()? => {
            // A view of something other than bytes has no meaning here.
            typed::<Uint8Array>(&value)
                .map_or(Value::Other("TypedArray"), |bytes| Value::Bytes(bytes.to_vec()))
        }
        ValueType::Object if value.is_date()? => Value::Other("Date"),
        ValueType::Object => object(&typed(&value)?, depth)?,
        _ => Value::Other("unknown"),
    })
}

/// A string with half a character in it would reach the kernel with something else in its place. N-API puts U+FFFD
/// there, so that only a string with that has to be looked at again.
fn text(value: &Unknown) -> Result<Value> {
    let text: String = typed(value)?;
    if text.contains(char::REPLACEMENT_CHARACTER) && !is_well_formed(value)? {
        return Ok(Value::Other("String with half a surrogate pair"));
    }
    Ok(Value::String(text))
}

fn is_well_formed(value: &Unknown) -> Result<bool> {
    let text = value.coerce_to_string()?.into_utf16()?;
    let units: &[u16] = &text;
    Ok(char::decode_utf16(units.iter().copied()).all(|unit| unit.is_ok()))
}

fn typed<T: FromNapiValue>(value: &Unknown) -> Result<T> {
    let raw = value.value();
    #[allow(unsafe_code)]
    // SAFETY: the value and its environment come from the call that we are in, and N-API checks the type.
    unsafe {
        T::from_napi_value(raw.env, raw.value)
    }
}

fn array(array: &Object, depth: u32) -> Result<Value> {
    let length: u32 = array.get_named_property("length")?;
    if length > LONGEST {
        return Ok(Value::Other("Array, too long"));
    }
    let items = (0..length).map(|index| convert(array.get_element(index)?, depth + 1));
    Ok(Value::Array(items.collect::<Result<_>>()?))
}

/// JavaScript's own answer: N-API takes a proxy of an array for an object.
fn is_proxied_array(value: &Unknown) -> Result<bool> {
    let env = Env::from_raw(value.value().env);
    let constructor: Unknown = env.get_global()?.get_named_property("Array")?;
    let is_array: Function<Unknown, bool> = typed::<Object>(&constructor)?.get_named_property("isArray")?;
    is_array.call(*value)
}

/// Own keys only: what somebody has put on `Object.prototype` is no option.
fn object(object: &Object, depth: u32) -> Result<Value> {
    let keys = object.get_all_property_names(
        KeyCollectionMode::OwnOnly,
        KeyFilter::Enumerable,
        KeyConversion::NumbersToStrings,
    )?;
    let mut entries = Vec::new();
    for index in 0..keys.get_array_length()? {
        let key: Unknown = keys.get_element(index)?;
        if key.get_type()? == ValueType::String {
            let name: String = typed(&key)?;
            let value: Unknown = object.get_property(key)?;
            entries.push((name, convert(value, depth + 1)?));
        }
    }
    Ok(Value::Object(entries))
}
