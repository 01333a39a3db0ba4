//! Values of flags: times, sizes, rates and counts as people write them, and what is wrong with those that are none.

use std::time::Duration;

pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("it takes a whole number from 1 on".to_owned()),
    }
}

/// `10`, `0.5`, `10/s`, `100/m`, `1000/h`: in requests a second.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    let wrong = || "it takes requests a second, such as 50, 0.5, 100/m or 1000/h".to_owned();
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let seconds = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return Err(wrong()),
    };
    match number.trim().parse::<f64>() {
        Ok(number) if (1e-6..=1e9).contains(&(number / seconds)) => Ok(number / seconds),
        _ => Err(wrong()),
    }
}

pub(crate) fn count(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "it takes a whole number from 0 on".to_owned())
}

pub(crate) fn some_time(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it must be longer than zero".to_owned()),
        time => Ok(time),
    }
}

/// `10`, `10s`, `1.5s`, `500ms`, `2m`, `1h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "it takes a time such as 10, 10s, 500ms or 2m".to_owned();
    let digits =
        text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds_in_unit = match unit {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    match Duration::try_from_secs_f64(number * seconds_in_unit) {
        // Deadlines are added to the clock, which must not overflow.
        Ok(time) if time <= Duration::from_secs(366 * 24 * 3_600) => Ok(time),
        _ => Err("it is longer than a year".to_owned()),
    }
}

/// `1048576`, `64k`, `1M`, `2G`, in powers of 1,024.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let (number, shift) = match text.strip_suffix(['k', 'K', 'M', 'G']) {
        Some(number) if text.ends_with('M') => (number, 20),
        Some(number) if text.ends_with('G') => (number, 30),
        Some(number) => (number, 10),
        None => (text, 0),
    };
    let number: u64 =
        number.parse().map_err(|_| "it takes a number of bytes such as 65536, 64k or 1M".to_owned())?;
    number.checked_mul(1 << shift).ok_or_else(|| "it is too large".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_taken_as_hands_know_them() {
        let cases =
            [("10", 10_000), ("10s", 10_000), ("500ms", 500), ("1.5s", 1_500), ("2m", 120_000), ("0", 0)];
        for (text, milliseconds) in cases {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "s", "-1", "10 s", "1e400", "10d", "999999999h", "..", "1.2.3s", "NaN", "inf"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_are_counted_in_powers_of_1024() {
        assert_eq!(bytes("64k"), Ok(65_536));
        assert_eq!(bytes("1M"), Ok(1 << 20));
        assert_eq!(bytes("0"), Ok(0));
        for text in ["", "k", "-1", "1.5M", "1T", "99999999999G"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
