//! What a task returns: a plain value, or a `Result` whose error fails the scope.

use std::rc::Rc;
use std::sync::Arc;

/// Any error, as tasks hand it to their scope.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// What a task may return.
///
/// A `Result` is taken apart: its error fails the scope, so that no error is lost because somebody
/// forgot a handle. Plain values are values. A type that is not listed here is returned as
/// `Ok::<_, BoxError>(value)` or as [`Value`]`(value)`.
#[diagnostic::on_unimplemented(
    message = "a task cannot return `{Self}` as it is",
    note = "return `Ok::<_, BoxError>(value)`, or `Value(value)` if it is plain data, even where it is a `Result`"
)]
pub trait Outcome: 'static {
    /// What the task's handle gives.
    type Value: 'static;

    /// Parts the value from the error that fails the scope.
    ///
    /// # Errors
    /// The error which the task ended with.
    fn into_result(self) -> Result<Self::Value, BoxError>;
}

impl<T: 'static, E: Into<BoxError> + 'static> Outcome for Result<T, E> {
    type Value = T;

    fn into_result(self) -> Result<T, BoxError> {
        self.map_err(Into::into)
    }
}

/// Anything as plain data: `Value(result)` keeps an `Err` from failing the scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<T>(pub T);

impl<T: 'static> Outcome for Value<T> {
    type Value = T;

    fn into_result(self) -> Result<T, BoxError> {
        Ok(self.0)
    }
}

macro_rules! plain {
    ($([$($generic:ident),*] $type:ty),* $(,)?) => {$(
        impl<$($generic: 'static),*> Outcome for $type {
            type Value = Self;

            fn into_result(self) -> Result<Self, BoxError> {
                Ok(self)
            }
        }
    )*};
}

plain! {
    [] (), [] bool, [] char, [] u8, [] u16, [] u32, [] u64, [] u128, [] usize,
    [] i8, [] i16, [] i32, [] i64, [] i128, [] isize, [] f32, [] f64,
    [] String, [] &'static str, [] std::time::Duration, [] tokio::time::Instant,
    [T] Option<T>, [T] Vec<T>, [T] Box<T>, [T] Rc<T>, [T] Arc<T>,
    [A, B] (A, B), [A, B, C] (A, B, C), [A, B, C, D] (A, B, C, D),
}

/// A task that never returns, such as a loop that only cancelling ends.
impl Outcome for <fn() -> ! as never::Returns>::Output {
    type Value = std::convert::Infallible;

    fn into_result(self) -> Result<Self::Value, BoxError> {
        self
    }
}

/// Names the type `!`, which stable Rust only lets one write as what a function returns.
mod never {
    /// Implemented for functions only; public because it is part of a public signature.
    pub trait Returns {
        type Output;
    }

    impl<T> Returns for fn() -> T {
        type Output = T;
    }
}
