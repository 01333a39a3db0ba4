//! The event loop and structured concurrency on which Headcount runs.

/// Runs blocking work on another thread and waits for its result; `Err` if it panicked. Dropping the future does not
/// end the work.
///
/// # Errors
/// The work panicked.
#[expect(clippy::disallowed_methods, reason = "this is the function that offloads")]
pub async fn to_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, tokio::task::JoinError> {
    tokio::task::spawn_blocking(work).await
}
