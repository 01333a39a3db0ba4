//! Which records are written: a small language of conditions, such as `status_code >= 400 or failed`.
//!
//! A condition is a flag (`failed`), a comparison of a field with a value (`==`, `=`, `!=`, `<`, `<=`, `>`, `>=`; `~`
//! for text that contains another, in whatever case), or several with `not`, `and`, `or` and parentheses, which bind
//! in that order. Values are numbers, `true`, `false`, `null`, and text or moments in quotes, single or double. A moment
//! without a zone is UTC's.
//!
//! `null` equals `null` only: `status_code != 200` holds where there is no status, `status_code < 200` does not.

use std::fmt;
use std::str::FromStr;

use headcount::Record;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value as Json;

use crate::columns::{Cell, Column, ColumnType};
use crate::condition_tokens::{Operator, Token, Tokens};
use crate::fields::unknown_field;
use crate::write::csv::as_json;

/// Conditions within conditions; more would be no work of a person, and take the stack.
const DEEPEST: usize = 64;

/// A condition that a record meets or does not.
#[derive(Clone, Debug, PartialEq)]
pub struct Where {
    condition: Condition,
}

#[derive(Clone, Debug, PartialEq)]
enum Condition {
    Flag(&'static Column),
    Comparison {
        column: &'static Column,
        operator: Operator,
        value: Value,
    },
    Not(Box<Condition>),
    /// Two or more.
    And(Vec<Condition>),
    Or(Vec<Condition>),
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Null,
    Flag(bool),
    Number(f64),
    Text(String),
    Time(Timestamp),
}

/// Why a text is no condition, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhereError {
    column: usize,
    message: String,
}

impl WhereError {
    pub(crate) fn new(column: usize, message: impl Into<String>) -> WhereError {
        WhereError { column, message: message.into() }
    }

    /// The character of the text at which it goes wrong, from 1.
    pub fn column(&self) -> usize {
        self.column
    }
}

impl fmt::Display for WhereError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "at column {}: {}", self.column, self.message)
    }
}

impl std::error::Error for WhereError {}

impl Where {
    /// Whether the record meets the condition.
    pub fn holds(&self, record: &Record) -> bool {
        self.condition.holds(record)
    }
}

impl Condition {
    fn holds(&self, record: &Record) -> bool {
        match self {
            Condition::Flag(column) => column.cell(record) == Cell::Flag(true),
            Condition::Not(inner) => !inner.holds(record),
            Condition::And(all) => all.iter().all(|condition| condition.holds(record)),
            Condition::Or(any) => any.iter().any(|condition| condition.holds(record)),
            Condition::Comparison { column, operator, value } => {
                compare(&column.cell(record), *operator, value)
            }
        }
    }
}

fn compare(cell: &Cell<'_>, operator: Operator, value: &Value) -> bool {
    use std::cmp::Ordering;
    let order = match (cell, value) {
        (Cell::Null, Value::Null) => Some(Ordering::Equal),
        (Cell::Flag(cell), Value::Flag(value)) => Some(cell.cmp(value)),
        (Cell::Count(cell), Value::Number(value)) => (*cell as f64).partial_cmp(value),
        (Cell::Seconds(cell), Value::Number(value)) => cell.partial_cmp(value),
        (Cell::Time(cell), Value::Time(value)) => Some(cell.cmp(value)),
        (Cell::Text(cell), Value::Text(value)) if operator == Operator::Contains => {
            return cell.to_lowercase().contains(&value.to_lowercase());
        }
        (Cell::Text(cell), Value::Text(value)) => Some(cell.as_ref().cmp(value)),
        (Cell::Object(object), Value::Text(_)) => {
            return compare(&Cell::Text(as_json(object).into()), operator, value);
        }
        (Cell::Texts(texts), Value::Text(_)) => {
            return texts.iter().any(|text| compare(&Cell::Text(text.into()), operator, value));
        }
        (Cell::Value(cell), value) => return compare_json(cell, operator, value),
        (Cell::Codes(codes), Value::Number(value)) => {
            return codes.iter().any(|code| f64::from(*code) == *value);
        }
        _ => None,
    };
    match operator {
        Operator::Equal => order == Some(Ordering::Equal),
        Operator::NotEqual => order != Some(Ordering::Equal),
        Operator::Less => order == Some(Ordering::Less),
        Operator::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Operator::Greater => order == Some(Ordering::Greater),
        Operator::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        Operator::Contains => false,
    }
}

