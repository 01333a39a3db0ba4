//! The words of a condition: names, numbers, texts in quotes, operators, each with its place.

use std::fmt;

use crate::selection::WhereError;

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    Word(String),
    Number(f64),
    Text(String),
    Operator(Operator),
    Open,
    Close,
    /// Has no meaning here; it stands in what SQL would take.
    Comma,
    End,
}

/// The tokens of a text, each with the column at which it begins, from 1. The last is the end.
pub(crate) struct Tokens {
    tokens: Vec<(usize, Token)>,
    next: usize,
}

impl Tokens {
    pub(crate) fn of(text: &str) -> Result<Tokens, WhereError> {
        let characters: Vec<char> = text.chars().collect();
        let mut tokens = Vec::new();
        let mut place = 0;
        loop {
            while characters.get(place).is_some_and(|character| character.is_whitespace()) {
                place += 1;
            }
            let column = place + 1;
            let Some(&first) = characters.get(place) else {
                tokens.push((column, Token::End));
                return Ok(Tokens { tokens, next: 0 });
            };
            let second = characters.get(place + 1).copied();
            let (token, length) = match first {
                '(' => (Token::Open, 1),
                ')' => (Token::Close, 1),
                ',' => (Token::Comma, 1),
                '\'' | '"' => quoted(&characters[place..])
                    .ok_or_else(|| WhereError::new(column, format!("this {first} is never closed")))?,
                _ if first.is_ascii_digit()
                    || (first == '-' && second.is_some_and(|c| c.is_ascii_digit())) =>
                {
                    number(&characters[place..]).map_err(|message| WhereError::new(column, message))?
                }
                _ if first.is_ascii_alphabetic() || first == '_' => word(&characters[place..]),
                _ => operator(first, second)
                    .map(|(operator, length)| (Token::Operator(operator), length))
                    .map_err(|message| WhereError::new(column, message))?,
            };
            tokens.push((column, token));
            place += length;
        }
    }

    /// Takes the next token; the end comes again and again.
    pub(crate) fn next(&mut self) -> (usize, Token) {
        let token = self.tokens[self.next].clone();
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        token
    }

    /// Where the next token begins.
    pub(crate) fn column(&self) -> usize {
        self.tokens[self.next].0
    }

    /// The next token, which stays.
    pub(crate) fn peek(&self) -> (usize, &Token) {
        let (column, token) = &self.tokens[self.next];
        (*column, token)
    }

    /// Takes the next token if it is this one.
    pub(crate) fn take(&mut self, wanted: &Token) -> bool {
        let is_there = self.tokens[self.next].1 == *wanted;
        if is_there {
            self.next();
        }
        is_there
    }

    /// The same for a word, in whatever case.
    pub(crate) fn take_word(&mut self, wanted: &str) -> bool {
        let is_there =
            matches!(&self.tokens[self.next].1, Token::Word(word) if word.eq_ignore_ascii_case(wanted));
        if is_there {
            self.next();
        }
        is_there
    }

    pub(crate) fn take_operator(&mut self) -> (usize, Option<Operator>) {
        let (column, token) = &self.tokens[self.next];
        match token {
            Token::Operator(operator) => {
                let taken = (*column, Some(*operator));
                self.next();
                taken
            }
            _ => (*column, None),
        }
    }
}

/// Text up to its closing quote; a quote in it stands twice.
fn quoted(characters: &[char]) -> Option<(Token, usize)> {
    let quote = characters[0];
    let mut text = String::new();
    let mut place = 1;
    loop {
        let character = *characters.get(place)?;
        if character != quote {
            text.push(character);
            place += 1;
        } else if characters.get(place + 1) == Some(&quote) {
            text.push(quote);
            place += 2;
        } else {
            return Some((Token::Text(text), place + 1));
        }
    }
}

fn number(characters: &[char]) -> Result<(Token, usize), String> {
    let is_part = |place: usize| {
        let character = characters[place];
        let is_exponent = |place: usize| matches!(characters[place], 'e' | 'E');
        place == 0
            || character.is_ascii_alphanumeric()
            || matches!(character, '.' | '_')
            || (matches!(character, '+' | '-') && is_exponent(place - 1))
    };
    let length = (0..characters.len()).take_while(|place| is_part(*place)).count();
    let text: String = characters[..length].iter().collect();
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok((Token::Number(number), length)),
        _ => Err(match in_seconds(&text) {
            Some(seconds) => format!("{text} is no number; times are in seconds: {seconds}"),
            None => format!("{text} is no number"),
        }),
    }
}

/// What is written with a unit of time, in seconds.
fn in_seconds(text: &str) -> Option<f64> {
    let (digits, unit) = text.split_at(text.find(|character: char| character.is_ascii_alphabetic())?);
    let number: f64 = digits.parse().ok()?;
    // Divided, so that 500ms is 0.5 and not nearly that.
    match unit {
        "ms" => Some(number / 1e3),
        "s" => Some(number),
        "m" | "min" => Some(number * 60.0),
        _ => None,
    }
}

/// A name. In what comes behind a dot there may be hyphens, as the names of header fields have them.
fn word(characters: &[char]) -> (Token, usize) {
    let mut has_dot = false;
    let is_part = |character: &&char| {
        has_dot |= **character == '.';
        character.is_alphanumeric() || matches!(character, '_' | '.') || (has_dot && **character == '-')
    };
    let text: String = characters.iter().take_while(is_part).collect();
    let length = text.chars().count();
    (Token::Word(text), length)
}

fn operator(first: char, second: Option<char>) -> Result<(Operator, usize), String> {
    Ok(match (first, second) {
        ('=', Some('=')) => (Operator::Equal, 2),
        ('=', _) => (Operator::Equal, 1),
        ('!', Some('=')) => (Operator::NotEqual, 2),
        ('<', Some('>')) => return Err("`<>` is written `!=`".to_owned()),
        ('<', Some('=')) => (Operator::LessOrEqual, 2),
        ('<', _) => (Operator::Less, 1),
        ('>', Some('=')) => (Operator::GreaterOrEqual, 2),
        ('>', _) => (Operator::Greater, 1),
        ('~', _) => (Operator::Contains, 1),
        ('&', _) => return Err("`&` is written `and`".to_owned()),
        ('|', _) => return Err("`|` is written `or`".to_owned()),
        ('!', Some('~')) => return Err("`!~` is written with `not`, as in `not title ~ 'text'`".to_owned()),
        ('!', _) => return Err("`!` is written `not`".to_owned()),
        _ => return Err(format!("{first:?} has no meaning here")),
    })
}

impl fmt::Display for Operator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Operator::Equal => "==",
            Operator::NotEqual => "!=",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
            Operator::Contains => "~",
        })
    }
}

impl fmt::Display for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Word(word) => write!(formatter, "`{word}`"),
            Token::Number(number) => write!(formatter, "{number}"),
            Token::Text(text) => write!(formatter, "'{text}'"),
            Token::Operator(operator) => write!(formatter, "`{operator}`"),
            Token::Open => formatter.write_str("`(`"),
            Token::Close => formatter.write_str("`)`"),
            Token::Comma => formatter.write_str("`,`"),
            Token::End => formatter.write_str("the end"),
        }
    }
}
