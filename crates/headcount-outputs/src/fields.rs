//! Which fields of a record are written, and in which order.

use std::str::FromStr;

use headcount::Record;
use serde::{Serialize, Serializer};

use crate::columns::{COLUMNS, Column};
use crate::parts::PARTS;

/// A choice of fields: `url,status_code,error.phase`. The default is all of them.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    chosen: Option<Vec<Field>>,
}

#[derive(Clone, Copy, Debug)]
enum Field {
    /// `error`: an object in JSON, three columns in a table.
    Error,
    Column(&'static Column),
}

impl Fields {
    /// The columns of a table of them.
    pub fn columns(&self) -> Vec<&'static Column> {
        let Some(chosen) = &self.chosen else { return COLUMNS.iter().collect() };
        let is_error = |column: &&Column| column.name().starts_with("error_");
        chosen
            .iter()
            .flat_map(|field| match field {
                Field::Error => COLUMNS.iter().filter(is_error).collect(),
                Field::Column(column) => vec![*column],
            })
            .collect()
    }

    /// Whether fields were chosen, be it all of them.
    pub(crate) fn are_chosen(&self) -> bool {
        self.chosen.is_some()
    }

    /// The record with these fields only, for a serializer.
    pub fn of<'a>(&'a self, record: &'a Record) -> impl Serialize {
        Selected { fields: self, record }
    }
}

struct Selected<'a> {
    fields: &'a Fields,
    record: &'a Record,
}

impl Serialize for Selected<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let Some(chosen) = &self.fields.chosen else { return self.record.serialize(serializer) };
        let mut map = serializer.serialize_map(Some(chosen.len()))?;
        for field in chosen {
            match field {
                Field::Error => map.serialize_entry("error", &self.record.error)?,
                Field::Column(column) => map.serialize_entry(column.name(), &column.cell(self.record))?,
            }
        }
        map.end()
    }
}

impl FromStr for Fields {
    type Err = String;

    fn from_str(text: &str) -> Result<Fields, String> {
        let mut chosen: Vec<Field> = Vec::new();
        for name in text.split(',').map(str::trim) {
            let field = match name {
                "" => return Err("it takes names of fields, with commas between".to_owned()),
                "error" => Field::Error,
                _ => Field::Column(Column::find(name).ok_or_else(|| unknown_field(name))?),
            };
            chosen.push(field);
        }
        let fields = Fields { chosen: Some(chosen) };
        let mut names: Vec<_> = fields.columns().iter().map(|column| column.name()).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(twice) => Err(format!("{} is named twice", twice[0])),
            None => Ok(fields),
        }
    }
}

/// `there is no field statuscode; did you mean status_code?`
pub(crate) fn unknown_field(name: &str) -> String {
    let bare = |name: &str| name.to_lowercase().replace(['_', '-', '.'], "");
    let wanted = bare(name);
    let near = COLUMNS.iter().chain(PARTS).find(|column| {
        let name = bare(column.name());
        !wanted.is_empty() && (name == wanted || (wanted.len() > 2 && name.contains(&wanted)))
    });
    match near {
        Some(column) => format!("there is no field {name}; did you mean {}?", column.name()),
        None => format!("there is no field {name}; `headcount schema` lists them"),
    }
}