/// The same for what is JSON. Of a list it is enough that one is so, and text that is a number is compared as one.
fn compare_json(cell: &Json, operator: Operator, value: &Value) -> bool {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let cell = match (cell, value) {
        (Json::Array(values), _) if !matches!(value, Value::Null) => {
            return values.iter().any(|cell| compare_json(cell, operator, value));
        }
        (Json::Null, _) => Cell::Null,
        (Json::Bool(flag), _) => Cell::Flag(*flag),
        (Json::String(text), Value::Number(_)) => number(text).map_or(Cell::Text(text.into()), Cell::Seconds),
        (Json::String(text), _) => Cell::Text(text.into()),
        (Json::Number(number), Value::Text(_)) => Cell::Text(number.to_string().into()),
        (Json::Number(number), _) => number.as_f64().map_or(Cell::Null, Cell::Seconds),
        (Json::Array(_) | Json::Object(_), _) => Cell::Text(as_json(cell).into()),
    };
    compare(&cell, operator, value)
}

impl FromStr for Where {
    type Err = WhereError;

    fn from_str(text: &str) -> Result<Where, WhereError> {
        let mut parser = Parser { tokens: Tokens::of(text)?, depth: 0 };
        let condition = parser.alternatives()?;
        match parser.tokens.next() {
            (_, Token::End) => Ok(Where { condition }),
            (column, token) => {
                Err(WhereError::new(column, format!("`and` or `or` should stand here, not {token}")))
            }
        }
    }
}

struct Parser {
    tokens: Tokens,
    depth: usize,
}

impl Parser {
    fn alternatives(&mut self) -> Result<Condition, WhereError> {
        let first = self.conjunction()?;
        let mut any = vec![first];
        while self.tokens.take_word("or") {
            any.push(self.conjunction()?);
        }
        Ok(if any.len() > 1 { Condition::Or(any) } else { any.remove(0) })
    }

    fn conjunction(&mut self) -> Result<Condition, WhereError> {
        let first = self.single()?;
        let mut all = vec![first];
        while self.tokens.take_word("and") {
            all.push(self.single()?);
        }
        Ok(if all.len() > 1 { Condition::And(all) } else { all.remove(0) })
    }

    fn single(&mut self) -> Result<Condition, WhereError> {
        let column = self.tokens.column();
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(WhereError::new(column, format!("conditions stand more than {DEEPEST} deep")));
        }
        let condition = if self.tokens.take_word("not") {
            Condition::Not(Box::new(self.single()?))
        } else if self.tokens.take(&Token::Open) {
            let inner = self.alternatives()?;
            match self.tokens.next() {
                (_, Token::Close) => inner,
                (column, token) => {
                    return Err(WhereError::new(column, format!("`)` should stand here, not {token}")));
                }
            }
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(condition)
    }

    fn comparison(&mut self) -> Result<Condition, WhereError> {
        let (place, name) = match self.tokens.next() {
            (place, Token::Word(name)) => (place, name),
            (place, token) => {
                return Err(WhereError::new(place, format!("a field should stand here, not {token}")));
            }
        };
        // An error has a phase, or is not there.
        let looked_up = if name == "error" { "error_phase" } else { &name };
        let column = Column::find(looked_up).ok_or_else(|| WhereError::new(place, unknown_field(&name)))?;
        if let (place, Token::Word(word)) = self.tokens.peek()
            && let Some(hint) = word_of_sql(word, &name)
        {
            return Err(WhereError::new(place, hint));
        }
        let (operator_place, Some(operator)) = self.tokens.take_operator() else {
            return match column.column_type() {
                ColumnType::Flag => Ok(Condition::Flag(column)),
                _ => {
                    let message = format!(
                        "{name} is not true or false; compare it, as in `{name} {}`",
                        example(column)
                    );
                    Err(WhereError::new(place, message))
                }
            };
        };
        let (value_place, token) = self.tokens.next();
        let value =
            value(column, operator, token).map_err(|message| WhereError::new(value_place, message))?;
        check_operator(column, operator, &value)
            .map_err(|message| WhereError::new(operator_place, message))?;
        Ok(Condition::Comparison { column, operator, value })
    }
}

/// How to write here what SQL has a word for.
fn word_of_sql(word: &str, name: &str) -> Option<String> {
    match word.to_ascii_lowercase().as_str() {
        "is" => Some("`is` is written `==`, and `is not` is written `!=`".to_owned()),
        "in" => Some(format!("`in` is written with `or`, as in `({name} == … or {name} == …)`")),
        "like" | "contains" => Some(format!("`{word}` is written `~`, as in `{name} ~ 'text'`")),
        "between" => Some(format!("`between` is written with `and`, as in `{name} >= … and {name} <= …`")),
        _ => None,
    }
}

fn example(column: &Column) -> &'static str {
    match column.column_type() {
        ColumnType::Count => ">= 1",
        ColumnType::Seconds => "> 0.5",
        ColumnType::Text | ColumnType::Texts | ColumnType::Object | ColumnType::Value => "~ 'text'",
        ColumnType::Word => "!= null",
        ColumnType::Time => ">= '2026-01-31'",
        ColumnType::Codes => "== 301",
        ColumnType::Flag => "== true",
    }
}

