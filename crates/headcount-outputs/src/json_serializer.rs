//! Serde's data as JSON, as serde_json writes it, faster where records need it: the names of fields are not searched for
//! what must be escaped, and text is searched many bytes at a time. What is rare or difficult is left to serde_json.

use std::fmt::Display;
use std::io::Write;

use serde::{Serialize, ser};
use serde_json::Error;

use crate::json_text::SafeFormatter;

type Result<T> = std::result::Result<T, Error>;

pub(crate) struct Serializer<W> {
    pub(crate) writer: W,
}

impl<W: Write> Serializer<W> {
    fn put(&mut self, text: &[u8]) -> Result<()> {
        self.writer.write_all(text).map_err(Error::io)
    }

    /// A name that stands in the source code.
    fn put_name(&mut self, name: &'static str) -> Result<()> {
        debug_assert!(is_plain(name), "no field needs escapes");
        self.put(b"\"")?;
        self.put(name.as_bytes())?;
        self.put(b"\"")
    }

    fn by_serde_json(&mut self) -> serde_json::Serializer<&mut W, SafeFormatter> {
        serde_json::Serializer::with_formatter(&mut self.writer, SafeFormatter)
    }

    fn begin<'a>(&'a mut self, opening: &[u8], closing: &'static [u8]) -> Result<Compound<'a, W>> {
        self.put(opening)?;
        Ok(Compound { serializer: self, is_first: true, closing })
    }

    fn begin_variant<'a>(
        &'a mut self,
        variant: &'static str,
        opening: &[u8],
        closing: &'static [u8],
    ) -> Result<Compound<'a, W>> {
        self.put(b"{")?;
        self.put_name(variant)?;
        self.put(b":")?;
        self.begin(opening, closing)
    }
}

/// Whether text stands in JSON as it is. All of it is looked at, which lets the compiler look at many bytes at once.
fn is_plain(text: &str) -> bool {
    let is_special = |byte: u8| !(b' '..0x7f).contains(&byte) | (byte == b'"') | (byte == b'\\');
    !text.bytes().fold(false, |found, byte| found | is_special(byte))
}

macro_rules! left_to_serde_json {
    ($($method:ident($($argument:ident: $type:ty)?);)*) => {
        $(fn $method(self, $($argument: $type)?) -> Result<()> {
            ser::Serializer::$method(&mut self.by_serde_json(), $($argument)?)
        })*
    };
}

impl<'a, W: Write> ser::Serializer for &'a mut Serializer<W> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Compound<'a, W>;
    type SerializeTuple = Compound<'a, W>;
    type SerializeTupleStruct = Compound<'a, W>;
    type SerializeTupleVariant = Compound<'a, W>;
    type SerializeMap = Compound<'a, W>;
    type SerializeStruct = Compound<'a, W>;
    type SerializeStructVariant = Compound<'a, W>;

    left_to_serde_json! {
        serialize_i8(value: i8);
        serialize_i16(value: i16);
        serialize_i32(value: i32);
        serialize_i64(value: i64);
        serialize_i128(value: i128);
        serialize_u8(value: u8);
        serialize_u16(value: u16);
        serialize_u32(value: u32);
        serialize_u64(value: u64);
        serialize_u128(value: u128);
        serialize_f32(value: f32);
        serialize_f64(value: f64);
        serialize_char(value: char);
        serialize_bytes(value: &[u8]);
    }

    fn serialize_bool(self, value: bool) -> Result<()> {
        self.put(if value { b"true" } else { b"false" })
    }

    fn serialize_str(self, text: &str) -> Result<()> {
        if !is_plain(text) {
            return ser::Serializer::serialize_str(&mut self.by_serde_json(), text);
        }
        self.put(b"\"")?;
        self.put(text.as_bytes())?;
        self.put(b"\"")
    }

    fn collect_str<T: ?Sized + Display>(self, value: &T) -> Result<()> {
        ser::Serializer::collect_str(&mut self.by_serde_json(), value)
    }

    fn serialize_none(self) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<()> {
        self.put(b"null")
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Result<()> {
        self.put_name(variant)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, _name: &'static str, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<()> {
        let mut object = self.begin(b"{", b"}")?;
        ser::SerializeStruct::serialize_field(&mut object, variant, value)?;
        ser::SerializeStruct::end(object)
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Compound<'a, W>> {
        self.begin(b"[", b"]")
    }

    fn serialize_tuple(self, _length: usize) -> Result<Compound<'a, W>> {
        self.begin(b"[", b"]")
    }

    fn serialize_tuple_struct(self, _name: &'static str, _length: usize) -> Result<Compound<'a, W>> {
        self.begin(b"[", b"]")
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Compound<'a, W>> {
        self.begin_variant(variant, b"[", b"]}")
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Compound<'a, W>> {
        self.begin(b"{", b"}")
    }

    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Compound<'a, W>> {
        self.begin(b"{", b"}")
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Compound<'a, W>> {
        self.begin_variant(variant, b"{", b"}}")
    }
}

