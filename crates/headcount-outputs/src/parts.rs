//! Columns that a record does not have as fields, and that can be chosen and compared all the same: its host, the facts of
//! its certificate, and what stands in an object of the user's or the host's.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use headcount::Record;
use headcount::record::{Certificate, Object};
use serde_json::Value;

use crate::columns::{Cell, Column, ColumnType, ObjectOf};
use crate::verdict::host_of;

/// Those that every record has, or could have.
pub(crate) static PARTS: &[Column] = &[
    Column::nullable("host", ColumnType::Text, |record| {
        host_of(record).map_or(Cell::Null, |host| Cell::Text(Cow::Owned(host)))
    }),
    Column::nullable("certificate.issuer", ColumnType::Text, |record| {
        certificate(record).map(|certificate| certificate.issuer.as_str()).into()
    }),
    Column::nullable("certificate.subject", ColumnType::Text, |record| {
        certificate(record).map(|certificate| certificate.subject.as_str()).into()
    }),
    Column::nullable("certificate.names", ColumnType::Texts, |record| {
        certificate(record).map(|certificate| certificate.names.as_slice()).into()
    }),
    Column::nullable("certificate.not_before", ColumnType::Time, |record| {
        certificate(record).map_or(Cell::Null, |certificate| Cell::Time(certificate.not_before))
    }),
    Column::nullable("certificate.not_after", ColumnType::Time, |record| {
        certificate(record).map_or(Cell::Null, |certificate| Cell::Time(certificate.not_after))
    }),
    Column::nullable("certificate.fingerprint_sha256", ColumnType::Text, |record| {
        certificate(record).map(|certificate| certificate.fingerprint_sha256.as_str()).into()
    }),
];

/// Objects whose names are the user's or the host's.
const OBJECTS: [(&str, ObjectOf); 3] = [
    ("input_fields", |record| record.input_fields.as_deref()),
    ("header_fields", |record| record.header_fields.as_deref()),
    ("extracted", |record| record.extracted.as_deref()),
];

/// Columns of what stands in an object, by their names. Each is made once, when it is asked for first, and stays: there are as
/// many as a user has names for.
static WITHIN: Mutex<BTreeMap<String, &'static Column>> = Mutex::new(BTreeMap::new());

fn certificate(record: &Record) -> Option<&Certificate> {
    record.certificate.as_deref()
}

pub(crate) fn find(name: &str) -> Option<&'static Column> {
    if let Some(part) = PARTS.iter().find(|part| part.name() == name) {
        return Some(part);
    }
    let (object, part) = name.split_once('.').filter(|(_, part)| !part.is_empty())?;
    let (_, object_of) = OBJECTS.iter().find(|(known, _)| *known == object)?;
    // Those of a header are in small letters in the record.
    let part = if object == "header_fields" { part.to_ascii_lowercase() } else { part.to_owned() };
    let mut known = WITHIN.lock().unwrap_or_else(PoisonError::into_inner);
    let column = known.entry(format!("{object}.{part}")).or_insert_with_key(|name| {
        let name: &'static str = name.clone().leak();
        Box::leak(Box::new(Column::within(name, *object_of, &name[object.len() + 1..])))
    });
    Some(column)
}

/// What an object has under this name; a dot may lead into an object within.
pub(crate) fn value<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    object.get(name).or_else(|| {
        let (outer, rest) = name.split_once('.')?;
        value(object.get(outer)?.as_object()?, rest)
    })
}
