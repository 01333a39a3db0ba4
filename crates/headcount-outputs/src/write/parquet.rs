//! Parquet: a typed column for each field, compressed with zstd. Rows are gathered to groups, which bounds the memory.

use std::fs::File;
use std::io;
use std::sync::Arc;

use headcount::Record;
use parquet::basic::{
    Compression, ConvertedType, LogicalType, Repetition, TimeUnit, Type as PhysicalType, ZstdLevel,
};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};

use super::RecordWriter;
use super::csv::value_text;
use crate::columns::{Cell, Column, ColumnType};
use crate::fields::Fields;

/// Rows of a group, and bytes of their texts: enough for columns to compress well, few enough for memory.
const ROWS_IN_GROUP: usize = 64 << 10;
const TEXT_IN_GROUP: usize = 64 << 20;

pub(super) struct ParquetWriter {
    writer: SerializedFileWriter<File>,
    columns: Vec<(&'static Column, Chunk)>,
    rows: usize,
    text: usize,
}

/// A column's part of the group that is being gathered.
#[derive(Default)]
struct Chunk {
    values: Values,
    /// For each row whether there is a value; for lists also for each further element.
    definitions: Vec<i16>,
    /// For lists: 0 begins a row.
    repetitions: Vec<i16>,
}

#[derive(Default)]
enum Values {
    #[default]
    None,
    Flags(Vec<bool>),
    Counts(Vec<i64>),
    Seconds(Vec<f64>),
    Texts(Vec<ByteArray>),
    Codes(Vec<i32>),
}

impl ParquetWriter {
    pub(super) fn new(file: File, fields: &Fields) -> io::Result<ParquetWriter> {
        let columns: Vec<_> =
            fields.columns().into_iter().map(|column| (column, Chunk::of(column))).collect();
        let schema = columns.iter().map(|(column, _)| schema(column)).collect::<Result<_, _>>()?;
        let schema = Type::group_type_builder("record").with_fields(schema).build()?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
            .set_created_by(concat!("headcount ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))?;
        Ok(ParquetWriter { writer, columns, rows: 0, text: 0 })
    }

    fn write_group(&mut self) -> io::Result<()> {
        let mut group = self.writer.next_row_group()?;
        for (column, chunk) in &mut self.columns {
            let mut writer = group.next_column()?.ok_or_else(|| io::Error::other("a column is missing"))?;
            chunk.write(&mut writer)?;
            writer.close()?;
            *chunk = Chunk::of(column);
        }
        group.close()?;
        (self.rows, self.text) = (0, 0);
        Ok(())
    }
}

impl RecordWriter for ParquetWriter {
    fn write(&mut self, record: &Record) -> io::Result<()> {
        for (column, chunk) in &mut self.columns {
            let cell = column.cell(record);
            if let Cell::Text(text) = &cell {
                self.text += text.len();
            }
            chunk.add(column, cell)?;
        }
        self.rows += 1;
        let is_full = self.rows == ROWS_IN_GROUP || self.text >= TEXT_IN_GROUP;
        if is_full { self.write_group() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        if self.rows > 0 {
            self.write_group()?;
        }
        self.writer.close()?;
        Ok(())
    }
}

impl Chunk {
    fn of(column: &Column) -> Chunk {
        let values = match column.column_type() {
            ColumnType::Flag => Values::Flags(Vec::new()),
            ColumnType::Count | ColumnType::Time => Values::Counts(Vec::new()),
            ColumnType::Seconds => Values::Seconds(Vec::new()),
            ColumnType::Text
            | ColumnType::Word
            | ColumnType::Texts
            | ColumnType::Object
            | ColumnType::Value => Values::Texts(Vec::new()),
            ColumnType::Codes => Values::Codes(Vec::new()),
        };
        Chunk { values, ..Chunk::default() }
    }

    fn add(&mut self, column: &Column, cell: Cell<'_>) -> io::Result<()> {
        if column.is_nullable() {
            self.definitions.push(i16::from(cell != Cell::Null));
        }
        match (&mut self.values, cell) {
            (_, Cell::Null) if column.is_nullable() => {}
            (Values::Flags(flags), Cell::Flag(flag)) => flags.push(flag),
            // Of unsigned numbers, one less another is no number to many who calculate with them.
            (Values::Counts(counts), Cell::Count(count)) => {
                counts.push(i64::try_from(count).unwrap_or(i64::MAX));
            }
            (Values::Counts(times), Cell::Time(time)) => {
                let out_of_range = |_| io::Error::other(format!("{time} is out of Parquet's range of time"));
                times.push(time.as_nanosecond().div_euclid(1_000).try_into().map_err(out_of_range)?);
            }
            (Values::Seconds(values), Cell::Seconds(seconds)) => values.push(seconds),
            (Values::Texts(texts), Cell::Text(text)) => {
                texts.push(ByteArray::from(text.into_owned().into_bytes()));
            }
            (Values::Texts(values), Cell::Texts(texts)) => {
                values.push(ByteArray::from(serde_json::to_vec(texts)?));
            }
            (Values::Texts(texts), Cell::Object(object)) => {
                texts.push(ByteArray::from(serde_json::to_vec(&object)?));
            }
            (Values::Texts(texts), Cell::Value(value)) => {
                texts.push(ByteArray::from(value_text(value).into_owned().into_bytes()));
            }
            (Values::Codes(values), Cell::Codes(codes)) => {
                values.extend(codes.iter().map(|code| i32::from(*code)));
                // A list without elements is one entry of its own.
                for place in 0..codes.len().max(1) {
                    self.definitions.push(i16::from(!codes.is_empty()));
                    self.repetitions.push(i16::from(place > 0));
                }
            }
            _ => return Err(io::Error::other(format!("{} holds what it cannot", column.name()))),
        }
        Ok(())
    }

    fn write(&self, writer: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let definitions = (!self.definitions.is_empty()).then_some(self.definitions.as_slice());
        let repetitions = (!self.repetitions.is_empty()).then_some(self.repetitions.as_slice());
        match &self.values {
            Values::None => Ok(0),
            Values::Flags(values) => writer.typed::<BoolType>().write_batch(values, definitions, repetitions),
            Values::Counts(values) => {
                writer.typed::<Int64Type>().write_batch(values, definitions, repetitions)
            }
            Values::Seconds(values) => {
                writer.typed::<DoubleType>().write_batch(values, definitions, repetitions)
            }
            Values::Texts(values) => {
                writer.typed::<ByteArrayType>().write_batch(values, definitions, repetitions)
            }
            Values::Codes(values) => {
                writer.typed::<Int32Type>().write_batch(values, definitions, repetitions)
            }
        }
        .map(|_| ())
    }
}

fn schema(column: &Column) -> Result<TypePtr, ParquetError> {
    let repetition = if column.is_nullable() { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    let (physical, logical) = match column.column_type() {
        ColumnType::Flag => (PhysicalType::BOOLEAN, None),
        ColumnType::Count => (PhysicalType::INT64, Some(LogicalType::integer(64, true))),
        ColumnType::Seconds => (PhysicalType::DOUBLE, None),
        ColumnType::Text | ColumnType::Word | ColumnType::Value => {
            (PhysicalType::BYTE_ARRAY, Some(LogicalType::String))
        }
        ColumnType::Texts | ColumnType::Object => (PhysicalType::BYTE_ARRAY, Some(LogicalType::Json)),
        ColumnType::Time => (PhysicalType::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
        ColumnType::Codes => return list(column.name()),
    };
    let column = Type::primitive_type_builder(column.name(), physical)
        .with_repetition(repetition)
        .with_logical_type(logical)
        .build()?;
    Ok(Arc::new(column))
}

/// A list of whole numbers, in the three levels that the format asks for.
fn list(name: &str) -> Result<TypePtr, ParquetError> {
    let element = Type::primitive_type_builder("element", PhysicalType::INT32)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::integer(32, true)))
        .build()?;
    let elements = Type::group_type_builder("list")
        .with_repetition(Repetition::REPEATED)
        .with_fields(vec![Arc::new(element)])
        .build()?;
    let list = Type::group_type_builder(name)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::List))
        .with_converted_type(ConvertedType::LIST)
        .with_fields(vec![Arc::new(elements)])
        .build()?;
    Ok(Arc::new(list))
}