/// An array or an object that is being written.
pub(crate) struct Compound<'a, W> {
    serializer: &'a mut Serializer<W>,
    is_first: bool,
    closing: &'static [u8],
}

impl<W: Write> Compound<'_, W> {
    fn separate(&mut self) -> Result<()> {
        if std::mem::take(&mut self.is_first) { Ok(()) } else { self.serializer.put(b",") }
    }

    fn element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<()> {
        self.separate()?;
        value.serialize(&mut *self.serializer)
    }

    fn field<T: ?Sized + Serialize>(&mut self, name: &'static str, value: &T) -> Result<()> {
        self.separate()?;
        self.serializer.put_name(name)?;
        self.serializer.put(b":")?;
        value.serialize(&mut *self.serializer)
    }

    fn close(self) -> Result<()> {
        self.serializer.put(self.closing)
    }
}

macro_rules! array {
    ($trait:ident, $method:ident) => {
        impl<W: Write> ser::$trait for Compound<'_, W> {
            type Ok = ();
            type Error = Error;

            fn $method<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<()> {
                self.element(value)
            }

            fn end(self) -> Result<()> {
                self.close()
            }
        }
    };
}

array!(SerializeSeq, serialize_element);
array!(SerializeTuple, serialize_element);
array!(SerializeTupleStruct, serialize_field);
array!(SerializeTupleVariant, serialize_field);

macro_rules! object {
    ($trait:ident) => {
        impl<W: Write> ser::$trait for Compound<'_, W> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: ?Sized + Serialize>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<()> {
                self.field(name, value)
            }

            fn end(self) -> Result<()> {
                self.close()
            }
        }
    };
}

object!(SerializeStruct);
object!(SerializeStructVariant);

impl<W: Write> ser::SerializeMap for Compound<'_, W> {
    type Ok = ();
    type Error = Error;

    /// A key of JSON is text; what is none is put in quotes.
    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<()> {
        self.separate()?;
        let mut text = Vec::new();
        key.serialize(&mut Serializer { writer: &mut text })?;
        let quote: &[u8] = if text.starts_with(b"\"") { b"" } else { b"\"" };
        self.serializer.put(quote)?;
        self.serializer.put(&text)?;
        self.serializer.put(quote)
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<()> {
        self.serializer.put(b":")?;
        value.serialize(&mut *self.serializer)
    }

    fn end(self) -> Result<()> {
        self.close()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Serialize)]
    enum Shape {
        Unit,
        Newtype(f64),
        Tuple(i8, char),
        Struct { text: String, nothing: Option<u8> },
    }

    #[derive(Serialize)]
    struct All<'a> {
        text: &'a str,
        shapes: Vec<Shape>,
        pair: (bool, u128),
        by_number: BTreeMap<i16, ()>,
        by_text: BTreeMap<&'a str, f32>,
        bytes: &'a std::ffi::CStr,
    }

    proptest! {
        #[test]
        fn any_value_is_written_as_serde_json_writes_it(text in "[ -~\t\n\"\\\\é日]{0,40}", number: f64, key: i16) {
            let shapes = vec![
                Shape::Unit,
                Shape::Newtype(number),
                Shape::Tuple(-1, 'é'),
                Shape::Struct { text: text.clone(), nothing: None },
            ];
            let all = All {
                text: &text,
                shapes,
                pair: (true, 1 << 100),
                by_number: BTreeMap::from([(key, ())]),
                by_text: BTreeMap::from([(text.as_str(), 0.1), ("a", f32::NAN)]),
                bytes: c"bytes",
            };
            let mut ours = Vec::new();
            all.serialize(&mut Serializer { writer: &mut ours }).unwrap();
            // DEL is what the safe form escapes and serde_json does not; it is not among these.
            prop_assert_eq!(String::from_utf8(ours).unwrap(), serde_json::to_string(&all).unwrap());
        }
    }
}