fn value(column: &Column, operator: Operator, token: Token) -> Result<Value, String> {
    let name = column.name();
    let value = match token {
        Token::Word(word) if word.eq_ignore_ascii_case("null") => Value::Null,
        Token::Word(word) if word.eq_ignore_ascii_case("true") => Value::Flag(true),
        Token::Word(word) if word.eq_ignore_ascii_case("false") => Value::Flag(false),
        Token::Word(word) => return Err(format!("text stands in quotes: '{word}'")),
        Token::Number(number) => Value::Number(number),
        Token::Text(text) => Value::Text(text),
        other => return Err(format!("a value should stand here, not {other}")),
    };
    match (column.column_type(), value) {
        (ColumnType::Codes, Value::Null) => Err(format!("{name} is never null")),
        (_, Value::Null) if !column.is_nullable() => Err(format!("{name} is never null")),
        (_, Value::Null) => Ok(Value::Null),
        (ColumnType::Time, Value::Text(text)) => moment(&text).map(Value::Time),
        (ColumnType::Word, Value::Text(text)) => {
            let words = column.words();
            match operator == Operator::Contains || words.contains(&text.as_str()) {
                true => Ok(Value::Text(text)),
                false => Err(format!("{name} is one of {}", words.join(", "))),
            }
        }
        (ColumnType::Value, value)
        | (ColumnType::Text | ColumnType::Texts | ColumnType::Object, value @ Value::Text(_))
        | (ColumnType::Flag, value @ Value::Flag(_))
        | (ColumnType::Count | ColumnType::Seconds | ColumnType::Codes, value @ Value::Number(_)) => {
            Ok(value)
        }
        (column_type, _) => Err(format!(
            "{name} is compared with {}",
            match column_type {
                ColumnType::Flag => "true or false",
                ColumnType::Count | ColumnType::Codes => "a number",
                ColumnType::Seconds => "a number of seconds",
                ColumnType::Text
                | ColumnType::Word
                | ColumnType::Texts
                | ColumnType::Object
                | ColumnType::Value => "text in quotes",
                ColumnType::Time => "a moment in quotes, such as '2026-01-31' or '2026-01-31T08:00:00Z'",
            }
        )),
    }
}

/// A moment; without a zone it is UTC's, and without a time of day it is the beginning of the day.
fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    // In brackets stands a zone, which must not be lost.
    let local = (!text.contains('[')).then(|| text.parse::<DateTime>().ok()).flatten();
    let moment = local.and_then(|local| local.to_zoned(TimeZone::UTC).ok());
    moment.map(|moment| moment.timestamp()).ok_or_else(|| {
        "a moment is written as '2026-01-31', '2026-01-31 08:00' (both in UTC) or '2026-01-31T08:00:00+01:00'"
            .to_owned()
    })
}

fn check_operator(column: &Column, operator: Operator, value: &Value) -> Result<(), String> {
    let name = column.name();
    let is_equality = matches!(operator, Operator::Equal | Operator::NotEqual);
    match (column.column_type(), value) {
        (_, Value::Null) if !is_equality => Err("null is compared with == or != only".to_owned()),
        (ColumnType::Codes, _) if operator != Operator::Equal => {
            Err(format!("{name} is compared with == only, which holds if one of them is it"))
        }
        (ColumnType::Flag, _) if !is_equality => Err(format!("{name} is compared with == or != only")),
        (ColumnType::Text | ColumnType::Word | ColumnType::Texts | ColumnType::Object, _)
        | (ColumnType::Value, Value::Text(_)) => Ok(()),
        _ if operator == Operator::Contains => Err(format!("~ is for text, which {name} is not")),
        _ => Ok(()),
    }
}

impl fmt::Display for Where {
    /// As text that means the same, with every parenthesis.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt(formatter)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::Flag(column) => formatter.write_str(column.name()),
            Condition::Not(inner) => write!(formatter, "not ({inner})"),
            Condition::And(all) => write_joined(formatter, all, " and "),
            Condition::Or(any) => write_joined(formatter, any, " or "),
            Condition::Comparison { column, operator, value } => {
                write!(formatter, "{} {operator} {value}", column.name())
            }
        }
    }
}

fn write_joined(formatter: &mut fmt::Formatter<'_>, conditions: &[Condition], word: &str) -> fmt::Result {
    for (place, condition) in conditions.iter().enumerate() {
        formatter.write_str(if place > 0 { word } else { "" })?;
        write!(formatter, "({condition})")?;
    }
    Ok(())
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => formatter.write_str("null"),
            Value::Flag(flag) => flag.fmt(formatter),
            Value::Number(number) => number.fmt(formatter),
            Value::Time(time) => write!(formatter, "'{time}'"),
            // As in SQL, a quote in the text stands twice.
            Value::Text(text) => write!(formatter, "'{}'", text.replace('\'', "''")),
        }
    }
}
